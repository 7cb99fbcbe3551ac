//! A task as it is kept on disk: what a restart must not lose.

use super::end::End;
use super::labels::Labels;
use super::work::{Kind, Task};
use crate::identity::Principal;
use adapters::state::redis::SharedTask;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A task as it is kept on disk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    id: Uuid,
    agent: Arc<str>,
    subject: Arc<str>,
    user: Option<Arc<str>>,
    source: Arc<str>,
    name: Box<str>,
    chain: Vec<Arc<str>>,
    actors: usize,
    #[serde(default)]
    users: Vec<(Arc<str>, Arc<str>)>,
    txn: Uuid,
    trace: Uuid,
    parent: Option<Uuid>,
    kind: Kind,
    session: Option<[u8; 32]>,
    purpose: Option<Box<str>>,
    opened: u64,
    life: u64,
    idle: u64,
    deadline: u64,
    proven: u64,
    calls: u64,
    bytes_in: u64,
    bytes_out: u64,
    #[serde(default)]
    touched: u8,
    end: Option<End>,
}

// === impl Kept ===

impl Kept {
    pub(super) fn of(task: &Task) -> Self {
        let principal = &task.principal;
        let number = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Self {
            id: task.id,
            agent: Arc::clone(&principal.agent),
            subject: Arc::clone(&principal.subject),
            user: principal.user.clone(),
            source: Arc::clone(&task.source),
            name: task.name.clone(),
            chain: task.chain.to_vec(),
            actors: task.actors,
            users: task.users.to_vec(),
            txn: task.txn,
            trace: task.trace,
            parent: task.parent,
            kind: task.kind,
            session: task.session,
            purpose: task.purpose.clone(),
            opened: task.opened,
            life: task.life,
            idle: task.idle,
            deadline: number(&task.deadline),
            proven: number(&task.proven),
            calls: number(&task.calls),
            bytes_in: number(&task.bytes_in),
            bytes_out: number(&task.bytes_out),
            touched: task.labels.word(),
            end: task.end(),
        }
    }

    pub(super) fn write(&self) -> Vec<u8> {
        // Nothing in it can fail to be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What another version wrote and this one cannot read is no task of this one.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Whether it is that of the task the store speaks of.
    pub(super) fn is(&self, shared: &SharedTask) -> bool {
        self.id == shared.id && self.txn == shared.root && self.parent == shared.parent
    }

    /// The task it grew from.
    pub(super) fn parent(&self) -> Option<Uuid> {
        self.parent
    }

    /// The task as another gateway has it, with nothing open in it here.
    pub(super) fn adopted(self, shared: &SharedTask, now: u64) -> Task {
        let mut task = self.task(now);
        task.used = AtomicU64::new(shared.used.min(now));
        task.calls = AtomicU64::default();
        // One that was opened on purpose may have had no call yet.
        task.rooted_elsewhere = task.kind != Kind::Declared;
        task.bytes_in = AtomicU64::default();
        task.bytes_out = AtomicU64::default();
        task
    }

    /// The task again, with nothing open in it.
    pub(super) fn task(self, now: u64) -> Task {
        let over = CancellationToken::new();
        if self.end.is_some() {
            over.cancel();
        }
        Task {
            id: self.id,
            principal: Arc::new(Principal {
                agent: self.agent,
                subject: self.subject,
                user: self.user,
            }),
            source: self.source,
            name: self.name,
            chain: self.chain.into(),
            actors: self.actors,
            users: self.users.into(),
            txn: self.txn,
            trace: self.trace,
            root: OnceLock::new(),
            parent: self.parent,
            kind: self.kind,
            session: self.session,
            purpose: self.purpose,
            opened: self.opened,
            life: self.life,
            idle: self.idle,
            deadline: AtomicU64::new(self.deadline),
            used: AtomicU64::new(now),
            proven: AtomicU64::new(self.proven),
            calls: AtomicU64::new(self.calls),
            bytes_in: AtomicU64::new(self.bytes_in),
            bytes_out: AtomicU64::new(self.bytes_out),
            open: AtomicU64::default(),
            end: self.end.map_or_else(OnceLock::new, OnceLock::from),
            labels: Arc::new(Labels::read(self.touched)),
            over,
            children: Mutex::default(),
            changed: AtomicBool::default(),
            slack: None,
            rooted_elsewhere: false,
        }
    }
}
