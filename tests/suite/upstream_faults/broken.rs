//! Connections that break, stall, or tell lies halfway.

use super::{CANARY, answered, failure};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tests::upstream::{lifecycle, plain, sse_head};
use tests::{Agent, Era, Gateway, Setup, Upstream, json};

/// Reset after each byte of a proper answer: an error, or a transfer that visibly broke, never a clean lie.
#[tokio::test]
async fn a_reset_at_each_byte() {
    let message =
        r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"all of it"}]}}"#;
    let whole = answered(message);
    let at = Arc::new(Mutex::new(0));
    let shared = Arc::clone(&at);
    let bytes = whole.clone();
    let upstream = Upstream::mcp(move |_, mut wire| {
        let part = bytes[..*shared.lock().unwrap()].to_owned();
        async move {
            drop(wire.write(part).await);
            tokio::time::sleep(Duration::from_millis(1)).await;
            wire.reset();
            None
        }
    })
    .await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    for split in 0..whole.len() {
        *at.lock().unwrap() = split;
        upstream.forget();
        let mut answer = Agent::modern(&gateway).open_call("echo", "{}").await;
        if answer.status() == 200 {
            let broken = loop {
                match answer.piece().await {
                    Ok(Some(_)) => {}
                    Ok(None) => break false,
                    Err(_) => break true,
                }
            };
            assert!(
                broken,
                "a cut answer ended as if it were whole, cut at {split}"
            );
        } else {
            failure("reset", Era::Modern, &answer.whole().await);
        }
        assert_eq!(
            upstream.with_method("tools/call").len(),
            1,
            "cut at {split}"
        );
    }
}

/// The deadline holds against silence, and against one byte now and then.
#[tokio::test]
async fn a_deadline_ends_what_never_ends() {
    for (why, first) in [
        ("silence", ""),
        ("half a head", "HTTP/1.1 200 OK\r\nContent-Ty"),
        (
            "a head only",
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n",
        ),
    ] {
        let upstream = Upstream::mcp(move |_, mut wire| async move {
            wire.write(first).await.ok()?;
            loop {
                tokio::time::sleep(Duration::from_millis(100)).await;
                wire.write(if first.is_empty() { "" } else { " " })
                    .await
                    .ok()?;
            }
        })
        .await;
        let keys = "deadlines = { call = \"1s\" }";
        let gateway =
            Gateway::start(&Setup::empty().server_with("up", &upstream.url(), keys)).await;
        for era in [Era::Legacy, Era::Modern] {
            let agent = Agent::of(era, &gateway).await;
            upstream.forget();
            let began = tokio::time::Instant::now();
            let answer = agent.call("echo", "{}").await;
            assert!(
                began.elapsed() < Duration::from_secs(4),
                "{why}: {:?}",
                began.elapsed()
            );
            failure(why, era, &answer);
            assert_eq!(answer.status(), 504, "{why}");
            assert_eq!(upstream.with_method("tools/call").len(), 1, "{why}");
        }
    }
}

/// A stream that breaks says so in the stream, and never delivers what is not this request's (T16).
#[tokio::test]
async fn a_stream_that_lies_or_breaks() {
    let foreign = [
        (
            "an answer to somebody else",
            r#"{"jsonrpc":"2.0","id":4711,"result":{"t":"CANARY-5e1f"}}"#,
        ),
        ("not JSON", "CANARY-5e1f"),
        ("no message", r#"{"t":"CANARY-5e1f"}"#),
        (
            "two values",
            r#"{"jsonrpc":"2.0","method":"notifications/message"}{"t":"CANARY-5e1f"}"#,
        ),
    ];
    for (why, data) in foreign {
        let upstream = Upstream::mcp(move |received, mut wire| async move {
            sse_head(&mut wire, "").await.ok()?;
            wire.write(format!("data: {data}\n\n")).await.ok()?;
            let answer = json::result(&received.id(), "{}");
            wire.write(format!("data: {answer}\n\n")).await.ok()?;
            None
        })
        .await;
        let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
        for era in [Era::Legacy, Era::Modern] {
            let answer = Agent::of(era, &gateway).await.call("echo", "{}").await;
            assert!(
                !answer.text().contains(CANARY),
                "{why}, {era:?}: {}",
                answer.text()
            );
        }
    }
    let upstream = Upstream::mcp(|_, mut wire| async move {
        sse_head(&mut wire, "").await.ok()?;
        wire.write(
            "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\n",
        )
        .await
        .ok()?;
        tokio::time::sleep(Duration::from_millis(50)).await;
        wire.reset();
        None
    })
    .await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let mut answer = Agent::modern(&gateway).open_call("echo", "{}").await;
    assert_eq!(answer.message().await["method"], "notifications/message");
    if let Some(event) = answer.event().await {
        assert!(
            event.json()["error"]["message"]
                .as_str()
                .unwrap()
                .contains("upstream"),
            "{event:?}"
        );
    }
}

/// The connection that failed is not used again.
#[tokio::test]
async fn the_next_call_starts_afresh() {
    let count = Arc::new(AtomicUsize::new(0));
    let upstream = Upstream::start(move |received, wire| {
        let turn = match lifecycle(&received) {
            Some(_) => 1,
            None => count.fetch_add(1, Ordering::Relaxed),
        };
        async move {
            if turn % 2 == 0 {
                wire.reset();
                return None;
            }
            let answer = lifecycle(&received).unwrap_or_else(|| {
                (
                    200,
                    String::new(),
                    json::result(&received.id(), &json::said("ok")),
                )
            });
            plain(wire, answer).await
        }
    })
    .await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::modern(&gateway);
    for _ in 0..10 {
        failure("reset", Era::Modern, &agent.call("echo", "{}").await);
        assert_eq!(agent.call("echo", "{}").await.said(), "ok");
    }
    assert_eq!(upstream.with_method("tools/call").len(), 20);
}
