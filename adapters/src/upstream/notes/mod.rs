//! `builtin = "notes"`: a small real MCP server inside the process, in both eras, to try the gateway with.
//!
//! Notes are kept in memory, few and small. It answers as any server would: sessions, event streams, progress,
//! subscriptions, the errors of each revision.

mod answer;
mod count;
mod json;
mod legacy;
mod modern;
mod operation;
mod store;

#[cfg(test)]
mod tests;

use super::{BoxFuture, Exchange, ReplyBody, Upstream, UpstreamError};
use crate::wire::code;
use crate::wire::revision::{Era, Revision};
use ::http::{HeaderMap, Method as Verb, Response, StatusCode};
use answer::Answer;
use json::at;
use serde_json::Value;
use std::sync::Arc;
use store::Store;

/// The sample server.
#[derive(Debug, Default)]
pub struct Notes {
    store: Arc<Store>,
}

/// The `_meta` key by which a modern request says its revision.
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";

impl Upstream for Notes {
    fn exchange(
        &self,
        exchange: Exchange,
    ) -> BoxFuture<'_, Result<Response<ReplyBody>, UpstreamError>> {
        let answer = self.answer(&exchange);
        Box::pin(async move { Ok(answer.into_response()) })
    }

    fn alone(self: Arc<Self>) -> Arc<dyn Upstream> {
        self
    }
}

// === impl Notes ===

impl Notes {
    fn answer(&self, exchange: &Exchange) -> Answer {
        match exchange.method {
            Verb::GET => legacy::listen(&self.store, &exchange.headers),
            Verb::DELETE => legacy::end(&self.store, &exchange.headers),
            Verb::POST => match serde_json::from_slice(&exchange.body) {
                Ok(message) => self.post(&exchange.headers, &message),
                Err(_) => Answer::error(
                    StatusCode::BAD_REQUEST,
                    &Value::Null,
                    (code::PARSE_ERROR, "Parse error"),
                ),
            },
            _ => Answer::empty(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    /// The era is chosen anew for every request.
    fn post(&self, headers: &HeaderMap, message: &Value) -> Answer {
        let version = at(message, "/params/_meta").get(VERSION);
        let header = headers
            .get("mcp-protocol-version")
            .and_then(|version| Revision::parse(version.to_str().ok()?));
        match version.and_then(Value::as_str) {
            Some(version) => modern::post(&self.store, headers, message, version),
            None if header.is_some_and(|revision| revision.era() == Era::Modern) => Answer::error(
                StatusCode::BAD_REQUEST,
                at(message, "/id"),
                (code::INVALID_PARAMS, "`_meta` lacks protocolVersion"),
            ),
            None => legacy::post(&self.store, headers, message),
        }
    }
}
