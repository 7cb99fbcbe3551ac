//! What is known of a lease from its order to its end, for whoever looks: operators, metrics, the bound on what cannot be
//! revoked.

use super::entry::Entry;
use super::lease::Lease;
use super::supervisor::Cause;
use dashmap::DashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use uuid::Uuid;

/// How a lease stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is being minted.
    Minting,
    /// It serves calls.
    Live,
    /// It is being taken back.
    Revoking,
    /// Nothing takes it back.
    Irrevocable,
}

/// One lease's account.
#[derive(Debug)]
pub(crate) struct Account {
    entry: Mutex<Entry>,
    id: Uuid,
    until: AtomicU64,
    standing: AtomicU8,
    trouble: Mutex<Option<String>>,
    /// Whether it counts among those out of reach.
    counted: AtomicBool,
    /// Whether it is to end as soon as it is minted.
    doomed: AtomicBool,
    /// The lease itself, once it is one.
    lease: OnceLock<Weak<Lease>>,
}

/// The accounts of all leases that may be good.
#[derive(Debug, Default)]
pub(crate) struct Book {
    accounts: DashMap<Uuid, Arc<Account>>,
    /// How many leases of a credential should be revoked and are not, for some reason.
    astray: DashMap<Arc<str>, usize>,
}

/// What is shown of an account.
#[derive(Debug, serde::Serialize)]
pub(crate) struct View {
    id: String,
    state: &'static str,
    credential: Arc<str>,
    server: Arc<str>,
    origin: Arc<str>,
    /// The agents, oldest first, its own last.
    chain: Vec<Arc<str>>,
    subject: Arc<str>,
    user: Option<Arc<str>>,
    task: String,
    scope: Box<[String]>,
    opened: u64,
    until: u64,
    /// Why it is not revoked, where it should be.
    trouble: Option<String>,
}

// === impl Book ===

impl Book {
    /// Opens an account.
    pub(super) fn open(&self, entry: Entry, standing: Standing) -> Arc<Account> {
        let account = Arc::new(Account {
            id: entry.id,
            until: AtomicU64::new(entry.until),
            standing: AtomicU8::new(standing as u8),
            trouble: Mutex::default(),
            counted: AtomicBool::new(false),
            doomed: AtomicBool::new(false),
            lease: OnceLock::new(),
            entry: Mutex::new(entry),
        });
        self.accounts.insert(account.id, Arc::clone(&account));
        account
    }

    /// Closes an account: the lease is not good any more.
    pub(super) fn close(&self, id: Uuid) {
        let Some((_, account)) = self.accounts.remove(&id) else {
            return;
        };
        if account.counted.load(Ordering::Relaxed) {
            let credential = account.entry().credential;
            self.astray.remove_if_mut(&credential, |_, many| {
                *many = many.saturating_sub(1);
                *many == 0
            });
        }
    }

    /// A lease should be revoked and is not. One whose mint was not answered is in nobody's hands and does not count against
    /// others.
    pub(super) fn trouble(&self, account: &Account, cause: Cause, why: String) {
        if account.trouble_with(why) && cause != Cause::Unanswered {
            account.counted.store(true, Ordering::Relaxed);
            *self.astray.entry(account.entry().credential).or_default() += 1;
        }
    }

    /// Leases that are being minted are to end as soon as they are; how many.
    pub(super) fn doom(&self, meant: impl Fn(&Account) -> bool) -> usize {
        let minting = self.accounts.iter();
        let minting = minting.filter(|one| one.standing() == Standing::Minting && meant(one));
        minting
            .map(|one| one.doomed.store(true, Ordering::SeqCst))
            .count()
    }

    /// Leases that serve calls.
    pub(super) fn live(&self) -> Vec<Arc<Lease>> {
        let live = self.accounts.iter();
        let live = live.filter(|one| one.standing() == Standing::Live);
        live.filter_map(|one| one.lease.get()?.upgrade()).collect()
    }

    /// Whether a lease may still be good.
    pub(super) fn has(&self, id: Uuid) -> bool {
        self.accounts.contains_key(&id)
    }

    /// Leases that nothing took back and whose time is over.
    pub(super) fn over(&self, now: u64) -> Vec<Uuid> {
        let over = |account: &Account| {
            account.standing() == Standing::Irrevocable && now >= account.until()
        };
        let over = self.accounts.iter().filter(|one| over(one));
        over.map(|one| one.id).collect()
    }

    /// How many leases stand so.
    pub(crate) fn count(&self, standing: Standing) -> usize {
        let stands = |account: &Arc<Account>| account.standing() == standing;
        self.accounts
            .iter()
            .filter(|one| stands(one.value()))
            .count()
    }

    /// How many leases of a credential should be revoked and are not, for some reason.
    pub(super) fn out_of_reach(&self, credential: &str) -> usize {
        self.astray.get(credential).map_or(0, |many| *many)
    }

    /// All of them, the oldest first.
    pub(crate) fn views(&self) -> Vec<View> {
        let mut views: Vec<View> = self.accounts.iter().map(|one| one.view()).collect();
        views.sort_by(|a, b| a.id.cmp(&b.id));
        views
    }
}

// === impl Account ===

impl Account {
    /// The lease's id.
    pub(super) fn id(&self) -> Uuid {
        self.id
    }

    /// From when on it is no longer good.
    pub(super) fn until(&self) -> u64 {
        self.until.load(Ordering::Relaxed)
    }

    /// How it stands.
    pub(super) fn standing(&self) -> Standing {
        match self.standing.load(Ordering::Relaxed) {
            0 => Standing::Minting,
            1 => Standing::Live,
            2 => Standing::Revoking,
            _ => Standing::Irrevocable,
        }
    }

    /// It is to be taken back from here on; false where it is already.
    pub(super) fn begin_to_end(&self) -> bool {
        let before = self
            .standing
            .fetch_max(Standing::Revoking as u8, Ordering::AcqRel);
        before < Standing::Revoking as u8
    }

    /// It stands otherwise from here on.
    pub(super) fn stand(&self, standing: Standing) {
        self.standing.store(standing as u8, Ordering::Relaxed);
    }

    /// Why it is not revoked, where it should be.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// It should be revoked and is not; whether that is new.
    fn trouble_with(&self, why: String) -> bool {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.replace(why).is_none()
    }

    /// It has become this lease.
    pub(super) fn become_lease(&self, lease: &Arc<Lease>) {
        // An account is of one lease.
        let _ = self.lease.set(Arc::downgrade(lease));
        self.stand(Standing::Live);
        if self.doomed.load(Ordering::SeqCst) {
            lease.end(Cause::Operator);
        }
    }

    /// As the journal keeps it.
    pub(super) fn entry(&self) -> Entry {
        self.entry
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The journal keeps something else from here on.
    pub(super) fn rewrite(&self, entry: Entry) {
        self.until.store(entry.until, Ordering::Relaxed);
        *self.entry.lock().unwrap_or_else(PoisonError::into_inner) = entry;
    }

    fn view(&self) -> View {
        let entry = self.entry();
        View {
            id: entry.id.simple().to_string(),
            state: self.standing().name(),
            chain: entry.chain.iter().cloned().chain([entry.agent]).collect(),
            credential: entry.credential,
            server: entry.server,
            origin: entry.origin,
            subject: entry.subject,
            user: entry.user,
            task: entry.task.simple().to_string(),
            scope: entry.scope,
            opened: entry.began,
            until: entry.until,
            trouble: self.trouble(),
        }
    }
}

// === impl Standing ===

impl Standing {
    /// As operators read it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Minting => "minting",
            Self::Live => "live",
            Self::Revoking => "revoking",
            Self::Irrevocable => "irrevocable",
        }
    }
}
