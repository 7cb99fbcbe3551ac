//! A task: one principal's unit of work. Calls, sessions, hop tokens and records hang on it, and end with it.

use super::end::{Cause, End};
use super::labels::Labels;
use crate::identity::{Caller, Principal, Proof, now};
use crate::telemetry::trace::TraceContext;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// One principal's unit of work.
#[derive(Debug)]
pub struct Task {
    pub(super) id: Uuid,
    pub(super) principal: Arc<Principal>,
    /// Which identity proved the principal, and as what.
    pub(super) source: Arc<str>,
    pub(super) name: Box<str>,
    /// The agents before this one, oldest first.
    pub(super) chain: Arc<[Arc<str>]>,
    /// How many of them, the newest, an issuer of tokens vouches for.
    pub(super) actors: usize,
    /// Whom the agents before this one act for, as identity and subject, each once and oldest first.
    pub(super) users: Arc<[(Arc<str>, Arc<str>)]>,
    /// The chain's id: one for all tasks that grew from one origin.
    pub(super) txn: Uuid,
    /// The chain's trace.
    pub(super) trace: Uuid,
    /// Where its root span stands, once it has one.
    pub(super) root: OnceLock<TraceContext>,
    pub(super) parent: Option<Uuid>,
    pub(super) kind: Kind,
    /// The digest of its legacy session's key.
    pub(super) session: Option<[u8; 32]>,
    /// What its agent says it is for.
    pub(super) purpose: Option<Box<str>>,
    pub(super) opened: u64,
    /// Seconds it lives from its opening or its principal's newest proof.
    pub(super) life: u64,
    /// Seconds of silence after which it ends.
    pub(super) idle: u64,
    pub(super) deadline: AtomicU64,
    pub(super) used: AtomicU64,
    /// When the newest proof seen was made.
    pub(super) proven: AtomicU64,
    pub(super) calls: AtomicU64,
    pub(super) bytes_in: AtomicU64,
    pub(super) bytes_out: AtomicU64,
    /// What is open in it, and in the highest bit whether it has ended: one word, so that a call cannot slip into a
    /// task that ends at that moment.
    pub(super) open: AtomicU64,
    pub(super) end: OnceLock<End>,
    /// What its tree has touched.
    pub(super) labels: Arc<Labels>,
    /// Cancelled when it ends.
    pub(super) over: CancellationToken,
    pub(super) children: Mutex<Vec<Uuid>>,
    /// Whether what is kept of it is behind.
    pub(super) changed: AtomicBool,
    /// Seconds of silence more before it ends, in which others can tell that they have used it. None where nobody else
    /// can.
    pub(super) slack: Option<u64>,
    /// Whether another gateway has had its first call, and shown its root span.
    pub(super) rooted_elsewhere: bool,
}

/// What is said of a task when it opens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Terms {
    pub(crate) purpose: Option<Box<str>>,
    pub(crate) life: Duration,
    pub(crate) idle: Duration,
}

/// How a task came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Opened by a principal that knows nothing of tasks.
    Implicit,
    /// That of a legacy session.
    Session,
    /// Opened on purpose.
    Declared,
    /// Opened by a hop token, under the task of the agent that called.
    Child,
}

/// A task with something open in it: it is not idle while this lives.
#[derive(Debug)]
pub(crate) struct Held {
    task: Arc<Task>,
}

/// The highest bit of `open`.
const ENDED: u64 = 1 << 63;

// === impl Task ===

impl Task {
    /// A task that has just begun.
    pub(super) fn new(
        caller: &Caller,
        parent: Option<&Arc<Self>>,
        kind: Kind,
        terms: &Terms,
        now: u64,
    ) -> Self {
        let id = Uuid::now_v7();
        let before = parent.map(|parent| parent.chain.iter().chain([&parent.principal.agent]));
        let actors = caller.proof.actors.iter();
        let chain = before
            .into_iter()
            .flatten()
            .chain(actors)
            .cloned()
            .collect();
        let life = terms.life.as_secs().max(1);
        Self {
            id,
            principal: Arc::clone(&caller.principal),
            source: Arc::clone(&caller.proof.source),
            name: caller.proof.name.clone(),
            chain,
            actors: caller.proof.actors.len(),
            users: parent.map_or_else(Arc::default, |parent| parent.users_after()),
            txn: parent.map_or(id, |parent| parent.txn),
            trace: parent.map_or_else(Uuid::new_v4, |parent| parent.trace),
            root: OnceLock::new(),
            parent: parent.map(|parent| parent.id),
            kind: if parent.is_some() && kind == Kind::Implicit {
                Kind::Child
            } else {
                kind
            },
            session: None,
            purpose: terms.purpose.clone(),
            opened: now,
            life,
            idle: terms.idle.as_secs().max(1),
            deadline: AtomicU64::new(now.saturating_add(life)),
            used: AtomicU64::new(now),
            proven: AtomicU64::new(caller.proof.made.unwrap_or_default()),
            calls: AtomicU64::default(),
            bytes_in: AtomicU64::default(),
            bytes_out: AtomicU64::default(),
            open: AtomicU64::default(),
            end: OnceLock::new(),
            labels: super::Table::shared_labels(parent),
            over: CancellationToken::new(),
            children: Mutex::default(),
            changed: AtomicBool::default(),
            slack: None,
            rooted_elsewhere: false,
        }
    }

    /// Its id.
    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    /// The chain's id.
    pub(crate) fn txn(&self) -> Uuid {
        self.txn
    }

    /// The chain's trace.
    pub(crate) fn trace(&self) -> Uuid {
        self.trace
    }

    /// The agents before this one, oldest first.
    pub(crate) fn chain(&self) -> &Arc<[Arc<str>]> {
        &self.chain
    }

    /// Every agent of the chain, the task's own last.
    pub(crate) fn agents(&self) -> impl Iterator<Item = &Arc<str>> {
        self.chain.iter().chain([&self.principal.agent])
    }

    /// Whom the agents before this one act for, each once and oldest first.
    pub(crate) fn users(&self) -> &[(Arc<str>, Arc<str>)] {
        &self.users
    }

    /// The same for a task that grows from this one.
    fn users_after(&self) -> Arc<[(Arc<str>, Arc<str>)]> {
        let own = self.principal.user.as_ref();
        let own = own.map(|user| (Arc::clone(&self.source), Arc::clone(user)));
        match own {
            Some(own) if !self.users.contains(&own) => {
                self.users.iter().cloned().chain([own]).collect()
            }
            _ => Arc::clone(&self.users),
        }
    }

    /// Whose it is.
    pub(crate) fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// First second at which it is over whatever happens.
    pub(crate) fn deadline(&self) -> u64 {
        self.deadline.load(Ordering::Relaxed)
    }

    /// Whether its chain is the one that a proof speaks of.
    pub(super) fn is_of(&self, proof: &Proof) -> bool {
        self.actors == proof.actors.len() && self.chain.ends_with(&proof.actors)
    }

    /// Cancelled when it ends.
    pub(crate) fn over(&self) -> &CancellationToken {
        &self.over
    }

    /// How it ended, if it has.
    pub(crate) fn end(&self) -> Option<End> {
        self.end.get().copied()
    }

    /// Adds a call's bytes.
    pub(crate) fn count(&self, bytes_in: u64, bytes_out: u64) {
        self.bytes_in.fetch_add(bytes_in, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes_out, Ordering::Relaxed);
    }

    /// Opens something in it; none where it has ended, or is due to.
    pub(super) fn hold(self: &Arc<Self>, now: u64) -> Option<Held> {
        let before = self.open.fetch_add(1, Ordering::AcqRel);
        let due = before == 0 && self.due(now).is_some();
        if before & ENDED != 0 || due || now >= self.deadline() {
            self.open.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        Some(Held {
            task: Arc::clone(self),
        })
    }

    /// A call begins, with this proof: a newer one than any before moves the deadline. Says whether it is the first.
    pub(super) fn call(&self, proof: &Proof, now: u64) -> bool {
        let first = self.calls.fetch_add(1, Ordering::Relaxed) == 0 && !self.rooted_elsewhere;
        let fresh = match proof.made {
            None => true,
            Some(made) => self.proven.fetch_max(made, Ordering::Relaxed) < made,
        };
        if fresh {
            // Every gateway that sees the proof must come to the same deadline.
            let from = self.slack.and(proof.made).unwrap_or(now);
            let deadline = from.saturating_add(self.life);
            self.deadline.fetch_max(deadline, Ordering::Relaxed);
        }
        self.changed.store(true, Ordering::Relaxed);
        first
    }

    /// Where its root span stands; in the trace of its own where nothing was said before.
    pub(crate) fn root(&self, otherwise: impl FnOnce(&Self) -> TraceContext) -> &TraceContext {
        self.root.get_or_init(|| otherwise(self))
    }

    /// Where its root span stands, where it has one.
    pub(crate) fn rooted(&self) -> Option<&TraceContext> {
        self.root.get()
    }

    /// When it opened, in seconds.
    pub(crate) fn opened(&self) -> u64 {
        self.opened
    }

    /// Calls so far.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Why it should end now, if it should.
    pub(super) fn due(&self, now: u64) -> Option<Cause> {
        if now >= self.deadline() {
            return Some(Cause::Deadline);
        }
        let silent = now.saturating_sub(self.used.load(Ordering::Relaxed));
        let most = self.idle.saturating_add(self.slack.unwrap_or_default());
        (silent >= most).then_some(Cause::Idle)
    }

    /// Ends it, unless it has ended before; `idle` means only where nothing is open.
    pub(super) fn finish(&self, end: End) -> bool {
        if !matches!(end.cause, Cause::Idle | Cause::Crowded) {
            return self.cut(end);
        }
        let ended = self
            .open
            .compare_exchange(0, ENDED, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok();
        self.note_end(ended, end)
    }

    /// Ends it whatever is open in it, unless it has ended before.
    pub(super) fn cut(&self, end: End) -> bool {
        let ended = self.open.fetch_or(ENDED, Ordering::AcqRel) & ENDED == 0;
        self.note_end(ended, end)
    }

    fn note_end(&self, ended: bool, end: End) -> bool {
        if ended {
            // The bit was set by the caller and nobody else, so this is the first end.
            let _ = self.end.set(end);
            self.over.cancel();
        }
        ended
    }

    /// Whether something is open in it.
    pub(super) fn open_calls(&self) -> u64 {
        self.open.load(Ordering::Relaxed) & !ENDED
    }

    /// Notes a task that ends with this one.
    pub(super) fn adopt(&self, child: Uuid) {
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.push(child);
    }

    /// The tasks that end with this one.
    pub(super) fn orphan(&self) -> Vec<Uuid> {
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut children)
    }
}

// === impl Held ===

impl Held {
    /// Holds a task that nobody knows of yet.
    pub(super) fn first(task: &Arc<Task>) -> Self {
        task.open.fetch_add(1, Ordering::AcqRel);
        Self {
            task: Arc::clone(task),
        }
    }
}

impl std::ops::Deref for Held {
    type Target = Arc<Task>;

    fn deref(&self) -> &Arc<Task> {
        &self.task
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.task.used.store(now(), Ordering::Relaxed);
        self.task.open.fetch_sub(1, Ordering::AcqRel);
    }
}
