//! What comes late is judged too: an answer of the client to its server, and a list on a resumed stream.

use super::rule;
use std::future::pending;
use tests::upstream::{lifecycle, plain, sse_head};
use tests::{Agent, Gateway, Received, Setup, Upstream, Wire};

const ASK: &str = r#"{"jsonrpc":"2.0","id":"ask-1","method":"elicitation/create","params":{"message":"Name?","requestedSchema":{"type":"object","properties":{}}}}"#;
const LIST: &str =
    r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"echo"},{"name":"secret"}]}}"#;

/// A server whose streams bring one event, `first` on those of calls and `later` on the others, and never end.
async fn streaming(first: &'static str, later: &'static str) -> Upstream {
    Upstream::start(move |received: Received, mut wire: Wire| async move {
        let works = matches!(received.method().as_str(), "tools/call" | "tools/list");
        let listens = received.verb() == "GET";
        if let Some(answer) = lifecycle(&received).filter(|_| !works && !listens) {
            return plain(wire, answer).await;
        }
        let data = if listens { later } else { first };
        sse_head(&mut wire, "").await.ok()?;
        let event = format!("id: q/1\ndata: {data}\n\n");
        wire.write(event).await.ok()?;
        pending::<()>().await;
        None
    })
    .await
}

/// What the task has touched since the server asked decides whether the answer may go there.
#[tokio::test]
async fn an_answer_to_the_server_is_decided_anew() {
    let upstream = streaming(ASK, "").await;
    let classes = "[servers.up.tools]\n\"secret\" = { untrusted = true }\n";
    let rules = rule("all", "tools = [\"up/**\"]\nallow = true")
        + &rule(
            "clean",
            "tools = [\"up/client:*\"]\nafter = { untrusted = true }\ndeny = \"no\"",
        );
    let setup = Setup::empty()
        .server_with("up", &upstream.url(), classes)
        .rules(&rules);
    let gateway = Gateway::start(&setup).await;
    let reply = r#"{"jsonrpc":"2.0","id":"ask-1","result":{"action":"accept"}}"#;
    let accepted = || {
        let all = upstream.received();
        all.iter()
            .filter(|one| one.text().contains("accept\""))
            .count()
    };
    for (touches, arrive) in [(false, 1), (true, 1)] {
        let agent = Agent::legacy(&gateway).await;
        let mut asked = agent.open_call("slow", "{}").await;
        assert_eq!(asked.event().await.unwrap().data.as_deref(), Some(ASK));
        let _other = match touches {
            true => Some(agent.open_call("secret", "{}").await),
            false => None,
        };
        assert_eq!(agent.post(reply).await.status(), 202);
        assert_eq!(accepted(), arrive, "touches: {touches}");
    }
}

/// An id that was used twice does not say what was asked: whatever a resumed stream brings, lists in it are cut.
#[tokio::test]
async fn a_list_on_a_resumed_stream_is_cut_whatever_its_id_was_used_for() {
    let upstream = streaming("", LIST).await;
    let rules = rule("some", "tools = [\"up/echo\", \"up/slow\"]\nallow = true");
    let gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    let agent = Agent::legacy(&gateway).await;
    let open = async |method: &str, params: &str| {
        let body = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{params}}}"#);
        agent.send(&agent.head_for(&body), body.as_bytes()).await
    };
    let mut call = open("tools/call", r#"{"name":"slow","arguments":{}}"#).await;
    let id = call.event().await.unwrap().id;
    drop(open("tools/list", "{}").await);
    let mut resumed = agent.listen(id.as_deref()).await;
    let list = resumed.event().await.unwrap().data.expect("a list");
    assert!(list.contains("echo") && !list.contains("secret"), "{list}");
}
