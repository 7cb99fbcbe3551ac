//! Headers that mirror a body: decoding, comparing with the raw JSON they repeat, and the annotations that ask for them.

use super::text;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

mod annotation;

pub use annotation::{Annotation, Invalid, annotations};

const OPENS: &str = "=?base64?";
const CLOSES: &str = "?=";
/// A number longer than this agrees with nothing.
const NUMBER: usize = 64;

/// The text a header value stands for; `None` where it claims to be encoded and is not, or is no text.
#[must_use]
pub fn decode(value: &[u8]) -> Option<Cow<'_, str>> {
    let value = std::str::from_utf8(value.trim_ascii())
        .ok()
        .filter(|value| is_plain(value))?;
    match value
        .strip_prefix(OPENS)
        .and_then(|rest| rest.strip_suffix(CLOSES))
    {
        None => Some(Cow::Borrowed(value)),
        Some(encoded) => {
            let bytes = STANDARD.decode(encoded).ok()?;
            String::from_utf8(bytes).ok().map(Cow::Owned)
        }
    }
}

/// A text as a header value.
#[must_use]
pub fn encode(text: &str) -> Cow<'_, str> {
    let plain = is_plain(text)
        && text.trim_ascii().len() == text.len()
        && !(text.starts_with(OPENS) && text.ends_with(CLOSES));
    if plain {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{OPENS}{}{CLOSES}", STANDARD.encode(text)))
}

/// Whether a header can carry a text as it is: everything else comes encoded.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

/// Whether a header value says what a raw JSON scalar says.
#[must_use]
pub fn agrees(value: &[u8], raw: &[u8]) -> bool {
    // The ordinary case: a plain value and a string without escapes.
    if raw.len() == value.len() + 2
        && raw.get(1..=value.len()) == Some(value)
        && raw.first() == Some(&b'"')
        && value.is_ascii()
        && memchr::memchr(b'\\', value).is_none()
        && !value.starts_with(OPENS.as_bytes())
    {
        return true;
    }
    let Some(value) = decode(value) else {
        return false;
    };
    match raw.first() {
        Some(b'"') => text::unescape(raw) == value,
        Some(b't' | b'f') => raw == value.as_bytes(),
        Some(b'-' | b'0'..=b'9') => same_number(&value, raw),
        _ => false,
    }
}

/// Numbers compared by value: `42.0` is `42`.
fn same_number(value: &str, raw: &[u8]) -> bool {
    let raw = std::str::from_utf8(raw).ok().and_then(Decimal::parse);
    raw.is_some() && raw == Decimal::parse(value)
}

/// A number as written, without the zeros that say nothing.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

// === impl Decimal ===

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        if text.len() > NUMBER {
            return None;
        }
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (number, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = number
            .split_once('.')
            .map_or((number, None), |(a, b)| (a, Some(b)));
        let is_digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let leads = whole.len() > 1 && whole.starts_with('0');
        if leads || !is_digits(whole) || !fraction.is_none_or(is_digits) {
            return None;
        }
        let fraction = fraction.unwrap_or_default();
        let all = [whole, fraction].concat();
        let digits = all.trim_end_matches('0');
        let shift =
            i64::try_from(all.len() - digits.len()).ok()? - i64::try_from(fraction.len()).ok()?;
        let digits = digits.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self {
                negative: false,
                digits,
                exponent: 0,
            });
        }
        let exponent = exponent.parse::<i64>().ok()?.checked_add(shift)?;
        Some(Self {
            negative: unsigned.len() < text.len(),
            digits,
            exponent,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_comes_back() {
        for text in [
            "read_note",
            "café",
            " padded",
            "tab\there",
            "=?base64?YQ==?=",
            "",
            "a\nb",
        ] {
            let encoded = encode(text);
            assert!(
                encoded
                    .bytes()
                    .all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
            );
            assert_eq!(decode(encoded.as_bytes()).unwrap(), text);
        }
        assert_eq!(decode(b"=?base64?***?="), None);
        assert_eq!(decode(b"=?BASE64?YQ==?=").unwrap(), "=?BASE64?YQ==?=");
        assert_eq!(decode(b"\xff"), None);
    }

    #[test]
    fn values_agree_in_meaning_only() {
        for (value, raw) in [
            ("42.00", "42"),
            ("4.2e1", "42"),
            ("0", "-0.0"),
            ("9007199254740993", "9007199254740993"),
            ("2.5", "2.50"),
            ("12345678901234567890", "12345678901234567890"),
            ("=?base64?Y2Fmw6k=?=", "\"café\""),
            ("a", r#""a""#),
            ("a", r#""\u0061""#),
            (" a ", r#""a""#),
            ("=?base64?YQ==?=", r#""a""#),
            ("=?base64?YQ==", r#""=?base64?YQ==""#),
            ("42", "42"),
            ("42.0", "42"),
            ("42", "42.0"),
            ("true", "true"),
        ] {
            assert!(agrees(value.as_bytes(), raw.as_bytes()), "{value} {raw}");
        }
        for (value, raw) in [
            ("9007199254740993", "9007199254740992"),
            ("+42", "42"),
            ("042", "42"),
            ("42.", "42"),
            (".5", "0.5"),
            ("42e", "42"),
            ("-42", "42"),
            ("café", "\"café\""),
            ("=?base64?YQ?=", "\"a\""),
            ("1e99999999999999999999", "1"),
            ("A", r#""a""#),
            ("a,b", r#""a""#),
            ("", r#""a""#),
            ("42.5", "42"),
            ("43", "42"),
            ("true", r#"true "#),
            ("null", "null"),
            ("=?base64?YQ==?=", r#""=?base64?YQ==?=""#),
            (r"\u0061", r#""\u0061""#),
            ("x", "{}"),
        ] {
            assert!(!agrees(value.as_bytes(), raw.as_bytes()), "{value} {raw}");
        }
    }
}
