//! How much has been used: what a call takes of its limits, in the same words for the table in this process and for the
//! store several gateways share; and the table in this process.

mod budgets;
mod cells;
mod memory;
mod slots;
#[cfg(test)]
mod tests;

pub use memory::{Memory, Size};

use aws_lc_rs::digest::{Context, SHA256};
use std::time::Duration;

/// Whose use is counted, and of which limit: the same on every machine and after every restart. Keys of one limit
/// begin alike.
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

/// A bound that is reached; nothing was taken of any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Its place among what was asked for.
    pub at: usize,
    /// How long until there may be room. None where time alone makes none.
    pub retry: Option<Duration>,
}

// === impl Key ===

impl Key {
    /// Of these parts, none of which can run into the next. The first names the limit.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Context::new(&SHA256);
        let mut limit = None;
        for part in parts {
            limit.get_or_insert_with(|| short(part));
            hash.update(&part.len().to_be_bytes());
            hash.update(part);
        }
        let mut key = [0; 16];
        let digest = hash.finish();
        let limit = limit.unwrap_or_default();
        for (to, from) in key.iter_mut().zip(limit.iter().chain(digest.as_ref())) {
            *to = *from;
        }
        Self(key)
    }

    /// As it is written where others read it.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// As it was written.
    fn again(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// What keys of one limit have in common.
    fn limit(&self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.0;
        [a, b, c, d]
    }

    /// The key that stands for all of one limit for which there is no room.
    fn shared(&self) -> Self {
        let [a, b, c, d] = self.limit();
        Self([a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }
}

/// A short name for a limit: operators name limits, so nobody looks for two of one name (FNV-1a).
fn short(part: &[u8]) -> [u8; 4] {
    let hash = part.iter().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    hash.to_be_bytes()
}

// === impl Quota ===

impl Quota {
    /// The time one cell takes to come back, in nanoseconds.
    pub fn interval(&self) -> u64 {
        let period = u64::try_from(self.period.as_nanos()).unwrap_or(u64::MAX);
        (period / u64::from(self.count.max(1))).max(1)
    }
}
