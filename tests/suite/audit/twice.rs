//! A server that answers twice: the caller gets the answer that is on record, and no other.

use super::{id, outcomes};
use tests::records::text;
use tests::upstream::{lifecycle, plain, sse_head};
use tests::{Agent, Gateway, Received, Setup, Upstream, Wire, json};

async fn twice(array: bool) -> Upstream {
    Upstream::start(move |received: Received, mut wire: Wire| async move {
        if let Some(answer) = lifecycle(&received) {
            return plain(wire, answer).await;
        }
        let said = |text: &str| json::result(&received.id(), &json::said(text));
        let (first, second) = (said("first"), said("second"));
        let other = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"after"}}"#;
        let events = match array {
            true => format!("data: [{first},{second},{other}]\n\n"),
            false => format!("data: {first}\n\ndata: {second}\n\ndata: {other}\n\n"),
        };
        sse_head(&mut wire, "").await.ok()?;
        wire.write(events).await.ok()?;
        None
    })
    .await
}

#[tokio::test]
async fn only_the_first_answer_is_given() {
    for array in [false, true] {
        let upstream = twice(array).await;
        let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
        let agent = Agent::legacy_at(&gateway, "2025-03-26").await;
        let answer = agent.open_call("echo", "{}").await;
        let call = id(&answer.head);
        let whole = answer.whole().await.text();
        assert!(
            whole.contains("first") && !whole.contains("second"),
            "{whole}"
        );
        assert!(whole.contains("after"), "what is no answer passes: {whole}");
        let records = outcomes(&gateway, 3).await;
        assert_eq!(text(records.outcome(&call), "ending"), "answered");
    }
}
