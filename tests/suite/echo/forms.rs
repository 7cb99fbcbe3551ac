//! How a server may write what it sends back.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// A way to write.
#[derive(Clone, Copy)]
pub(super) struct Form {
    pub(super) name: &'static str,
    pub(super) encode: fn(&str) -> String,
    /// Where the secret begins in it.
    pub(super) own: usize,
}

pub(super) const FORMS: [Form; 11] = [
    form("plain", str::to_owned, 0),
    form("base64", |secret| STANDARD.encode(secret), 0),
    form("base64url", |secret| URL_SAFE_NO_PAD.encode(secret), 0),
    form(
        "base64 behind a byte",
        |secret| STANDARD.encode(format!(":{secret}..")),
        2,
    ),
    form("Basic", |secret| STANDARD.encode(format!("us:{secret}")), 4),
    form(
        "hex",
        |secret| each(secret, |byte| format!("{byte:02x}")),
        0,
    ),
    form(
        "HEX",
        |secret| each(secret, |byte| format!("{byte:02X}")),
        0,
    ),
    form(
        "percent",
        |secret| each(secret, |byte| format!("%{byte:02X}")),
        0,
    ),
    form(
        "percent in small digits",
        |secret| each(secret, |byte| format!("%{byte:02x}")),
        0,
    ),
    form(
        "escapes",
        |secret| each(secret, |byte| format!("\\u{byte:04x}")),
        0,
    ),
    form(
        "escapes in capitals",
        |secret| each(secret, |byte| format!("\\u{byte:04X}")),
        0,
    ),
];

/// Not the secret.
pub(super) const ALMOST: [Form; 5] = [
    form(
        "all but the last",
        |secret| secret[..secret.len() - 1].to_owned(),
        0,
    ),
    form("all but the first", |secret| secret[1..].to_owned(), 0),
    form(
        "one byte more within",
        |secret| secret.replace('.', ".."),
        0,
    ),
    form(
        "half of it, three times",
        |secret| secret[..13].repeat(3),
        0,
    ),
    form(
        "escapes of all but the last",
        |secret| each(&secret[..26], |byte| format!("\\u{byte:04x}")),
        0,
    ),
];

// === impl Form ===

impl Form {
    /// What stands for the secret alone.
    pub(super) fn own<'a>(&self, echo: &'a str) -> &'a str {
        &echo[self.own..]
    }
}

const fn form(name: &'static str, encode: fn(&str) -> String, own: usize) -> Form {
    Form { name, encode, own }
}

fn each(secret: &str, write: impl Fn(u8) -> String) -> String {
    secret.bytes().map(write).collect()
}
