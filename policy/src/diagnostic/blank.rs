//! Stars out secrets before a text is shown: a mistake beside a password must not print it.
//!
//! It works on text, not on the tree, so that it also covers what is no TOML. Stars may hide too much; the
//! mistake itself is still told in words.

use std::ops::Range;
use std::sync::Arc;

/// Parts of names whose values are secrets.
const NAMES: [&str; 6] = [
    "secret",
    "password",
    "passwd",
    "passphrase",
    "token",
    "api_key",
];

/// The text with ranges starred out, bytes and lines kept so that spans stay true.
pub(super) fn ranges(text: &str, ranges: &[Range<usize>]) -> Arc<str> {
    let mut bytes = text.as_bytes().to_vec();
    for range in ranges {
        let secret = bytes.get_mut(range.clone()).unwrap_or_default();
        for byte in secret
            .iter_mut()
            .filter(|byte| !matches!(byte, b'\n' | b'\r'))
        {
            *byte = b'*';
        }
    }
    String::from_utf8_lossy(&bytes).into()
}

/// What looks like a secret in a text.
pub(super) fn likely(text: &str) -> Vec<Range<usize>> {
    [users(text), named(text)].concat()
}

/// What stands before `@` in a URL.
fn users(text: &str) -> Vec<Range<usize>> {
    let starts = text.match_indices("://").map(|(at, mark)| at + mark.len());
    let range = |start: usize| {
        let rest = text.get(start..)?;
        let end =
            rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '?' | '#'));
        let at = rest.get(..end.unwrap_or(rest.len()))?.rfind('@')?;
        Some(start..start + at)
    };
    starts.filter_map(range).collect()
}

/// What stands in quotes behind a name such as `password =`.
fn named(text: &str) -> Vec<Range<usize>> {
    let range = |(at, _): (usize, &str)| {
        let name = text.get(..at)?.trim_end_matches([' ', '\t', '"', '\'']);
        let start = name.rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'));
        let name = name
            .get(start.map_or(0, |before| before + 1)..)?
            .to_ascii_lowercase();
        let secretive = NAMES
            .iter()
            .any(|part| name.replace('-', "_").contains(part));
        let value = text.get(at + 1..)?;
        let open = value.find(|c: char| c != ' ' && c != '\t')?;
        let quote = value
            .get(open..)?
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\''))?;
        let inside = value.get(open + 1..)?;
        let start = at + 1 + open + 1;
        let end = inside.find([quote, '\n']).unwrap_or(inside.len());
        secretive.then_some(start..start + end)
    };
    text.match_indices('=').filter_map(range).collect()
}
