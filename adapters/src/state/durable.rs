//! A durable table of bytes in one file. Changes are queued and never waited for, unless somebody asks to.
//!
//! One thread writes: all that is queued goes to disk in one transaction, so a burst costs a few syncs and not one
//! each. Of several changes to one key the last is written. What cannot be written is kept and tried again.

use redb::backends::FileBackend;
use redb::{Builder, Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use std::collections::HashMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// A durable table.
#[derive(Debug)]
pub struct Durable {
    queue: Arc<Queue>,
    writer: Option<JoinHandle<()>>,
}

/// Why the table cannot be read or written.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct StateError(String);

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

/// What is not on disk yet.
#[derive(Debug, Default)]
struct Waiting {
    /// The new value of each key; `None`: the key goes.
    changes: HashMap<Box<[u8]>, Option<Box<[u8]>>>,
    /// Who wants to know when all before them is written.
    askers: Vec<oneshot::Sender<Result<(), StateError>>>,
    closing: bool,
}

const TABLE: TableDefinition<'static, &'static [u8], &'static [u8]> =
    TableDefinition::new("entries");

/// After a failure, the disk is given this long.
const PAUSE: Duration = Duration::from_millis(500);

// === impl Durable ===

impl Durable {
    /// Opens the table in a file, made where there is none, with all that is in it.
    ///
    /// # Errors
    ///
    /// A file that cannot be made, read or understood.
    pub fn open(file: &Path) -> Result<(Self, Vec<Entry>), StateError> {
        let named = |why: &dyn std::fmt::Display| StateError(format!("{}: {why}", file.display()));
        // Whoever else is on this machine need not read it.
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let opened = options.open(file).map_err(|why| named(&why))?;
        let backend = FileBackend::new(opened).map_err(|why| named(&why))?;
        let database = Builder::new()
            .create_with_backend(backend)
            .map_err(|why| named(&why))?;
        let entries = read(&database).map_err(|why| named(&why))?;
        let queue = Arc::new(Queue::default());
        let theirs = Arc::clone(&queue);
        let writer = std::thread::Builder::new()
            .name("durable".to_owned())
            .spawn(move || theirs.serve(&database))
            .map_err(|why| named(&why))?;
        let table = Self {
            queue,
            writer: Some(writer),
        };
        Ok((table, entries))
    }

    /// Gives a key a value, soon.
    pub fn put(&self, key: &[u8], value: &[u8]) {
        self.change(key, Some(Box::from(value)));
    }

    /// Takes a key out, soon.
    pub fn remove(&self, key: &[u8]) {
        self.change(key, None);
    }

    /// Waits until all that was changed before is on disk.
    ///
    /// # Errors
    ///
    /// Why it is not; it is tried again all the same.
    pub async fn settled(&self) -> Result<(), StateError> {
        let (asker, answer) = oneshot::channel();
        self.queue.lock().askers.push(asker);
        self.queue.wake.notify_one();
        answer
            .await
            .unwrap_or_else(|_| Err(StateError("the table is closed".to_owned())))
    }

    fn change(&self, key: &[u8], value: Option<Box<[u8]>>) {
        self.queue.lock().changes.insert(Box::from(key), value);
        self.queue.wake.notify_one();
    }
}

impl Drop for Durable {
    fn drop(&mut self) {
        self.queue.lock().closing = true;
        self.queue.wake.notify_one();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing more to say.
            let _ = writer.join();
        }
    }
}

// === impl Queue ===

impl Queue {
    fn serve(&self, database: &Database) {
        loop {
            let (changes, askers, closing) = self.next();
            let written = match changes.is_empty() {
                true => Ok(()),
                false => write(database, &changes).map_err(|why| StateError(why.to_string())),
            };
            for asker in askers {
                // Who no longer waits need not be told.
                let _ = asker.send(written.clone());
            }
            if written.is_err() {
                self.put_back(changes);
            }
            if closing {
                return;
            }
            if written.is_err() {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// All that waits, once there is something.
    #[expect(clippy::type_complexity, reason = "taken apart at its one use")]
    fn next(
        &self,
    ) -> (
        HashMap<Box<[u8]>, Option<Box<[u8]>>>,
        Vec<oneshot::Sender<Result<(), StateError>>>,
        bool,
    ) {
        let idle = |waiting: &mut Waiting| {
            waiting.changes.is_empty() && waiting.askers.is_empty() && !waiting.closing
        };
        let mut waiting = self
            .wake
            .wait_while(self.lock(), idle)
            .unwrap_or_else(PoisonError::into_inner);
        let changes = std::mem::take(&mut waiting.changes);
        let askers = std::mem::take(&mut waiting.askers);
        (changes, askers, waiting.closing)
    }

    /// What was changed again meanwhile is newer.
    fn put_back(&self, changes: HashMap<Box<[u8]>, Option<Box<[u8]>>>) {
        let mut waiting = self.lock();
        for (key, value) in changes {
            waiting.changes.entry(key).or_insert(value);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Every change is one insertion, so a panic elsewhere leaves it whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(database: &Database) -> Result<Vec<Entry>, redb::Error> {
    // The table is made by whoever comes first, so that reading needs no case of its own.
    let write = database.begin_write()?;
    write.open_table(TABLE)?;
    write.commit()?;
    let table = database.begin_read()?.open_table(TABLE)?;
    let mut entries = Vec::new();
    for entry in table.iter()? {
        let (key, value) = entry?;
        entries.push((key.value().to_vec(), value.value().to_vec()));
    }
    Ok(entries)
}

fn write(
    database: &Database,
    changes: &HashMap<Box<[u8]>, Option<Box<[u8]>>>,
) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    {
        let mut table = write.open_table(TABLE)?;
        for (key, value) in changes {
            match value {
                Some(value) => drop(table.insert(&**key, &**value)?),
                None => drop(table.remove(&**key)?),
            }
        }
    }
    write.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> std::path::PathBuf {
        let file = std::env::temp_dir().join(format!("hopgate-{name}-{}.redb", std::process::id()));
        let _ = std::fs::remove_file(&file);
        file
    }

    #[tokio::test]
    async fn what_was_put_is_there_after_a_restart() {
        let file = file("durable");
        let (table, entries) = Durable::open(&file).unwrap();
        assert!(entries.is_empty());
        for number in 0..1000_u32 {
            table.put(&number.to_be_bytes(), b"first");
        }
        table.put(&7_u32.to_be_bytes(), b"second");
        table.remove(&8_u32.to_be_bytes());
        table.settled().await.unwrap();
        drop(table);
        let (table, entries) = Durable::open(&file).unwrap();
        assert_eq!(entries.len(), 999);
        let of = |number: u32| {
            let key = number.to_be_bytes();
            entries
                .iter()
                .find(|(other, _)| *other == key)
                .map(|(_, value)| value.as_slice())
        };
        assert_eq!(
            (of(7), of(8), of(9)),
            (Some(&b"second"[..]), None, Some(&b"first"[..]))
        );
        table.remove(&9_u32.to_be_bytes());
        drop(table);
        let (_, entries) = Durable::open(&file).unwrap();
        assert_eq!(entries.len(), 998, "dropping writes what waits");
        std::fs::remove_file(file).unwrap();
    }

    #[test]
    fn a_file_of_something_else_is_refused() {
        let file = file("other");
        std::fs::write(&file, "not a table").unwrap();
        let why = Durable::open(&file).unwrap_err().to_string();
        assert!(why.contains("hopgate-other"), "{why}");
        std::fs::remove_file(file).unwrap();
    }
}
