//! Where a string ends or turns. Eight bytes at a time: strings are most of every message.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);

/// The first quote, backslash or control character from `at` on.
pub(super) fn special(text: &[u8], at: usize) -> Option<usize> {
    let matches = |word| equal(word, b'"') | equal(word, b'\\') | below(word, 0x20);
    match words(text, at, usize::MAX, matches) {
        Ok(found) => Some(found),
        Err(at) => {
            let rest = text.get(at..)?.iter();
            let mut offsets = rest.enumerate();
            offsets
                .find(|(_, byte)| **byte < 0x20 || matches!(byte, b'"' | b'\\'))
                .map(|(offset, _)| at + offset)
        }
    }
}

/// The first quote or backslash from `at` on.
pub(super) fn quote_or_escape(text: &[u8], at: usize) -> Option<usize> {
    // Most strings are short, and finding out how to search long ones costs more than searching them.
    match words(text, at, 2, |word| equal(word, b'"') | equal(word, b'\\')) {
        Ok(found) => Some(found),
        Err(at) => memchr::memchr2(b'"', b'\\', text.get(at..)?).map(|offset| at + offset),
    }
}

/// The first byte that matches within the next `most` whole words, or where they end.
fn words(
    text: &[u8],
    at: usize,
    most: usize,
    matches: impl Fn(u64) -> u64,
) -> Result<usize, usize> {
    let mut at = at;
    for chunk in text
        .get(at..)
        .unwrap_or_default()
        .chunks_exact(8)
        .take(most)
    {
        let word = chunk.try_into().map(u64::from_le_bytes).unwrap_or_default();
        let found = matches(word);
        if found != 0 {
            // A match can only feign others in the bytes behind it.
            return Ok(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    Err(at)
}

/// Marks each byte less than `bound`.
fn below(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(bound)) & !word & HIGH
}

/// Marks each byte that is `byte`.
fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * u64::from(byte)), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_found_at_every_place() {
        for byte in 0..=u8::MAX {
            for length in 0..40 {
                let mut text = vec![b'\xff'; length];
                text.push(byte);
                text.extend_from_slice(b"\\\"\x01 \xc3\xa9 and more, beyond a word");
                let is_special = byte < 0x20 || matches!(byte, b'"' | b'\\');
                let turns = matches!(byte, b'"' | b'\\');
                assert_eq!(special(&text, 0), Some(length + usize::from(!is_special)));
                assert_eq!(
                    quote_or_escape(&text, 0),
                    Some(length + usize::from(!turns))
                );
            }
        }
        assert_eq!(special(b"nothing here to find", 3), None);
        assert_eq!(quote_or_escape(b"nothing here to find", 30), None);
    }
}
