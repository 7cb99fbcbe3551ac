//! What is open at once: a count for each key that has something open.

use super::Key;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is open. No larger than what is.
#[derive(Debug)]
pub(super) struct Slots {
    first: Mutex<HashMap<Key, u32>>,
    rest: Box<[Mutex<HashMap<Key, u32>>]>,
    place: RandomState,
}

const PARTS: usize = 16;

// === impl Slots ===

impl Slots {
    pub(super) fn new() -> Self {
        Self {
            first: Mutex::default(),
            rest: (1..PARTS).map(|_| Mutex::default()).collect(),
            place: RandomState::new(),
        }
    }

    /// Takes a place; whether there was one.
    pub(super) fn take(&self, key: &Key, most: u32) -> bool {
        let mut open = self.part(key);
        match open.get_mut(key) {
            Some(taken) if *taken < most => *taken += 1,
            Some(_) => return false,
            None if most > 0 => drop(open.insert(*key, 1)),
            None => return false,
        }
        true
    }

    /// Whether there is a place.
    pub(super) fn has_room(&self, key: &Key, most: u32) -> bool {
        self.part(key).get(key).copied().unwrap_or_default() < most
    }

    /// Frees a place.
    pub(super) fn give(&self, key: &Key) {
        let mut open = self.part(key);
        if let Some(taken) = open.get_mut(key) {
            *taken = taken.saturating_sub(1);
            if *taken == 0 {
                open.remove(key);
            }
        }
    }

    /// How many keys have something open.
    pub(super) fn len(&self) -> usize {
        let parts = std::iter::once(&self.first).chain(&*self.rest);
        parts.map(|part| lock(part).len()).sum()
    }

    fn part(&self, key: &Key) -> MutexGuard<'_, HashMap<Key, u32>> {
        let parts = self.rest.len() as u64 + 1;
        let at = usize::try_from(self.place.hash_one(key) % parts).unwrap_or_default();
        lock(self.rest.get(at).unwrap_or(&self.first))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is one number, so a panic elsewhere leaves it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
