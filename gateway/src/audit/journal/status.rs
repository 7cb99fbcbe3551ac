//! What callers and metrics see of the thread: whether it fails, how far it is behind, how much it has written.

use super::Log;
use super::promise::Unwritten;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How the journal is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Health {
    /// Messages that wait for the thread.
    pub(crate) queued: usize,
    /// Messages in memory because the disk fails, which nobody may lose.
    pub(crate) kept: usize,
    /// Whether records cannot be written now.
    pub(crate) failing: bool,
    /// For how long at least the oldest unwritten record has waited.
    pub(crate) lag: Duration,
    /// Records written since the start.
    pub(crate) written: [(Log, u64); 3],
    /// Checkpoints written since the start.
    pub(crate) checkpoints: u64,
}

/// Written by the thread, read by everybody.
#[derive(Debug)]
pub(super) struct Status {
    origin: Instant,
    /// Microseconds after `origin`, plus one, at which the batch in hand was begun; 0 between batches.
    begun: AtomicU64,
    /// The same of the first batch that failed.
    failed: AtomicU64,
    closed: AtomicBool,
    pub(super) queued: AtomicUsize,
    pub(super) kept: AtomicUsize,
    /// Callers told no since the disk failed.
    refused: AtomicU64,
    written: [AtomicU64; 3],
    checkpoints: AtomicU64,
}

// === impl Status ===

impl Status {
    pub(super) fn new() -> Self {
        Self {
            origin: Instant::now(),
            begun: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            queued: AtomicUsize::new(0),
            kept: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            written: Default::default(),
            checkpoints: AtomicU64::new(0),
        }
    }

    /// The thread begins a batch.
    pub(super) fn begin(&self, now: Instant) {
        self.begun.store(self.mark(now), Ordering::Release);
    }

    /// The thread is through with it.
    pub(super) fn end(&self) {
        self.begun.store(0, Ordering::Release);
    }

    pub(super) fn fail(&self, now: Instant) {
        self.failed.store(self.mark(now), Ordering::Release);
    }

    pub(super) fn resume(&self) {
        self.failed.store(0, Ordering::Release);
        self.refused.store(0, Ordering::Relaxed);
    }

    /// A caller is told no.
    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// How many were, so far.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(super) fn count(&self, log: Log) {
        let [calls, decisions, secrets] = &self.written;
        let count = match log {
            Log::Calls => calls,
            Log::Decisions => decisions,
            Log::Secrets => secrets,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_checkpoint(&self) {
        self.checkpoints.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether it is of any use to ask: nobody queues behind a disk that fails or hangs.
    pub(super) fn usable(&self, limit: Duration) -> Result<(), Unwritten> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Unwritten::Closed);
        }
        if self.failed.load(Ordering::Acquire) != 0 {
            self.refuse();
            return Err(Unwritten::Failing);
        }
        match self.begun.load(Ordering::Acquire) {
            0 => Ok(()),
            begun if self.since(begun) > limit => Err(Unwritten::Late),
            _ => Ok(()),
        }
    }

    pub(super) fn health(&self) -> Health {
        let failed = self.failed.load(Ordering::Acquire);
        let oldest = match (failed, self.begun.load(Ordering::Acquire)) {
            (0, begun) => begun,
            (failed, _) => failed,
        };
        let [calls, decisions, secrets] = &self.written;
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Health {
            queued: self.queued.load(Ordering::Relaxed),
            kept: self.kept.load(Ordering::Relaxed),
            failing: failed != 0,
            lag: match oldest {
                0 => Duration::ZERO,
                begun => self.since(begun),
            },
            written: [
                (Log::Calls, count(calls)),
                (Log::Decisions, count(decisions)),
                (Log::Secrets, count(secrets)),
            ],
            checkpoints: count(&self.checkpoints),
        }
    }

    fn mark(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.origin).as_micros();
        u64::try_from(since).unwrap_or(u64::MAX - 1) + 1
    }

    fn since(&self, mark: u64) -> Duration {
        let begun = Duration::from_micros(mark - 1);
        self.origin.elapsed().saturating_sub(begun)
    }
}
