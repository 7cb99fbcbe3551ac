//! A lease: one credential, bound to whom it was minted for and to where it may go, from its mint to its end.

use super::account::Account;
use super::ready::Ready;
use super::source::Source;
use super::supervisor::{Cause, Supervisor};
use adapters::credential::Handle;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A lease.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(super) account: Arc<Account>,
    pub(super) source: Arc<Source>,
    /// What takes it back.
    pub(super) handle: Option<Handle>,
    /// What goes into a request.
    pub(super) ready: Ready,
    /// Whether it can be prolonged, as long as that has not failed.
    pub(super) renewable: AtomicBool,
    /// Seconds before its end at which it is prolonged or replaced.
    pub(super) margin: AtomicU64,
    /// Who uses it, and in the highest bit whether nobody else may.
    uses: AtomicU64,
    supervisor: Arc<Supervisor>,
}

/// The use of a lease by one call: it is not replaced and forgotten under its hands.
#[derive(Debug)]
pub(crate) struct Use {
    lease: Arc<Lease>,
}

/// The highest bit of `uses`.
const CLOSED: u64 = 1 << 63;

// === impl Lease ===

impl Lease {
    /// A lease that was just minted.
    pub(super) fn new(
        (account, source): (Arc<Account>, Arc<Source>),
        handle: Option<Handle>,
        ready: Ready,
        (renewable, margin): (bool, u64),
        supervisor: Arc<Supervisor>,
    ) -> Self {
        Self {
            account,
            source,
            handle,
            ready,
            renewable: AtomicBool::new(renewable),
            margin: AtomicU64::new(margin),
            uses: AtomicU64::new(0),
            supervisor,
        }
    }

    /// Whether a call that begins now may use it.
    pub(super) fn is_good(&self, now: u64) -> bool {
        now < self.account.until()
    }

    /// Whether it is time to prolong or replace it.
    pub(super) fn is_ageing(&self, now: u64) -> bool {
        now.saturating_add(self.margin.load(Ordering::Relaxed)) >= self.account.until()
    }

    /// Uses it for a call; none where it takes no more.
    pub(super) fn take(self: &Arc<Self>) -> Option<Use> {
        if self.uses.fetch_add(1, Ordering::AcqRel) & CLOSED != 0 {
            self.give_back();
            return None;
        }
        Some(Use {
            lease: Arc::clone(self),
        })
    }

    /// The only use of a lease that serves one call.
    pub(super) fn take_alone(self: &Arc<Self>) -> Use {
        self.uses.store(CLOSED | 1, Ordering::Release);
        Use {
            lease: Arc::clone(self),
        }
    }

    /// Takes no more calls; is revoked when the last that uses it has ended.
    pub(super) fn retire(self: &Arc<Self>) {
        if self.uses.fetch_or(CLOSED, Ordering::AcqRel) == 0 {
            self.end(Cause::Replaced);
        }
    }

    /// One use less; the last one of a lease that takes no more ends it.
    fn give_back(self: &Arc<Self>) {
        if self.uses.fetch_sub(1, Ordering::AcqRel) == CLOSED | 1 {
            self.end(Cause::Unused);
        }
    }

    /// Revokes it now, whoever uses it.
    pub(super) fn end(self: &Arc<Self>, cause: Cause) {
        self.uses.fetch_or(CLOSED, Ordering::AcqRel);
        self.supervisor.end(Arc::clone(self), cause);
    }
}

// === impl Use ===

impl Use {
    /// The lease.
    pub(super) fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        self.lease.give_back();
    }
}
