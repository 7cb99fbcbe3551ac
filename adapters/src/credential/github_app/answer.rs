//! What GitHub answers to a request for a token, read strictly.

use super::super::instant;
use super::scope::Scope;
use crate::secret::Secret;
use crate::wire;
use crate::wire::scan::Bounds;
use serde_json::{Map, Value};
use std::time::Duration;

/// A token as it was given.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) value: Secret,
    /// From now on.
    pub(super) life: Duration,
}

/// Each repository is described at length.
const BOUNDS: Bounds = Bounds {
    depth: 32,
    members: 100_000,
    number: 64,
};
/// The longest token.
const TOKEN_MOST: usize = 4 * 1024;

/// The token in an answer, and why it must not be used; none where there is none in it.
pub(super) fn token(body: &[u8], asked: &Scope, now: u64) -> Option<(Token, Option<&'static str>)> {
    wire::sound(body, &BOUNDS).ok()?;
    let mut members: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let Some(Value::String(text)) = members.remove("token") else {
        return None;
    };
    let fits = (1..=TOKEN_MOST).contains(&text.len());
    if !fits || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let value = Secret::from(text);
    let end = members.get("expires_at").and_then(Value::as_str);
    let end = end.and_then(instant::seconds).unwrap_or_default();
    let life = Duration::from_secs(end.saturating_sub(now));
    let fault = match () {
        () if life.is_zero() => Some("does not say when it expires, or had expired when it came"),
        () if asked.is_exceeded(&members) => Some("is good for more than was asked for"),
        () => None,
    };
    Some((Token { value, life }, fault))
}
