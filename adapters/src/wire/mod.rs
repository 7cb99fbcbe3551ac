//! Wire formats without I/O: bytes in, positions and bytes out.
//!
//! A request is read once and strictly ([`read`]); what passes means the same to every parser, so its very bytes are
//! forwarded, with edits spliced in. Answers are read only as far as needed ([`answer`]).

pub mod answer;
pub mod array;
pub mod code;
pub mod echo;
pub mod header;
pub mod list;
mod look_alike;
mod member;
mod message;
mod method;
pub mod revision;
pub mod scan;
mod seek;
pub mod splice;
pub mod sse;
pub mod text;
mod track;

pub use answer::same_id;
pub use member::Member;
pub use message::{Class, Message, is_batch, read, read_batch, sound};
pub use method::Method;

/// Where a part of a body lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    start: u32,
    end: u32,
}

// === impl Span ===

impl Span {
    /// From `start` up to `end`.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        // Bodies are bounded far below 4 GiB; what is not becomes an empty span past every end.
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            start: narrow(start),
            end: narrow(end),
        }
    }

    /// The part itself.
    #[must_use]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.range()).unwrap_or_default()
    }

    /// Where the inside of an object or array begins.
    #[must_use]
    pub fn inside(self) -> usize {
        self.start as usize + 1
    }

    /// As a range.
    #[must_use]
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}
