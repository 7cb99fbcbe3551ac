//! The sample server in revision 2026-07-28: every request says everything, and headers repeat the body.

use super::answer::{Answer, error, event};
use super::count::count;
use super::json::{at, set};
use super::legacy::{capabilities, info, missing};
use super::operation::{Outcome, perform};
use super::store::Store;
use crate::wire::code;
use crate::wire::header;
use crate::wire::revision::Revision;
use ::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;

/// The `_meta` keys of this revision.
const INFO: &str = "io.modelcontextprotocol/serverInfo";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// Answers a POST.
pub(super) fn post(
    store: &Arc<Store>,
    headers: &HeaderMap,
    message: &Value,
    version: &str,
) -> Answer {
    let (id, method) = (
        at(message, "/id"),
        at(message, "/method").as_str().unwrap_or_default(),
    );
    let bad = |code, why| Answer::error(StatusCode::BAD_REQUEST, id, (code, why));
    if id.is_null() {
        return Answer::empty(StatusCode::ACCEPTED);
    }
    if !mirrored(headers, message) {
        return bad(code::HEADER_MISMATCH, "Header mismatch");
    }
    if version != Revision::V2026_07_28.as_str() {
        let data = json!({ "supported": [Revision::V2026_07_28.as_str()], "requested": version });
        let why = json!({ "code": code::UNSUPPORTED_PROTOCOL_VERSION, "message": "Unsupported protocol version",
            "data": data });
        return Answer::json(StatusCode::BAD_REQUEST, &error(id, &why));
    }
    if !message
        .pointer("/params/_meta")
        .and_then(|meta| meta.get(CAPABILITIES))
        .is_some_and(Value::is_object)
    {
        return bad(code::INVALID_PARAMS, "`_meta` lacks clientCapabilities");
    }
    match method {
        "server/discover" => discover(id),
        "subscriptions/listen" => listen(store, id, at(message, "/params")),
        _ => match perform(store, headers, method, at(message, "/params")) {
            Some(Outcome::Result(result)) => Answer::result(id, &complete(method, result)),
            Some(Outcome::Invalid(why)) => {
                Answer::error(StatusCode::OK, id, (code::INVALID_PARAMS, why))
            }
            // Not found is a matter of parameters in this revision.
            Some(Outcome::Missing(uri)) => Answer::json(
                StatusCode::OK,
                &error(id, &missing(code::INVALID_PARAMS, &uri)),
            ),
            Some(Outcome::Counting(counting)) => {
                count(counting, id.clone(), complete(method, json!({})))
            }
            None => Answer::error(
                StatusCode::NOT_FOUND,
                id,
                (code::METHOD_NOT_FOUND, "Method not found"),
            ),
        },
    }
}

/// What this revision adds to a result.
fn complete(method: &str, mut result: Value) -> Value {
    set(&mut result, "resultType", json!("complete"));
    set(&mut result, "_meta", json!({ INFO: info() }));
    if matches!(
        method,
        "tools/list"
            | "prompts/list"
            | "resources/list"
            | "resources/templates/list"
            | "resources/read"
    ) {
        set(&mut result, "ttlMs", json!(0));
        set(&mut result, "cacheScope", json!("public"));
    }
    result
}

fn discover(id: &Value) -> Answer {
    let result = json!({
        "resultType": "complete",
        "supportedVersions": [Revision::V2026_07_28.as_str()],
        "capabilities": capabilities(),
        "ttlMs": 60_000,
        "cacheScope": "public",
        "_meta": { INFO: info() },
    });
    Answer::result(id, &result)
}

fn mirrored(headers: &HeaderMap, message: &Value) -> bool {
    let says = |name: &str, value: &Value| {
        let raw = value.to_string();
        headers
            .get(name)
            .is_some_and(|header| header::agrees(header.as_bytes(), raw.as_bytes()))
    };
    let params = at(message, "/params");
    let named = match at(message, "/method").as_str() {
        Some("tools/call" | "prompts/get") => Some(at(params, "/name")),
        Some("resources/read") => Some(at(params, "/uri")),
        _ => None,
    };
    says(
        "mcp-protocol-version",
        at(params, "/_meta").get(super::VERSION).unwrap_or_default(),
    ) && says("mcp-method", at(message, "/method"))
        && named.is_none_or(|name| says("mcp-name", name))
}

/// A subscription: the acknowledgement first, then word of every note that comes or goes.
fn listen(store: &Arc<Store>, id: &Value, params: &Value) -> Answer {
    let meta = json!({ SUBSCRIPTION: id });
    let wanted = at(params, "/notifications/resourcesListChanged") == &Value::Bool(true);
    let honoured = if wanted {
        json!({ "resourcesListChanged": true })
    } else {
        json!({})
    };
    let mut changes = store.changes();
    let (sender, answer) = Answer::events();
    tokio::spawn(async move {
        let say = |method: &str, mut params: Value| {
            set(&mut params, "_meta", meta.clone());
            event(&json!({ "jsonrpc": "2.0", "method": method, "params": params }))
        };
        let acknowledged = say(
            "notifications/subscriptions/acknowledged",
            json!({ "notifications": honoured }),
        );
        if sender.send(acknowledged).await.is_err() {
            return;
        }
        loop {
            tokio::select! {
                () = sender.closed() => return,
                change = changes.recv() => match change {
                    Err(RecvError::Closed) => return,
                    _ if !wanted => {}
                    Ok(()) | Err(RecvError::Lagged(_)) => {
                        if sender.send(say("notifications/resources/list_changed", json!({}))).await.is_err() {
                            return;
                        }
                    }
                },
            }
        }
    });
    answer
}
