//! Places among what may be open at once: held until the last byte, and free after every kind of end.

use super::{facts, limited, staff, until_passes};
use crate::identity::{arrived, hanging, in_session, known, open_task, patient, text, visit};
use tests::upstream::{plain, sse_head};
use tests::{Agent, Gateway, Setup, Upstream, json};

const ONE: &str = "{ concurrency = 1, per = \"agent\" }";

async fn gateway(upstream: &Upstream, more: &str) -> Gateway {
    let setup = Setup::new(&upstream.url())
        .gateway(more)
        .rules(&limited(ONE));
    Gateway::start(&staff(setup, &[("ann", ""), ("bob", "")])).await
}

async fn refused(agent: &Agent) {
    let answer = agent.call("echo", "{}").await;
    assert_eq!(answer.head.get("retry-after"), Some("1"));
    assert_eq!(
        answer.head.get("ratelimit-policy"),
        Some("\"rule\";q=1;qu=\"concurrent-requests\"")
    );
    assert_eq!(facts(&answer)["what"], "concurrency");
}

#[tokio::test]
async fn an_answer_or_an_error_frees_the_place() {
    let upstream = Upstream::mcp(|received, wire| {
        let answer = match received.name().as_str() {
            "fails" => json::error(&received.id(), -32_602, "no"),
            _ => json::result(&received.id(), &json::said("ok")),
        };
        plain(wire, (200, "", answer))
    })
    .await;
    let gateway = gateway(&upstream, "").await;
    let ann = known(&gateway, "up", "ann");
    for tool in ["echo", "fails", "echo", "fails", "echo"] {
        assert_eq!(ann.call(tool, "{}").await.status(), 200);
    }
}

#[tokio::test]
async fn a_caller_that_leaves_in_the_middle_frees_it() {
    let (upstream, _) = patient().await;
    let gateway = gateway(&upstream, "").await;
    let ann = known(&gateway, "up", "ann");
    let mut answer = ann.open_call("stream", "{}").await;
    answer.event().await.unwrap();
    refused(&ann).await;
    // Others have their own.
    until_passes(&known(&gateway, "up", "bob")).await;
    drop(answer);
    until_passes(&ann).await;
    // Before any answer too.
    let call = hanging(known(&gateway, "up", "ann"));
    arrived(&upstream, "hang", 1).await;
    refused(&ann).await;
    call.abort();
    until_passes(&ann).await;
}

#[tokio::test]
async fn a_legacy_caller_that_leaves_frees_it() {
    let (upstream, _) = patient().await;
    let gateway = gateway(&upstream, "").await;
    let ann = in_session(&gateway, "ann").await;
    let mut answer = ann.open_call("stream", "{}").await;
    answer.event().await.unwrap();
    refused(&ann).await;
    drop(answer);
    until_passes(&ann).await;
}

#[tokio::test]
async fn a_server_that_breaks_off_frees_it() {
    let upstream = Upstream::mcp(|received, mut wire| async move {
        match received.name().as_str() {
            "resets" => wire.reset(),
            "breaks" => {
                sse_head(&mut wire, "").await.ok()?;
                wire.write("id: 1\ndata:\n\n").await.ok()?;
            }
            _ => {
                let answer = json::result(&received.id(), &json::said("ok"));
                return plain(wire, (200, "", answer)).await;
            }
        }
        None
    })
    .await;
    let gateway = gateway(&upstream, "").await;
    let ann = known(&gateway, "up", "ann");
    assert_eq!(ann.call("resets", "{}").await.status(), 502);
    until_passes(&ann).await;
    drop(ann.call("breaks", "{}").await);
    until_passes(&ann).await;
}

#[tokio::test]
async fn a_deadline_and_the_end_of_the_task_free_it() {
    let (upstream, _) = patient().await;
    let gateway = gateway(&upstream, "[gateway.deadlines]\ncall = \"1s\"").await;
    let ann = known(&gateway, "up", "ann");
    assert_eq!(ann.call("hang", "{}").await.status(), 504);
    until_passes(&ann).await;
    let upstream = patient().await.0;
    let gateway = self::gateway(&upstream, "").await;
    let ann = known(&gateway, "up", "ann");
    let view = open_task(&ann, "").await;
    let id = text(&view, "id").to_owned();
    let own = known(&gateway, "up", "ann");
    let named = format!("\"_meta\":{{\"dev.hopgate/task\":\"{id}\",");
    let params = tests::agent::with_meta(r#"{"name":"hang","arguments":{}}"#);
    let params = params.replacen("\"_meta\":{", &named, 1);
    let call = tokio::spawn(async move { own.request("tools/call", &params).await });
    arrived(&upstream, "hang", 1).await;
    refused(&ann).await;
    let ended = visit(&ann, "DELETE", &format!("/tasks/{id}"), "").await;
    assert_eq!(ended.status(), 200);
    assert_eq!(call.await.unwrap().status(), 410);
    until_passes(&ann).await;
}

/// What only listens holds no place: `bounds.streams` bounds it.
#[tokio::test]
async fn a_stream_that_only_listens_holds_none() {
    let (upstream, _) = patient().await;
    let setup = Setup::new(&upstream.url()).rules(&crate::identity::allow("all", "**"));
    let envelope = ", limit = { concurrency = 1 }";
    let gateway = Gateway::start(&staff(setup, &[("ann", envelope)])).await;
    let ann = in_session(&gateway, "ann").await;
    let mut stream = ann.listen(None).await;
    stream.event().await.unwrap();
    assert_eq!(ann.call("echo", "{}").await.status(), 200);
}
