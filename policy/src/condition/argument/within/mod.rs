//! Whether a path lies in a directory, or a URL below another.
//!
//! The gateway sees a text; the server opens a file or connects. So `Yes` and `No` are said only where everybody reads
//! the text alike, and whatever could be read in two ways is `Maybe`. What lies behind the text stays the server's: a
//! symbolic link may lead out of a directory, and a name may resolve to any address.

mod address;
mod directory;
#[cfg(test)]
mod tests;

use super::Truth;
use crate::shape::Fault;
use address::Address;
use directory::Directory;

/// Directories and addresses, in one of which a text must lie.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Within {
    directories: Vec<Directory>,
    addresses: Vec<Address>,
}

// === impl Within ===

impl Within {
    /// Reads what is written in the policy.
    pub(super) fn new<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Self, Fault> {
        let mut within = Self::default();
        for text in texts {
            match text.starts_with('/') {
                true => within.directories.push(Directory::new(text)?),
                false => within.addresses.push(Address::new(text)?),
            }
        }
        Ok(within)
    }

    /// Whether a path or URL lies in one of them.
    pub(super) fn truth(&self, text: &str) -> Truth {
        // What begins with two slashes is a path to one and the address of a host to another.
        let both = text.starts_with("//") && !self.addresses.is_empty();
        let one_of_many = if text.starts_with('/') {
            self.directories.iter().map(|one| one.truth(text)).max()
        } else {
            self.addresses.iter().map(|one| one.truth(text)).max()
        };
        one_of_many.filter(|_| !both).unwrap_or(Truth::Maybe)
    }
}

/// What is wrong with a directory or address of the policy.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    Within::new(std::iter::once(text)).map(drop)
}

/// Whether the first segments are these. Some servers and file systems do not tell letter cases apart, so what is the
/// same but for them is `Maybe`.
fn begins<T: AsRef<[u8]>>(segments: &[T], with: &[Box<str>]) -> Truth {
    let Some(head) = segments.get(..with.len()) else {
        return Truth::No;
    };
    let pairs = || head.iter().map(AsRef::as_ref).zip(with.iter());
    if pairs().all(|(one, other)| one == other.as_bytes()) {
        Truth::Yes
    } else if pairs().all(|(one, other)| one.eq_ignore_ascii_case(other.as_bytes())) {
        Truth::Maybe
    } else {
        Truth::No
    }
}
