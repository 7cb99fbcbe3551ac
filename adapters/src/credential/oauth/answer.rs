//! What a token endpoint answers (RFC 6749, RFC 8693), read strictly: a token of another kind, or one good for more
//! than was asked for, is not used.

use super::super::IssueError;
use crate::secret::Secret;
use crate::wire;
use crate::wire::scan::Bounds;
use http::StatusCode;
use serde_json::{Map, Value};
use std::time::Duration;

/// A token as it was issued.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) access: Secret,
    /// Nobody asked for one, but it must be taken back with the other.
    pub(crate) refresh: Option<Secret>,
    /// From now on.
    pub(crate) life: Option<Duration>,
}

/// What must hold of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    /// What was asked for; empty: what the server grants by itself.
    pub(crate) scope: &'a [String],
    /// `token_type`, in any case of letters.
    pub(crate) kind: &'static str,
    /// `issued_token_type`; none: the grant has none.
    pub(crate) issued: Option<&'static str>,
}

/// What is wrong with an answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is no answer of a token endpoint.
    Garbled(&'static str),
    /// It holds a token that must not be used.
    Unwanted(Box<Token>, &'static str),
}

const BOUNDS: Bounds = Bounds {
    depth: 32,
    members: 1_000,
    number: 64,
};
/// The longest token.
const TOKEN_MOST: usize = 32 * 1024;
/// The longest life that is believed.
const LIFE_MOST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// The errors that RFC 6749, 7009, 8628, 8693 and 8707 register. Other words are the server's own and not repeated.
const ERRORS: [&str; 14] = [
    "access_denied",
    "authorization_pending",
    "invalid_client",
    "invalid_dpop_proof",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "server_error",
    "slow_down",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_token_type",
];

/// The token in a good answer.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn token(body: &[u8], expected: Expected<'_>) -> Result<Token, Fault> {
    let mut members = object(body).ok_or(Fault::Garbled("is no sound JSON object"))?;
    let access = secret(&mut members, "access_token");
    let access = access.ok_or(Fault::Garbled("holds no token"))?;
    let refresh = secret(&mut members, "refresh_token");
    let life = life(members.get("expires_in"));
    let token = Token {
        access,
        refresh,
        life: life.unwrap_or_default(),
    };
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let kind = text("token_type").unwrap_or_default();
    let issued = text("issued_token_type");
    let why = match () {
        () if kind.eq_ignore_ascii_case("dpop") && expected.kind != kind => {
            "is bound to a key by DPoP, which is not supported"
        }
        () if !kind.eq_ignore_ascii_case(expected.kind) => "is of another `token_type`",
        () if expected.issued.is_some() && issued != expected.issued => {
            "is of another `issued_token_type`"
        }
        () if life.is_err() => "says by no number when it expires",
        () if token.life == Some(Duration::ZERO) => "had expired when it came",
        () if wider(members.get("scope"), expected.scope) => "is good for more than was asked for",
        () => return Ok(token),
    };
    Err(Fault::Unwanted(Box::new(token), why))
}

/// The error a server names, where it is one of the standards'.
pub(super) fn error(body: &[u8]) -> Option<&'static str> {
    let members = object(body)?;
    let said = members.get("error")?.as_str()?;
    ERRORS.into_iter().find(|known| *known == said)
}

/// No token, by the status of the answer and the error it names; one may come later where the server is in trouble or
/// asks for patience. A token that a server made and did not send is nobody's.
pub(super) fn refusal(status: StatusCode, body: &[u8], place: &str) -> IssueError {
    let error = error(body);
    let why = match error {
        Some(error) => format!("{place} refused: `{error}`"),
        None if status.is_redirection() => {
            format!("{place} answered with a redirect, which is not followed")
        }
        None => format!("{place} answered with HTTP status {}", status.as_u16()),
    };
    let word = matches!(
        error,
        Some("server_error" | "temporarily_unavailable" | "slow_down")
    );
    let busy = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    );
    match status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        _ if word || busy => IssueError::Unavailable(why),
        // It may have been given before something else went wrong, such as at a proxy that stands between.
        true => IssueError::Failed(why),
        false => IssueError::Refused(why),
    }
}

fn object(body: &[u8]) -> Option<Map<String, Value>> {
    // No member twice: every reader of this answer finds the same token in it.
    wire::sound(body, &BOUNDS).ok()?;
    serde_json::from_slice(body).ok()
}

/// A token is visible ASCII: anything else would not pass a header as it is.
fn secret(members: &mut Map<String, Value>, name: &str) -> Option<Secret> {
    let Some(Value::String(text)) = members.remove(name) else {
        return None;
    };
    let fits = (1..=TOKEN_MOST).contains(&text.len());
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    (fits && plain).then(|| Secret::from(text))
}

/// Seconds, which some servers write as text.
fn life(said: Option<&Value>) -> Result<Option<Duration>, ()> {
    let seconds = match said {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    let life = Duration::from_secs(seconds.ok_or(())?);
    Ok(Some(life.min(LIFE_MOST)))
}

fn wider(granted: Option<&Value>, asked: &[String]) -> bool {
    let Some(granted) = granted.filter(|granted| !granted.is_null() && !asked.is_empty()) else {
        return false;
    };
    let Some(granted) = granted.as_str() else {
        return true;
    };
    let mut granted = granted.split_ascii_whitespace();
    granted.any(|one| !asked.iter().any(|other| other == one))
}
