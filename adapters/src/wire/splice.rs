//! Edits to a body: spans replaced by other bytes, everything between them untouched.

use super::Span;
use bytes::{Bytes, BytesMut};

/// One replaced span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    span: Span,
    with: Bytes,
}

// === impl Edit ===

impl Edit {
    /// Puts other bytes in a span's place.
    #[must_use]
    pub fn replace(span: Span, with: impl Into<Bytes>) -> Self {
        Self {
            span,
            with: with.into(),
        }
    }

    /// Puts bytes before a position.
    #[must_use]
    pub fn insert(at: usize, with: impl Into<Bytes>) -> Self {
        Self::replace(Span::new(at, at), with)
    }

    /// Takes a span out.
    #[must_use]
    pub fn remove(span: Span) -> Self {
        Self::replace(span, Bytes::new())
    }
}

/// Applies edits, in any order. Of two that overlap the earlier counts; what is put in where another span begins comes
/// before whatever becomes of that span.
#[must_use]
pub fn apply(body: &Bytes, mut edits: Vec<Edit>) -> Bytes {
    if edits.is_empty() {
        return body.clone();
    }
    edits.sort_by_key(|edit| (edit.span.range().start, edit.span.range().end));
    let more: usize = edits.iter().map(|edit| edit.with.len()).sum();
    let mut out = BytesMut::with_capacity(body.len() + more);
    let mut at = 0;
    for edit in edits {
        let range = edit.span.range();
        if range.start < at {
            continue;
        }
        out.extend_from_slice(body.get(at..range.start).unwrap_or_default());
        out.extend_from_slice(&edit.with);
        at = range.end;
    }
    out.extend_from_slice(body.get(at..).unwrap_or_default());
    out.freeze()
}

/// Chunks as one; a single chunk is not copied.
#[must_use]
pub fn join(mut chunks: Vec<Bytes>) -> Bytes {
    if chunks.len() <= 1 {
        return chunks.pop().unwrap_or_default();
    }
    let mut out = BytesMut::with_capacity(chunks.iter().map(Bytes::len).sum());
    for chunk in chunks {
        out.extend_from_slice(&chunk);
    }
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_apply_in_place() {
        let body = Bytes::from_static(b"0123456789");
        let edits = vec![
            Edit::replace(Span::new(8, 10), "end"),
            Edit::remove(Span::new(1, 3)),
            Edit::replace(Span::new(5, 5), "<>"),
        ];
        assert_eq!(apply(&body, edits), "034<>567end");
    }

    #[test]
    fn what_is_put_in_where_a_span_goes_is_there() {
        let body = Bytes::from_static(b"{gone,left}");
        let edits = vec![Edit::remove(Span::new(1, 6)), Edit::insert(1, "new,")];
        assert_eq!(apply(&body, edits), "{new,left}");
    }

    #[test]
    fn an_untouched_body_is_the_same_bytes() {
        let body = Bytes::from(vec![1, 2, 3]);
        assert_eq!(apply(&body, Vec::new()).as_ptr(), body.as_ptr());
        assert_eq!(join(vec![body.clone()]).as_ptr(), body.as_ptr());
        assert_eq!(join(vec![body.clone(), body]).len(), 6);
    }
}
