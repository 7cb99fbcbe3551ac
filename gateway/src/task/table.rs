//! All tasks: found by id, by whose they are, by session; swept when due; kept through restarts.

use super::kept::Kept;
use super::own::{Own, Told};
use super::work::{Cause, Held, Kind, Task, Terms};
use crate::identity::{Caller, Principal, now};
use adapters::state::{Durable, Entry};
use dashmap::DashMap;
use dashmap::mapref::entry::Entry as Place;
use std::collections::VecDeque;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use uuid::Uuid;

/// All tasks of this process.
#[derive(Debug)]
pub(crate) struct Table {
    tasks: DashMap<Uuid, Arc<Task>>,
    /// The task of who names none.
    own: DashMap<Own, Arc<Task>>,
    /// By the digest of the session's key.
    sessions: DashMap<[u8; 32], Arc<Task>>,
    /// How many tasks each principal has opened on purpose.
    declared: DashMap<Arc<Principal>, usize>,
    /// The last that ended, for who asks how.
    past: Mutex<VecDeque<Arc<Task>>>,
    store: Option<Arc<Durable>>,
    /// Bounds what a crowd of subjects can make of this.
    most: AtomicUsize,
    /// Whether a crowd is being sent away.
    clearing: AtomicBool,
    /// Told of each task that ends.
    told: OnceLock<Told>,
}

/// How many tasks one principal may have opened on purpose: a crowd of one must not send others away.
const DECLARED_MOST: usize = 1_000;
/// How many ended tasks are remembered.
const PAST_MOST: usize = 1_000;

// === impl Table ===

impl Table {
    /// The tasks that were open when the process before this one ended. That time is not idleness.
    pub(crate) fn load(store: Option<(Arc<Durable>, Vec<Entry>)>, most: usize) -> Self {
        let (store, entries) = store.map_or((None, Vec::new()), |(store, entries)| {
            (Some(store), entries)
        });
        let table = Self {
            tasks: DashMap::new(),
            own: DashMap::new(),
            sessions: DashMap::new(),
            declared: DashMap::new(),
            past: Mutex::default(),
            store,
            most: AtomicUsize::new(most),
            clearing: AtomicBool::new(false),
            told: OnceLock::new(),
        };
        let now = now();
        let read = |(_, value): &Entry| Kept::read(value).map(|kept| kept.task(now));
        let mut tasks: Vec<Task> = entries.iter().filter_map(read).collect();
        // Parents are older than their children.
        tasks.sort_by_key(|task| task.id);
        for mut task in tasks {
            if let Some(parent) = task.parent.and_then(|parent| table.get(parent)) {
                parent.labels.raise(task.touched());
                task.labels = Arc::clone(&parent.labels);
            }
            let task = Arc::new(task);
            match task.end() {
                Some(_) => table.bury(task),
                None => table.find_again(task),
            }
        }
        table.sweep(now);
        table
    }

    /// Tells of each task that ends; the first to ask is told.
    pub(crate) fn tell(&self, told: impl Fn(&Task) + Send + Sync + 'static) {
        let _first = self.told.set(Told(Box::new(told)));
    }

    /// One task, open or lately ended.
    pub(crate) fn find(&self, id: Uuid) -> Option<Arc<Task>> {
        let past = || self.past().iter().find(|task| task.id == id).cloned();
        self.get(id).or_else(past)
    }

    /// All that are open, oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<Task>> {
        let mut all = self.snapshot();
        // One that ends at this moment may still be in its place.
        all.retain(|task| task.end().is_none());
        all.sort_by_key(|task| task.id);
        all
    }

    /// Holds the task with this id, where it is open.
    pub(crate) fn named(&self, id: Uuid, now: u64) -> Option<Held> {
        self.hold(&self.get(id)?, now)
    }

    /// Holds the task of who names none: its own, or its part of a parent's.
    pub(crate) fn own(
        &self,
        caller: &Caller,
        parent: Option<&Arc<Task>>,
        terms: &Terms,
        now: u64,
    ) -> Held {
        let own = Own {
            principal: Arc::clone(&caller.principal),
            parent: parent.map(|parent| parent.id),
            actors: Arc::clone(&caller.proof.actors),
        };
        let known = self.own.get(&own).map(|task| Arc::clone(&task));
        if let Some(held) = known.and_then(|task| self.hold(&task, now)) {
            return held;
        }
        let task = Task::new(caller, parent, Kind::Implicit, terms, now);
        self.settle_in((&self.own, own), task, parent, now)
    }

    /// Holds the task of a session, opened where it has none.
    pub(crate) fn of_session(
        &self,
        session: [u8; 32],
        caller: &Caller,
        terms: &Terms,
        now: u64,
    ) -> Held {
        let known = self.sessions.get(&session).map(|task| Arc::clone(&task));
        if let Some(held) = known.and_then(|task| self.hold(&task, now)) {
            return held;
        }
        let mut task = Task::new(caller, None, Kind::Session, terms, now);
        task.session = Some(session);
        self.settle_in((&self.sessions, session), task, None, now)
    }

    /// The task of a session, where it has one.
    pub(crate) fn session(&self, session: &[u8; 32]) -> Option<Arc<Task>> {
        self.sessions.get(session).map(|task| Arc::clone(&task))
    }

    /// Opens a task on purpose; none where its principal has too many.
    pub(crate) fn declare(
        &self,
        caller: &Caller,
        parent: Option<&Arc<Task>>,
        terms: &Terms,
        now: u64,
    ) -> Option<Arc<Task>> {
        let principal = Arc::clone(&caller.principal);
        let mut many = self.declared.entry(principal).or_default();
        if *many >= DECLARED_MOST {
            return None;
        }
        *many += 1;
        drop(many);
        let task = Arc::new(Task::new(caller, parent, Kind::Declared, terms, now));
        self.begin(&task, parent, now);
        Some(task)
    }

    /// Ends a task and its children.
    pub(crate) fn end(&self, task: &Arc<Task>, cause: Cause, now: u64) {
        if !task.finish(cause, now) {
            return;
        }
        tracing::debug!(task = %task.id, agent = %task.principal.agent, cause = cause.name(), "task ended");
        if let Some(Told(told)) = self.told.get() {
            told(task);
        }
        // Among the past before it leaves the present, so that who asks finds it in one of them.
        self.bury(Arc::clone(task));
        self.tasks.remove(&task.id);
        self.own
            .remove_if(&Own::of(task), |_, other| other.id == task.id);
        if let Some(session) = &task.session {
            self.sessions
                .remove_if(session, |_, other| other.id == task.id);
        }
        if task.kind == Kind::Declared {
            self.declared.remove_if_mut(&task.principal, |_, many| {
                *many = many.saturating_sub(1);
                *many == 0
            });
        }
        for child in task.orphan() {
            if let Some(child) = self.get(child) {
                self.end(&child, Cause::Parent, now);
            }
        }
        self.keep(task);
    }

    /// Ends what is due, and brings what is on disk up to date; returns how many are left.
    pub(crate) fn sweep(&self, now: u64) -> usize {
        for task in self.snapshot() {
            match task.due(now) {
                Some(cause) => self.end(&task, cause, now),
                None if task.changed.swap(false, Ordering::Relaxed) => self.keep(&task),
                None => {}
            }
        }
        self.tasks.len()
    }

    /// Ends the tasks of who may no longer call, by what `withdrawn` says.
    pub(crate) fn withdraw(&self, withdrawn: impl Fn(&Task) -> bool, now: u64) {
        for task in self.snapshot().iter().filter(|task| withdrawn(task)) {
            self.end(task, Cause::Withdrawn, now);
        }
    }

    /// Sets how many tasks there may be.
    pub(crate) fn bound(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Waits until every change so far is on disk.
    ///
    /// # Errors
    ///
    /// Why it is not.
    pub(crate) async fn settled(&self) -> Result<(), String> {
        match &self.store {
            Some(store) => store.settled().await.map_err(|why| why.to_string()),
            None => Ok(()),
        }
    }

    /// Holds a task, or ends it where that is due.
    fn hold(&self, task: &Arc<Task>, now: u64) -> Option<Held> {
        let held = task.hold(now);
        if held.is_none()
            && let Some(cause) = task.due(now)
        {
            self.end(task, cause, now);
        }
        held
    }

    /// Puts a new task in its place and holds it; of two that come at once the second finds the first's.
    fn settle_in<K: Hash + Eq>(
        &self,
        (map, key): (&DashMap<K, Arc<Task>>, K),
        task: Task,
        parent: Option<&Arc<Task>>,
        now: u64,
    ) -> Held {
        let task = Arc::new(task);
        match map.entry(key) {
            Place::Occupied(mut place) => {
                if let Some(held) = place.get().hold(now) {
                    return held;
                }
                place.insert(Arc::clone(&task));
            }
            Place::Vacant(place) => {
                place.insert(Arc::clone(&task));
            }
        }
        // Nobody can have ended it yet but its parent's end, and then the call ends with it.
        let held = Held::first(&task);
        self.begin(&task, parent, now);
        held
    }

    fn begin(&self, task: &Arc<Task>, parent: Option<&Arc<Task>>, now: u64) {
        self.tasks.insert(task.id, Arc::clone(task));
        self.keep(task);
        if let Some(parent) = parent {
            parent.adopt(task.id);
            if parent.end().is_some() {
                self.end(task, Cause::Parent, now);
            }
        }
        if self.tasks.len() > self.most.load(Ordering::Relaxed) {
            self.clear(now);
        }
    }

    /// Sends the longest idle away, a part of the whole at once, so that a flood does not pay for each.
    fn clear(&self, now: u64) {
        if self.clearing.swap(true, Ordering::Acquire) {
            return;
        }
        let most = self.most.load(Ordering::Relaxed);
        let mut idle = self.snapshot();
        idle.retain(|task| task.open_calls() == 0);
        // What opens anew by itself goes first.
        idle.sort_by_key(|task| {
            (
                task.kind == Kind::Declared,
                task.used.load(Ordering::Relaxed),
            )
        });
        let surplus = self.tasks.len().saturating_sub(most) + most / 16;
        for task in idle.iter().take(surplus) {
            self.end(task, Cause::Crowded, now);
        }
        self.clearing.store(false, Ordering::Release);
    }

    fn find_again(&self, task: Arc<Task>) {
        let orphan = match task.parent {
            None => false,
            Some(parent) => match self.get(parent) {
                Some(parent) => {
                    parent.adopt(task.id);
                    false
                }
                None => true,
            },
        };
        match (&task.session, task.kind) {
            (Some(session), _) => drop(self.sessions.insert(*session, Arc::clone(&task))),
            (None, Kind::Declared) => {
                *self
                    .declared
                    .entry(Arc::clone(&task.principal))
                    .or_default() += 1;
            }
            (None, _) => drop(self.own.insert(Own::of(&task), Arc::clone(&task))),
        }
        self.tasks.insert(task.id, Arc::clone(&task));
        if orphan {
            self.end(&task, Cause::Parent, now());
        }
    }

    /// Remembers an ended task; the oldest is forgotten, on disk too.
    fn bury(&self, task: Arc<Task>) {
        let mut past = self.past();
        past.push_back(task);
        let forgotten = (past.len() > PAST_MOST).then(|| past.pop_front()).flatten();
        drop(past);
        if let (Some(store), Some(task)) = (&self.store, forgotten) {
            store.remove(task.id.as_bytes());
        }
    }

    pub(super) fn keep(&self, task: &Task) {
        if let Some(store) = &self.store {
            store.put(task.id.as_bytes(), &Kept::of(task).write());
        }
    }

    pub(super) fn get(&self, id: Uuid) -> Option<Arc<Task>> {
        self.tasks.get(&id).map(|task| Arc::clone(&task))
    }

    /// All that are open, in no order; no part of the map is locked while they are looked at.
    fn snapshot(&self) -> Vec<Arc<Task>> {
        self.tasks.iter().map(|task| Arc::clone(&task)).collect()
    }

    fn past(&self) -> MutexGuard<'_, VecDeque<Arc<Task>>> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::spoken_for;

    #[test]
    fn one_principal_cannot_crowd_the_others_out() {
        let table = Table::load(None, 100_000);
        let one = spoken_for(&Arc::from("one"), &crate::task::Wish::default());
        let other = spoken_for(&Arc::from("other"), &crate::task::Wish::default());
        let declare = |caller| table.declare(caller, None, &Terms::default(), 7);
        let first = declare(&one).unwrap();
        assert!((1..DECLARED_MOST).all(|_| declare(&one).is_some()));
        assert!(declare(&one).is_none() && declare(&other).is_some());
        table.end(&first, Cause::Closed, 7);
        assert!(declare(&one).is_some() && declare(&one).is_none());
    }
}
