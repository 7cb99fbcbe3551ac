//! The claims of a token whose signature is good: present, of their type, and true at this instant.

use super::{Fault, Rules};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// What a verified token says.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    /// `iss`.
    pub issuer: Option<String>,
    /// `sub`.
    pub subject: String,
    /// `aud`; at least one.
    pub audience: Vec<String>,
    /// `exp`, in seconds.
    pub expires: u64,
    /// `iat`, in seconds.
    pub issued: Option<u64>,
    /// `jti`.
    pub id: Option<String>,
    /// `scope`, or `scp`.
    pub scopes: Vec<String>,
    /// `cnf`: what the token is bound to.
    pub confirmation: Option<Confirmation>,
    /// All of them.
    pub all: Map<String, Value>,
}

/// What a token is bound to; at least one of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// The thumbprint of a key (`jkt`).
    pub key: Option<String>,
    /// The digest of a certificate (`x5t#S256`).
    pub certificate: Option<[u8; 32]>,
}

/// The longest subject.
const SUBJECT_MOST: usize = 1024;

/// The last second that every parser of JSON numbers agrees on.
const LATEST: f64 = 9_007_199_254_740_991.0;

/// Holds claims against the rules at this instant.
pub(super) fn check(all: Map<String, Value>, rules: &Rules, now: u64) -> Result<Claims, Fault> {
    let issuer = text(&all, "iss")?;
    if let Some(wanted) = &rules.issuer
        && issuer.as_ref() != Some(wanted)
    {
        return Err(Fault::Issuer);
    }
    let subject = text(&all, "sub")?.ok_or(Fault::Claim("sub"))?;
    let plain = !subject.is_empty() && !subject.contains(char::is_control);
    if !plain || subject.len() > SUBJECT_MOST {
        return Err(Fault::Claim("sub"));
    }
    let expires = instant(&all, "exp")?.ok_or(Fault::Claim("exp"))?;
    let issued = instant(&all, "iat")?;
    if issued.is_none() && rules.issuer.is_some() {
        return Err(Fault::Claim("iat"));
    }
    in_time(rules, (issued, expires, instant(&all, "nbf")?), now)?;
    Ok(Claims {
        issuer,
        subject,
        audience: audience(&all)?,
        expires,
        issued,
        id: text(&all, "jti")?,
        scopes: scopes(&all)?,
        confirmation: all.get("cnf").map(confirmation).transpose()?,
        all,
    })
}

fn in_time(
    rules: &Rules,
    (issued, expires, begins): (Option<u64>, u64, Option<u64>),
    now: u64,
) -> Result<(), Fault> {
    if now >= expires.saturating_add(rules.leeway) {
        return Err(Fault::Expired(now.saturating_sub(expires)));
    }
    let soonest = now.saturating_add(rules.leeway);
    for instant in [issued, begins].into_iter().flatten() {
        if instant > soonest {
            return Err(Fault::Early(instant.saturating_sub(now)));
        }
    }
    let seen = match issued {
        Some(issued) if expires <= issued => return Err(Fault::Claim("exp")),
        Some(issued) => expires.saturating_sub(issued),
        None => expires.saturating_sub(now),
    };
    if seen > rules.max_life {
        let most = rules.max_life;
        return Err(Fault::Life { seen, most });
    }
    Ok(())
}

fn text(all: &Map<String, Value>, name: &'static str) -> Result<Option<String>, Fault> {
    match all.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Fault::Claim(name)),
    }
}

/// Seconds since the epoch; a fraction is rounded down.
fn instant(all: &Map<String, Value>, name: &'static str) -> Result<Option<u64>, Fault> {
    let Some(value) = all.get(name) else {
        return Ok(None);
    };
    if let Some(whole) = value.as_u64() {
        return Ok(Some(whole));
    }
    match value.as_f64() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 2^53"
        )]
        Some(number) if (0.0..=LATEST).contains(&number) => Ok(Some(number as u64)),
        _ => Err(Fault::Claim(name)),
    }
}

fn audience(all: &Map<String, Value>) -> Result<Vec<String>, Fault> {
    let fault = Fault::Claim("aud");
    let audience: Vec<String> = match all.get("aud") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => {
            let texts = many.iter().map(|one| one.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().ok_or(fault.clone())?
        }
        _ => return Err(fault),
    };
    if audience.is_empty() {
        return Err(fault);
    }
    Ok(audience)
}

/// One text with spaces, or a list of texts.
fn scopes(all: &Map<String, Value>) -> Result<Vec<String>, Fault> {
    let split = |text: &str| {
        text.split(' ')
            .filter(|one| !one.is_empty())
            .map(str::to_owned)
            .collect()
    };
    match (all.get("scope"), all.get("scp")) {
        (Some(Value::String(text)), _) | (None, Some(Value::String(text))) => Ok(split(text)),
        (None, Some(Value::Array(many))) => {
            let texts = many.iter().map(|one| one.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().ok_or(Fault::Claim("scp"))
        }
        (None, None) => Ok(Vec::new()),
        (Some(_), _) => Err(Fault::Claim("scope")),
        (None, Some(_)) => Err(Fault::Claim("scp")),
    }
}

/// What is bound in a way we do not know must not pass for unbound.
fn confirmation(value: &Value) -> Result<Confirmation, Fault> {
    let fault = || Fault::Claim("cnf");
    let members = value
        .as_object()
        .filter(|members| !members.is_empty())
        .ok_or_else(fault)?;
    let mut found = Confirmation {
        key: None,
        certificate: None,
    };
    for (name, value) in members {
        let text = value.as_str().ok_or_else(fault)?;
        let digest: [u8; 32] = URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(fault)?;
        match name.as_str() {
            "jkt" => found.key = Some(text.to_owned()),
            "x5t#S256" => found.certificate = Some(digest),
            _ => return Err(fault()),
        }
    }
    Ok(found)
}
