//! The sample server in the revisions with `initialize`: sessions, the GET stream, progress on the call's own stream.

use super::answer::{Answer, event};
use super::json::{at, set};
use super::operation::{Counting, Outcome, perform};
use super::store::Store;
use crate::wire::revision::{Era, Revision};
use ::http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::sleep;

/// Answers a POST.
pub(super) fn post(store: &Arc<Store>, headers: &HeaderMap, message: &Value) -> Answer {
    let (id, method) = (
        at(message, "/id"),
        at(message, "/method").as_str().unwrap_or_default(),
    );
    if method == "initialize" {
        return initialize(store, message);
    }
    if let Err(refused) = session(store, headers) {
        return refused;
    }
    if id.is_null() || method.is_empty() {
        return Answer::empty(StatusCode::ACCEPTED);
    }
    if method == "ping" {
        return Answer::result(id, &json!({}));
    }
    match perform(store, headers, method, at(message, "/params")) {
        Some(Outcome::Result(result)) => Answer::result(id, &result),
        Some(Outcome::Error(code, why)) => Answer::error(StatusCode::OK, id, (code, why)),
        Some(Outcome::Counting(counting)) => count(counting, id.clone(), json!({})),
        None => Answer::error(StatusCode::OK, id, (-32601, "Method not found")),
    }
}

/// The stream of a session: word of every note that comes or goes.
pub(super) fn listen(store: &Arc<Store>, headers: &HeaderMap) -> Answer {
    if let Err(refused) = session(store, headers) {
        return refused;
    }
    let mut changes = store.changes();
    let (sender, answer) = Answer::events();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = sender.closed() => return,
                change = changes.recv() => match change {
                    Err(RecvError::Closed) => return,
                    Ok(()) | Err(RecvError::Lagged(_)) => {
                        let word = json!({ "jsonrpc": "2.0", "method": "notifications/resources/list_changed" });
                        if sender.send(event(&word)).await.is_err() {
                            return;
                        }
                    }
                },
            }
        }
    });
    answer
}

/// Ends a session.
pub(super) fn end(store: &Arc<Store>, headers: &HeaderMap) -> Answer {
    let id = headers
        .get("mcp-session-id")
        .and_then(|id| id.to_str().ok())
        .unwrap_or_default();
    Answer::empty(if store.close(id) {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    })
}

/// Counts, with progress where the caller gave a token; stops when nobody reads any more.
pub(super) fn count(counting: Counting, id: Value, mut result: Value) -> Answer {
    let (sender, answer) = Answer::events();
    tokio::spawn(async move {
        for number in 1..=counting.to {
            tokio::select! {
                () = sender.closed() => return,
                () = sleep(counting.every) => {}
            }
            if let Some(token) = &counting.token {
                let progress = json!({ "jsonrpc": "2.0", "method": "notifications/progress",
                    "params": { "progressToken": token, "progress": number, "total": counting.to } });
                if sender.send(event(&progress)).await.is_err() {
                    return;
                }
            }
        }
        set(
            &mut result,
            "content",
            json!([{ "type": "text", "text": format!("counted to {}", counting.to) }]),
        );
        let _ = sender
            .send(event(
                &json!({ "jsonrpc": "2.0", "id": id, "result": result }),
            ))
            .await;
    });
    answer
}

fn initialize(store: &Store, message: &Value) -> Answer {
    let asked = message
        .pointer("/params/protocolVersion")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let revision = Revision::parse(asked).filter(|revision| revision.era() == Era::Legacy);
    let Some(session) = store.open() else {
        return Answer::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            at(message, "/id"),
            (-32603, "no randomness"),
        );
    };
    let result = json!({
        "protocolVersion": revision.unwrap_or(Revision::V2025_11_25).as_str(),
        "capabilities": capabilities(),
        "serverInfo": info(),
    });
    Answer::result(at(message, "/id"), &result).with_session(&session)
}

/// What this server can do.
pub(super) fn capabilities() -> Value {
    json!({ "tools": {}, "prompts": {}, "resources": { "listChanged": true } })
}

/// Who this server says it is.
pub(super) fn info() -> Value {
    json!({ "name": "notes", "version": env!("CARGO_PKG_VERSION") })
}

fn session(store: &Store, headers: &HeaderMap) -> Result<(), Answer> {
    let refuse = |status, why| Err(Answer::error(status, &Value::Null, (-32000, why)));
    let version = headers.get("mcp-protocol-version").map(HeaderValue::to_str);
    let known =
        |text: &str| Revision::parse(text).is_some_and(|revision| revision.era() == Era::Legacy);
    if version.is_some_and(|version| !version.is_ok_and(known)) {
        return refuse(StatusCode::BAD_REQUEST, "Unsupported protocol version");
    }
    match headers
        .get("mcp-session-id")
        .map(|id| id.to_str().unwrap_or_default())
    {
        None => refuse(StatusCode::BAD_REQUEST, "Mcp-Session-Id is missing"),
        Some(id) if store.is_open(id) => Ok(()),
        Some(_) => refuse(StatusCode::NOT_FOUND, "Session not found"),
    }
}
