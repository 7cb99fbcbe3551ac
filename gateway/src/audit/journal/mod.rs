//! The journal: where records are kept, in order, for good, and provably whole. `docs/audit.md` describes the files.
//!
//! One thread owns them. Callers build open lines ([`Line`]), hand them over through a bounded queue, and wait until
//! they count; the thread takes what has gathered, gives each line its number and its hash, writes each log once, syncs
//! once where that is asked for, and wakes all who waited. So the cost of the disk is shared by those who wait for it.
//!
//! What holds, whatever happens:
//!
//! * A [`Delivery`] is `Ok` only when the lines survive what `durability` names.
//! * A [`Place`] is a promise of the queue: what is delivered through it is written, in memory until the disk works if
//!   need be, marked `undelivered` where its caller was told that it is not on record. The end of the process while
//!   the disk fails loses it, and its caller knew.
//! * Nobody waits longer than the limit, and nobody queues behind a disk that fails or hangs. A caller that was told
//!   [`Unwritten::Late`] may still find its lines on record: they were being written when it gave up.
//! * A checkpoint never names a line that was rolled back.

mod chain;
mod checkpoint;
mod disk;
mod line;
mod promise;
mod proof;
mod recovery;
mod segment;
mod settings;
mod status;
#[cfg(test)]
mod tests;
mod thread;
pub(crate) mod verify;
mod writer;

pub(crate) use checkpoint::{Keys, Signer};
pub(crate) use disk::{Disk, Folder};
pub(crate) use line::{Line, Lines, Stamp};
pub(crate) use promise::Unwritten;
pub(crate) use proof::Proof;
pub(crate) use segment::{name, number};
pub(crate) use settings::{Durability, Settings};
pub(crate) use status::Health;

use crate::task::seal::KeyRing;
use promise::{Promise, Waiting, promise};
use status::Status;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;
use thread::Message;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use writer::{Entry, Moment, Writer};

/// Which record a line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Log {
    /// Who called what, and how it ended.
    Calls,
    /// What was decided, and by which rules.
    Decisions,
    /// What became of keys and credentials.
    Secrets,
}

/// The log of signatures over the other three.
pub(crate) const CHECKPOINTS: &str = "checkpoints";

/// The journal's handle.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    queue: UnboundedSender<Message>,
    /// One for each message that waits or may come; the queue itself has no end.
    places: Arc<Semaphore>,
    status: Arc<Status>,
    signer: Signer,
    capacity: u32,
    limit: Duration,
}

/// A place in the queue, for what must follow.
#[derive(Debug)]
pub(crate) struct Place {
    journal: Journal,
    permit: OwnedSemaphorePermit,
}

/// Ready when what was delivered is on record, or when that is not known in time. May be dropped.
#[must_use = "whoever answers waits for it"]
pub(crate) struct Delivery {
    waiting: Arc<Waiting>,
    limit: Duration,
    /// Made when somebody waits.
    settled: Option<Pin<Box<Settled>>>,
}

type Settled = dyn Future<Output = Result<(), Unwritten>> + Send;

/// A close may take this many times as long as a record.
const PATIENCE: u32 = 10;

// === impl Log ===

impl Log {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Calls, Self::Decisions, Self::Secrets];

    /// The name of its folder.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Decisions => "decisions",
            Self::Secrets => "secrets",
        }
    }
}

// === impl Journal ===

impl Journal {
    /// Recovers the logs in a folder, and starts the thread that writes them.
    ///
    /// # Errors
    ///
    /// A folder that cannot be read or written, or in which another process writes.
    pub(crate) fn open(folder: &Path, settings: Settings, signer: Signer) -> Result<Self, String> {
        Self::on(Folder::writing(folder)?, settings, signer)
            .map_err(|error| format!("{}: {error}", folder.display()))
    }

    /// The same on any disk.
    fn on<D>(disk: D, mut settings: Settings, signer: Signer) -> std::io::Result<Self>
    where
        D: Disk + Send + 'static,
        D::File: Send,
    {
        let status = Arc::new(Status::new());
        let (limit, capacity) = (settings.limit, settings.capacity);
        let first = settings.first.take();
        let now = Moment::now();
        let parts = (settings, signer.clone());
        let mut writer = Writer::open(disk, parts, Arc::clone(&status), now)?;
        for lines in first.into_iter().flat_map(|first| first()) {
            writer.begin(lines, now)?;
        }
        let (queue, messages) = unbounded_channel();
        thread::start(writer, messages, Arc::clone(&status))?;
        Ok(Self {
            queue,
            places: Arc::new(Semaphore::new(capacity as usize)),
            status,
            signer,
            capacity,
            limit,
        })
    }

    /// A place for what will have to be delivered whatever happens.
    ///
    /// # Errors
    ///
    /// Nothing can be written, or too much waits already.
    pub(crate) fn place(&self) -> Result<Place, Unwritten> {
        Ok(Place {
            permit: self.permit()?,
            journal: self.clone(),
        })
    }

    /// Hands over lines that are void if they cannot be written now: what they intend must not happen then.
    ///
    /// # Errors
    ///
    /// They are not queued.
    pub(crate) fn send(&self, lines: Lines) -> Result<Delivery, Unwritten> {
        let place = self.permit()?;
        let (promise, waiting) = promise();
        self.enqueue(lines, Some(promise), (false, Some(place)))?;
        Ok(self.delivery(waiting))
    }

    /// Puts lines on record.
    ///
    /// # Errors
    ///
    /// They are not, or not in time.
    pub(crate) async fn write(&self, lines: Lines) -> Result<(), Unwritten> {
        self.send(lines)?.await
    }

    /// Queues lines for whoever cannot wait. They are written unless the process ends before.
    ///
    /// # Errors
    ///
    /// They are not queued.
    pub(crate) fn try_write(&self, lines: Lines) -> Result<(), Unwritten> {
        let place = self.permit()?;
        self.enqueue(lines, None, (true, Some(place)))
    }

    /// The clean end: everything is written, sealed and synced. Waits a while for the places that are still held; what
    /// is delivered later is lost.
    ///
    /// # Errors
    ///
    /// Not everything was.
    pub(crate) async fn close(&self, last: Lines) -> Result<(), Unwritten> {
        let all = self.places.acquire_many(self.capacity);
        // Whoever holds one still now may find nobody to take it.
        let _ = timeout_at(Instant::now() + self.limit, all).await;
        let (promise, waiting) = promise();
        let entry = Entry {
            lines: last,
            promise: Some(promise),
            lasting: true,
            undelivered: false,
            _place: None,
        };
        self.queue
            .send(Message::Last(entry))
            .map_err(|_| Unwritten::Closed)?;
        waiting
            .settled(Instant::now() + self.limit * PATIENCE)
            .await
    }

    /// Checkpoints are signed with the first key of this ring from here on.
    pub(crate) fn follow(&self, ring: Arc<KeyRing>) {
        self.signer.follow(ring);
    }

    /// How it is.
    pub(crate) fn health(&self) -> Health {
        self.status.health()
    }

    fn permit(&self) -> Result<OwnedSemaphorePermit, Unwritten> {
        self.status.usable(self.limit)?;
        let places = Arc::clone(&self.places);
        places.try_acquire_owned().map_err(|_| Unwritten::Full)
    }

    fn delivery(&self, waiting: Waiting) -> Delivery {
        Delivery {
            waiting: Arc::new(waiting),
            limit: self.limit,
            settled: None,
        }
    }

    fn enqueue(
        &self,
        lines: Lines,
        promise: Option<Promise>,
        (lasting, place): (bool, Option<OwnedSemaphorePermit>),
    ) -> Result<(), Unwritten> {
        let entry = Entry {
            lines,
            promise,
            lasting,
            undelivered: false,
            _place: place,
        };
        self.status.queued.fetch_add(1, Ordering::Relaxed);
        self.queue.send(Message::Lines(entry)).map_err(|_| {
            self.status.queued.fetch_sub(1, Ordering::Relaxed);
            Unwritten::Closed
        })
    }
}

// === impl Place ===

impl Place {
    /// Hands over what follows. Never waits.
    pub(crate) fn deliver(self, lines: Lines) -> Delivery {
        let (promise, waiting) = promise();
        let place = (true, Some(self.permit));
        // Where the thread is gone the promise is dropped with the lines, and the delivery says so.
        let _ = self.journal.enqueue(lines, Some(promise), place);
        self.journal.delivery(waiting)
    }
}

// === impl Delivery ===

impl Future for Delivery {
    type Output = Result<(), Unwritten>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(said) = self.waiting.said() {
            return Poll::Ready(said);
        }
        let (waiting, limit) = (Arc::clone(&self.waiting), self.limit);
        let settled = self.settled.get_or_insert_with(|| {
            Box::pin(async move { waiting.settled(Instant::now() + limit).await })
        });
        settled.as_mut().poll(context)
    }
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Delivery").field(&self.waiting).finish()
    }
}
