//! Every bound has a number and a test that hits it.

use std::time::Duration;
use tests::Whole;
use tests::upstream::{plain, sse_head};
use tests::{Agent, Era, Gateway, Setup, Upstream, json};

async fn bounded(bounds: &str) -> (Gateway, Upstream) {
    let upstream = Upstream::saying("ok").await;
    let setup = Setup::new(&upstream.url()).gateway(&format!("[gateway.bounds]\n{bounds}"));
    (Gateway::start(&setup).await, upstream)
}

/// An argument object with `count` members.
fn members(count: usize) -> String {
    let members: Vec<String> = (0..count).map(|index| format!("\"{index}\":0")).collect();
    format!("{{{}}}", members.join(","))
}

/// Nested `depth` deep, itself counted.
fn nested(depth: usize) -> String {
    format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth))
}

fn refused(answer: &Whole, statuses: &[u16]) {
    assert!(statuses.contains(&answer.status()), "{:?}", answer.head);
}

#[tokio::test]
async fn a_body_of_the_default_size_and_one_byte_more() {
    let (gateway, upstream) = bounded("").await;
    let agent = Agent::legacy(&gateway).await;
    upstream.forget();
    let (message, _) = agent.message("tools/call", r#"{"name":"echo","arguments":{"a":"PAD"}}"#);
    let fill = |size: usize| message.replace("PAD", &"x".repeat(size - message.len() + 3));
    assert_eq!(agent.post(&fill(1 << 20)).await.said(), "ok");
    refused(&agent.post(&fill((1 << 20) + 1)).await, &[413]);
    // Without a length in front the bound holds just as well.
    let body = fill((1 << 20) + 1);
    let head = agent.head_for(&body);
    let mut wire = agent.connect().await;
    let start = format!(
        "{head}Host: {}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n",
        agent.host,
        body.len()
    );
    drop(wire.write(start + &body + "\r\n0\r\n\r\n").await);
    assert_eq!(tests::Answer::read(wire).await.status(), 413);
    assert_eq!(upstream.with_method("tools/call").len(), 1);
}

#[tokio::test]
async fn depth_and_members() {
    let (gateway, upstream) = bounded("").await;
    let agent = Agent::legacy(&gateway).await;
    upstream.forget();
    // The envelope and `params` are two levels, `params` brings `arguments` itself as the third.
    assert_eq!(agent.call("echo", &nested(62)).await.said(), "ok");
    refused(&agent.call("echo", &nested(63)).await, &[400]);
    refused(&agent.call("echo", &nested(100_000)).await, &[400]);
    assert_eq!(agent.call("echo", &members(9_990)).await.said(), "ok");
    refused(&agent.call("echo", &members(10_001)).await, &[400]);
    assert_eq!(upstream.with_method("tools/call").len(), 2);
}

#[tokio::test]
async fn configured_bounds_hold() {
    let (gateway, upstream) = bounded("body = \"2KiB\"\ndepth = 6\nmembers = 12\nbatch = 2").await;
    let agent = Agent::legacy_at(&gateway, "2025-03-26").await;
    upstream.forget();
    assert_eq!(agent.call("echo", &nested(4)).await.said(), "ok");
    refused(&agent.call("echo", &nested(5)).await, &[400]);
    refused(&agent.call("echo", &members(12)).await, &[400]);
    refused(
        &agent
            .call("echo", &format!("{{\"a\":\"{}\"}}", "x".repeat(2048)))
            .await,
        &[413],
    );
    let item = |id: u8| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
    assert_eq!(
        agent
            .post(&format!("[{},{}]", item(1), item(2)))
            .await
            .status(),
        200
    );
    refused(
        &agent
            .post(&format!("[{},{},{}]", item(1), item(2), item(3)))
            .await,
        &[400],
    );
    assert_eq!(upstream.with_method("tools/call").len(), 1);
}

/// What must be read whole (here an error) is bounded; what streams is not.
#[tokio::test]
async fn an_answer_read_whole_is_bounded() {
    let upstream = Upstream::mcp(|received, wire| {
        let long = "x".repeat(200_000);
        let answer = match received.name().as_str() {
            "fails" => json::error(&received.id(), -32602, &long),
            _ => json::result(&received.id(), &json::said(&long)),
        };
        plain(wire, (200, "", answer))
    })
    .await;
    let setup = Setup::new(&upstream.url()).gateway("[gateway.bounds]\nanswer = \"64KiB\"");
    let gateway = Gateway::start(&setup).await;
    let agent = Agent::modern(&gateway);
    assert_eq!(agent.call("echo", "{}").await.said().len(), 200_000);
    let answer = agent.call("fails", "{}").await;
    refused(&answer, &[502]);
    assert!(answer.text().len() < 1000);
}

#[tokio::test]
async fn an_event_is_bounded() {
    let upstream = Upstream::mcp(|received, mut wire| async move {
        sse_head(&mut wire, "").await.ok()?;
        let size: usize = received.name().parse().unwrap();
        let note = json::quote(&"y".repeat(size));
        let message = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"data":{note}}}}}"#
        );
        wire.write(format!("data: {message}\n\n")).await.ok()?;
        let answer = json::result(&received.id(), "{}");
        wire.write(format!("data: {answer}\n\n")).await.ok()?;
        None
    })
    .await;
    let setup = Setup::new(&upstream.url()).gateway("[gateway.bounds]\nevent = \"64KiB\"");
    let gateway = Gateway::start(&setup).await;
    for era in [Era::Legacy, Era::Modern] {
        let agent = Agent::of(era, &gateway).await;
        assert_eq!(
            agent
                .call("60000", "{}")
                .await
                .events()
                .iter()
                .filter(|one| !one.is_comment())
                .count(),
            2
        );
        let mut answer = agent.open_call("70000", "{}").await;
        while let Some(event) = answer.event().await {
            let data = event.data.unwrap_or_default();
            assert!(
                !data.contains("yyyy") && !data.contains("\"result\""),
                "{era:?}"
            );
        }
    }
}

#[tokio::test]
async fn connections_are_bounded() {
    let (gateway, _upstream) = bounded("connections = 20").await;
    let agent = Agent::modern(&gateway);
    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(agent.connect().await);
    }
    // The gateway counts what it has accepted: give it the moment to do so.
    tokio::time::sleep(tests::MOMENT).await;
    let mut wire = agent.connect().await;
    drop(wire.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await);
    let head = wire.head().await.ok().flatten();
    assert!(
        head.as_ref().is_none_or(|head| head.status() == 503),
        "{head:?}"
    );
    open.clear();
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    loop {
        let mut wire = agent.connect().await;
        let (message, _) = agent.message("tools/call", r#"{"name":"echo"}"#);
        let head = format!(
            "{}Host: {}\r\nContent-Length: {}\r\n\r\n",
            agent.head_for(&message),
            agent.host,
            message.len()
        );
        drop(wire.write(head + &message).await);
        if matches!(wire.head().await, Ok(Some(head)) if head.status() == 200) {
            break;
        }
        assert!(tokio::time::Instant::now() < end, "never let in again");
    }
}

#[tokio::test]
async fn streams_are_bounded() {
    let upstream = Upstream::mcp(|_, mut wire| async move {
        sse_head(&mut wire, "").await.ok()?;
        wire.write("id: 1\ndata:\n\n").await.ok()?;
        wire.gone().await;
        None
    })
    .await;
    let setup = Setup::new(&upstream.url()).gateway("[gateway.bounds]\nstreams = 3");
    let gateway = Gateway::start(&setup).await;
    let agent = Agent::legacy(&gateway).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut stream = agent.listen(None).await;
        stream.event().await.unwrap();
        open.push(stream);
    }
    assert!(matches!(agent.listen(None).await.status(), 429 | 503));
    open.clear();
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    while agent.listen(None).await.status() != 200 {
        assert!(tokio::time::Instant::now() < end, "never let in again");
    }
}

/// Slow heads and slow bodies are cut at their deadline (T80).
#[tokio::test]
async fn a_slow_client_is_cut() {
    let upstream = Upstream::saying("ok").await;
    let setup =
        Setup::new(&upstream.url()).gateway("[gateway.deadlines]\nheader = \"1s\"\nbody = \"1s\"");
    let gateway = Gateway::start(&setup).await;
    let agent = Agent::modern(&gateway);
    let (message, _) = agent.message("tools/call", r#"{"name":"echo"}"#);
    let head = format!(
        "{}Host: {}\r\nContent-Length: {}\r\n\r\n",
        agent.head_for(&message),
        agent.host,
        message.len()
    );
    for (why, start) in [("head", &head[..40]), ("body", head.as_str())] {
        let mut wire = agent.connect().await;
        wire.write(start).await.unwrap();
        let began = tokio::time::Instant::now();
        let drip = async {
            // One byte now and then does not move the deadline.
            let mut rest = Vec::new();
            for _ in 0..40 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                if wire.write("X").await.is_err() {
                    break;
                }
            }
            rest.extend(wire.rest().await);
            rest
        };
        let rest = String::from_utf8_lossy(&drip.await).into_owned();
        assert!(!rest.starts_with("HTTP/1.1 200"), "{why}: {rest}");
        assert!(began.elapsed() < Duration::from_secs(10), "{why}");
        assert!(
            rest.is_empty() || rest.starts_with("HTTP/1.1 408") || rest.starts_with("HTTP/1.1 400"),
            "{why}: {rest}"
        );
    }
    assert!(upstream.received().is_empty());
}

/// A head may be long, but not endless.
#[tokio::test]
async fn heads_are_bounded() {
    let (gateway, upstream) = bounded("").await;
    let agent = Agent::modern(&gateway);
    let (message, _) = agent.message("tools/call", r#"{"name":"echo"}"#);
    let many: String = (0..200)
        .map(|number| format!("X-{number}: y\r\n"))
        .collect();
    for noise in [format!("X-A: {}\r\n", "y".repeat(100_000)), many] {
        let status = agent.post_with(&message, &noise).await.status();
        assert!(matches!(status, 400 | 431), "{status}");
    }
    assert!(upstream.received().is_empty());
    let some: String = (0..20)
        .map(|number| format!("X-{number}: {}\r\n", "y".repeat(100)))
        .collect();
    assert_eq!(agent.post_with(&message, &some).await.said(), "ok");
}

/// The stream deadline ends what would live for ever.
#[tokio::test]
async fn a_stream_has_an_end() {
    let upstream = Upstream::mcp(|_, mut wire| async move {
        sse_head(&mut wire, "").await.ok()?;
        wire.write("id: 1\ndata:\n\n").await.ok()?;
        wire.gone().await;
        None
    })
    .await;
    let setup = Setup::new(&upstream.url()).gateway("[gateway.deadlines]\nstream = \"1s\"");
    let gateway = Gateway::start(&setup).await;
    let mut stream = Agent::legacy(&gateway).await.listen(None).await;
    stream.event().await.unwrap();
    let began = tokio::time::Instant::now();
    assert_eq!(stream.event().await, None);
    assert!(began.elapsed() < Duration::from_secs(5));
}
