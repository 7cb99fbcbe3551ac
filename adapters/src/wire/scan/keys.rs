//! The keys of the objects that are open, to find one that comes twice.
//!
//! Few keys are compared one by one; an object with many gets a table, so that no body makes this quadratic. Both hash
//! with a secret of this process, so that nobody can choose keys that collide.

use super::super::{Span, text};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// Keys kept without allocation.
const INLINE: usize = 64;
/// Keys of one object that are compared one by one.
const FEW: usize = 32;

static SECRET: LazyLock<RandomState> = LazyLock::new(RandomState::new);

#[derive(Debug, Clone, Copy, Default)]
struct Key {
    hash: u64,
    span: Span,
}

/// The keys of the objects that are open, innermost last.
#[derive(Debug)]
pub(super) struct Keys {
    inline: [Key; INLINE],
    spilt: Vec<Key>,
    length: usize,
    /// Keys of objects with many, by where the object's keys begin.
    many: HashSet<(usize, u64)>,
}

// === impl Keys ===

impl Default for Keys {
    fn default() -> Self {
        Self {
            inline: [Key::default(); INLINE],
            spilt: Vec::new(),
            length: 0,
            many: HashSet::default(),
        }
    }
}

impl Keys {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Adds a key to the object whose keys begin at `first`; false where it has that key already.
    pub(super) fn add(&mut self, first: usize, name: &str, span: Span, body: &[u8]) -> bool {
        let hash = SECRET.hash_one(name);
        let own = self.length - first;
        if own >= FEW {
            if own == FEW {
                for at in first..self.length {
                    let hash = self.get(at).hash;
                    self.many.insert((first, hash));
                }
            }
            // Two names of one 64-bit hash under a secret are one name, as far as anybody will live to see.
            if !self.many.insert((first, hash)) {
                return false;
            }
        } else {
            for at in first..self.length {
                let key = self.get(at);
                if key.hash == hash && text::unescape(key.span.of(body)) == name {
                    return false;
                }
            }
        }
        self.push(Key { hash, span });
        true
    }

    /// Forgets the keys of an object that has closed.
    pub(super) fn truncate(&mut self, first: usize) {
        if self.length - first > FEW {
            for at in first..self.length {
                let hash = self.get(at).hash;
                self.many.remove(&(first, hash));
            }
        }
        self.length = first;
        self.spilt.truncate(first.saturating_sub(INLINE));
    }

    fn get(&self, at: usize) -> Key {
        match at.checked_sub(INLINE) {
            None => self.inline.get(at).copied().unwrap_or_default(),
            Some(at) => self.spilt.get(at).copied().unwrap_or_default(),
        }
    }

    fn push(&mut self, key: Key) {
        match self.inline.get_mut(self.length) {
            Some(place) => *place = key,
            None => self.spilt.push(key),
        }
        self.length += 1;
    }
}
