//! The forms of what identities are written with: issuers, trust domains, sockets, hashes of keys.

use super::{fault, url};
use policy::shape::{Fault, Form};

/// An issuer, compared byte for byte with `iss`.
pub(in crate::config) const ISSUER: Form = Form {
    name: "an issuer such as \"https://idp.example.com\"",
    pattern: Some("^https?://"),
    check: |text| {
        let url = url(text)?;
        fault(
            url.query().is_none(),
            text,
            "has a query",
            "write the issuer exactly as its tokens do",
        )
    },
};

/// An audience.
pub(in crate::config) const AUDIENCE: Form = Form {
    name: "an audience",
    pattern: Some(r"\S"),
    check: |text| {
        fault(
            !text.trim().is_empty() && text.len() <= 1_000,
            text,
            "is no audience",
            "write it exactly as tokens do",
        )
    },
};

/// The name of a claim.
pub(in crate::config) const CLAIM: Form = Form {
    name: "the name of a claim such as \"azp\"",
    pattern: Some(r"\S"),
    check: |text| {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        fault(
            plain,
            text,
            "names no claim",
            "write it exactly as tokens do",
        )
    },
};

/// A SPIFFE trust domain.
pub(in crate::config) const TRUST_DOMAIN: Form = Form {
    name: "a trust domain such as \"example.org\"",
    pattern: Some("^[a-z0-9._-]+$"),
    check: |text| {
        let letter = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-')
        };
        fault(
            !text.is_empty() && text.len() <= 255 && text.bytes().all(letter),
            text,
            "is no trust domain",
            "lower case letters, digits, `.`, `-` and `_`, without `spiffe://`",
        )
    },
};

/// The socket of a Workload API.
pub(in crate::config) const SOCKET: Form = Form {
    name: "a socket such as \"unix:/run/spire/agent.sock\"",
    pattern: Some("^(unix:|tcp://)"),
    check: |text| {
        let known = text.starts_with("unix:/") || text.starts_with("tcp://");
        fault(
            known,
            text,
            "is no socket",
            "write `unix:/path` or `tcp://127.0.0.1:port`",
        )
    },
};

/// The hash of a static key.
pub(in crate::config) const HASH: Form = Form {
    name: "a hash such as \"sha256:…\"",
    pattern: Some("^sha256:[0-9a-f]{64}$"),
    check: |text| match hash(text) {
        Some(_) => Ok(()),
        // What is no hash may be the key itself, so it is not repeated.
        None => Err(Fault::new(
            "this is no hash of a key",
            "`hopgate key hash` prints one; never write the key itself",
        )
        .of(policy::Code::LiteralSecret)),
    },
};

/// The SHA-256 a text says.
pub(in crate::config) fn hash(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix("sha256:")?;
    let mut bytes = [0; 32];
    let pairs = digits.as_bytes().chunks(2);
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let pair = std::str::from_utf8(pair).ok()?;
        if pair
            .bytes()
            .any(|digit| !matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(bytes)
}
