//! The notes themselves, the sessions that are open, and word of every change.

use crate::wire::revision::Revision;
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{broadcast, oneshot};

/// Notes kept at most.
const NOTES_MOST: usize = 1_000;
/// Bytes of one note at most.
const BYTES_MOST: usize = 64 * 1024;
/// Sessions open at most; beyond it the server forgets them all.
const SESSIONS_MOST: usize = 100_000;

/// What the sample server remembers.
#[derive(Debug)]
pub(super) struct Store {
    notes: Mutex<BTreeMap<String, String>>,
    sessions: Mutex<HashMap<String, Session>>,
    changed: broadcast::Sender<()>,
}

/// A session of the revisions with `initialize`.
#[derive(Debug)]
struct Session {
    revision: Revision,
    /// Its GET stream lives as long as this does.
    stream: Option<oneshot::Sender<Infallible>>,
}

// === impl Store ===

impl Default for Store {
    fn default() -> Self {
        let (changed, _) = broadcast::channel(16);
        Self {
            notes: Mutex::default(),
            sessions: Mutex::default(),
            changed,
        }
    }
}

impl Store {
    /// Writes a note.
    ///
    /// # Errors
    ///
    /// What keeps it from being written.
    pub(super) fn write(&self, title: &str, text: &str) -> Result<(), &'static str> {
        if title.is_empty() || title.len() > 100 || title.chars().any(char::is_control) {
            return Err("a title has 1 to 100 characters, on one line");
        }
        if text.len() > BYTES_MOST {
            return Err("a note has at most 64 KiB");
        }
        let mut notes = lock(&self.notes);
        if notes.len() >= NOTES_MOST && !notes.contains_key(title) {
            return Err("there are 1000 notes already");
        }
        let new = notes.insert(title.to_owned(), text.to_owned()).is_none();
        drop(notes);
        if new {
            self.tell();
        }
        Ok(())
    }

    pub(super) fn read(&self, title: &str) -> Option<String> {
        lock(&self.notes).get(title).cloned()
    }

    pub(super) fn titles(&self) -> Vec<String> {
        lock(&self.notes).keys().cloned().collect()
    }

    pub(super) fn delete(&self, title: &str) -> bool {
        let gone = lock(&self.notes).remove(title).is_some();
        if gone {
            self.tell();
        }
        gone
    }

    /// Hears of every note that comes or goes.
    pub(super) fn changes(&self) -> broadcast::Receiver<()> {
        self.changed.subscribe()
    }

    /// Opens a session that speaks `revision`.
    pub(super) fn open(&self, revision: Revision) -> Option<String> {
        let mut bytes = [0; 16];
        aws_lc_rs::rand::fill(&mut bytes).ok()?;
        let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut sessions = lock(&self.sessions);
        if sessions.len() >= SESSIONS_MOST {
            sessions.clear();
        }
        let session = Session {
            revision,
            stream: None,
        };
        sessions.insert(id.clone(), session);
        Some(id)
    }

    /// What an open session speaks.
    pub(super) fn revision(&self, session: &str) -> Option<Revision> {
        Some(lock(&self.sessions).get(session)?.revision)
    }

    /// Begins the stream of a session. What is returned resolves when a later stream takes its place, since each
    /// message goes out on one stream only, or when the session ends.
    pub(super) fn stream(&self, session: &str) -> Option<oneshot::Receiver<Infallible>> {
        let (alive, ended) = oneshot::channel();
        lock(&self.sessions).get_mut(session)?.stream = Some(alive);
        Some(ended)
    }

    pub(super) fn close(&self, session: &str) -> bool {
        lock(&self.sessions).remove(session).is_some()
    }

    fn tell(&self) {
        // Nobody listening is fine.
        let _ = self.changed.send(());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is one insertion or removal, so a panic elsewhere leaves it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
