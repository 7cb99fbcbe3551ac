//! Strict HTTP/1 framing, checked before a lenient parser sees a byte.
//!
//! Request smuggling lives on two parsers reading one byte stream differently. So `head` accepts only what every
//! parser reads the same way, `track` follows bodies to find the next head (pipelining), and `filter` sits between
//! socket and hyper: whatever it lets through has been checked, whatever follows a violation is never seen.

mod filter;
mod head;
mod track;

#[cfg(test)]
pub(super) mod tests;

use http::StatusCode;

pub(crate) use filter::Filter;
pub(crate) use head::is_lookalike;
pub use head::{Framing, check_head};

/// Longest head, in bytes.
pub const HEAD_MAX: usize = 64 * 1024;

/// Most header fields of a request.
pub const FIELDS_MAX: usize = 100;

/// Why bytes are not one unmistakable request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// The request line is not `METHOD /target HTTP/1.1`.
    RequestLine,
    /// CONNECT or TRACE.
    Method,
    /// Not one origin-form target (or an absolute one that names another host).
    Target,
    /// Not HTTP/1.1.
    Version,
    /// A bare CR or LF.
    LineEnd,
    /// A field name that is not a token, or a folded line.
    FieldName,
    /// A control character in a value.
    FieldValue,
    /// A name that another parser takes for one that matters.
    Lookalike,
    /// Not exactly one well-formed Host.
    Host,
    /// Repeated, signed, listed or otherwise odd.
    ContentLength,
    /// Anything but one `chunked`.
    TransferEncoding,
    /// A length and chunks.
    BothLengths,
    /// A body where none belongs.
    Body,
    /// An upgrade, h2c included.
    Upgrade,
    /// Anything but 100-continue.
    Expect,
    /// Broken or decorated chunks, trailers.
    Chunk,
    /// Longer than [`HEAD_MAX`].
    HeadSize,
    /// More than [`FIELDS_MAX`].
    Fields,
    /// A head not finished in time.
    Slow,
}

const REASONS: [(Reason, &str); 19] = [
    (Reason::RequestLine, "request-line"),
    (Reason::Method, "method"),
    (Reason::Target, "target"),
    (Reason::Version, "version"),
    (Reason::LineEnd, "line-end"),
    (Reason::FieldName, "field-name"),
    (Reason::FieldValue, "field-value"),
    (Reason::Lookalike, "look-alike"),
    (Reason::Host, "host"),
    (Reason::ContentLength, "content-length"),
    (Reason::TransferEncoding, "transfer-encoding"),
    (Reason::BothLengths, "both-lengths"),
    (Reason::Body, "body"),
    (Reason::Upgrade, "upgrade"),
    (Reason::Expect, "expect"),
    (Reason::Chunk, "chunk"),
    (Reason::HeadSize, "head-size"),
    (Reason::Fields, "fields"),
    (Reason::Slow, "slow"),
];

// === impl Reason ===

impl Reason {
    /// One word for the answer, the log and tests.
    pub fn name(self) -> &'static str {
        REASONS
            .iter()
            .find(|(reason, _)| *reason == self)
            .map_or("", |(_, name)| name)
    }

    /// The reason of that name.
    pub fn named(name: &str) -> Option<Self> {
        REASONS
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(reason, _)| *reason)
    }

    /// What the client gets.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::HeadSize | Self::Fields => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}
