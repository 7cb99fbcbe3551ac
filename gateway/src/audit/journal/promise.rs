//! What a caller waits for: that the thread settles its lines, one way or the other, within the limit.
//!
//! One small state machine decides who was first where the thread and an impatient caller meet: lines that were given
//! up before the thread began them are never written as if they had been in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Why lines are not, or not known to be, on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Unwritten {
    /// The disk fails.
    #[error("the records cannot be written")]
    Failing,
    /// The disk, or the queue before it, is too slow.
    #[error("the records were not written in time")]
    Late,
    /// The queue is full, and this caller cannot wait.
    #[error("too many records wait to be written")]
    Full,
    /// The journal is closed.
    #[error("the records are closed")]
    Closed,
}

const QUEUED: u8 = 0;
const BEGUN: u8 = 1;
const WRITTEN: u8 = 2;
const FAILED: u8 = 3;
const GIVEN_UP: u8 = 4;

#[derive(Debug, Default)]
struct Slot {
    state: AtomicU8,
    settled: Notify,
}

/// The thread's side.
#[derive(Debug)]
pub(super) struct Promise(Arc<Slot>);

/// The caller's side.
#[derive(Debug)]
pub(super) struct Waiting(Arc<Slot>);

/// Both sides of one promise.
pub(super) fn promise() -> (Promise, Waiting) {
    let slot = Arc::new(Slot::default());
    (Promise(Arc::clone(&slot)), Waiting(slot))
}

// === impl Promise ===

impl Promise {
    /// Begins to write; says whether the caller still waits.
    pub(super) fn begin(&self) -> bool {
        self.0.shift(QUEUED, BEGUN)
    }

    /// Says how it went. What was said first holds.
    pub(super) fn settle(&self, written: bool) {
        let state = if written { WRITTEN } else { FAILED };
        if self.0.shift(BEGUN, state) || self.0.shift(QUEUED, state) {
            self.0.settled.notify_one();
        }
    }
}

impl Drop for Promise {
    /// A thread that is gone keeps no promise.
    fn drop(&mut self) {
        self.settle(false);
    }
}

// === impl Waiting ===

impl Waiting {
    /// Waits until the lines are written, until they cannot be, or until the limit.
    pub(super) async fn settled(&self, until: Instant) -> Result<(), Unwritten> {
        if let Some(said) = self.said() {
            return said;
        }
        if timeout_at(until, self.0.settled.notified()).await.is_err() {
            self.give_up();
        }
        self.said().unwrap_or(Err(Unwritten::Late))
    }

    /// What was said so far.
    pub(super) fn said(&self) -> Option<Result<(), Unwritten>> {
        match self.0.state.load(Ordering::Acquire) {
            WRITTEN => Some(Ok(())),
            FAILED => Some(Err(Unwritten::Failing)),
            GIVEN_UP => Some(Err(Unwritten::Late)),
            _ => None,
        }
    }

    /// From here on the lines are not written as if nothing had been, unless they are being written already.
    pub(super) fn give_up(&self) {
        self.0.shift(QUEUED, GIVEN_UP);
    }
}

// === impl Slot ===

impl Slot {
    fn shift(&self, from: u8, to: u8) -> bool {
        let order = (Ordering::AcqRel, Ordering::Acquire);
        self.state
            .compare_exchange(from, to, order.0, order.1)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(1)
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_word_holds() {
        let (promise, waiting) = promise();
        assert!(promise.begin());
        promise.settle(true);
        promise.settle(false);
        drop(promise);
        assert_eq!(waiting.settled(soon()).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_first_is_believed() {
        let (promised, waiting) = promise();
        assert_eq!(waiting.settled(soon()).await, Err(Unwritten::Late));
        assert!(!promised.begin(), "given up");
        promised.settle(true);
        assert_eq!(waiting.settled(soon()).await, Err(Unwritten::Late));
        let (promised, waiting) = promise();
        assert!(promised.begin());
        assert_eq!(
            waiting.settled(soon()).await,
            Err(Unwritten::Late),
            "too slow"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_thread_that_is_gone_wrote_nothing() {
        let (promise, waiting) = promise();
        let waits = tokio::spawn(async move { waiting.settled(soon()).await });
        tokio::task::yield_now().await;
        drop(promise);
        assert_eq!(waits.await.unwrap(), Err(Unwritten::Failing));
    }
}
