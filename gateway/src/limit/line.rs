//! Where calls wait for room: one line for each key somebody waits for, in the order they came.
//!
//! The first of a line sleeps until its time comes, or until a place is given back; the others wait for its turn to
//! end. A fair lock is the line: whoever leaves is simply gone from it.

use adapters::state::limit::Key;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: Mutex<HashMap<Key, Line>>,
    /// How many there are, for the many calls that meet none.
    many: AtomicUsize,
}

/// One line, and how many stand in it.
#[derive(Debug, Default)]
struct Line {
    shared: Arc<Waited>,
    waiting: u32,
}

/// What those in a line share.
#[derive(Debug, Default)]
pub(super) struct Waited {
    /// Held by the first.
    pub(super) turn: tokio::sync::Mutex<()>,
    /// A place was given back.
    pub(super) freed: Notify,
}

/// A place in a line: dropping it leaves.
#[derive(Debug)]
pub(super) struct Place<'a> {
    lines: &'a Lines,
    key: Key,
    pub(super) line: Arc<Waited>,
}

// === impl Lines ===

impl Lines {
    /// Whether somebody waits.
    pub(super) fn has(&self, key: &Key) -> bool {
        self.many.load(Ordering::Acquire) > 0 && self.lock().contains_key(key)
    }

    /// Joins a line, unless it is full.
    pub(super) fn join(&self, key: Key, most: u32) -> Option<Place<'_>> {
        let mut lines = self.lock();
        let line = lines.entry(key).or_default();
        let joined = line.waiting < most;
        if joined {
            line.waiting += 1;
        }
        let shared = Arc::clone(&line.shared);
        if line.waiting == 0 {
            lines.remove(&key);
        }
        self.many.store(lines.len(), Ordering::Release);
        // Only who has joined may have a place: dropping one leaves the line.
        joined.then(|| Place {
            lines: self,
            key,
            line: shared,
        })
    }

    /// Wakes the first that waits for a place, if any does.
    pub(super) fn freed(&self, key: &Key) {
        if self.many.load(Ordering::Acquire) > 0
            && let Some(line) = self.lock().get(key)
        {
            line.shared.freed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Line>> {
        // Every change is one entry, so a panic elsewhere leaves it whole.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut lines = self.lines.lock();
        if let Some(line) = lines.get_mut(&self.key) {
            line.waiting = line.waiting.saturating_sub(1);
            if line.waiting == 0 {
                lines.remove(&self.key);
            }
        }
        self.lines.many.store(lines.len(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_an_end_and_nobody_stays_in_it() {
        let lines = Lines::default();
        let key = Key::of([b"a".as_slice()]);
        assert!(!lines.has(&key) && lines.join(key, 0).is_none() && !lines.has(&key));
        let first = lines.join(key, 2);
        let second = lines.join(key, 2);
        assert!(first.is_some() && second.is_some() && lines.join(key, 2).is_none());
        drop(first);
        assert!(lines.has(&key) && lines.join(key, 2).is_some());
        drop(second);
        assert!(!lines.has(&key));
        lines.freed(&key);
        assert_eq!(lines.many.load(Ordering::Relaxed), 0);
    }
}
