//! The text of a SPIFFE ID, taken only in its one canonical spelling.

use std::fmt;
use std::str::FromStr;

/// Longest SPIFFE ID the standard lets anybody send.
const MAX_BYTES: usize = 2048;
/// Longest name of a trust domain.
const MAX_DOMAIN: usize = 255;

/// A SPIFFE ID: `spiffe://`, a trust domain, and a path that may be empty. Equal IDs are equal bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId {
    text: Box<str>,
    domain: usize,
}

/// What keeps a text from being a SPIFFE ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdFault {
    /// Over 2048 bytes.
    #[error("is longer than 2048 bytes")]
    TooLong,
    /// Another scheme, or the right one in upper case.
    #[error("does not begin with `spiffe://`")]
    Scheme,
    /// Empty, too long, or with a character outside `a-z0-9.-_`: a port and a user are such.
    #[error("has a trust domain other than 1 to 255 of `a-z`, `0-9`, `.`, `-`, `_`")]
    TrustDomain,
    /// A segment that is empty, `.` or `..`: a slash at the end makes one.
    #[error("has a path segment that is empty, `.` or `..`")]
    Segment,
    /// A character outside `A-Za-z0-9.-_`: an escape, a query and a fragment have such.
    #[error("has a character in its path other than letters, digits, `.`, `-`, `_`")]
    PathCharacter,
}

// === impl SpiffeId ===

impl SpiffeId {
    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name of its trust domain, without the scheme.
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        let rest = self.text.get(SCHEME.len()..).unwrap_or_default();
        rest.get(..self.domain).unwrap_or_default()
    }

    /// What follows the trust domain: empty, or begins with a slash.
    #[must_use]
    pub fn path(&self) -> &str {
        let begin = SCHEME.len().saturating_add(self.domain);
        self.text.get(begin..).unwrap_or_default()
    }
}

const SCHEME: &str = "spiffe://";

impl FromStr for SpiffeId {
    type Err = IdFault;

    fn from_str(text: &str) -> Result<Self, IdFault> {
        if text.len() > MAX_BYTES {
            return Err(IdFault::TooLong);
        }
        let rest = text.strip_prefix(SCHEME).ok_or(IdFault::Scheme)?;
        let (domain, path) = match rest.split_once('/') {
            Some((domain, path)) => (domain, Some(path)),
            None => (rest, None),
        };
        if !is_trust_domain(domain) {
            return Err(IdFault::TrustDomain);
        }
        for segment in path.into_iter().flat_map(|path| path.split('/')) {
            if matches!(segment, "" | "." | "..") {
                return Err(IdFault::Segment);
            }
            if !segment.bytes().all(is_path_byte) {
                return Err(IdFault::PathCharacter);
            }
        }
        Ok(Self {
            text: text.into(),
            domain: domain.len(),
        })
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a text is the name of a trust domain, written as SPIFFE IDs write it.
pub(super) fn is_trust_domain(name: &str) -> bool {
    let known = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_')
    };
    (1..=MAX_DOMAIN).contains(&name.len()) && name.bytes().all(known)
}

fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}
