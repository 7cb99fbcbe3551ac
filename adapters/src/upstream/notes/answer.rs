//! What the sample server answers with: a status, a JSON body, or a stream of events.

use crate::upstream::{LocalBody, ReplyBody};
use ::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use ::http::{HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc::Sender;

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    body: ReplyBody,
    media: Option<&'static str>,
    session: Option<HeaderValue>,
}

// === impl Answer ===

impl Answer {
    /// A status alone.
    pub(super) fn empty(status: StatusCode) -> Self {
        let (_, body) = LocalBody::channel();
        Self {
            status,
            body: ReplyBody::Local(body),
            media: None,
            session: None,
        }
    }

    /// A JSON body.
    pub(super) fn json(status: StatusCode, value: &Value) -> Self {
        let (sender, body) = LocalBody::channel();
        // The channel is new and has room for the one chunk.
        let _ = sender.try_send(Bytes::from(value.to_string()));
        Self {
            status,
            body: ReplyBody::Local(body),
            media: Some("application/json"),
            session: None,
        }
    }

    /// A result.
    pub(super) fn result(id: &Value, result: &Value) -> Self {
        Self::json(StatusCode::OK, &self::result(id, result))
    }

    /// A JSON-RPC error: code and message.
    pub(super) fn error(status: StatusCode, id: &Value, (code, message): (i64, &str)) -> Self {
        Self::json(
            status,
            &error(id, &json!({ "code": code, "message": message })),
        )
    }

    /// A stream and the sender of its events.
    pub(super) fn events() -> (Sender<Bytes>, Self) {
        let (sender, body) = LocalBody::channel();
        let body = ReplyBody::Local(body);
        (
            sender,
            Self {
                status: StatusCode::OK,
                body,
                media: Some("text/event-stream"),
                session: None,
            },
        )
    }

    /// The same answer with a session id.
    pub(super) fn with_session(self, id: &str) -> Self {
        Self {
            session: HeaderValue::from_str(id).ok(),
            ..self
        }
    }

    /// As it goes on the wire.
    pub(super) fn into_response(self) -> Response<ReplyBody> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(media) = self.media {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        if let Some(session) = self.session {
            headers.insert(HeaderName::from_static("mcp-session-id"), session);
        }
        response
    }
}

/// A response with a result.
pub(super) fn result(id: &Value, result: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": result })
}

/// A response with an error.
pub(super) fn error(id: &Value, error: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": error })
}

/// A message as an event.
pub(super) fn event(message: &Value) -> Bytes {
    crate::wire::sse::event(message.to_string().as_bytes())
}
