//! What the other gateways have yet to hear of this one's tasks, and what they would have to hear again if the store
//! they share forgot.

use super::end::End;
use super::kept::Kept;
use super::work::Task;
use crate::fleet::Fleet;
use adapters::state::redis::{Down, SharedTask};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use uuid::Uuid;

/// What others must hear of, or have heard.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(super) fleet: Arc<Fleet>,
    waiting: Mutex<Waiting>,
    /// Something is to be told.
    wake: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Ends nobody else has heard of.
    ends: HashMap<Uuid, Ended>,
    /// Ends the store knows of: told again should it forget, as long as somebody could take the task for open.
    known: HashMap<Uuid, Ended>,
    /// Tasks that were opened while the store was away.
    alone: HashSet<Uuid>,
}

#[derive(Debug, Clone, Copy)]
struct Ended {
    end: End,
    /// When nobody takes the task for open any more.
    until: u64,
}

/// How many are told at once.
pub(super) const AT_ONCE: usize = 64;
/// How many seconds an end is remembered of a task that is not here.
const ON_THE_WAY: u64 = 60;
/// How many ends are remembered; a memory of them all could be filled from outside.
const KNOWN_MOST: usize = 1 << 18;

// === impl Outbox ===

impl Outbox {
    /// Nothing to tell yet.
    pub(crate) fn new(fleet: Arc<Fleet>) -> Self {
        Self {
            fleet,
            waiting: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// The gateways it tells.
    pub(crate) fn fleet(&self) -> &Arc<Fleet> {
        &self.fleet
    }

    /// A task as others find it; none without a key or randomness.
    pub(super) fn shared(&self, task: &Task) -> Option<SharedTask> {
        let record = Kept::of(task).write();
        Some(SharedTask {
            id: task.id,
            root: task.txn,
            parent: task.parent,
            record: self.fleet.enclose(&record_of(task.id), &record)?,
            labels: task.labels.word(),
            used: task.used.load(Ordering::Relaxed),
            deadline: task.deadline(),
            idle: task.idle,
            end: None,
        })
    }

    /// What another gateway wrote of a task; none of what nobody with our keys wrote, or wrote of another.
    pub(super) fn read(&self, shared: &SharedTask) -> Option<Kept> {
        let record = self.fleet.disclose(&record_of(shared.id), &shared.record)?;
        let kept = Kept::read(&record)?;
        kept.is(shared).then_some(kept)
    }

    /// Notes that a task has ended here, where it has.
    pub(super) fn ended(&self, task: &Task) {
        let Some(end) = task.end() else { return };
        let until = until(task, end);
        self.lock().ends.insert(task.id, Ended { end, until });
        self.wake.notify_one();
    }

    /// Notes an end that the store told of.
    pub(super) fn heard(&self, id: Uuid, task: Option<&Task>, end: End, now: u64) {
        // Of a task that is not here, its record may just be on its way.
        let until = task.map_or(now.saturating_add(ON_THE_WAY), |task| until(task, end));
        self.told(id, Ended { end, until });
    }

    /// How a task ended, where that is known here.
    pub(super) fn end(&self, id: Uuid) -> Option<End> {
        let waiting = self.lock();
        let ended = waiting.ends.get(&id).or_else(|| waiting.known.get(&id));
        ended.map(|ended| ended.end)
    }

    /// Tells an end again that the store has lost.
    pub(super) fn repeat(&self, id: Uuid) {
        let mut waiting = self.lock();
        if let Some(ended) = waiting.known.remove(&id) {
            waiting.ends.insert(id, ended);
            self.wake.notify_one();
        }
    }

    /// Tells every end again: the store has forgotten.
    pub(super) fn repeat_all(&self) {
        let mut waiting = self.lock();
        let known = std::mem::take(&mut waiting.known);
        for (id, ended) in known {
            waiting.ends.entry(id).or_insert(ended);
        }
        self.wake.notify_one();
    }

    /// Whether the store does not know a task.
    pub(super) fn is_alone(&self, id: Uuid) -> bool {
        self.lock().alone.contains(&id)
    }

    /// Notes that a task was opened while the store was away.
    pub(super) fn open_alone(&self, id: Uuid) {
        self.lock().alone.insert(id);
    }

    /// Notes that the store knows a task.
    pub(super) fn known(&self, id: Uuid) {
        self.lock().alone.remove(&id);
    }

    /// Whether there are tasks the store does not know.
    pub(crate) fn has_alone(&self) -> bool {
        !self.lock().alone.is_empty()
    }

    /// The tasks the store does not know.
    pub(super) fn alone(&self) -> Vec<Uuid> {
        self.lock().alone.iter().copied().collect()
    }

    /// Whether an end has not been told.
    pub(super) fn is_untold(&self, id: Uuid) -> bool {
        self.lock().ends.contains_key(&id)
    }

    /// Waits until something is to be told.
    pub(crate) async fn something(&self) {
        self.wake.notified().await;
    }

    /// Asks for another attempt.
    pub(crate) fn again(&self) {
        if !self.lock().ends.is_empty() {
            self.wake.notify_one();
        }
    }

    /// Tells the store of every end it does not know.
    ///
    /// # Errors
    ///
    /// Why it cannot be told; what is left is told later.
    pub(crate) async fn tell(&self) -> Result<(), Down> {
        let ends: Vec<(Uuid, Ended)> = {
            let waiting = self.lock();
            waiting
                .ends
                .iter()
                .map(|(id, ended)| (*id, *ended))
                .collect()
        };
        for some in ends.chunks(AT_ONCE) {
            let mut telling = JoinSet::new();
            for &(id, ended) in some {
                let fleet = Arc::clone(&self.fleet);
                telling.spawn(async move {
                    let told = fleet.store.end_task(id, &ended.end.write()).await;
                    (id, ended, told)
                });
            }
            let mut failed = None;
            while let Some(told) = telling.join_next().await {
                match told {
                    Ok((id, ended, Ok(()))) => self.told(id, ended),
                    Ok((_, _, Err(down))) => failed = Some(down),
                    Err(_) => {}
                }
            }
            if let Some(down) = failed {
                return Err(down);
            }
        }
        Ok(())
    }

    /// Forgets ends nobody could miss any more.
    pub(super) fn sweep(&self, now: u64) {
        let mut waiting = self.lock();
        waiting.known.retain(|_, ended| ended.until > now);
    }

    fn told(&self, id: Uuid, ended: Ended) {
        let mut waiting = self.lock();
        waiting.ends.remove(&id);
        waiting.alone.remove(&id);
        waiting.know(id, ended);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Every change is an insertion or a removal, so a panic elsewhere leaves it whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Waiting ===

impl Waiting {
    fn know(&mut self, id: Uuid, ended: Ended) {
        if self.known.len() < KNOWN_MOST {
            self.known.insert(id, ended);
        }
    }
}

/// When nobody takes a task for open any more: who has not heard of its end may have moved its deadline since.
fn until(task: &Task, end: End) -> u64 {
    task.deadline().max(end.at.saturating_add(task.life))
}

/// What a task's record is bound to.
fn record_of(id: Uuid) -> [u8; 20] {
    let mut name = *b"task................";
    for (to, from) in name.iter_mut().skip(4).zip(id.as_bytes()) {
        *to = *from;
    }
    name
}
