//! Who may stop a call and how: a modern disconnect is a cancel, a legacy one is not, and nothing runs twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tests::upstream::{plain, sse_head};
use tests::{Agent, Era, Gateway, Setup, Upstream, eventually, json};

/// A server whose calls stream until their client is gone; counts those that went.
async fn endless() -> (Upstream, Arc<AtomicUsize>) {
    let gone = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&gone);
    let upstream = Upstream::mcp(move |_, mut wire| {
        let count = Arc::clone(&count);
        async move {
            sse_head(&mut wire, "").await.ok()?;
            wire.write("id: 1\ndata:\n\n").await.ok()?;
            wire.gone().await;
            count.fetch_add(1, Ordering::Relaxed);
            None
        }
    })
    .await;
    (upstream, gone)
}

#[tokio::test]
async fn a_modern_disconnect_closes_the_upstreams_stream() {
    let (upstream, gone) = endless().await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let mut answer = Agent::modern(&gateway).open_call("slow", "{}").await;
    answer.event().await.unwrap();
    drop(answer);
    eventually("the upstream sees the end", || {
        gone.load(Ordering::Relaxed) == 1
    })
    .await;
    assert_eq!(upstream.with_method("tools/call").len(), 1);
    assert!(upstream.with_method("notifications/cancelled").is_empty());
}

/// Before the upstream has answered at all.
#[tokio::test]
async fn a_modern_disconnect_before_the_answer_closes_too() {
    let gone = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&gone);
    let upstream = Upstream::mcp(move |_, mut wire| {
        let count = Arc::clone(&count);
        async move {
            wire.gone().await;
            count.fetch_add(1, Ordering::Relaxed);
            None
        }
    })
    .await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::modern(&gateway);
    let (message, _) = agent.message("tools/call", r#"{"name":"slow"}"#);
    let head = agent.head_for(&message);
    let mut wire = agent.connect().await;
    let length = message.len();
    let request = format!(
        "{head}Host: {}\r\nContent-Length: {length}\r\n\r\n{message}",
        agent.host
    );
    wire.write(request).await.unwrap();
    eventually("the call arrives", || {
        !upstream.with_method("tools/call").is_empty()
    })
    .await;
    drop(wire);
    eventually("the upstream sees the end", || {
        gone.load(Ordering::Relaxed) == 1
    })
    .await;
    assert_eq!(upstream.with_method("tools/call").len(), 1);
}

#[tokio::test]
async fn a_legacy_disconnect_is_not_a_cancel() {
    let (upstream, _) = endless().await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::legacy(&gateway).await;
    let mut answer = agent.open_call("slow", "{}").await;
    answer.event().await.unwrap();
    drop(answer);
    tokio::time::sleep(tests::MOMENT).await;
    assert!(upstream.with_method("notifications/cancelled").is_empty());
    assert_eq!(upstream.with_method("tools/call").len(), 1);
    // The session goes on.
    assert_eq!(agent.request("ping", "{}").await.status(), 200);
}

#[tokio::test]
async fn a_cancellation_passes_only_for_an_own_open_request() {
    let (upstream, _) = endless().await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let (agent, stranger) = (Agent::legacy(&gateway).await, Agent::legacy(&gateway).await);
    let (message, id) = agent.message("tools/call", r#"{"name":"slow"}"#);
    let mut answer = agent
        .send(&agent.head_for(&message), message.as_bytes())
        .await;
    answer.event().await.unwrap();
    let cancel = |id: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":"enough"}}}}"#
        )
    };
    let own = id.to_string();
    // Unknown, of another type, of another session: accepted and gone nowhere.
    for (agent, id) in [
        (&agent, "999"),
        (&agent, &format!("\"{own}\"")),
        (&stranger, own.as_str()),
    ] {
        assert_eq!(agent.post(&cancel(id)).await.status(), 202, "{id}");
    }
    assert!(upstream.with_method("notifications/cancelled").is_empty());
    assert_eq!(agent.post(&cancel(&own)).await.status(), 202);
    let cancelled = upstream.with_method("notifications/cancelled");
    assert_eq!(cancelled.len(), 1);
    assert_eq!(cancelled[0].text(), cancel(&own));
}

/// Whatever breaks, the upstream sees a tool call once.
#[tokio::test]
async fn a_call_is_executed_at_most_once() {
    for era in [Era::Legacy, Era::Modern] {
        let upstream = Upstream::mcp(|_, wire| async move {
            wire.reset();
            None
        })
        .await;
        let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
        let agent = Agent::of(era, &gateway).await;
        // A kept connection has served the handshake; the call breaks on it.
        assert_eq!(agent.call("echo", "{}").await.status(), 502);
        tokio::time::sleep(tests::MOMENT).await;
        assert_eq!(upstream.with_method("tools/call").len(), 1, "{era:?}");
    }
}

/// A server may close a kept connection at any moment; the next call takes a new one and still goes once.
#[tokio::test]
async fn a_closed_kept_connection_costs_nothing() {
    let upstream = Upstream::mcp(|received, wire| async move {
        let said = json::result(&received.id(), &json::said("ok"));
        drop(plain(wire, (200, "", said)).await);
        None
    })
    .await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::modern(&gateway);
    for _ in 0..100 {
        assert_eq!(agent.call("echo", "{}").await.said(), "ok");
        // What was closed a moment ago is known to be; a call that meets the close halfway is not tried again.
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(upstream.with_method("tools/call").len(), 100);
}
