//! Why a body is no message.

use super::super::{Span, code};
use std::borrow::Cow;
use std::fmt;

/// Why a body is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flaw {
    kind: FlawKind,
    at: usize,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlawKind {
    /// Not UTF-8.
    Encoding,
    /// Not JSON.
    Syntax,
    /// Something after the value.
    Trailing,
    /// A string escape that stands for no character.
    Escape,
    /// A member twice in one object.
    Duplicate,
    /// A name that is not a known one but could be taken for it.
    LookAlike,
    /// A name or URI with characters that cannot be seen.
    Deceptive,
    /// Nested too deep.
    Depth,
    /// Too many members.
    Members,
    /// A number too long.
    Number,
    /// Too many messages in a batch, or none.
    Batch,
    /// JSON, but no JSON-RPC message.
    Shape(&'static str),
}

// === impl Flaw ===

impl Flaw {
    /// A flaw at a byte of the body.
    pub(in crate::wire) fn at(kind: FlawKind, at: usize) -> Self {
        Self { kind, at }
    }

    /// A message that is JSON but no JSON-RPC.
    pub(in crate::wire) fn shape(why: &'static str) -> Self {
        Self {
            kind: FlawKind::Shape(why),
            at: 0,
        }
    }

    /// A flaw of the value at `span`.
    pub(in crate::wire) fn of(kind: FlawKind, span: Span) -> Self {
        Self {
            kind,
            at: span.range().start,
        }
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> FlawKind {
        self.kind
    }

    /// The JSON-RPC error it is.
    #[must_use]
    pub fn code(&self) -> i64 {
        match self.kind {
            FlawKind::Encoding | FlawKind::Syntax | FlawKind::Trailing | FlawKind::Escape => {
                code::PARSE_ERROR
            }
            _ => code::INVALID_REQUEST,
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what: Cow<'static, str> = match self.kind {
            FlawKind::Encoding => "not UTF-8".into(),
            FlawKind::Syntax => "not JSON".into(),
            FlawKind::Trailing => "something follows the message".into(),
            FlawKind::Escape => "a string holds a character that does not exist".into(),
            FlawKind::Duplicate => "a member stands twice in one object".into(),
            FlawKind::LookAlike => "a member's name could be taken for another".into(),
            FlawKind::Deceptive => "a name holds characters that cannot be seen".into(),
            FlawKind::Depth => "nested too deep".into(),
            FlawKind::Members => "too many members".into(),
            FlawKind::Number => "a number is too long".into(),
            FlawKind::Batch => "a batch holds no message, or too many".into(),
            FlawKind::Shape(why) => return f.write_str(why),
        };
        write!(f, "{what} (byte {})", self.at)
    }
}

impl std::error::Error for Flaw {}
