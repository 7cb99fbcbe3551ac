//! A place for one lease at a time: its calls find it there, and while there is none, one of them has it minted.

use super::lease::{Lease, Use};
use super::supervisor::Cause;
use crate::pipeline::Refusal;
use arc_swap::ArcSwapOption;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as Flight, OwnedMutexGuard};
use tokio::time::Instant;

/// A place for one lease at a time.
#[derive(Debug, Default)]
pub(super) struct Slot {
    current: ArcSwapOption<Lease>,
    /// Held by who mints or prolongs.
    flight: Arc<Flight<()>>,
    closed: AtomicBool,
    failure: Mutex<Option<Failure>>,
}

/// Why there is no credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Why {
    pub(super) text: String,
    /// Whether it may work later.
    pub(super) passing: bool,
}

/// The last time there was none.
#[derive(Debug)]
struct Failure {
    why: Why,
    times: u32,
    /// Until when nobody tries again.
    until: Instant,
}

/// The pause after the first failure; it doubles.
const FIRST: Duration = Duration::from_millis(200);
/// In how many failures it stops doubling.
const DOUBLINGS: u32 = 6;

// === impl Slot ===

impl Slot {
    /// Uses the lease that is there, where a call may still begin with it.
    pub(super) fn take(&self, now: u64) -> Option<Use> {
        let lease = self.current.load();
        let lease = lease.as_ref().filter(|lease| lease.is_good(now))?;
        lease.take()
    }

    /// The lease that is there.
    pub(super) fn current(&self) -> Option<Arc<Lease>> {
        self.current.load_full()
    }

    /// Waits to be the one who mints.
    pub(super) async fn board(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.flight).lock_owned().await
    }

    /// Becomes the one who mints, where nobody does.
    pub(super) fn try_board(&self) -> Option<OwnedMutexGuard<()>> {
        Arc::clone(&self.flight).try_lock_owned().ok()
    }

    /// Whether nothing will be here any more.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Puts a new lease here; the one before serves no new calls. In a place that was closed meanwhile it ends at once.
    pub(super) fn put(&self, lease: Arc<Lease>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(before) = self.current.swap(Some(lease)) {
            before.retire();
        }
        if self.is_closed() {
            self.empty(Cause::Task);
        }
    }

    /// Nothing will be here any more, and what is ends.
    pub(super) fn close(&self, cause: Cause) {
        self.closed.store(true, Ordering::SeqCst);
        self.empty(cause);
    }

    /// Notes why there is none.
    pub(super) fn failed(&self, why: Why) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let times = failure.as_ref().map_or(0, |failure| failure.times);
        let pause = FIRST * 2_u32.saturating_pow(times.min(DOUBLINGS));
        *failure = Some(Failure {
            why,
            times: times.saturating_add(1),
            until: Instant::now() + pause,
        });
    }

    /// Why nobody tries at this moment, where that is so.
    pub(super) fn failure(&self) -> Option<Why> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let failure = failure.as_ref()?;
        (Instant::now() < failure.until).then(|| failure.why.clone())
    }

    fn empty(&self, cause: Cause) {
        if let Some(lease) = self.current.swap(None) {
            lease.end(cause);
        }
    }
}

// === impl Why ===

impl Why {
    /// It will not work later either.
    pub(super) fn lasting(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            passing: false,
        }
    }

    /// It may work later.
    pub(super) fn passing(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            passing: true,
        }
    }

    pub(super) fn refusal(self) -> Refusal {
        Refusal::Uncredentialed {
            why: self.text,
            passing: self.passing,
        }
    }
}
