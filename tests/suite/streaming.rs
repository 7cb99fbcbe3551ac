//! Event streams: one by one as they come, nothing lost, nothing held, nothing that grows without end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tests::sse::Event;
use tests::upstream::{plain, sse_head};
use tests::{Agent, Era, Gateway, Setup, Upstream, json};
use tokio::sync::{Mutex, mpsc};

/// A server whose every stream writes what the test sends, when the test sends it.
async fn conducted() -> (Upstream, mpsc::Sender<String>) {
    let (sender, receiver) = mpsc::channel::<String>(64);
    let receiver = Arc::new(Mutex::new(receiver));
    let upstream = Upstream::mcp(move |received, mut wire| {
        let receiver = Arc::clone(&receiver);
        async move {
            sse_head(&mut wire, "").await.ok()?;
            let mut pieces = receiver.lock().await;
            while let Some(piece) = pieces.recv().await {
                if piece == "END" {
                    return None;
                }
                wire.write(piece.replace("ID", &received.id())).await.ok()?;
            }
            None
        }
    })
    .await;
    (upstream, sender)
}

const PROGRESS: &str = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":N}}"#;

fn progress(number: usize) -> String {
    format!("data: {}\n\n", PROGRESS.replace('N', &number.to_string()))
}

const LAST: &str = "data: {\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":{}}\n\n";

/// The next event is only sent once the last one has arrived: a gateway that collects would hang here.
#[tokio::test]
async fn each_event_arrives_before_the_next_is_sent() {
    let (upstream, send) = conducted().await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    for era in [Era::Legacy, Era::Modern] {
        let agent = Agent::of(era, &gateway).await;
        let meta = r#"{"name":"slow","arguments":{}}"#;
        let mut answer = agent.open("tools/call", meta).await;
        assert_eq!(
            answer.head.get("content-type").unwrap(),
            "text/event-stream"
        );
        assert_eq!(answer.head.get("x-accel-buffering"), Some("no"));
        for number in 0..20 {
            send.send(progress(number)).await.unwrap();
            assert_eq!(answer.message().await["params"]["progress"], number);
        }
        send.send(LAST.to_owned()).await.unwrap();
        assert!(answer.message().await["result"].is_object());
        send.send("END".to_owned()).await.unwrap();
        assert_eq!(answer.event().await, None);
    }
}

#[tokio::test]
async fn the_get_stream_is_live() {
    let (upstream, send) = conducted().await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::legacy(&gateway).await;
    let mut answer = agent.listen(None).await;
    assert_eq!(answer.status(), 200);
    for number in 0..5 {
        let message = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
        send.send(format!("id: e-{number}\ndata: {message}\n\n"))
            .await
            .unwrap();
        let event = answer.event().await.unwrap();
        assert_eq!(event.id, Some(format!("e-{number}")));
        assert_eq!(event.json()["method"], "notifications/tools/list_changed");
    }
}

/// Priming events, ids, retry, comments, event names: what SSE itself says passes too.
#[tokio::test]
async fn everything_an_event_can_hold_survives() {
    let (upstream, send) = conducted().await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::legacy(&gateway).await;
    let mut answer = agent.open_call("slow", "{}").await;
    send.send("retry: 250\nid: stream-1/0\ndata:\n\n".to_owned())
        .await
        .unwrap();
    let first = answer.event().await.unwrap();
    assert_eq!(
        (first.id.as_deref(), first.data.as_deref()),
        (Some("stream-1/0"), Some(""))
    );
    assert_eq!(first.retry.as_deref(), Some("250"));
    send.send(": still here\n\n".to_owned()).await.unwrap();
    let comment = loop {
        let frame = answer.frame().await.unwrap();
        if frame
            .comments
            .iter()
            .any(|text| text.contains("still here"))
        {
            break frame;
        }
    };
    assert!(comment.is_comment());
    let data =
        "data: {\"jsonrpc\":\"2.0\",\ndata: \"method\":\"notifications/message\",\"params\":{}}";
    send.send(format!("event: message\nid: a b\n{data}\n\n"))
        .await
        .unwrap();
    let lines = answer.event().await.unwrap();
    assert_eq!(
        (lines.event.as_deref(), lines.id.as_deref()),
        (Some("message"), Some("a b"))
    );
    assert_eq!(lines.json()["method"], "notifications/message");
    send.send("retry: 10\n\n".to_owned()).await.unwrap();
    assert_eq!(answer.event().await.unwrap().retry.as_deref(), Some("10"));
}

/// Line ends of every kind, several events in one piece, one event in many.
#[tokio::test]
async fn chunk_borders_mean_nothing() {
    for (name, end) in [("LF", "\n"), ("CRLF", "\r\n"), ("CR", "\r")] {
        let text: String = (0..3)
            .map(|number| format!("id: {number}\n{}", progress(number)))
            .collect();
        let text = (text + LAST).replace('\n', end);
        for size in [1, 2, 3, 7, text.len()] {
            let text = text.clone();
            let upstream = Upstream::mcp(move |received, mut wire| {
                let text = text.replace("ID", &received.id());
                async move {
                    sse_head(&mut wire, "").await.ok()?;
                    for piece in text.as_bytes().chunks(size) {
                        wire.write(piece).await.ok()?;
                        tokio::task::yield_now().await;
                    }
                    None
                }
            })
            .await;
            let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
            let answer = Agent::legacy(&gateway).await.call("slow", "{}").await;
            let events: Vec<Event> = answer
                .events()
                .into_iter()
                .filter(|event| !event.is_comment())
                .collect();
            assert_eq!(
                events.len(),
                4,
                "{name} in pieces of {size}: {}",
                answer.text()
            );
            assert_eq!(events[2].id.as_deref(), Some("2"), "{name}, {size}");
        }
    }
}

#[tokio::test]
async fn resumption_reaches_the_server_with_the_event_id() {
    let upstream = Upstream::mcp(|received, mut wire| async move {
        if received.verb() == "GET" {
            let last = received
                .head
                .get("last-event-id")
                .unwrap_or("none")
                .to_owned();
            sse_head(&mut wire, "").await.ok()?;
            let result = json::result("1", &json::said(&last));
            wire.write(format!("id: s/9\ndata: {result}\n\n"))
                .await
                .ok()?;
            return None;
        }
        sse_head(&mut wire, "").await.ok()?;
        // A server may end the connection, not the stream, once an id was seen.
        wire.write("id: s/1\nretry: 10\ndata:\n\n").await.ok()?;
        None
    })
    .await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::legacy(&gateway).await;
    let mut answer = agent.open_call("slow", "{}").await;
    assert_eq!(answer.event().await.unwrap().id.as_deref(), Some("s/1"));
    assert_eq!(answer.event().await, None);
    let gateway = gateway.restart().await;
    let mut resumed = agent.listen(Some("s/1")).await;
    let event = resumed.event().await.unwrap();
    assert_eq!(
        event.json()["result"]["content"][0]["text"],
        "s/1",
        "{gateway:?}"
    );
    assert_eq!(event.id.as_deref(), Some("s/9"));
}

/// A client that does not read makes the server wait; the gateway holds no more than a bounded piece.
#[tokio::test]
async fn a_slow_client_slows_the_server() {
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let upstream = Upstream::mcp(move |_, mut wire| {
        let count = Arc::clone(&count);
        async move {
            sse_head(&mut wire, "").await.ok()?;
            let note = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"X"}}"#;
            let event = format!("data: {}\n\n", note.replace('X', &"x".repeat(16_000)));
            for _ in 0..16_000 {
                wire.write(&event).await.ok()?;
                count.fetch_add(event.len(), Ordering::Relaxed);
            }
            None
        }
    })
    .await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::modern(&gateway);
    let before = gateway.rss();
    let mut answer = agent.open_call("slow", "{}").await;
    // It fills what is between the two, and then it stands.
    let mut stalled = 0;
    while stalled == 0 || written.load(Ordering::Relaxed) != stalled {
        stalled = written.load(Ordering::Relaxed);
        tokio::time::sleep(tests::MOMENT).await;
    }
    assert!(
        stalled < 64 << 20,
        "the server was not held back: {stalled}"
    );
    assert!(
        gateway.rss() < before + (16 << 20),
        "{} then {}",
        before,
        gateway.rss()
    );
    for _ in 0..50 {
        assert_eq!(answer.message().await["method"], "notifications/message");
    }
}

/// The gateway keeps a silent stream alive with comments, so that nothing on the way gives up on it.
#[tokio::test]
async fn a_silent_stream_is_kept_alive() {
    let (upstream, send) = conducted().await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::legacy(&gateway).await;
    let mut answer = agent.open_call("slow", "{}").await;
    let mut comments = 0;
    let end = tokio::time::Instant::now() + Duration::from_secs(45);
    while comments < 1 && tokio::time::Instant::now() < end {
        match tokio::time::timeout(Duration::from_secs(45), answer.frame()).await {
            Ok(Some(frame)) => comments += usize::from(frame.is_comment()),
            other => panic!("no keep-alive: {other:?}"),
        }
    }
    assert!(comments > 0);
    send.send(LAST.to_owned()).await.unwrap();
    assert!(answer.message().await["result"].is_object());
}

#[tokio::test]
async fn a_server_without_a_get_stream_says_405() {
    let upstream = Upstream::mcp(|received, wire| {
        let status = if received.verb() == "GET" { 405 } else { 500 };
        plain(wire, (status, "Allow: POST\r\n", String::new()))
    })
    .await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    assert_eq!(
        Agent::legacy(&gateway).await.listen(None).await.status(),
        405
    );
}
