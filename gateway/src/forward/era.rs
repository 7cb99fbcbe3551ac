//! Which era a server speaks: learnt when it matters, kept until it proves wrong.
//!
//! A pair of the same era never causes a question. Only when a server answers a modern request, or an `initialize`,
//! in a way that could mean "not my era" is it asked `server/discover`, once, and the answer cached.

use super::Call;
use crate::config::Protocol;
use adapters::upstream::Exchange;
use adapters::wire::code;
use adapters::wire::revision::Revision;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method as Verb, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long a server's era is believed before a failure makes us ask again.
const BELIEVED: Duration = Duration::from_secs(60);
/// How long a probe may take: it runs within a call.
const PROBE: Duration = Duration::from_secs(5);
/// A discover answer is small.
const PROBE_BYTES: usize = 256 * 1024;

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// Per-request revisions, and perhaps `initialize` too.
    Modern,
    /// `initialize` revisions only.
    Legacy,
}

/// What is known of one server's era.
#[derive(Debug)]
pub(crate) struct Eras {
    pinned: Option<Speaks>,
    learnt: Mutex<Option<(Speaks, Instant)>>,
}

// === impl Eras ===

impl Eras {
    /// Nothing learnt yet.
    pub(crate) fn new(protocol: Protocol) -> Self {
        let pinned = match protocol {
            Protocol::Auto => None,
            Protocol::Modern => Some(Speaks::Modern),
            Protocol::Legacy => Some(Speaks::Legacy),
        };
        Self {
            pinned,
            learnt: Mutex::new(None),
        }
    }

    /// Whether the operator says that the server speaks only this era.
    pub(crate) fn pinned(&self) -> Option<Speaks> {
        self.pinned
    }

    /// What the server is known to speak.
    pub(crate) fn known(&self) -> Option<Speaks> {
        let learnt = *self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        self.pinned.or_else(|| {
            learnt
                .filter(|(_, at)| at.elapsed() < BELIEVED)
                .map(|(speaks, _)| speaks)
        })
    }

    /// What the server speaks, asking it where that is not known.
    pub(super) async fn ask(&self, call: &Call) -> Option<Speaks> {
        if let Some(known) = self.known() {
            return Some(known);
        }
        let speaks = timeout(PROBE, probe(call)).await.ok().flatten()?;
        *self.learnt.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((speaks, Instant::now()));
        Some(speaks)
    }
}

/// Asks `server/discover`. A discover result or a modern error says modern; any other answer to it says legacy; no
/// answer at all, or one about authorization or overload, says nothing.
async fn probe(call: &Call) -> Option<Speaks> {
    let exchange = call.dress(Exchange {
        method: Verb::POST,
        headers: headers(),
        body: Bytes::from(body()),
        carried: None,
    });
    let response = call.upstream().exchange(exchange).await.ok()?;
    let status = response.status();
    if !(status.is_success() || matches!(status.as_u16(), 400 | 404 | 405 | 406 | 415)) {
        return None;
    }
    let body = Limited::new(response.into_body(), PROBE_BYTES)
        .collect()
        .await
        .ok()?
        .to_bytes();
    Some(if is_modern(status, &body) {
        Speaks::Modern
    } else {
        Speaks::Legacy
    })
}

fn is_modern(status: StatusCode, body: &[u8]) -> bool {
    let Ok(answer) = serde_json::from_slice::<Value>(body) else {
        return false;
    };
    if let Some(versions) = answer
        .pointer("/result/supportedVersions")
        .and_then(Value::as_array)
    {
        return versions
            .iter()
            .any(|version| version == Revision::V2026_07_28.as_str());
    }
    match answer.pointer("/error/code").and_then(Value::as_i64) {
        Some(code::METHOD_NOT_FOUND) => status == StatusCode::NOT_FOUND,
        Some(code) => [
            code::HEADER_MISMATCH,
            code::MISSING_REQUIRED_CLIENT_CAPABILITY,
            code::UNSUPPORTED_PROTOCOL_VERSION,
        ]
        .contains(&code),
        None => false,
    }
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        ACCEPT,
        HeaderValue::from_static("application/json, text/event-stream"),
    );
    headers.insert(
        "mcp-protocol-version",
        HeaderValue::from_static(Revision::V2026_07_28.as_str()),
    );
    headers.insert("mcp-method", HeaderValue::from_static("server/discover"));
    headers
}

fn body() -> String {
    serde_json::json!({
        "jsonrpc": "2.0", "id": "hopgate-era", "method": "server/discover",
        "params": { "_meta": {
            "io.modelcontextprotocol/protocolVersion": Revision::V2026_07_28.as_str(),
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "hopgate", "version": env!("CARGO_PKG_VERSION") },
        } },
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_tell_the_era() {
        let cases = [
            (
                200,
                r#"{"result":{"supportedVersions":["2026-07-28"]}}"#,
                true,
            ),
            (
                200,
                r#"{"result":{"supportedVersions":["2025-11-25"]}}"#,
                false,
            ),
            (400, r#"{"error":{"code":-32022,"message":""}}"#, true),
            (404, r#"{"error":{"code":-32601,"message":""}}"#, true),
            (200, r#"{"error":{"code":-32601,"message":""}}"#, false),
            (
                400,
                r#"{"error":{"code":-32000,"message":"no session"}}"#,
                false,
            ),
            (400, "<html>", false),
        ];
        for (status, body, modern) in cases {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(is_modern(status, body.as_bytes()), modern, "{body}");
        }
    }

    #[test]
    fn a_pin_is_believed_for_ever() {
        assert_eq!(Eras::new(Protocol::Legacy).known(), Some(Speaks::Legacy));
        assert_eq!(Eras::new(Protocol::Auto).known(), None);
    }
}
