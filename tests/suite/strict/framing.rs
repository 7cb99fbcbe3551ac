//! HTTP framing with two readings (T11, T12, T15): refused before any library is lenient about it.

use super::pair;
use tests::{Agent, Gateway, Wire};

const BODY: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

/// Header lines, with `LENGTH` and `HOST` put in.
const AMBIGUOUS: &[(&str, &str)] = &[
    (
        "length and chunks",
        "Content-Length: LENGTH\r\nTransfer-Encoding: chunked\r\n",
    ),
    (
        "chunks and length",
        "Transfer-Encoding: chunked\r\nContent-Length: LENGTH\r\n",
    ),
    (
        "two lengths",
        "Content-Length: LENGTH\r\nContent-Length: 0\r\n",
    ),
    (
        "two equal lengths",
        "Content-Length: LENGTH\r\nContent-Length: LENGTH\r\n",
    ),
    ("length list", "Content-Length: LENGTH, LENGTH\r\n"),
    ("length with a sign", "Content-Length: +LENGTH\r\n"),
    ("negative length", "Content-Length: -1\r\n"),
    ("hexadecimal length", "Content-Length: 0x10\r\n"),
    ("empty length", "Content-Length:\r\n"),
    ("huge length", "Content-Length: 99999999999999999999999\r\n"),
    (
        "two encodings",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    ),
    ("encoding list", "Transfer-Encoding: gzip, chunked\r\n"),
    ("identity", "Transfer-Encoding: identity\r\n"),
    ("odd encoding", "Transfer-Encoding: xchunked\r\n"),
    ("chunked with a tab", "Transfer-Encoding:\u{b}chunked\r\n"),
    ("chunked in quotes", "Transfer-Encoding: \"chunked\"\r\n"),
    ("space before the colon", "Content-Length : LENGTH\r\n"),
    ("folded", "X-A: b\r\n Content-Length: LENGTH\r\n"),
    ("bare line feed", "X-A: b\nContent-Length: LENGTH\r\n"),
    ("bare carriage return", "X-A: b\rContent-Length: LENGTH\r\n"),
    (
        "underscore length",
        "Content_Length: LENGTH\r\nContent-Length: LENGTH\r\n",
    ),
    (
        "underscore encoding",
        "Transfer_Encoding: chunked\r\nContent-Length: LENGTH\r\n",
    ),
    (
        "underscore session",
        "Mcp_Session_Id: x\r\nContent-Length: LENGTH\r\n",
    ),
    ("NUL in a value", "X-A: a\0b\r\nContent-Length: LENGTH\r\n"),
    (
        "upgrade",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: LENGTH\r\n",
    ),
    (
        "h2c",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nContent-Length: LENGTH\r\n",
    ),
    (
        "odd expectation",
        "Expect: 200-ok\r\nContent-Length: LENGTH\r\n",
    ),
    ("second host", "Host: HOST\r\nContent-Length: LENGTH\r\n"),
    (
        "header without a colon",
        "Nonsense\r\nContent-Length: LENGTH\r\n",
    ),
    ("header without a name", ": x\r\nContent-Length: LENGTH\r\n"),
];

fn get(gateway: &Gateway, line: &str, headers: &str) -> String {
    let host = gateway.address();
    format!(
        "{line}\r\nHost: {host}\r\nAccept: application/json, text/event-stream\r\nContent-Type: application/json\r\n{headers}\r\n"
    )
}

fn post(gateway: &Gateway, headers: &str, body: &str) -> String {
    get(gateway, "POST /servers/up/mcp HTTP/1.1", headers) + body
}

/// Sends bytes with a second request right behind them; the first must be refused and the second never be served.
async fn rejected(gateway: &Gateway, why: &str, bytes: &str) {
    let agent = Agent::modern(gateway);
    let mut wire = agent.connect().await;
    let second = post(
        gateway,
        &format!("Content-Length: {}\r\n", BODY.len()),
        BODY,
    );
    drop(wire.write(format!("{bytes}{second}")).await);
    let head = wire.head().await.ok().flatten();
    if let Some(head) = head {
        assert!(
            matches!(
                head.status(),
                400 | 405 | 413 | 417 | 421 | 431 | 501 | 505 | 403 | 404
            ),
            "{why}: {head:?}"
        );
    }
    let rest = String::from_utf8_lossy(&wire.rest().await).into_owned();
    assert!(
        !rest.contains("HTTP/1.1 "),
        "{why}: the second request was served: {rest}"
    );
}

#[tokio::test]
async fn t11_ambiguous_framing_ends_the_connection() {
    let (gateway, upstream) = pair().await;
    let (length, host) = (BODY.len().to_string(), gateway.address().to_string());
    for (why, lines) in AMBIGUOUS {
        let lines = lines.replace("LENGTH", &length).replace("HOST", &host);
        rejected(&gateway, why, &post(&gateway, &lines, BODY)).await;
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn t11_odd_request_lines() {
    let (gateway, upstream) = pair().await;
    let lines = [
        "POST /servers/up/mcp HTTP/1.0",
        "POST /servers/up/mcp HTTP/2.0",
        "POST /servers/up/mcp",
        "POST  /servers/up/mcp HTTP/1.1",
        "POST /servers/up/mcp HTTP/1.1 ",
        "POST /servers/up/mcp http/1.1",
        "POST http://elsewhere.example/servers/up/mcp HTTP/1.1",
        "POST servers/up/mcp HTTP/1.1",
        "POST * HTTP/1.1",
        "CONNECT 127.0.0.1:1 HTTP/1.1",
        "TRACE /servers/up/mcp HTTP/1.1",
        "P\u{0}ST /servers/up/mcp HTTP/1.1",
    ];
    for line in lines {
        let length = format!(
            "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n{:x}\r\n{BODY}\r\n0\r\n",
            BODY.len()
        );
        rejected(&gateway, line, &get(&gateway, line, &length)).await;
    }
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    rejected(&gateway, "HTTP/2 without TLS", preface).await;
    for verb in ["GET", "DELETE"] {
        let line = format!("{verb} /servers/up/mcp HTTP/1.1");
        let bytes = get(
            &gateway,
            &line,
            &format!("Content-Length: {}\r\n", BODY.len()),
        ) + BODY;
        rejected(&gateway, "a body where none belongs", &bytes).await;
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn t11_broken_chunks() {
    let (gateway, upstream) = pair().await;
    let chunked = "Transfer-Encoding: chunked\r\n";
    let size = BODY.len();
    let bodies = [
        ("not a number", format!("zz\r\n{BODY}\r\n0\r\n\r\n")),
        ("sign", format!("+{size:x}\r\n{BODY}\r\n0\r\n\r\n")),
        ("0x", format!("0x{size:x}\r\n{BODY}\r\n0\r\n\r\n")),
        (
            "too short",
            format!("{:x}\r\n{BODY}\r\n0\r\n\r\n", size - 2),
        ),
        (
            "overflow",
            format!("fffffffffffffffff\r\n{BODY}\r\n0\r\n\r\n"),
        ),
        ("bare line feed", format!("{size:x}\n{BODY}\r\n0\r\n\r\n")),
        (
            "space before the size",
            format!(" {size:x}\r\n{BODY}\r\n0\r\n\r\n"),
        ),
        (
            "long extension",
            format!("{size:x};{}\r\n{BODY}\r\n0\r\n\r\n", "x".repeat(100_000)),
        ),
        (
            "length in a trailer",
            format!("{size:x}\r\n{BODY}\r\n0\r\nContent-Length: 5\r\n\r\n"),
        ),
    ];
    for (why, body) in &bodies {
        rejected(&gateway, why, &post(&gateway, chunked, body)).await;
    }
    assert!(upstream.with_method("tools/call").is_empty());
}

/// Ordinary keep-alive and pipelining still work: two requests at once, two answers.
#[tokio::test]
async fn t11_proper_requests_share_a_connection() {
    let (gateway, upstream) = pair().await;
    let agent = Agent::modern(&gateway);
    let (message, _) = agent.message("tools/call", r#"{"name":"echo"}"#);
    let head = agent.head_for(&message);
    let one = format!(
        "{head}Host: {}\r\nContent-Length: {}\r\n\r\n{message}",
        agent.host,
        message.len()
    );
    let chunked = format!(
        "{head}Host: {}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{message}\r\n0\r\n\r\n",
        agent.host,
        message.len()
    );
    let mut wire = agent.connect().await;
    wire.write(format!("{one}{chunked}")).await.unwrap();
    for _ in 0..2 {
        assert!(said(&mut wire).await.contains("reached"));
    }
    assert_eq!(upstream.with_method("tools/call").len(), 2);
}

async fn said(wire: &mut Wire) -> String {
    let head = wire.head().await.unwrap().unwrap();
    assert_eq!(head.status(), 200, "{head:?}");
    String::from_utf8(wire.body(head.framing(true)).await.unwrap()).unwrap()
}

/// Only `application/json` in UTF-8 is read; nothing is decoded.
#[tokio::test]
async fn t17_other_request_bodies() {
    let (gateway, upstream) = pair().await;
    let agent = Agent::modern(&gateway);
    let (message, _) = agent.message("tools/call", r#"{"name":"echo"}"#);
    let proper = agent.head_for(&message);
    for media in [
        "text/plain",
        "application/json; charset=utf-16",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonx",
    ] {
        let head = proper.replace(
            "Content-Type: application/json\r\n",
            &format!("Content-Type: {media}\r\n"),
        );
        let status = agent.send(&head, message.as_bytes()).await.status();
        assert!(matches!(status, 400 | 415), "{media}: {status}");
    }
    for encoding in ["gzip", "br", "deflate"] {
        let head = format!("{proper}Content-Encoding: {encoding}\r\n");
        let status = agent.send(&head, message.as_bytes()).await.status();
        assert!(matches!(status, 400 | 415), "{encoding}: {status}");
    }
    let doubled = format!("{proper}Content-Type: text/plain\r\n");
    assert!(matches!(
        agent.send(&doubled, message.as_bytes()).await.status(),
        400 | 415
    ));
    assert!(upstream.received().is_empty());
}

/// Headers that decide anything come once (T15).
#[tokio::test]
async fn t15_repeated_headers() {
    let (gateway, upstream) = pair().await;
    let agent = Agent::legacy(&gateway).await;
    upstream.forget();
    let (message, _) = agent.message("tools/call", r#"{"name":"echo"}"#);
    let session = agent.session.clone().unwrap();
    for line in [
        format!("Mcp-Session-Id: {session}\r\n"),
        "MCP-Protocol-Version: 2025-06-18\r\n".to_owned(),
        "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n".to_owned(),
    ] {
        let status = agent.post_with(&message, &line).await.status();
        assert!(matches!(status, 400 | 401), "{line}: {status}");
    }
    assert!(upstream.received().is_empty());
}
