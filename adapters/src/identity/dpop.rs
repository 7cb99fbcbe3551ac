//! Proofs that a caller holds the key its token is bound to (RFC 9449), each good for one request.

use super::jwt::{Algorithm, Fault, Key, head, object, split, thumbprint};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use url::Url;

/// A proof that is good, but perhaps not new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Of the key that made it.
    pub thumbprint: String,
    /// `jti`.
    pub id: String,
    /// `iat`, in seconds.
    pub issued: u64,
    /// SHA-256 of the only body it is for, where it says so.
    pub content: Option<[u8; 32]>,
}

/// The proofs seen lately. When it is full of what could still be sent again, no further proof is believed.
#[derive(Debug)]
pub struct Replays {
    seen: Mutex<Seen>,
    most: usize,
}

/// Why a proof is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplayFault {
    /// It was used before.
    #[error("it was used before")]
    Used,
    /// There is no room to remember it.
    #[error("no further proof can be remembered")]
    Full,
}

#[derive(Debug, Default)]
struct Seen {
    /// Each with the second from which it can be forgotten.
    proofs: HashMap<[u8; 32], u64>,
    /// When forgetting was last tried: once a second is enough, and a walk through all of them is not cheap.
    swept: Option<u64>,
}

/// How far from now a proof may have been made, in seconds.
const NEAR: u64 = 5 * 60;

/// The longest `jti`.
const ID_MOST: usize = 256;

/// Holds a proof against the request and token it came with.
///
/// # Errors
///
/// The first thing that is wrong with it.
pub fn check(proof: &str, method: &str, url: &str, token: &str, now: u64) -> Result<Proof, Fault> {
    let (header, claims, signed, signature) = split(proof)?;
    if header.get("typ").and_then(Value::as_str) != Some("dpop+jwt") {
        return Err(Fault::Header("says it was made for another use"));
    }
    let (algorithm, _) = head(&header, &["dpop+jwt"])?;
    let claims = object(&claims)?;
    let jwk = header
        .get("jwk")
        .and_then(Value::as_object)
        .ok_or(Fault::Header("holds no key"))?;
    let thumbprint = own(jwk, algorithm, signed, &signature)?;
    let text = |name: &'static str| {
        let text = claims.get(name).and_then(Value::as_str);
        text.ok_or(Fault::Claim(name))
    };
    if text("htm")? != method {
        return Err(Fault::Claim("htm"));
    }
    if plain(text("htu")?).is_none_or(|meant| Some(meant) != plain(url)) {
        return Err(Fault::Claim("htu"));
    }
    if text("ath")? != URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())) {
        return Err(Fault::Claim("ath"));
    }
    let id = text("jti")?.to_owned();
    if id.is_empty() || id.len() > ID_MOST {
        return Err(Fault::Claim("jti"));
    }
    let issued = claims.get("iat").and_then(Value::as_u64);
    let issued = issued.ok_or(Fault::Claim("iat"))?;
    if issued.abs_diff(now) > NEAR {
        return Err(Fault::Claim("iat"));
    }
    Ok(Proof {
        thumbprint,
        id,
        issued,
        content: content(&claims)?,
    })
}

/// The thumbprint of the key in the header, which must have signed the proof.
fn own(
    jwk: &Map<String, Value>,
    algorithm: Algorithm,
    signed: &str,
    signature: &[u8],
) -> Result<String, Fault> {
    Key::new(jwk)?.verify(algorithm, signed.as_bytes(), signature)?;
    thumbprint(jwk).ok_or(Fault::Header("holds no key"))
}

/// A URL as two writers of it agree on, without query and fragment.
fn plain(url: &str) -> Option<Url> {
    // A parser of URLs drops some of these without a word.
    if url.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return None;
    }
    let mut url = Url::parse(url).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    let path = least_encoded(url.path());
    url.set_path(&path);
    Some(url)
}

/// A path that encodes only what must be, and that in capitals (RFC 3986, 6.2.2).
fn least_encoded(path: &str) -> String {
    let mut parts = path.split('%');
    let mut least = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let hex = part.get(..2);
        let hex = hex.filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let rest = part.get(2..).unwrap_or_default();
        match byte {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                least.push(char::from(byte));
                least.push_str(rest);
            }
            Some(byte) => least.push_str(&format!("%{byte:02X}{rest}")),
            None => least.push_str(&format!("%{part}")),
        }
    }
    least
}

/// The digest of the body, written as the header `Content-Digest` writes it (RFC 9530).
fn content(claims: &Map<String, Value>) -> Result<Option<[u8; 32]>, Fault> {
    let Some(value) = claims.get("content_digest") else {
        return Ok(None);
    };
    let text = value.as_str().and_then(|text| {
        let text = text.strip_prefix("sha-256=:")?;
        text.strip_suffix(':')
    });
    let bytes = text.and_then(|text| STANDARD.decode(text).ok());
    let digest = bytes.and_then(|bytes| bytes.try_into().ok());
    digest.map(Some).ok_or(Fault::Claim("content_digest"))
}

// === impl Replays ===

impl Replays {
    /// Room for this many.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            seen: Mutex::default(),
            most,
        }
    }

    /// Notes a proof that nobody has used before, until it cannot be used any more.
    ///
    /// # Errors
    ///
    /// One that was used, or cannot be remembered.
    pub fn first(
        &self,
        thumbprint: &str,
        id: &str,
        now: u64,
        until: u64,
    ) -> Result<(), ReplayFault> {
        let mut print = [0; 32];
        // A thumbprint has no space in it.
        print.copy_from_slice(digest(&SHA256, format!("{thumbprint} {id}").as_bytes()).as_ref());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.proofs.get(&print).is_some_and(|until| now < *until) {
            return Err(ReplayFault::Used);
        }
        if seen.proofs.len() >= self.most && seen.swept != Some(now) {
            seen.swept = Some(now);
            seen.proofs.retain(|_, until| now < *until);
        }
        if seen.proofs.len() >= self.most {
            return Err(ReplayFault::Full);
        }
        seen.proofs.insert(print, until);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{SHA256, URL_SAFE_NO_PAD, content, plain};
    use base64::Engine as _;
    use serde_json::{Value, json};

    #[test]
    fn two_spellings_of_a_url_are_one() {
        let check = |one: &str, other: &str, same: bool| {
            assert_eq!(plain(one) == plain(other), same, "{one} {other}");
        };
        let url = "https://gate.example/servers/a~b/mcp";
        check(url, "HTTPS://Gate.Example:443/servers/a~b/mcp", true);
        check(url, "https://gate.example/servers/%61%7eb/mcp", true);
        check(url, "https://gate.example/x/../servers/a~b/mcp?q#f", true);
        check(
            "https://g.example/a%c3%a4",
            "https://g.example/a%C3%A4",
            true,
        );
        check("https://g.example/aä", "https://g.example/a%C3%A4", true);
        check("https://g.example", "https://g.example/", true);
        check(url, "https://gate.example/servers/a~b/mcp/", false);
        check(url, "https://gate.example/servers/A~b/mcp", false);
        check(url, "https://gate.example:444/servers/a~b/mcp", false);
        check(url, "http://gate.example/servers/a~b/mcp", false);
        check(url, "https://gate.example./servers/a~b/mcp", false);
        check("https://g.example/a/b", "https://g.example/a%2Fb", false);
        check("https://g.example/a%b", "https://g.example/a%0b", false);
        check("https://g.example/a%25", "https://g.example/a%", false);
        check("https://g.example/%2561", "https://g.example/a", false);
    }

    #[test]
    fn a_body_is_named_as_the_mcp_profile_names_it() {
        let read = |value: Value| content(json!({ "content_digest": value }).as_object().unwrap());
        // The example of the profile, and of RFC 9530 before it.
        let example = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
        let digest = read(json!(example)).unwrap().unwrap();
        let body = br#"{"hello": "world"}"#;
        assert_eq!(digest, super::digest(&SHA256, body).as_ref());
        assert_eq!(content(&serde_json::Map::new()), Ok(None));
        for bad in [
            json!(URL_SAFE_NO_PAD.encode(digest)),
            json!(example.trim_end_matches(':')),
            json!(example.replace('=', "")),
            json!(example.replace("256", "512")),
            json!("sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE:"),
            json!("sha-256=:X48E:"),
            json!("sha-256=::"),
            json!([example]),
            json!(null),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }
}
