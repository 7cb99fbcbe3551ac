//! The sample server as a client meets it.

mod legacy;
mod modern;

use super::{Notes, VERSION};
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
            carried: None,
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
        json!({ VERSION: "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} });
    request(method, params)
}

/// Opens a session; its id and what it speaks.
async fn hello(notes: &Notes, revision: &str) -> (String, Value) {
    let hello = request("initialize", json!({ "protocolVersion": revision }));
    let response = send(notes, Verb::POST, &[], &hello).await;
    let session = response.headers()["mcp-session-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let spoken = json_of(response).await["result"]["protocolVersion"].clone();
    (session, spoken)
}

async fn initialize(notes: &Notes) -> String {
    hello(notes, "2025-06-18").await.0
}

/// The status and JSON-RPC error code of an answer.
async fn refusal(response: Response<ReplyBody>) -> (u16, i64) {
    let status = response.status().as_u16();
    let error = json_of(response).await;
    (status, error["error"]["code"].as_i64().unwrap_or_default())
}

async fn next(stream: &mut ReplyBody) -> Option<Value> {
    let data = stream.frame().await?.unwrap().into_data().unwrap();
    let text = String::from_utf8(data.to_vec()).unwrap();
    let data = text.strip_prefix("data: ").unwrap();
    Some(serde_json::from_str(data).unwrap())
}

const MODERN: (&str, &str) = ("mcp-protocol-version", "2026-07-28");

#[tokio::test]
async fn a_credential_is_shown_by_scheme_and_length() {
    let notes = Notes::default();
    let session = initialize(&notes).await;
    let headers = [
        ("mcp-session-id", session.as_str()),
        ("authorization", "Bearer hunter2"),
        ("x-api-key", "hunter2"),
        ("accept", "*/*"),
    ];
    let call = request("tools/call", json!({ "name": "whoami" }));
    let shown = json_of(send(&notes, Verb::POST, &headers, &call).await)
        .await
        .to_string();
    assert!(
        shown.contains("authorization: Bearer (7 characters)")
            && shown.contains("x-api-key:  (7 characters)")
            && shown.contains("accept: */*")
            && !shown.contains("hunter2")
            && !shown.contains(&session),
        "{shown}"
    );
}

#[test]
fn notes_are_few_and_small() {
    let store = super::store::Store::default();
    for (title, text) in [
        (String::new(), String::new()),
        ("x".repeat(101), String::new()),
        ("two\nlines".to_owned(), String::new()),
        ("x".to_owned(), "x".repeat(64 * 1024 + 1)),
    ] {
        assert!(store.write(&title, &text).is_err(), "{title}");
    }
    for number in 0..1000 {
        store.write(&number.to_string(), "t").unwrap();
    }
    assert!(store.write("one more", "t").is_err());
    assert!(store.write("7", "again").is_ok());
    assert!(store.delete("8") && !store.delete("8"));
    assert!(store.write("one more", "t").is_ok());
}
