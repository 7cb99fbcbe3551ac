//! The rates: for each key, until when what it took is not yet back. A table with a bound, in parts that do not wait
//! for each other.
//!
//! An entry whose time has passed means the same as none, so only such are ever let go of: whoever is throttled stays
//! so, however many others come. Where there is no room, keys nobody has seen share one bucket for each limit, which
//! gives all of them together what one of them would get.

use super::{Key, Quota};
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota as Pace, RateLimiter};
use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The rates.
#[derive(Debug)]
pub(super) struct Cells {
    first: Mutex<Part>,
    rest: Box<[Mutex<Part>]>,
    /// Which part a key is in; nobody outside can tell.
    place: RandomState,
    /// The most entries of one part.
    most: usize,
    /// What keys without room share, one bucket for each limit.
    overflow: Mutex<HashMap<[u8; 4], u64>>,
    overflowed: AtomicU64,
}

#[derive(Debug, Default)]
struct Part {
    until: HashMap<Key, u64>,
    /// It is not looked through before, however full it is.
    look: u64,
}

/// The table at one moment, as governor sees it.
#[derive(Debug, Clone, Copy)]
struct Moment<'a> {
    cells: &'a Cells,
    now: u64,
    /// What a key of which nothing is known has taken.
    fresh: Option<u64>,
    /// Whether nothing is changed: it is only asked.
    asks: bool,
}

/// Governor reads a clock once for the beginning of time and once for each decision; both are known here before.
#[derive(Debug, Clone, Default)]
struct Hand(Cell<u64>);

/// In how many parts the table is.
const PARTS: usize = 128;
/// Seven eighths of a power of two: a part never has a place more than its entries need.
pub(super) const PART_MOST: usize = 14_336;
/// A full part is looked through for what has passed no more often: whoever floods it pays for little of it.
const PAUSE: u64 = 250_000_000;
/// No bucket remembers longer, so that no sum of times overflows: 146 years.
const LONGEST: u64 = u64::MAX / 4;

// === impl Cells ===

impl Cells {
    pub(super) fn new(most: usize) -> Self {
        Self {
            first: Mutex::default(),
            rest: (1..PARTS).map(|_| Mutex::default()).collect(),
            place: RandomState::new(),
            most,
            overflow: Mutex::default(),
            overflowed: AtomicU64::default(),
        }
    }

    /// Takes one cell, or says how long there is none.
    pub(super) fn take(
        &self,
        key: &Key,
        quota: &Quota,
        (now, born): (u64, Option<u64>),
    ) -> Result<(), Duration> {
        self.decide(key, quota, (now, born), false)
    }

    /// As [`Cells::take`], and takes nothing.
    pub(super) fn ask(
        &self,
        key: &Key,
        quota: &Quota,
        (now, born): (u64, Option<u64>),
    ) -> Result<(), Duration> {
        self.decide(key, quota, (now, born), true)
    }

    /// Gives one cell back. What keys without room share stays taken.
    pub(super) fn give(&self, key: &Key, quota: &Quota) {
        let mut part = self.part(key);
        if let Some(until) = part.until.get_mut(key) {
            *until = until.saturating_sub(quota.interval());
        }
    }

    /// Lets go of what has passed.
    pub(super) fn sweep(&self, now: u64) {
        for part in self.parts() {
            let mut part = lock(part);
            part.sweep(now);
            // What a flood needed is given back to the system.
            if part.until.len() < part.until.capacity() / 4 {
                part.until.shrink_to_fit();
            }
        }
        lock(&self.overflow).retain(|_, until| *until > now);
    }

    /// How many keys are in it.
    pub(super) fn len(&self) -> usize {
        self.parts().map(|part| lock(part).until.len()).sum()
    }

    /// How often a key found no room.
    pub(super) fn overflowed(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
    }

    fn decide(
        &self,
        key: &Key,
        quota: &Quota,
        (now, born): (u64, Option<u64>),
        asks: bool,
    ) -> Result<(), Duration> {
        let interval = quota.interval();
        let Some(pace) = Pace::with_period(Duration::from_nanos(interval)) else {
            // Not reached: an interval is at least a nanosecond. A rate nobody can keep lets nothing pass.
            return Err(quota.period);
        };
        let most = u32::try_from(LONGEST / interval).unwrap_or(u32::MAX);
        let burst = quota.burst.clamp(1, most.max(1));
        let moment = Moment {
            cells: self,
            now,
            fresh: born.map(|born| {
                born.saturating_add(interval.saturating_mul(burst.into()))
                    .min(LONGEST.saturating_mul(2))
            }),
            asks,
        };
        let pace = pace.allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN));
        let limiter: RateLimiter<_, _, _, NoOpMiddleware<Nanos>> =
            RateLimiter::new(pace, moment, Hand::default());
        limiter.clock().0.set(now);
        let checked = limiter.check_key(key);
        checked.map_err(|until| until.wait_time_from(Nanos::new(now)))
    }

    fn parts(&self) -> impl Iterator<Item = &Mutex<Part>> {
        std::iter::once(&self.first).chain(&*self.rest)
    }

    fn part(&self, key: &Key) -> MutexGuard<'_, Part> {
        let parts = self.rest.len() as u64 + 1;
        let at = usize::try_from(self.place.hash_one(key) % parts).unwrap_or_default();
        lock(self.rest.get(at).unwrap_or(&self.first))
    }
}

// === impl Part ===

impl Part {
    /// Makes room for one more, if something can go.
    fn has_room(&mut self, most: usize, now: u64) -> bool {
        if self.until.len() >= most && now >= self.look {
            self.sweep(now);
            self.look = now.saturating_add(PAUSE);
        }
        self.until.len() < most
    }

    fn sweep(&mut self, now: u64) {
        self.until.retain(|_, until| *until > now);
    }
}

// === impl Moment ===

impl Moment<'_> {
    /// What is to be decided from, given what is written down.
    fn known(&self, until: Option<u64>) -> Option<Nanos> {
        let living = until.filter(|until| *until > self.now);
        living.or(self.fresh).map(Nanos::new)
    }

    fn overflow<T, F, E>(&self, key: &Key, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut shared = lock(&self.cells.overflow);
        let known = self.known(shared.get(&key.limit()).copied());
        if !self.asks {
            self.cells.overflowed.fetch_add(1, Ordering::Relaxed);
        }
        let (passed, until) = f(known)?;
        if !self.asks {
            shared.insert(key.limit(), until.as_u64());
        }
        Ok(passed)
    }
}

impl StateStore for Moment<'_> {
    type Key = Key;

    fn measure_and_replace<T, F, E>(&self, key: &Key, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut part = self.cells.part(key);
        if let Some(until) = part.until.get_mut(key) {
            let (passed, next) = f(self.known(Some(*until)))?;
            if !self.asks {
                *until = next.as_u64();
            }
            return Ok(passed);
        }
        if !part.has_room(self.cells.most, self.now) {
            drop(part);
            return self.overflow(key, f);
        }
        let (passed, until) = f(self.known(None))?;
        if !self.asks {
            part.until.insert(*key, until.as_u64());
        }
        Ok(passed)
    }
}

// === impl Hand ===

impl Clock for Hand {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.get())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is one number, so a panic elsewhere leaves it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
