//! The budgets: what is spent of each, until it is not asked after any more. Kept in a file, where there is one.
//!
//! As with rates, only what has had its day is let go of; where there is no room, keys nobody has seen spend of one
//! budget together, for each limit.

use super::Key;
use crate::state::{Durable, Entry, StateError};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The budgets.
#[derive(Debug)]
pub(super) struct Budgets {
    book: Mutex<Book>,
    file: Option<Durable>,
    most: usize,
}

#[derive(Debug, Default)]
struct Book {
    lines: HashMap<Key, Line>,
    /// What is not written down as it is now.
    changed: HashSet<Key>,
    /// It is not looked through before, however full it is: seconds since the epoch.
    look: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    spent: u64,
    /// Seconds since the epoch.
    until: u64,
}

/// The most budgets that are told apart.
pub(super) const MOST: usize = 500_000;

// === impl Budgets ===

impl Budgets {
    /// As the file has them, where there is one.
    pub(super) fn load(file: Option<(Durable, Vec<Entry>)>, most: usize, now: u64) -> Self {
        let mut book = Book::default();
        let file = file.map(|(file, entries)| {
            for (key, value) in entries {
                match read(&key, &value).filter(|(_, line)| line.until > now) {
                    Some((key, line)) => drop(book.lines.insert(key, line)),
                    None => file.remove(&key),
                }
            }
            file
        });
        Self {
            book: Mutex::new(book),
            file,
            most,
        }
    }

    /// Spends so much, if so much is left; of nothing only whether anything is.
    pub(super) fn take(
        &self,
        key: &Key,
        (most, amount): (u64, u64),
        (life, now): (Duration, u64),
    ) -> bool {
        let mut book = self.book();
        let (key, spent) = self.find(&mut book, key, now);
        let passes = within(spent, (most, amount));
        if passes && amount > 0 {
            book.write(key, spent.saturating_add(amount), (life, now));
        }
        passes
    }

    /// Whether so much is left.
    pub(super) fn has_room(&self, key: &Key, (most, amount): (u64, u64), now: u64) -> bool {
        let (_, spent) = self.find(&mut self.book(), key, now);
        within(spent, (most, amount))
    }

    /// Spends what nobody knew before.
    pub(super) fn spend(&self, key: &Key, amount: u64, (life, now): (Duration, u64)) {
        if amount > 0 {
            let mut book = self.book();
            let (key, spent) = self.find(&mut book, key, now);
            book.write(key, spent.saturating_add(amount), (life, now));
        }
    }

    /// Gives back what was taken.
    pub(super) fn give(&self, key: &Key, amount: u64) {
        let mut book = self.book();
        if let Some(line) = book.lines.get_mut(key) {
            line.spent = line.spent.saturating_sub(amount);
            book.changed.insert(*key);
        }
    }

    /// What is spent.
    pub(super) fn spent(&self, key: &Key, now: u64) -> u64 {
        self.book().living(key, now)
    }

    /// Writes down what has changed.
    pub(super) fn settle(&self) {
        let mut book = self.book();
        let changed = std::mem::take(&mut book.changed);
        let Some(file) = &self.file else {
            return;
        };
        for key in &changed {
            if let Some(line) = book.lines.get(key) {
                file.put(key.bytes(), &line.written());
            }
        }
    }

    /// As [`Budgets::settle`], and waits until it is done.
    pub(super) async fn settled(&self) -> Result<(), StateError> {
        self.settle();
        match &self.file {
            Some(file) => file.settled().await,
            None => Ok(()),
        }
    }

    /// Lets go of what has had its day.
    pub(super) fn sweep(&self, now: u64) {
        self.book().sweep(now, self.file.as_ref());
    }

    /// How many something is spent of.
    pub(super) fn len(&self) -> usize {
        self.book().lines.len()
    }

    /// What is spent of this budget, and of which where there is no room for it.
    fn find(&self, book: &mut Book, key: &Key, now: u64) -> (Key, u64) {
        if book.lines.len() >= self.most && !book.lines.contains_key(key) {
            if now >= book.look {
                book.sweep(now, self.file.as_ref());
                book.look = now.saturating_add(1);
            }
            if book.lines.len() >= self.most {
                let shared = key.shared();
                return (shared, book.living(&shared, now));
            }
        }
        (*key, book.living(key, now))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Every change is one line, so a panic elsewhere leaves it whole.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Budgets {
    fn drop(&mut self) {
        self.settle();
    }
}

// === impl Book ===

impl Book {
    fn living(&self, key: &Key, now: u64) -> u64 {
        let line = self.lines.get(key).filter(|line| line.until > now);
        line.map_or(0, |line| line.spent)
    }

    fn write(&mut self, key: Key, spent: u64, (life, now): (Duration, u64)) {
        let until = now.saturating_add(life.as_secs().max(1));
        self.lines.insert(key, Line { spent, until });
        self.changed.insert(key);
    }

    fn sweep(&mut self, now: u64, file: Option<&Durable>) {
        self.lines.retain(|key, line| {
            let lives = line.until > now;
            if let Some(file) = file.filter(|_| !lives) {
                file.remove(key.bytes());
            }
            lives
        });
    }
}

// === impl Line ===

impl Line {
    fn written(&self) -> [u8; 16] {
        let both = u128::from(self.spent) << 64 | u128::from(self.until);
        both.to_be_bytes()
    }
}

fn read(key: &[u8], value: &[u8]) -> Option<(Key, Line)> {
    let both = u128::from_be_bytes(value.try_into().ok()?);
    let line = Line {
        spent: u64::try_from(both >> 64).ok()?,
        until: u64::try_from(both & u128::from(u64::MAX)).ok()?,
    };
    Some((Key::again(key.try_into().ok()?), line))
}

fn within(spent: u64, (most, amount): (u64, u64)) -> bool {
    match amount {
        0 => spent < most,
        _ => spent.saturating_add(amount) <= most,
    }
}
