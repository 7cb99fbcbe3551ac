//! The HTTP API of Vault and OpenBao: one request, one answer, and what its status means.

use crate::credential::{IssueError, RevokeError};
use crate::egress::{Caller, Content};
use crate::secret::Secret;
use crate::wire;
use crate::wire::scan::Bounds;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Map, Value};
use std::time::Duration;

/// Speaks to one vault, in one namespace.
#[derive(Debug)]
pub(super) struct Api {
    caller: Caller,
    namespace: Option<HeaderValue>,
}

/// What a good answer says; of its bodies only what is asked for is kept.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) lease: Option<Lease>,
    pub(super) auth: Option<Auth>,
    pub(super) data: Map<String, Value>,
    /// Whether the vault has done something less than it was asked for.
    pub(super) warned: bool,
}

/// What can be prolonged and revoked by its id.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) id: String,
    pub(super) life: Duration,
    pub(super) renewable: bool,
}

/// What a login gives.
#[derive(Debug)]
pub(super) struct Auth {
    pub(super) token: Secret,
    /// None of a token that cannot be revoked.
    pub(super) accessor: Option<String>,
    /// None: it does not lapse.
    pub(super) life: Option<Duration>,
    pub(super) renewable: bool,
}

/// Why there is no good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The vault says no.
    Denied(StatusCode, String),
    /// It may work later.
    Trouble(String),
}

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
/// Asked for by agents that stand before a vault, so that nobody is tricked into calling them.
const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const BOUNDS: Bounds = Bounds {
    depth: 32,
    members: 10_000,
    number: 64,
};
/// The longest life that is believed.
const LIFE_MOST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

// === impl Api ===

impl Api {
    /// # Errors
    ///
    /// A namespace that fits no header.
    pub(super) fn new(caller: Caller, namespace: Option<&str>) -> Result<Self, String> {
        let namespace = namespace.map(HeaderValue::from_str).transpose();
        let namespace = namespace.map_err(|_| "the namespace fits no header".to_owned())?;
        Ok(Self { caller, namespace })
    }

    /// Where it is, for people.
    pub(super) fn place(&self) -> String {
        self.caller.place()
    }

    pub(super) async fn get(&self, token: &Secret, path: &str) -> Result<Answer, Fault> {
        self.ask(Method::GET, Some(token), path, None).await
    }

    pub(super) async fn post(
        &self,
        token: Option<&Secret>,
        path: &str,
        body: Value,
    ) -> Result<Answer, Fault> {
        let body = serde_json::to_vec(&body);
        let body = body.map_err(|_| Fault::Trouble("the request is no JSON".to_owned()))?;
        let content = (JSON, Bytes::from(body));
        self.ask(Method::POST, token, path, Some(content)).await
    }

    async fn ask(
        &self,
        method: Method,
        token: Option<&Secret>,
        path: &str,
        content: Option<Content>,
    ) -> Result<Answer, Fault> {
        let place = self.place();
        let trouble = |why: &str| Fault::Trouble(format!("`{place}`: {why}"));
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST, HeaderValue::from_static("true"));
        if let Some(namespace) = &self.namespace {
            headers.insert(NAMESPACE, namespace.clone());
        }
        if let Some(token) = token {
            let value = HeaderValue::from_bytes(token.expose());
            let mut value = value.map_err(|_| trouble("the token fits no header"))?;
            value.set_sensitive(true);
            headers.insert(TOKEN, value);
        }
        let path = format!("v1/{path}");
        let answered = self.caller.call(method, Some(&path), headers, content);
        let answer = answered.await.map_err(|why| trouble(&why.to_string()))?;
        let status = answer.status();
        let path = path.split('?').next().unwrap_or_default();
        match status.as_u16() {
            200..=299 => read(answer.body()).ok_or_else(|| trouble("answered with no sound JSON")),
            // A timeout, a standby that lags behind or may not answer, too many requests.
            408 | 412 | 425 | 429 | 472 | 473 => Err(trouble(&format!("HTTP status {status}"))),
            400..=499 => {
                let why = format!("`{place}` answers {} to `{path}`", status.as_u16());
                Err(Fault::Denied(status, why))
            }
            300..=399 => Err(trouble("answered with a redirect, which is not followed")),
            _ => Err(trouble(&format!("HTTP status {}", status.as_u16()))),
        }
    }
}

// === impl Fault ===

impl Fault {
    /// Whether the token, or what it may do, is the matter.
    pub(super) fn forbidden(&self) -> bool {
        matches!(self, Self::Denied(StatusCode::FORBIDDEN, _))
    }
}

impl From<Fault> for IssueError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Denied(_, why) => Self::Refused(why),
            Fault::Trouble(why) => Self::Failed(why),
        }
    }
}

impl From<Fault> for RevokeError {
    /// A vault that cannot reach the engine behind a lease says 400: that may pass.
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Denied(StatusCode::BAD_REQUEST, why) | Fault::Trouble(why) => Self::Failed(why),
            Fault::Denied(_, why) => Self::Refused(why),
        }
    }
}

// === Reading an answer ===

fn read(body: &[u8]) -> Option<Answer> {
    if body.is_empty() {
        return Some(Answer::default());
    }
    // No member twice: every reader of this answer finds the same lease in it.
    wire::sound(body, &BOUNDS).ok()?;
    let Value::Object(mut members) = serde_json::from_slice(body).ok()? else {
        return None;
    };
    let id = text(&mut members, "lease_id").filter(|id| !id.is_empty());
    let lease = id.map(|id| Lease {
        id,
        life: life(&members).unwrap_or_default(),
        renewable: flag(&members, "renewable"),
    });
    let warnings = members.get("warnings").and_then(Value::as_array);
    let warned = warnings.is_some_and(|warnings| !warnings.is_empty());
    let auth = match members.remove("auth") {
        Some(Value::Object(auth)) => Some(read_auth(auth)?),
        _ => None,
    };
    let data = match members.remove("data") {
        Some(Value::Object(data)) => data,
        _ => Map::new(),
    };
    Some(Answer {
        lease,
        auth,
        data,
        warned,
    })
}

fn read_auth(mut members: Map<String, Value>) -> Option<Auth> {
    let token = text(&mut members, "client_token")?;
    let accessor = text(&mut members, "accessor").filter(|accessor| !accessor.is_empty());
    Some(Auth {
        token: Secret::from(token),
        accessor,
        life: life(&members),
        renewable: flag(&members, "renewable"),
    })
}

fn text(members: &mut Map<String, Value>, name: &str) -> Option<String> {
    match members.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

fn flag(members: &Map<String, Value>, name: &str) -> bool {
    members.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// Zero seconds are no end.
fn life(members: &Map<String, Value>) -> Option<Duration> {
    let seconds = members.get("lease_duration")?.as_u64()?;
    (seconds > 0).then(|| Duration::from_secs(seconds).min(LIFE_MOST))
}
