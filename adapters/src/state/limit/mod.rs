//! How much has been used: what a call takes of its limits, in the same words for the table in this process and for the
//! store several gateways share.

use aws_lc_rs::digest::{Context, SHA256};
use std::time::Duration;

/// Whose use is counted, and of which limit: the same on every machine and after every restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key([u8; 16]);

/// So many in a time, evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many in each period.
    pub count: u32,
    /// The period.
    pub period: Duration,
    /// How many at once after a rest.
    pub burst: u32,
}

/// What a call must be within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// One cell of a rate.
    Rate(Quota),
    /// A place among those open at once.
    Slots {
        /// How many there are.
        most: u32,
    },
    /// A part of what may be spent.
    Budget {
        /// How much there is.
        most: u64,
        /// How much is spent at once; with 0 it is only asked whether anything is left.
        amount: u64,
        /// How long what was spent is remembered after the last spending.
        life: Duration,
    },
}

/// One bound of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Take {
    /// Whose.
    pub key: Key,
    /// What.
    pub bound: Bound,
}

/// What is spent after the fact: what nobody knew before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// Of which budget.
    pub key: Key,
    /// How much.
    pub amount: u64,
    /// How long it is remembered.
    pub life: Duration,
}

/// The first bound that is reached; nothing was taken of any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Its place among what was asked for.
    pub at: usize,
    /// How long until there may be room. None where time alone makes none.
    pub retry: Option<Duration>,
}

// === impl Key ===

impl Key {
    /// Of these parts, none of which can run into the next.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Context::new(&SHA256);
        for part in parts {
            hash.update(&part.len().to_be_bytes());
            hash.update(part);
        }
        let mut key = [0; 16];
        let digest = hash.finish();
        for (to, from) in key.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        Self(key)
    }

    /// As it is written where others read it.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

// === impl Quota ===

impl Quota {
    /// The time one cell takes to come back, in nanoseconds.
    pub fn interval(&self) -> u64 {
        let period = u64::try_from(self.period.as_nanos()).unwrap_or(u64::MAX);
        (period / u64::from(self.count.max(1))).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn no_part_runs_into_the_next() {
        let key = |parts: &[&str]| Key::of(parts.iter().map(|part| part.as_bytes()));
        assert_eq!(key(&["a", "bc"]), key(&["a", "bc"]));
        assert_ne!(key(&["a", "bc"]), key(&["ab", "c"]));
        assert_ne!(key(&["a"]), key(&["a", ""]));
    }
}
