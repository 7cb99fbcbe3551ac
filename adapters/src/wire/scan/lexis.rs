//! The words of JSON: numbers, literals, and what may stand within a string.

use super::super::seek;
use super::FlawKind;

/// The length of the number at the start of `text`.
pub(super) fn number(text: &[u8], most: usize) -> Result<usize, FlawKind> {
    let start = usize::from(text.first() == Some(&b'-'));
    let mut at = digits(text, start);
    if at == start || (at > start + 1 && text.get(start) == Some(&b'0')) {
        return Err(FlawKind::Syntax);
    }
    if text.get(at) == Some(&b'.') {
        let fraction = digits(text, at + 1);
        if fraction == at + 1 {
            return Err(FlawKind::Syntax);
        }
        at = fraction;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        let from = at + 1 + usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        at = digits(text, from);
        if at == from {
            return Err(FlawKind::Syntax);
        }
    }
    if at > most {
        Err(FlawKind::Number)
    } else {
        Ok(at)
    }
}

/// Where the digits that begin at `at` end.
fn digits(text: &[u8], mut at: usize) -> usize {
    while text.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

/// The length of the literal at the start of `text`.
pub(super) fn literal(text: &[u8]) -> Option<usize> {
    [b"true".as_slice(), b"false", b"null"]
        .iter()
        .find(|word| text.starts_with(word))
        .map(|word| word.len())
}

/// Where the string that opens at `start` closes, and whether it holds escapes; a flaw comes with its place.
pub(super) fn string(body: &[u8], start: usize) -> Result<(usize, bool), (FlawKind, usize)> {
    let (mut at, mut escaped) = (start + 1, false);
    while let Some(found) = seek::special(body, at) {
        match body.get(found) {
            Some(b'"') => return Ok((found, escaped)),
            Some(b'\\') => {
                let rest = body.get(found..).unwrap_or_default();
                at = found + escape(rest).map_err(|kind| (kind, found))?;
                escaped = true;
            }
            _ => return Err((FlawKind::Syntax, found)),
        }
    }
    Err((FlawKind::Syntax, start))
}

/// The length of the escape at the start of `text`, which opens with a backslash.
fn escape(text: &[u8]) -> Result<usize, FlawKind> {
    match text.get(1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
        Some(b'u') => match hex(text.get(2..6))? {
            0xd800..=0xdbff => {
                let low = (text.get(6..8) == Some(b"\\u".as_slice())).then(|| hex(text.get(8..12)));
                match low {
                    Some(Ok(0xdc00..=0xdfff)) => Ok(12),
                    _ => Err(FlawKind::Escape),
                }
            }
            0xdc00..=0xdfff => Err(FlawKind::Escape),
            _ => Ok(6),
        },
        _ => Err(FlawKind::Syntax),
    }
}

fn hex(digits: Option<&[u8]>) -> Result<u32, FlawKind> {
    let digits = digits.ok_or(FlawKind::Syntax)?;
    digits.iter().try_fold(0, |value, digit| {
        char::from(*digit)
            .to_digit(16)
            .map(|digit| value * 16 + digit)
            .ok_or(FlawKind::Syntax)
    })
}
