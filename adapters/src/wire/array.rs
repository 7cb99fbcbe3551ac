//! Elements of JSON arrays that the scanner has passed, by position.

use super::Span;
use super::seek;
use super::splice::Edit;
use bytes::{Bytes, BytesMut};

/// The elements of the array at `span`; nothing where it is no array.
#[must_use]
pub fn elements(body: &[u8], span: Span) -> Vec<Span> {
    let Some(inner) = span
        .of(body)
        .strip_prefix(b"[")
        .and_then(|raw| raw.strip_suffix(b"]"))
    else {
        return Vec::new();
    };
    let offset = span.range().start + 1;
    split(inner)
        .into_iter()
        .map(|(start, end)| Span::new(offset + start, offset + end))
        .collect()
}

/// What the commas outside of anything nested part, without the space around it.
fn split(inner: &[u8]) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let (mut depth, mut start, mut at) = (0_usize, 0, 0);
    while let Some(byte) = inner.get(at) {
        match byte {
            b'"' => at = string_end(inner, at),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push((start, at));
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    parts.push((start, inner.len()));
    let trim = |(start, end): (usize, usize)| {
        let raw = inner.get(start..end).unwrap_or_default();
        let from = start + (raw.len() - raw.trim_ascii_start().len());
        (from, from + raw.trim_ascii().len())
    };
    parts
        .into_iter()
        .map(trim)
        .filter(|(start, end)| start < end)
        .collect()
}

/// The members of the object at `span`: raw key and value of each.
#[must_use]
pub fn members(body: &[u8], span: Span) -> Vec<(Span, Span)> {
    let raw = span.of(body);
    let Some(inner) = raw
        .strip_prefix(b"{")
        .and_then(|raw| raw.strip_suffix(b"}"))
    else {
        return Vec::new();
    };
    let offset = span.range().start + 1;
    split(inner)
        .into_iter()
        .map(|(start, end)| {
            let key_end = start + string_end(inner.get(start..end).unwrap_or_default(), 0) + 1;
            let after = inner.get(key_end..end).unwrap_or_default();
            let colon = memchr::memchr(b':', after).unwrap_or_default() + 1;
            let value = after.get(colon..).unwrap_or_default();
            let from = key_end + colon + (value.len() - value.trim_ascii_start().len());
            (
                Span::new(offset + start, offset + key_end),
                Span::new(offset + from, offset + end),
            )
        })
        .collect()
}

/// The elements of a body that is an array.
#[must_use]
pub fn top(body: &[u8]) -> Vec<Span> {
    let start = body.len() - body.trim_ascii_start().len();
    elements(body, Span::new(start, start + body.trim_ascii().len()))
}

/// Keeps the elements a predicate wants: at most one edit, none where all stay.
pub fn cut(body: &[u8], span: Span, mut keep: impl FnMut(Span) -> bool) -> Vec<Edit> {
    let all = elements(body, span);
    let kept: Vec<Span> = all
        .iter()
        .copied()
        .filter(|element| keep(*element))
        .collect();
    if kept.len() == all.len() {
        return Vec::new();
    }
    let mut with = BytesMut::from(&b"["[..]);
    for element in kept {
        if with.len() > 1 {
            with.extend_from_slice(b",");
        }
        with.extend_from_slice(element.of(body));
    }
    with.extend_from_slice(b"]");
    vec![Edit::replace(span, Bytes::from(with))]
}

/// The closing quote of the string that opens at `at`, or the end of the text.
pub(super) fn string_end(text: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(found) = seek::quote_or_escape(text, at) {
        if text.get(found) == Some(&b'"') {
            return found;
        }
        at = found + 2;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::splice;

    #[test]
    fn elements_are_found_whole() {
        let body = br#" [ "a,]\"" , {"b":[1,2]},3 ] "#;
        let found: Vec<&[u8]> = top(body).into_iter().map(|span| span.of(body)).collect();
        assert_eq!(found, [br#""a,]\"""#.as_slice(), br#"{"b":[1,2]}"#, b"3"]);
        assert!(top(b"[ ]").is_empty() && top(b"{}").is_empty());
    }

    #[test]
    fn what_is_not_kept_is_cut() {
        let body = Bytes::from_static(b"[1,2,3]");
        let odd = cut(&body, Span::new(0, 7), |span| span.of(&body) != b"2");
        assert_eq!(splice::apply(&body, odd), "[1,3]");
        assert!(cut(&body, Span::new(0, 7), |_| true).is_empty());
        let none = cut(&body, Span::new(0, 7), |_| false);
        assert_eq!(splice::apply(&body, none), "[]");
    }
}
