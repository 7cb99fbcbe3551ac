//! The words of JSON: numbers, literals, and what may stand within a string.

use super::FlawKind;

/// The length of the number at the start of `text`.
pub(super) fn number(text: &[u8], most: usize) -> Result<usize, FlawKind> {
    let digits = |from: usize| {
        text.iter()
            .skip(from)
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let mut at = usize::from(text.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && text.get(at) == Some(&b'0')) {
        return Err(FlawKind::Syntax);
    }
    at += whole;
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return Err(FlawKind::Syntax);
        }
        at += 1 + fraction;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent == 0 {
            return Err(FlawKind::Syntax);
        }
        at += 1 + sign + exponent;
    }
    if at > most {
        Err(FlawKind::Number)
    } else {
        Ok(at)
    }
}

/// The length of the literal at the start of `text`.
pub(super) fn literal(text: &[u8]) -> Option<usize> {
    [b"true".as_slice(), b"false", b"null"]
        .iter()
        .find(|word| text.starts_with(word))
        .map(|word| word.len())
}

/// Checks what stands between the quotes of a string; a flaw comes with its place.
pub(super) fn string(inner: &[u8]) -> Result<(), (FlawKind, usize)> {
    let mut at = 0;
    while let Some(offset) = special(inner.get(at..).unwrap_or_default()) {
        at += offset;
        if inner.get(at) != Some(&b'\\') {
            return Err((FlawKind::Syntax, at));
        }
        at += escape(inner.get(at..).unwrap_or_default()).map_err(|kind| (kind, at))?;
    }
    Ok(())
}

/// Where the first control character or escape is. Eight bytes at a time: strings are most of every message.
fn special(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let has_less = |word: u64, bound: u8| word.wrapping_sub(ONES * u64::from(bound)) & !word & HIGH;
    let mut at = 0;
    for chunk in text.chunks_exact(8) {
        let word = chunk.try_into().map(u64::from_ne_bytes).unwrap_or_default();
        if has_less(word, 0x20) | has_less(word ^ (ONES * u64::from(b'\\')), 1) != 0 {
            break;
        }
        at += 8;
    }
    let rest = text.get(at..).unwrap_or_default();
    rest.iter()
        .position(|byte| *byte < 0x20 || *byte == b'\\')
        .map(|offset| at + offset)
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
