//! Every way an upstream can fail: a JSON-RPC error within the deadline, never its words, never a second attempt.

mod broken;

use tests::Whole;
use tests::{Agent, Era, Gateway, Setup, Upstream};
use tokio::net::TcpListener;

/// Stands for the upstream's words; must never be seen.
const CANARY: &str = "CANARY-5e1f";

/// Calls `echo` once in each era against an upstream that answers calls with `bytes` (`ID` = the id) and closes.
async fn faulty(bytes: &str) -> Vec<(Era, Whole, usize)> {
    let bytes = bytes.to_owned();
    let upstream = Upstream::mcp(move |received, mut wire| {
        let bytes = bytes.replace("ID", &received.id());
        async move {
            drop(wire.write(bytes).await);
            None
        }
    })
    .await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let mut outcomes = Vec::new();
    for era in [Era::Legacy, Era::Modern] {
        upstream.forget();
        let answer = Agent::of(era, &gateway).await.call("echo", "{}").await;
        outcomes.push((era, answer, upstream.with_method("tools/call").len()));
    }
    outcomes
}

/// An upstream failure as the client sees it.
fn failure(why: &str, era: Era, answer: &Whole) {
    let status = answer.status();
    assert!(matches!(status, 502 | 504), "{why}, {era:?}: {answer:?}");
    let message = answer.json()["error"]["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(message.contains("upstream"), "{why}, {era:?}: {message}");
    assert!(
        !format!("{answer:?}").contains(CANARY),
        "{why}, {era:?}: {answer:?}"
    );
    assert!(answer.json()["id"].is_i64(), "{why}, {era:?}: {answer:?}");
    let code = answer.code().unwrap();
    assert!(
        !(-32768..=-32000).contains(&code) || code == -32603,
        "{why}, {era:?}: {code}"
    );
}

fn body(head: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn answered(message: &str) -> String {
    // `ID` is replaced by one digit, so the length is counted with one.
    let length = message.replace("ID", "1").len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{message}"
    )
}

#[tokio::test]
async fn what_is_no_answer_is_an_upstream_failure() {
    let html = "200 OK\r\nContent-Type: text/html";
    let json = "200 OK\r\nContent-Type: application/json";
    let proper =
        r#"{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"CANARY-5e1f"}]}}"#;
    let cases = [
        ("a login page", body(html, CANARY)),
        (
            "an error page",
            body("500 X\r\nContent-Type: text/html", CANARY),
        ),
        ("JSON as HTML", body(html, proper)),
        (
            "JSON as text",
            body("200 OK\r\nContent-Type: text/plain", proper),
        ),
        ("no media type", body("200 OK", proper)),
        (
            "two media types",
            body(
                "200 OK\r\nContent-Type: application/json\r\nContent-Type: text/html",
                proper,
            ),
        ),
        (
            "a stream claimed, JSON sent as event-stream+json",
            body("200 OK\r\nContent-Type: text/event-stream+json", proper),
        ),
        ("not JSON", body(json, CANARY)),
        ("empty", body(json, "")),
        (
            "JSON that is no message",
            body(json, r#"{"a":"CANARY-5e1f"}"#),
        ),
        ("an array", body(json, "[]")),
        ("nothing but 200", body("200 OK", "")),
        ("204", "HTTP/1.1 204 No Content\r\n\r\n".to_owned()),
        ("202 for a request", body("202 Accepted", "")),
        ("garbage", format!("{CANARY}\r\n\r\n{CANARY}")),
        ("another protocol", format!("SSH-2.0-{CANARY}\r\n")),
        ("an old HTTP", format!("HTTP/0.9 200 OK\r\n\r\n{CANARY}")),
        (
            "a status out of range",
            body("999 X\r\nContent-Type: text/plain", CANARY),
        ),
        (
            "compressed",
            body(
                "200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip",
                CANARY,
            ),
        ),
        (
            "an endless head",
            format!("HTTP/1.1 200 OK\r\nX-A: {}\r\n\r\n", CANARY.repeat(50_000)),
        ),
        (
            "an upgrade",
            format!("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n{CANARY}"),
        ),
        ("nothing at all", String::new()),
    ];
    for (why, bytes) in &cases {
        for (era, answer, calls) in faulty(bytes).await {
            failure(why, era, &answer);
            assert_eq!(calls, 1, "{why}, {era:?}");
        }
    }
}

/// A message that is not the answer to this request.
#[tokio::test]
async fn a_wrong_message_is_an_upstream_failure() {
    let content = r#"{"content":[{"type":"text","text":"CANARY-5e1f"}]}"#;
    let messages = [
        (
            "another id",
            format!(r#"{{"jsonrpc":"2.0","id":987654,"result":{content}}}"#),
        ),
        (
            "the id as a string",
            format!(r#"{{"jsonrpc":"2.0","id":"ID","result":{content}}}"#),
        ),
        (
            "the id as a fraction",
            format!(r#"{{"jsonrpc":"2.0","id":ID.0,"result":{content}}}"#),
        ),
        (
            "no id",
            format!(r#"{{"jsonrpc":"2.0","result":{content}}}"#),
        ),
        (
            "id null",
            format!(r#"{{"jsonrpc":"2.0","id":null,"result":{content}}}"#),
        ),
        (
            "both",
            format!(
                r#"{{"jsonrpc":"2.0","id":ID,"error":{{"code":1,"message":"CANARY-5e1f"}},"result":{content}}}"#
            ),
        ),
        (
            "a request",
            r#"{"jsonrpc":"2.0","id":ID,"method":"roots/list"}"#.to_owned(),
        ),
        (
            "an error that is none",
            r#"{"jsonrpc":"2.0","id":ID,"error":"CANARY-5e1f"}"#.to_owned(),
        ),
        (
            "another JSON-RPC",
            format!(r#"{{"jsonrpc":"1.0","id":ID,"result":{content}}}"#),
        ),
    ];
    for (why, message) in &messages {
        for (era, answer, calls) in faulty(&answered(message)).await {
            failure(why, era, &answer);
            assert_eq!(calls, 1, "{why}, {era:?}");
        }
    }
}

#[tokio::test]
async fn redirects_are_never_followed() {
    let sink = Upstream::saying("followed").await;
    for status in ["301", "302", "303", "307", "308", "300", "304"] {
        let location = sink.url();
        let answer =
            format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        for (era, answer, calls) in faulty(&answer).await {
            failure(status, era, &answer);
            assert!(!format!("{answer:?}").contains(&location));
            assert_eq!(calls, 1);
        }
    }
    assert_eq!(sink.connections(), 0);
}

/// The upstream's own refusal of *our* credential is not the client's business (its challenge names another realm).
#[tokio::test]
async fn a_challenge_of_the_upstream_is_not_relayed() {
    for status in ["401 Unauthorized", "403 Forbidden", "407 Proxy"] {
        let head = format!(
            "{status}\r\nWWW-Authenticate: Bearer realm=\"{CANARY}\"\r\nContent-Type: text/plain"
        );
        for (era, answer, _) in faulty(&body(&head, CANARY)).await {
            failure(status, era, &answer);
            assert_eq!(answer.head.get("www-authenticate"), None);
        }
    }
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    drop(listener);
    let gateway = Gateway::start(&Setup::new(&url)).await;
    let answer = Agent::modern(&gateway).call("echo", "{}").await;
    failure("refused", Era::Modern, &answer);
    let agent = Agent::new(gateway.address(), "/servers/up/mcp", Era::Legacy);
    let params = r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}"#;
    let answer = agent.request("initialize", params).await;
    failure("refused", Era::Legacy, &answer);
    assert_eq!(answer.head.get("mcp-session-id"), None);
}
