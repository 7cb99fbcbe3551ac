//! A place for one lease at a time: its calls find it there, and while there is none, one of them has it minted.

use super::lease::{Lease, Use};
use super::supervisor::Cause;
use crate::pipeline::Refusal;
use arc_swap::ArcSwapOption;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as Flight, OwnedMutexGuard};
use tokio::time::Instant;

/// A place for one lease at a time.
#[derive(Debug, Default)]
pub(super) struct Slot {
    current: ArcSwapOption<Lease>,
    /// Held by who mints or prolongs.
    flight: Arc<Flight<()>>,
    closed: OnceLock<Cause>,
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

    /// Whether nobody may have anything from here any more.
    pub(super) fn is_over(&self) -> bool {
        let closed = self.closed.get();
        closed.is_some_and(|cause| *cause != Cause::Configuration)
    }

    /// Whether there is nothing here, and nothing on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.current.load().is_none()
    }

    /// Lets go of a lease whose time is over.
    pub(super) fn expire(&self, now: u64) {
        let current = self.current.load();
        if current.as_ref().is_some_and(|lease| !lease.is_good(now)) {
            // Another may have come meanwhile; it stays.
            let before = self.current.compare_and_swap(&current, None);
            drop(before);
        }
    }

    /// Puts a new lease here; the one before serves no new calls. In a place that was closed meanwhile it ends at once.
    pub(super) fn put(&self, lease: Arc<Lease>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(before) = self.current.swap(Some(lease)) {
            before.retire();
        }
        if let Some(cause) = self.closed.get() {
            self.empty(*cause);
        }
    }

    /// Nothing will be here any more, and what is ends.
    pub(super) fn close(&self, cause: Cause) {
        let cause = *self.closed.get_or_init(|| cause);
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
        match self.current.swap(None) {
            // Calls that began under the former configuration end under it.
            Some(lease) if cause == Cause::Configuration => lease.retire(),
            Some(lease) => lease.end(cause),
            None => {}
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
