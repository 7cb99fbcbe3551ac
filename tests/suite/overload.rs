//! More calls than may be open: the rest is refused at the door and nothing of it reaches a server, while operators are served.

use std::sync::Arc;
use tests::upstream::plain;
use tests::{Agent, Gateway, Setup, Upstream, eventually, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const MOST: usize = 20;

#[tokio::test]
async fn what_is_too_much_is_refused_and_operators_are_served() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let upstream = Upstream::mcp(move |received, wire| {
        let held = Arc::clone(&held);
        async move {
            let _passed = held.acquire().await;
            let said = json::result(&received.id(), &json::said("ok"));
            plain(wire, (200, "", said)).await
        }
    })
    .await;
    let bounds = format!("[gateway.bounds]\ncalls = {MOST}");
    let gateway = Gateway::start(&Setup::new(&upstream.url()).gateway(&bounds)).await;
    let agent = Arc::new(Agent::modern(&gateway));
    let mut calls = JoinSet::new();
    for _ in 0..MOST {
        let agent = Arc::clone(&agent);
        calls.spawn(async move { agent.call("slow", "{}").await.said() });
    }
    let reached = || upstream.with_method("tools/call").len();
    eventually("all are open", || reached() == MOST).await;
    for _ in 0..3 {
        let answer = agent.call("slow", "{}").await;
        assert_eq!(
            (answer.status(), answer.text().as_str()),
            (503, "too many calls\n")
        );
        assert_eq!(answer.head.get("retry-after"), Some("1"));
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(gateway.admin(path, true).await.0.status(), 200);
    }
    let numbers = gateway.admin("/metrics", false).await.1;
    assert!(
        numbers.contains("hopgate_shut_total{reason=\"overload\"} 3\n"),
        "{numbers}"
    );
    assert!(
        numbers.contains(&format!("hopgate_calls_open {MOST}\n")),
        "{numbers}"
    );
    assert_eq!(reached(), MOST);
    gate.add_permits(1000);
    assert!(calls.join_all().await.iter().all(|said| said == "ok"));
    assert_eq!(agent.call("slow", "{}").await.said(), "ok");
}
