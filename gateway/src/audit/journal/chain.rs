//! The hash chain of one log, without any I/O: how a line is ended, and how the next one is proven to follow.

use super::line::Stamp;
use aws_lc_rs::digest::{Context, SHA256, digest};
use serde_json::Value;
use std::time::SystemTime;

/// A SHA-256.
pub(crate) type Hash = [u8; 32];

/// What the first line of a log continues.
pub(crate) const ZERO: Hash = [0; 32];

/// The last line of a log: its number and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) seq: u64,
    pub(crate) hash: Hash,
}

/// Why a line does not follow the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It does not end as lines of a log do.
    Shape,
    /// It has another number than the next.
    Seq(u64),
    /// Its hash is not the one of its bytes after the line before.
    Hash,
}

/// The line that begins a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opening {
    /// What the segment says it continues.
    pub(crate) before: Head,
    /// When it began.
    pub(crate) at: SystemTime,
}

/// Between the bytes that are hashed and the hash.
const MARK: &[u8] = br#","hash":""#;
const SEQ: &[u8] = br#","seq":"#;
const END: &[u8] = br#""}"#;

// === impl Head ===

impl Head {
    /// Before the first line.
    pub(crate) const START: Self = Self { seq: 0, hash: ZERO };

    /// Ends the open line that begins at `from`, and becomes it.
    pub(crate) fn end(&mut self, buffer: &mut Vec<u8>, from: usize) {
        self.seq += 1;
        buffer.extend_from_slice(SEQ);
        digits(buffer, self.seq);
        self.hash = follow(&self.hash, buffer.get(from..).unwrap_or_default());
        buffer.extend_from_slice(MARK);
        buffer.extend_from_slice(&hex(&self.hash));
        buffer.extend_from_slice(END);
        buffer.push(b'\n');
    }

    /// The head after this line, given without its newline.
    pub(crate) fn next(self, line: &[u8]) -> Result<Self, Flaw> {
        let (seq, hashed, said) = split(line).ok_or(Flaw::Shape)?;
        let wanted = self.seq.checked_add(1).ok_or(Flaw::Shape)?;
        if seq != wanted {
            return Err(Flaw::Seq(seq));
        }
        let hash = follow(&self.hash, hashed);
        // Compared as text: a hash in another letter case is a change, too.
        if said != hex(&hash) {
            return Err(Flaw::Hash);
        }
        Ok(Self { seq, hash })
    }
}

// === impl Opening ===

impl Opening {
    /// Reads the first line of a segment.
    pub(crate) fn read(line: &[u8]) -> Option<Self> {
        let (seq, ..) = split(line)?;
        let said: Value = serde_json::from_slice(line).ok()?;
        let text = |name: &str| said.get(name).and_then(Value::as_str);
        if text("kind") != Some("segment") {
            return None;
        }
        let hash = unhex(text("prev")?)?;
        let seq = seq.checked_sub(1)?;
        let at = Stamp::read(text("at")?)?;
        Some(Self {
            before: Head { seq, hash },
            at,
        })
    }

    /// The open line that begins a segment which continues `before`.
    pub(crate) fn write(before: &Head, now: SystemTime, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(br#"{"at":""#);
        buffer.extend_from_slice(Stamp::of(now).as_bytes());
        buffer.extend_from_slice(br#"","kind":"segment","prev":""#);
        buffer.extend_from_slice(&hex(&before.hash));
        buffer.push(b'"');
    }
}

/// The number, the hashed bytes and the hash of a line.
fn split(line: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let rest = line.strip_suffix(END)?;
    let (rest, said) = rest.split_at_checked(rest.len().checked_sub(64)?)?;
    let hashed = rest.strip_suffix(MARK)?;
    if hashed.first() != Some(&b'{') {
        return None;
    }
    let number = hashed.iter().rposition(|byte| !byte.is_ascii_digit())? + 1;
    let (rest, number) = hashed.split_at_checked(number)?;
    rest.strip_suffix(SEQ)?;
    if number.first() == Some(&b'0') {
        return None;
    }
    let number = std::str::from_utf8(number).ok()?.parse().ok()?;
    Some((number, hashed, said))
}

/// Whether these bytes begin with a line that follows, and go on with something else than its newline.
pub(crate) fn holds_whole_line(head: Head, bytes: &[u8]) -> bool {
    memchr::memmem::find_iter(bytes, MARK).any(|at| {
        let end = at + MARK.len() + 64 + END.len();
        let line = bytes.get(..end).filter(|_| bytes.len() > end);
        line.is_some_and(|line| head.next(line).is_ok())
    })
}

fn follow(before: &Hash, line: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(before);
    context.update(line);
    copied(context.finish().as_ref())
}

/// The hash of bytes that belong to no chain.
pub(crate) fn plain(bytes: &[u8]) -> Hash {
    copied(digest(&SHA256, bytes).as_ref())
}

fn copied(bytes: &[u8]) -> Hash {
    let mut hash = ZERO;
    for (to, from) in hash.iter_mut().zip(bytes) {
        *to = *from;
    }
    hash
}

fn digits(buffer: &mut Vec<u8>, number: u64) {
    let mut text = [b'0'; 20];
    let mut left = number;
    let mut used = 0;
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
        used += 1;
        if left == 0 {
            break;
        }
    }
    buffer.extend_from_slice(text.get(text.len() - used..).unwrap_or_default());
}

/// Lower-case hex.
pub(crate) fn hex(hash: &Hash) -> [u8; 64] {
    let letter = |nibble: u8| match nibble {
        0..10 => b'0' + nibble,
        _ => b'a' + nibble - 10,
    };
    let mut text = [0; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(hash) {
        if let [high, low] = pair {
            *high = letter(byte >> 4);
            *low = letter(byte & 15);
        }
    }
    text
}

/// Lower-case hex, as text.
pub(crate) fn hex_text(hash: &Hash) -> String {
    hex(hash).iter().map(|byte| char::from(*byte)).collect()
}

/// A hash from its lower-case hex.
pub(crate) fn unhex(text: &str) -> Option<Hash> {
    let nibble = |letter: u8| match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    };
    if text.len() != 64 {
        return None;
    }
    let mut hash = ZERO;
    for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(head: &mut Head, text: &str) -> Vec<u8> {
        let mut buffer = text.as_bytes().to_vec();
        head.end(&mut buffer, 0);
        assert_eq!(buffer.pop(), Some(b'\n'));
        buffer
    }

    /// The format that auditors' own programs rely on, computed by hand with `sha256sum`'s algorithm.
    #[test]
    fn a_line_ends_as_documented() {
        let mut head = Head::START;
        let first = line(&mut head, r#"{"at":"x","kind":"y""#);
        let mut bytes = vec![0; 32];
        bytes.extend_from_slice(br#"{"at":"x","kind":"y","seq":1"#);
        let hash = hex_text(&plain(&bytes));
        let wanted = format!(r#"{{"at":"x","kind":"y","seq":1,"hash":"{hash}"}}"#);
        assert_eq!(String::from_utf8(first.clone()).unwrap(), wanted);
        assert_eq!(Head::START.next(&first), Ok(head));
        assert_eq!(head.next(&first), Err(Flaw::Seq(1)));
        assert_eq!(unhex(&hash), Some(head.hash));
    }

    #[test]
    fn numbers_are_written_without_zeros_before_them() {
        for number in [0, 1, 9, 10, 99, 100, 12_345, u64::MAX] {
            let mut text = Vec::new();
            digits(&mut text, number);
            assert_eq!(String::from_utf8(text).unwrap(), number.to_string());
        }
    }

    #[test]
    fn every_flipped_bit_is_a_flaw() {
        let mut head = Head::START;
        line(&mut head, r#"{"a":1"#);
        let before = head;
        let second = line(&mut head, r#"{"a":2,"text":",\"hash\":\"x\"}""#);
        assert_eq!(before.next(&second), Ok(head));
        for at in 0..second.len() {
            for bit in 0..8 {
                let mut bent = second.clone();
                bent[at] ^= 1 << bit;
                assert!(before.next(&bent).is_err(), "{at}.{bit}");
            }
            assert!(before.next(&second[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn an_opening_says_what_it_continues() {
        let mut head = Head::START;
        line(&mut head, r#"{"a":1"#);
        let now = Stamp::read("2026-11-21T16:32:18.123456Z").unwrap();
        let mut text = Vec::new();
        Opening::write(&head, now, &mut text);
        let before = head;
        head.end(&mut text, 0);
        text.pop();
        assert_eq!(Opening::read(&text), Some(Opening { before, at: now }));
        assert_eq!(before.next(&text), Ok(head));
    }

    #[test]
    fn a_line_without_its_newline_is_seen_in_what_follows_it() {
        let mut head = Head::START;
        let first = line(&mut head, r#"{"a":1"#);
        for end in 0..=first.len() {
            assert!(
                !holds_whole_line(Head::START, first.get(..end).unwrap()),
                "{end}"
            );
        }
        let mut more = first.clone();
        more.push(0x0b);
        assert!(holds_whole_line(Head::START, &more));
    }
}
