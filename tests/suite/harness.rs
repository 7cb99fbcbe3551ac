//! The harness against itself, without a gateway: an agent and a scripted upstream must agree on every byte.

use tests::agent::with_meta;
use tests::random::Random;
use tests::upstream::{plain, sse_head};
use tests::{Agent, Era, Upstream, json};

#[tokio::test]
async fn an_agent_speaks_to_a_scripted_upstream() {
    let upstream = Upstream::saying("hello").await;
    let mut agent = Agent::new(upstream.address, "/mcp", Era::Legacy);
    agent.initialize().await;
    assert!(agent.session.is_some());
    assert_eq!(agent.call("echo", r#"{"a":1.0}"#).await.said(), "hello");
    let call = &upstream.with_method("tools/call")[0];
    assert_eq!(call.raw(&["params", "arguments"]).unwrap(), r#"{"a":1.0}"#);
    assert_eq!(call.head.get("mcp-session-id"), agent.session.as_deref());
}

#[tokio::test]
async fn events_arrive_one_by_one() {
    let upstream = Upstream::mcp(|received, mut wire| async move {
        sse_head(&mut wire, "").await.ok()?;
        wire.write("id: 1\ndata:\n\n: hi\n\n").await.ok()?;
        let answer = json::result(&received.id(), "{}");
        wire.write(format!("data: {answer}\n\n")).await.ok()?;
        None
    })
    .await;
    let agent = Agent::new(upstream.address, "/mcp", Era::Modern);
    let mut answer = agent.open_call("echo", "{}").await;
    assert_eq!(answer.frame().await.unwrap().id.as_deref(), Some("1"));
    assert!(answer.frame().await.unwrap().is_comment());
    assert_eq!(answer.message().await["id"], 1);
    assert_eq!(answer.frame().await, None);
}

#[tokio::test]
async fn a_reset_is_seen_as_one() {
    let upstream = Upstream::start(|_, wire| async move {
        wire.reset();
        None
    })
    .await;
    let agent = Agent::new(upstream.address, "/mcp", Era::Modern);
    let mut wire = agent.connect().await;
    wire.write("POST /mcp HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        .await
        .unwrap();
    assert!(wire.head().await.is_err());
}

#[tokio::test]
async fn chunks_are_joined() {
    let upstream = Upstream::start(|received, wire| plain(wire, (200, "", received.text()))).await;
    let agent = Agent::new(upstream.address, "/mcp", Era::Modern);
    let mut wire = agent.connect().await;
    let head = "POST /mcp HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    wire.write(format!("{head}3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"))
        .await
        .unwrap();
    assert_eq!(
        tests::Answer::read(wire).await.whole().await.text(),
        "abcde"
    );
}

#[test]
fn random_objects_are_valid_and_repeatable() {
    let (mut one, mut two) = (Random::new(7), Random::new(7));
    for _ in 0..500 {
        let object = one.object(4);
        assert_eq!(object, two.object(4));
        let parsed: serde_json::Value =
            serde_json::from_str(&object).unwrap_or_else(|e| panic!("{e}: {object}"));
        assert!(parsed.is_object());
    }
}

#[test]
fn metadata_goes_in_front() {
    assert!(with_meta("{}").ends_with("}}}"));
    assert!(with_meta(r#"{"a":1}"#).ends_with(r#"}},"a":1}"#));
}
