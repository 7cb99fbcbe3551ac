//! The table in this process: what calls take of limits that no other process shares.

use super::budgets::{self, Budgets};
use super::cells::{self, Cells};
use super::slots::Slots;
use super::{Bound, Refused, Spent, Take};
use crate::state::{Durable, Entry, StateError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// The table. All that is in it has a bound.
#[derive(Debug)]
pub struct Memory {
    start: Instant,
    /// Since when buckets of which nothing is known have no credit; none: they are full.
    born: Option<u64>,
    cells: Cells,
    slots: Slots,
    budgets: Budgets,
}

/// How large it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Keys whose rate is not full again.
    pub rates: usize,
    /// Keys that have something open.
    pub open: usize,
    /// Budgets something is spent of.
    pub budgets: usize,
    /// How often a key found no room, and shared what one key gets.
    pub overflowed: u64,
}

/// How large its parts may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    pub(super) rates: usize,
    pub(super) budgets: usize,
}

/// One moment, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Now {
    /// Since the table began.
    pub(super) nanos: u64,
    /// Since the epoch.
    pub(super) seconds: u64,
}

// === impl Memory ===

impl Memory {
    /// A table whose budgets are kept in a file, where there is one, and are as it has them.
    #[must_use]
    pub fn new(file: Option<(Durable, Vec<Entry>)>) -> Self {
        let most = Most {
            rates: cells::PART_MOST,
            budgets: budgets::MOST,
        };
        Self::bounded(file, most)
    }

    /// A table whose rates begin without any credit: what was taken before, nobody here knows.
    #[must_use]
    pub fn empty_handed() -> Self {
        Self {
            born: Some(0),
            ..Self::new(None)
        }
    }

    pub(super) fn bounded(file: Option<(Durable, Vec<Entry>)>, most: Most) -> Self {
        Self {
            start: Instant::now(),
            born: None,
            cells: Cells::new(most.rates),
            slots: Slots::new(),
            budgets: Budgets::load(file, most.budgets, seconds()),
        }
    }

    /// Takes all of it, or nothing.
    ///
    /// # Errors
    ///
    /// The bound that is reached; of several the one that takes longest.
    pub fn take(&self, takes: &[Take]) -> Result<(), Refused> {
        self.take_at(takes, self.now())
    }

    /// Gives back what was taken: what was open has ended, or another bound was reached.
    pub fn give(&self, takes: &[Take]) {
        for take in takes {
            match take.bound {
                Bound::Rate(quota) => self.cells.give(&take.key, &quota),
                Bound::Slots { .. } => self.slots.give(&take.key),
                Bound::Budget { amount, .. } => self.budgets.give(&take.key, amount),
            }
        }
    }

    /// Spends what nobody knew before.
    pub fn spend(&self, spent: &[Spent]) {
        let now = self.now();
        for Spent { key, amount, life } in spent {
            self.budgets.spend(key, *amount, (*life, now.seconds));
        }
    }

    /// What is spent of a budget.
    #[must_use]
    pub fn spent(&self, key: &super::Key) -> u64 {
        self.budgets.spent(key, seconds())
    }

    /// Has what was spent written down, soon.
    pub fn settle(&self) {
        self.budgets.settle();
    }

    /// Waits until all that was spent is written down, where it is.
    ///
    /// # Errors
    ///
    /// Why it is not.
    pub async fn settled(&self) -> Result<(), StateError> {
        self.budgets.settled().await
    }

    /// Lets go of what has had its time.
    pub fn sweep(&self) {
        self.sweep_at(self.now());
    }

    /// How large it is.
    #[must_use]
    pub fn size(&self) -> Size {
        Size {
            rates: self.cells.len(),
            open: self.slots.len(),
            budgets: self.budgets.len(),
            overflowed: self.cells.overflowed(),
        }
    }

    pub(super) fn sweep_at(&self, now: Now) {
        self.cells.sweep(now.nanos);
        self.budgets.sweep(now.seconds);
    }

    pub(super) fn take_at(&self, takes: &[Take], now: Now) -> Result<(), Refused> {
        for (at, take) in takes.iter().enumerate() {
            if let Err(retry) = self.one(take, now) {
                let (taken, rest) = takes.split_at(at);
                self.give(taken);
                return Err(self.longest(Refused { at, retry }, rest, now));
            }
        }
        Ok(())
    }

    fn one(&self, take: &Take, now: Now) -> Result<(), Option<Duration>> {
        let Take { key, bound } = take;
        let taken = match bound {
            Bound::Rate(quota) => {
                let when = (now.nanos, self.born);
                return self.cells.take(key, quota, when).map_err(Some);
            }
            Bound::Slots { most } => self.slots.take(key, *most),
            Bound::Budget { most, amount, life } => {
                let when = (*life, now.seconds);
                self.budgets.take(key, (*most, *amount), when)
            }
        };
        taken.then_some(()).ok_or(None)
    }

    /// As [`Memory::one`], and takes nothing.
    fn ask(&self, take: &Take, now: Now) -> Result<(), Option<Duration>> {
        let Take { key, bound } = take;
        let room = match bound {
            Bound::Rate(quota) => {
                let when = (now.nanos, self.born);
                return self.cells.ask(key, quota, when).map_err(Some);
            }
            Bound::Slots { most } => self.slots.has_room(key, *most),
            Bound::Budget { most, amount, .. } => {
                self.budgets.has_room(key, (*most, *amount), now.seconds)
            }
        };
        room.then_some(()).ok_or(None)
    }

    /// Of all that are reached the one that takes longest: who comes back when it says, is let in.
    fn longest(&self, first: Refused, rest: &[Take], now: Now) -> Refused {
        let patience = |at: usize, retry: Option<Duration>| {
            let bound = at.checked_sub(first.at).and_then(|at| rest.get(at));
            match bound.map(|take| take.bound) {
                Some(Bound::Budget { .. }) => Duration::MAX,
                Some(Bound::Slots { .. }) | None => Duration::ZERO,
                Some(Bound::Rate(_)) => retry.unwrap_or_default(),
            }
        };
        let mut longest = first;
        for (after, take) in rest.iter().enumerate().skip(1) {
            let at = first.at + after;
            if let Err(retry) = self.ask(take, now)
                && patience(at, retry) > patience(longest.at, longest.retry)
            {
                longest = Refused { at, retry };
            }
        }
        longest
    }

    fn now(&self) -> Now {
        Now {
            nanos: u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX),
            seconds: seconds(),
        }
    }
}

/// Seconds since the epoch.
pub(super) fn seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
