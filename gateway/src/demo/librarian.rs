//! A sample agent that is a server too: it does what it is asked by calling on through the gateway, with the hop token
//! its caller's call brought, so that what it does is decided for the whole chain.

use super::agent::{Agent, Badge};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The largest request it reads.
const REQUEST_MOST: usize = 64 * 1024;

/// Opens the librarian's door.
pub(super) async fn open(address: SocketAddr, badge: Badge) -> Result<JoinHandle<()>, String> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|why| format!("{address}: {why}"))?;
    let badge = Arc::new(badge);
    Ok(tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let badge = Arc::clone(&badge);
            let service = service_fn(move |request| {
                let badge = Arc::clone(&badge);
                async move { Ok::<_, Infallible>(answer(&badge, request).await) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    }))
}

async fn answer(badge: &Badge, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let hop = request.headers().get("txn-token").cloned();
    let body = Limited::new(request.into_body(), REQUEST_MOST)
        .collect()
        .await;
    let message: Value = body
        .ok()
        .and_then(|body| serde_json::from_slice(&body.to_bytes()).ok())
        .unwrap_or_default();
    let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
    let result = match text("/method") {
        Some("server/discover") => json!({
            "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} },
            "serverInfo": { "name": "librarian", "version": "1" }, "ttlMs": 0, "cacheScope": "private",
        }),
        Some("tools/call") if text("/params/name") == Some("tidy") => {
            let title = text("/params/arguments/title").unwrap_or_default();
            let said = tidy(badge, hop, title).await;
            let parts: Vec<Value> = said
                .iter()
                .map(|line| json!({ "type": "text", "text": line }))
                .collect();
            json!({ "resultType": "complete", "content": parts })
        }
        _ => Value::Null,
    };
    let id = message.get("id").cloned().unwrap_or_default();
    let answer = match result {
        Value::Null => json!({ "jsonrpc": "2.0", "id": id,
            "error": { "code": -32601, "message": "Method not found" } }),
        result => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
    };
    let mut response = Response::new(Full::from(answer.to_string()));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// Reads a note and throws it away, for whom it works.
async fn tidy(badge: &Badge, hop: Option<HeaderValue>, title: &str) -> Vec<String> {
    let mut said = Vec::new();
    let badge = badge.carrying(hop);
    match Agent::connect(&badge, "notes", true).await {
        Ok(mut agent) => {
            for tool in ["read_note", "delete_note"] {
                said.push(match agent.call(tool, json!({ "title": title })).await {
                    Ok(outcome) => outcome.said(tool),
                    Err(why) => why,
                });
            }
        }
        Err(why) => said.push(why),
    }
    said
}
