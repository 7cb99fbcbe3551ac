//! The sample server as a client meets it.

use super::Notes;
use crate::upstream::{Exchange, ReplyBody, Upstream as _};
use ::http::{HeaderMap, HeaderValue, Method as Verb, Response};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

async fn send(
    notes: &Notes,
    method: Verb,
    headers: &[(&'static str, &str)],
    body: &Value,
) -> Response<ReplyBody> {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            (
                ::http::HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect();
    let body = if body.is_null() {
        Bytes::new()
    } else {
        Bytes::from(body.to_string())
    };
    notes
        .exchange(Exchange {
            method,
            headers,
            body,
        })
        .await
        .unwrap()
}

async fn json_of(response: Response<ReplyBody>) -> Value {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

fn request(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

fn modern(method: &str, mut params: Value) -> Value {
    params["_meta"] =
        json!({ super::VERSION: "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} });
    request(method, params)
}

async fn initialize(notes: &Notes) -> String {
    let hello = request("initialize", json!({ "protocolVersion": "2025-06-18" }));
    let response = send(notes, Verb::POST, &[], &hello).await;
    let session = response.headers()["mcp-session-id"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        json_of(response).await["result"]["protocolVersion"],
        "2025-06-18"
    );
    session
}

#[tokio::test]
async fn a_legacy_session_from_end_to_end() {
    let notes = Notes::default();
    let session = initialize(&notes).await;
    let headers = [("mcp-session-id", session.as_str())];
    let write = request(
        "tools/call",
        json!({ "name": "write_note", "arguments": { "title": "a b", "text": "t" } }),
    );
    let written = json_of(send(&notes, Verb::POST, &headers, &write).await).await;
    assert_eq!(written["result"]["content"][0]["text"], "wrote `a b`");
    let read = request("resources/read", json!({ "uri": "note:///a%20b" }));
    let read = json_of(send(&notes, Verb::POST, &headers, &read).await).await;
    assert_eq!(read["result"]["contents"][0]["text"], "t");
    assert_eq!(
        send(&notes, Verb::DELETE, &headers, &Value::Null)
            .await
            .status(),
        200
    );
    assert_eq!(
        send(&notes, Verb::POST, &headers, &write).await.status(),
        404
    );
    assert_eq!(send(&notes, Verb::POST, &[], &write).await.status(), 400);
}

#[tokio::test]
async fn a_change_is_heard_on_the_stream() {
    let notes = Notes::default();
    let session = initialize(&notes).await;
    let headers = [("mcp-session-id", session.as_str())];
    let mut stream = send(&notes, Verb::GET, &headers, &Value::Null)
        .await
        .into_body();
    notes.store.write("n", "t").unwrap();
    let frame = stream.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(String::from_utf8_lossy(&frame).contains("resources/list_changed"));
}

#[tokio::test]
async fn modern_requests_say_everything() {
    let notes = Notes::default();
    let call = modern("tools/call", json!({ "name": "list_notes" }));
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "list_notes"),
    ];
    let listed = json_of(send(&notes, Verb::POST, &headers, &call).await).await;
    assert_eq!(listed["result"]["resultType"], "complete");
    let lying = [headers[0], headers[1], ("mcp-name", "delete_note")];
    let refused = send(&notes, Verb::POST, &lying, &call).await;
    assert_eq!(refused.status(), 400);
    assert_eq!(json_of(refused).await["error"]["code"], -32020);
    let unknown = modern("x/y", json!({}));
    let unknown = send(
        &notes,
        Verb::POST,
        &[headers[0], ("mcp-method", "x/y")],
        &unknown,
    )
    .await;
    assert_eq!(unknown.status(), 404);
}

#[tokio::test(start_paused = true)]
async fn counting_reports_progress_as_it_goes() {
    let notes = Notes::default();
    let mut params = json!({ "name": "count_slowly", "arguments": { "to": 2, "every_ms": 1000 } });
    params["_meta"] = json!({ "progressToken": "p" });
    let session = initialize(&notes).await;
    let headers = [("mcp-session-id", session.as_str())];
    let begun = tokio::time::Instant::now();
    let mut stream = send(&notes, Verb::POST, &headers, &request("tools/call", params))
        .await
        .into_body();
    let mut at = Vec::new();
    while let Some(frame) = stream.frame().await {
        let text = String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap();
        at.push((
            begun.elapsed().as_secs(),
            text.contains("notifications/progress"),
        ));
    }
    assert_eq!(at, [(1, true), (2, true), (2, false)]);
}

#[tokio::test]
async fn a_credential_is_shown_by_scheme_and_length() {
    let notes = Notes::default();
    let session = initialize(&notes).await;
    let headers = [
        ("mcp-session-id", session.as_str()),
        ("authorization", "Bearer hunter2"),
    ];
    let call = request("tools/call", json!({ "name": "whoami" }));
    let shown = json_of(send(&notes, Verb::POST, &headers, &call).await)
        .await
        .to_string();
    assert!(
        shown.contains("Bearer (7 characters)") && !shown.contains("hunter2"),
        "{shown}"
    );
}
