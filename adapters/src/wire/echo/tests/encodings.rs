//! Forty ways to write a secret, by other hands than the search's own; thirty are found.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use std::fmt::Write as _;

/// A name and a way to write.
pub(super) type Encoding = (&'static str, fn(&[u8]) -> Vec<u8>);

/// Found whatever the secret is.
pub(super) const ALWAYS: [Encoding; 26] = [
    ("plain", |secret| secret.to_vec()),
    ("base64", |secret| STANDARD.encode(secret).into()),
    ("base64 without padding", |secret| {
        STANDARD_NO_PAD.encode(secret).into()
    }),
    ("base64url", |secret| URL_SAFE.encode(secret).into()),
    ("base64url without padding", |secret| {
        URL_SAFE_NO_PAD.encode(secret).into()
    }),
    ("base64 behind one byte", |secret| {
        STANDARD.encode([b":", secret, b" and on"].concat()).into()
    }),
    ("base64url behind two bytes", |secret| {
        URL_SAFE.encode([b"a:", secret, b"\n"].concat()).into()
    }),
    ("Basic", |secret| {
        let basic = STANDARD.encode([b"some.user:", secret].concat());
        format!("Basic {basic}").into()
    }),
    ("hex", |secret| each(secret, |byte| format!("{byte:02x}"))),
    ("HEX", |secret| each(secret, |byte| format!("{byte:02X}"))),
    ("encodeURIComponent", |secret| {
        percent(secret, b"-_.!~*'()", false)
    }),
    ("a form", |secret| percent(secret, b"*-._+", true)),
    ("percent-encoding in small digits", |secret| {
        percent(secret, b"-_.~", false).to_ascii_lowercase_digits()
    }),
    ("every byte percent-encoded", |secret| {
        each(secret, |byte| format!("%{byte:02X}"))
    }),
    ("every byte percent-encoded, in small digits", |secret| {
        each(secret, |byte| format!("%{byte:02x}"))
    }),
    ("JSON", |secret| json(secret)),
    ("JSON with escaped slashes", |secret| slashes(&json(secret))),
    ("every character an escape", |secret| {
        units(secret, |unit| format!("\\u{unit:04x}"))
    }),
    ("every character an escape, in capitals", |secret| {
        units(secret, |unit| format!("\\u{unit:04X}"))
    }),
    ("JSON in JSON", |secret| json(&json(secret))),
    ("JSON in JSON in JSON", |secret| json(&json(&json(secret)))),
    ("JSON in ASCII", |secret| ascii(&json(secret))),
    ("escapes in JSON", |secret| {
        json(&units(secret, |unit| format!("\\u{unit:04x}")))
    }),
    ("escaped slashes in JSON with escaped slashes", |secret| {
        slashes(&json(&slashes(&json(secret))))
    }),
    ("base64 in JSON with escaped slashes", |secret| {
        slashes(STANDARD.encode(secret).as_bytes())
    }),
    ("base64 of a header", |secret| {
        let header = [b"Authorization: Bearer ", secret, b"\r\n"].concat();
        STANDARD.encode(header).into()
    }),
];

/// Found where the secret is of letters, digits, `-`, `.` and `_`: then these are the same as others.
pub(super) const OF_TOKENS: [Encoding; 4] = [
    ("quoted for a shell", |secret| {
        format!("'{}'", text(secret).replace('\'', "'\\''")).into()
    }),
    ("XML", |secret| {
        let text = text(secret).replace('&', "&amp;").replace('<', "&lt;");
        text.into()
    }),
    ("base64url of JSON", |secret| {
        let json = [b"{\"token\":\"", json(secret).as_slice(), b"\"}"].concat();
        URL_SAFE_NO_PAD.encode(json).into()
    }),
    ("a YAML string", |secret| {
        format!("token: '{}'", text(secret).replace('\'', "''")).into()
    }),
];

/// Nobody writes so by accident; not looked for.
pub(super) const NEVER: [Encoding; 10] = [
    ("base64 twice", |secret| {
        STANDARD.encode(STANDARD.encode(secret)).into()
    }),
    ("hex with colons", |secret| {
        each(secret, |byte| format!("{byte:02x}:"))
    }),
    ("escapes of C", |secret| {
        each(secret, |byte| format!("\\x{byte:02x}"))
    }),
    ("character references of HTML", |secret| {
        each(secret, |byte| format!("&#{byte};"))
    }),
    ("decimal numbers", |secret| {
        each(secret, |byte| format!("{byte},"))
    }),
    ("binary", |secret| {
        each(secret, |byte| format!("{byte:08b}"))
    }),
    ("backwards", |secret| secret.iter().rev().copied().collect()),
    ("UTF-16", |secret| {
        secret.iter().flat_map(|byte| [*byte, 0]).collect()
    }),
    ("rotated by one", |secret| {
        secret.iter().map(|byte| byte.wrapping_add(1)).collect()
    }),
    ("percent-encoded twice", |secret| {
        each(secret, |byte| format!("%25{byte:02X}"))
    }),
];

trait SmallDigits {
    fn to_ascii_lowercase_digits(self) -> Self;
}

impl SmallDigits for Vec<u8> {
    fn to_ascii_lowercase_digits(mut self) -> Self {
        for at in 0..self.len() {
            if self[at] == b'%' {
                self[at + 1..at + 3].make_ascii_lowercase();
            }
        }
        self
    }
}

fn each(secret: &[u8], write: impl Fn(u8) -> String) -> Vec<u8> {
    secret
        .iter()
        .flat_map(|byte| write(*byte).into_bytes())
        .collect()
}

fn percent(secret: &[u8], left: &[u8], form: bool) -> Vec<u8> {
    each(secret, |byte| match byte {
        b' ' if form => "+".to_owned(),
        b'+' => "%2B".to_owned(),
        _ if byte.is_ascii_alphanumeric() || left.contains(&byte) => char::from(byte).into(),
        _ => format!("%{byte:02X}"),
    })
}

fn text(secret: &[u8]) -> String {
    String::from_utf8_lossy(secret).into_owned()
}

/// The inside of a JSON string.
fn json(secret: &[u8]) -> Vec<u8> {
    let quoted = serde_json::to_string(&text(secret)).unwrap();
    quoted.as_bytes()[1..quoted.len() - 1].to_vec()
}

fn slashes(json: &[u8]) -> Vec<u8> {
    let each = json.iter().flat_map(|byte| match byte {
        b'/' => b"\\/".to_vec(),
        other => vec![*other],
    });
    each.collect()
}

fn units(secret: &[u8], write: impl Fn(u16) -> String) -> Vec<u8> {
    text(secret)
        .encode_utf16()
        .map(write)
        .collect::<String>()
        .into()
}

fn ascii(json: &[u8]) -> Vec<u8> {
    let text = text(json);
    let mut out = String::new();
    for character in text.chars() {
        if character.is_ascii() {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").unwrap();
            }
        }
    }
    out.into()
}
