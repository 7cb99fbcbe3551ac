//! The keys of the objects that are open, to find one that comes twice.
//!
//! Few keys are compared one by one; an object with many gets a table, so that no body makes this quadratic. Hashes
//! are made with a secret of this process, so that nobody can choose keys that collide.

use super::super::{Span, text};
use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::LazyLock;

/// Keys kept without allocation.
const INLINE: usize = 64;
/// Keys of one object that are compared one by one.
const FEW: usize = 16;

static SECRET: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// An object whose keys are being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object {
    /// Where its keys begin among all keys.
    pub(super) first: usize,
    /// Where it begins in the body.
    pub(super) start: usize,
}

/// A key as it stands in the body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    /// With its quotes.
    pub(super) span: Span,
    /// Whether it is spelled with escapes.
    pub(super) escaped: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Known {
    span: Span,
    /// Of the name, where escapes spell it: unescaping it for each comparison would cost too much.
    hash: Option<u64>,
}

/// The keys of the objects that are open, innermost last.
#[derive(Debug)]
pub(super) struct Keys {
    inline: [Known; INLINE],
    spilt: Vec<Known>,
    length: usize,
    /// Names of objects with many, hashed with the object's place.
    many: HashSet<u64, BuildHasherDefault<Hashed>>,
}

/// What is hashed already.
#[derive(Debug, Default)]
struct Hashed(u64);

// === impl Keys ===

impl Default for Keys {
    fn default() -> Self {
        Self {
            inline: [Known::default(); INLINE],
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

    /// Adds a key to an object; false where the object has that key already.
    pub(super) fn add(&mut self, object: Object, name: &str, key: Key, body: &[u8]) -> bool {
        let own = self.length - object.first;
        let mut hashed = key.escaped.then(|| hash(object, name));
        let is_new = if own < FEW {
            !(object.first..self.length).any(|at| {
                let known = self.get(at);
                let raw = known.span.of(body);
                match known.hash {
                    Some(known) => known == *hashed.get_or_insert_with(|| hash(object, name)),
                    None => {
                        raw.len() == name.len() + 2
                            && raw.get(1..=name.len()) == Some(name.as_bytes())
                    }
                }
            })
        } else {
            if own == FEW {
                for at in object.first..self.length {
                    let known = text::unescape(self.get(at).span.of(body));
                    self.many.insert(hash(object, &known));
                }
            }
            // Two names of one 64-bit hash under a secret are one name, as far as anybody will live to see.
            self.many.insert(hash(object, name))
        };
        let known = Known {
            span: key.span,
            hash: hashed.filter(|_| key.escaped),
        };
        match self.inline.get_mut(self.length) {
            Some(place) => *place = known,
            None => self.spilt.push(known),
        }
        self.length += 1;
        is_new
    }

    /// Forgets the keys of an object that has closed.
    pub(super) fn truncate(&mut self, first: usize) {
        self.length = first;
        self.spilt.truncate(first.saturating_sub(INLINE));
    }

    fn get(&self, at: usize) -> Known {
        match at.checked_sub(INLINE) {
            None => self.inline.get(at).copied().unwrap_or_default(),
            Some(at) => self.spilt.get(at).copied().unwrap_or_default(),
        }
    }
}

// === impl Hashed ===

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

fn hash(object: Object, name: &str) -> u64 {
    SECRET.hash_one((object.start, name))
}
