//! Tokens in compact form, read strictly and verified against one key, without I/O and without a clock.
//!
//! What a token says of itself chooses nothing but the rules it is held against: the algorithm must be one its issuer
//! may use, the key one that issuer publishes. URLs and keys in a header are never looked at.

mod claims;
mod key;

pub use claims::{Claims, Confirmation};
pub use key::{Key, KeySet, thumbprint};

use crate::wire;
use crate::wire::scan::Bounds;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use std::fmt;
use std::str::FromStr;

/// A signature algorithm. There is no symmetric one, and no `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as RFC 7518 and RFC 8037 name them")]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

/// What the tokens of one issuer are held against.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Exactly what `iss` must say; none for JWT-SVIDs, whose `iss` and `iat` may be missing.
    pub issuer: Option<String>,
    /// The signatures that are taken.
    pub algorithms: Vec<Algorithm>,
    /// How far clocks may be apart, in seconds.
    pub leeway: u64,
    /// The longest a token may live, in seconds.
    pub max_life: u64,
}

/// A token whose form is sound; nothing in it is believed yet.
#[derive(Debug)]
pub struct Unverified<'a> {
    algorithm: Algorithm,
    kid: Option<String>,
    claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

/// What is wrong with a token or a key, in the operator's words. Never repeats what was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Longer than any token of use.
    #[error("it is longer than 16 KiB")]
    TooLong,
    /// Not three parts of strict base64url with JSON in them.
    #[error("it is no compact JWS: {0}")]
    Form(&'static str),
    /// A header that is not to be taken.
    #[error("its header {0}")]
    Header(&'static str),
    /// An algorithm the issuer may not use.
    #[error("its algorithm {0} is not among those its issuer may use")]
    Algorithm(Algorithm),
    /// A key of another kind.
    #[error("its key is not one for {0}")]
    Key(Algorithm),
    /// Not signed by the key.
    #[error("its signature is not good")]
    Signature,
    /// A claim that is missing or of the wrong type.
    #[error("its claim `{0}` is missing or not of its type")]
    Claim(&'static str),
    /// Another issuer's.
    #[error("it is another issuer's")]
    Issuer,
    /// Not good any more.
    #[error("it expired {0} seconds ago")]
    Expired(u64),
    /// Not good yet.
    #[error("it is not good before {0} seconds from now")]
    Early(u64),
    /// Longer-lived than the rules allow.
    #[error("it lives for {seen} seconds, and at most {most} are allowed (`max_life`)")]
    Life {
        /// What it says.
        seen: u64,
        /// What is allowed.
        most: u64,
    },
    /// A key that cannot be used.
    #[error("the key {0}")]
    Unusable(&'static str),
    /// A set of keys that cannot be used.
    #[error("the key set {0}")]
    Set(&'static str),
}

/// The longest token that is read.
const LONGEST: usize = 16 * 1024;

/// The longest name of a key.
const KID_MOST: usize = 1024;

/// Types a token may name; anything else was made for another use.
const TYPES: [&str; 5] = [
    "jwt",
    "at+jwt",
    "application/jwt",
    "application/at+jwt",
    "jose",
];

/// Members of a header that change what is signed, or how.
const REFUSED: [&str; 4] = ["crit", "b64", "zip", "enc"];

/// Header and claims are small.
const BOUNDS: Bounds = Bounds {
    depth: 32,
    members: 1_000,
    number: 64,
};

/// Reads a token's form.
///
/// # Errors
///
/// What makes it no token to be verified.
pub fn read(token: &str) -> Result<Unverified<'_>, Fault> {
    let (header, claims, signed, signature) = split(token)?;
    let (algorithm, kid) = head(&header, &TYPES)?;
    Ok(Unverified {
        algorithm,
        kid,
        claims: object(&claims)?,
        signed,
        signature,
    })
}

/// What one of these keys has signed, whatever it is: what is done with a token before its claims are looked at.
///
/// # Errors
///
/// The first thing that is wrong with the form or the signature.
pub fn payload(token: &str, keys: &KeySet) -> Result<Vec<u8>, Fault> {
    let (header, payload, signed, signature) = split(token)?;
    let (algorithm, kid) = head(&header, &TYPES)?;
    let key = keys.key(kid.as_deref(), algorithm);
    key.ok_or(Fault::Key(algorithm))?
        .verify(algorithm, signed.as_bytes(), &signature)?;
    Ok(payload)
}

pub(crate) type Split<'a> = (Map<String, Value>, Vec<u8>, &'a str, Vec<u8>);

/// The parts of a compact JWS: header, payload, what is signed, the signature.
pub(crate) fn split(token: &str) -> Result<Split<'_>, Fault> {
    if token.len() > LONGEST {
        return Err(Fault::TooLong);
    }
    let parts = Fault::Form("not three parts");
    let (signed, signature) = token.rsplit_once('.').ok_or(parts.clone())?;
    let (header, claims) = signed.split_once('.').ok_or(parts.clone())?;
    if claims.contains('.') {
        return Err(parts);
    }
    let signature = decode(signature)?;
    if signature.is_empty() {
        return Err(Fault::Form("no signature"));
    }
    Ok((
        object(&decode(header)?)?,
        decode(claims)?,
        signed,
        signature,
    ))
}

/// The algorithm and key a header names.
pub(crate) fn head(
    header: &Map<String, Value>,
    types: &[&str],
) -> Result<(Algorithm, Option<String>), Fault> {
    if REFUSED.iter().any(|name| header.contains_key(*name)) {
        return Err(Fault::Header("asks for an extension"));
    }
    let algorithm = header.get("alg").and_then(Value::as_str);
    let algorithm = algorithm
        .and_then(|name| name.parse().ok())
        .ok_or(Fault::Header("names no algorithm that is taken"))?;
    match header.get("typ") {
        None => {}
        Some(Value::String(kind)) if types.contains(&kind.to_ascii_lowercase().as_str()) => {}
        Some(_) => return Err(Fault::Header("says it was made for another use")),
    }
    let kid = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) if kid.len() <= KID_MOST => Some(kid.clone()),
        Some(_) => return Err(Fault::Header("names its key by no text")),
    };
    Ok((algorithm, kid))
}

pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, Fault> {
    // No member twice at any depth, no second value behind the first: every parser reads the same.
    wire::sound(bytes, &BOUNDS).map_err(|_| Fault::Form("its JSON is not sound"))?;
    serde_json::from_slice(bytes).map_err(|_| Fault::Form("its JSON is no object"))
}

/// Strict base64url: no padding, no stray bits.
pub(crate) fn decode(part: &str) -> Result<Vec<u8>, Fault> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| Fault::Form("not base64url"))
}

// === impl Unverified ===

impl Unverified<'_> {
    /// The algorithm it names.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key it names.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The issuer it names: chooses the rules it is held against.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
    }

    /// The subject it names: chooses the trust domain it is held against.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.claims.get("sub").and_then(Value::as_str)
    }

    /// What it says, once it is known to be true.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn verify(self, rules: &Rules, key: &Key, now: u64) -> Result<Claims, Fault> {
        if !rules.algorithms.contains(&self.algorithm) {
            return Err(Fault::Algorithm(self.algorithm));
        }
        key.verify(self.algorithm, self.signed.as_bytes(), &self.signature)?;
        claims::check(self.claims, rules, now)
    }
}

// === impl Algorithm ===

impl FromStr for Algorithm {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "RS256" => Self::RS256,
            "RS384" => Self::RS384,
            "RS512" => Self::RS512,
            "PS256" => Self::PS256,
            "PS384" => Self::PS384,
            "PS512" => Self::PS512,
            "ES256" => Self::ES256,
            "ES384" => Self::ES384,
            "EdDSA" => Self::EdDSA,
            _ => return Err(()),
        })
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
