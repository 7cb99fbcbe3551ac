//! The sample server in the revisions with `initialize`: sessions, the GET stream, progress on the call's own stream.

use super::answer::{Answer, error, event, result};
use super::count::{Counting, count, run};
use super::json::at;
use super::operation::{Outcome, perform};
use super::store::Store;
use crate::wire::code;
use crate::wire::revision::{Era, Revision};
use ::http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;

/// What a message of a session comes to.
#[derive(Debug)]
enum Said {
    Nothing,
    Response(Value),
    /// Counting for the request of this id.
    Counting(Counting, Value),
}

/// Answers a POST.
pub(super) fn post(store: &Arc<Store>, headers: &HeaderMap, message: &Value) -> Answer {
    let (id, method) = (at(message, "/id"), at(message, "/method"));
    if method == "initialize" {
        return initialize(store, message);
    }
    let revision = match session(store, headers, id) {
        Ok((revision, _)) => revision,
        Err(refused) => return refused,
    };
    let bad = |why| Answer::error(StatusCode::BAD_REQUEST, id, (code::INVALID_REQUEST, why));
    match message {
        Value::Array(messages) if revision == Revision::V2025_03_26 && !messages.is_empty() => {
            let said = |message| {
                say(store, headers, message)
                    .unwrap_or_else(|why| Said::Response(error(at(message, "/id"), &invalid(why))))
            };
            together(messages.iter().map(said).collect())
        }
        Value::Array(_) => bad("Batches are of revision 2025-03-26"),
        _ => match say(store, headers, message) {
            Err(why) => bad(why),
            Ok(Said::Nothing) => Answer::empty(StatusCode::ACCEPTED),
            Ok(Said::Response(response)) => Answer::json(StatusCode::OK, &response),
            Ok(Said::Counting(counting, id)) => count(counting, id, json!({})),
        },
    }
}

/// The stream of a session: word of every note that comes or goes.
pub(super) fn listen(store: &Arc<Store>, headers: &HeaderMap) -> Answer {
    let stream = session(store, headers, &Value::Null).and_then(|(_, id)| {
        // It may have ended since.
        let gone = || Answer::empty(StatusCode::NOT_FOUND);
        store.stream(id).ok_or_else(gone)
    });
    let mut ended = match stream {
        Ok(ended) => ended,
        Err(refused) => return refused,
    };
    let mut changes = store.changes();
    let (sender, answer) = Answer::events();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = sender.closed() => return,
                _ = &mut ended => return,
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

/// What is wrong with a request for a resource that does not exist.
pub(super) fn missing(code: i64, uri: &str) -> Value {
    json!({ "code": code, "message": "Resource not found", "data": { "uri": uri } })
}

fn invalid(why: &str) -> Value {
    json!({ "code": code::INVALID_REQUEST, "message": why })
}

/// Does what one message asks for.
fn say(store: &Store, headers: &HeaderMap, message: &Value) -> Result<Said, &'static str> {
    if at(message, "/jsonrpc") != "2.0" {
        return Err("`jsonrpc` is `2.0`");
    }
    let Some(method) = at(message, "/method").as_str() else {
        let answers = message.get("result").is_some() || message.get("error").is_some();
        return if answers {
            Ok(Said::Nothing)
        } else {
            Err("neither a request nor a response")
        };
    };
    let Some(id) = message.get("id") else {
        return Ok(Said::Nothing);
    };
    if !id.is_string() && !id.is_number() {
        return Err("`id` is a string or a number");
    }
    let why = |code, message: &str| error(id, &json!({ "code": code, "message": message }));
    Ok(Said::Response(match method {
        "initialize" => error(id, &invalid("`initialize` comes by itself")),
        "ping" => result(id, &json!({})),
        _ => match perform(store, headers, method, at(message, "/params")) {
            Some(Outcome::Result(done)) => result(id, &done),
            Some(Outcome::Invalid(message)) => why(code::INVALID_PARAMS, message),
            Some(Outcome::Missing(uri)) => error(id, &missing(code::RESOURCE_NOT_FOUND, &uri)),
            Some(Outcome::Counting(counting)) => return Ok(Said::Counting(counting, id.clone())),
            None => why(code::METHOD_NOT_FOUND, "Method not found"),
        },
    }))
}

/// The answer to a batch: an array, or a stream where something takes its time.
fn together(all: Vec<Said>) -> Answer {
    let (mut responses, mut counts) = (Vec::new(), Vec::new());
    for said in all {
        match said {
            Said::Nothing => {}
            Said::Response(response) => responses.push(response),
            Said::Counting(counting, id) => counts.push((counting, id)),
        }
    }
    if counts.is_empty() && responses.is_empty() {
        return Answer::empty(StatusCode::ACCEPTED);
    }
    if counts.is_empty() {
        return Answer::json(StatusCode::OK, &Value::Array(responses));
    }
    let (sender, answer) = Answer::events();
    tokio::spawn(async move {
        for response in &responses {
            if sender.send(event(response)).await.is_err() {
                return;
            }
        }
        for (counting, id) in counts {
            run(counting, id, json!({}), &sender).await;
        }
    });
    answer
}

fn initialize(store: &Store, message: &Value) -> Answer {
    let asked = message
        .pointer("/params/protocolVersion")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let revision = Revision::parse(asked)
        .filter(|revision| revision.era() == Era::Legacy)
        .unwrap_or(Revision::V2025_11_25);
    let Some(session) = store.open(revision) else {
        return Answer::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            at(message, "/id"),
            (-32603, "no randomness"),
        );
    };
    let result = json!({
        "protocolVersion": revision.as_str(),
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

/// The session that a request belongs to.
fn session<'a>(
    store: &Store,
    headers: &'a HeaderMap,
    id: &Value,
) -> Result<(Revision, &'a str), Answer> {
    let refuse = |status, why| Err(Answer::error(status, id, (-32000, why)));
    let version = headers.get("mcp-protocol-version").map(HeaderValue::to_str);
    let known =
        |text: &str| Revision::parse(text).is_some_and(|revision| revision.era() == Era::Legacy);
    if version.is_some_and(|version| !version.is_ok_and(known)) {
        return refuse(StatusCode::BAD_REQUEST, "Unsupported protocol version");
    }
    let Some(session) = headers.get("mcp-session-id") else {
        return refuse(StatusCode::BAD_REQUEST, "Mcp-Session-Id is missing");
    };
    let session = session.to_str().unwrap_or_default();
    match store.revision(session) {
        Some(revision) => Ok((revision, session)),
        None => refuse(StatusCode::NOT_FOUND, "Session not found"),
    }
}
