//! All tasks: found by id and by where they stand; swept when due; kept through restarts.

use super::end::{Cause, End};
use super::keeper::Keeper;
use super::kept::Kept;
use super::place::{Place, Told};
use super::work::{Held, Kind, Task, Terms};
use crate::identity::{Caller, Principal, now};
use adapters::state::Entry;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry as Spot;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use uuid::Uuid;

/// All tasks of this process.
#[derive(Debug)]
pub(crate) struct Table {
    pub(super) tasks: DashMap<Uuid, Arc<Task>>,
    /// The tasks of who names none.
    places: DashMap<Place, Arc<Task>>,
    /// How many tasks each principal has opened on purpose.
    declared: DashMap<Arc<Principal>, usize>,
    /// The last that ended, for who asks how.
    past: Mutex<VecDeque<Arc<Task>>>,
    pub(super) keeper: Keeper,
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
    pub(crate) fn load((keeper, entries): (Keeper, Vec<Entry>), most: usize) -> Self {
        let table = Self {
            tasks: DashMap::new(),
            places: DashMap::new(),
            declared: DashMap::new(),
            past: Mutex::default(),
            keeper,
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

    /// Holds the task that stands here, where it is open.
    pub(super) fn standing(&self, place: &Place, now: u64) -> Option<Held> {
        self.hold(&self.at(place)?, now)
    }

    /// The task that stands here.
    pub(super) fn at(&self, place: &Place) -> Option<Arc<Task>> {
        self.places.get(place).map(|task| Arc::clone(&task))
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
        let task = Task::new(caller, parent, Kind::Declared, terms, now);
        let task = Arc::new(self.keeper.claim(task));
        self.begin(&task, parent, now);
        Some(task)
    }

    /// Ends a task and its children.
    pub(crate) fn end(&self, task: &Arc<Task>, cause: Cause, now: u64) {
        let end = End { cause, at: now };
        if task.finish(end) {
            self.over(task, end);
            self.keep(task);
        }
    }

    /// What follows from the end of a task in this process.
    pub(super) fn over(&self, task: &Arc<Task>, end: End) {
        tracing::debug!(task = %task.id, agent = %task.principal.agent, cause = end.cause.name(), "task ended");
        self.say_over(task);
        // Among the past before it leaves the present, so that who asks finds it in one of them.
        self.bury(Arc::clone(task));
        self.leave(task);
        for child in task.orphan() {
            if let Some(child) = self.get(child) {
                self.end(&child, Cause::Parent, end.at);
            }
        }
    }

    /// Tells who asked to be told that a task is over here.
    pub(super) fn say_over(&self, task: &Task) {
        if let Some(Told(told)) = self.told.get() {
            told(task);
        }
    }

    /// Takes a task out of the present.
    pub(super) fn leave(&self, task: &Task) {
        self.tasks.remove(&task.id);
        if let Some(place) = Place::of(task) {
            self.places
                .remove_if(&place, |_, other| other.id == task.id);
        } else {
            self.declared.remove_if_mut(&task.principal, |_, many| {
                *many = many.saturating_sub(1);
                *many == 0
            });
        }
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

    /// How many are open.
    pub(super) fn many(&self) -> usize {
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
        self.keeper.settled().await
    }

    /// Holds a task, or ends it where that is due. Where others may have used it, only they can tell.
    pub(super) fn hold(&self, task: &Arc<Task>, now: u64) -> Option<Held> {
        let held = task.hold(now);
        if held.is_none()
            && self.keeper.fleet().is_none()
            && let Some(cause) = task.due(now)
        {
            self.end(task, cause, now);
        }
        held
    }

    /// Puts a new task in its place and holds it; of two that come at once the second finds the first's.
    pub(super) fn settle_in(
        &self,
        place: Place,
        task: Task,
        parent: Option<&Arc<Task>>,
        now: u64,
    ) -> Held {
        let task = Arc::new(self.keeper.claim(task));
        match self.places.entry(place) {
            Spot::Occupied(mut spot) => {
                if let Some(held) = spot.get().hold(now) {
                    return held;
                }
                spot.insert(Arc::clone(&task));
            }
            Spot::Vacant(spot) => {
                spot.insert(Arc::clone(&task));
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
        self.make_room(now);
    }

    /// Sends some away where there are too many.
    pub(super) fn make_room(&self, now: u64) {
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
            match self.keeper.holds_for_others(task.id) {
                true => self.let_go(task, now),
                false => self.end(task, Cause::Crowded, now),
            }
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
        self.tasks.insert(task.id, Arc::clone(&task));
        self.enter(&task);
        if orphan {
            self.end(&task, Cause::Parent, now());
        }
    }

    /// Puts a task that has been before where it stands.
    pub(super) fn enter(&self, task: &Arc<Task>) {
        match Place::of(task) {
            Some(place) => drop(self.places.insert(place, Arc::clone(task))),
            None => {
                let principal = Arc::clone(&task.principal);
                *self.declared.entry(principal).or_default() += 1;
            }
        }
    }

    /// Remembers an ended task; the oldest is forgotten, on disk too.
    fn bury(&self, task: Arc<Task>) {
        let mut past = self.past();
        past.push_back(task);
        let forgotten = (past.len() > PAST_MOST).then(|| past.pop_front()).flatten();
        drop(past);
        if let Some(task) = forgotten {
            self.keeper.forget(task.id);
        }
    }

    pub(super) fn keep(&self, task: &Task) {
        self.keeper.put(task);
    }

    pub(super) fn get(&self, id: Uuid) -> Option<Arc<Task>> {
        self.tasks.get(&id).map(|task| Arc::clone(&task))
    }

    /// All that are open, in no order; no part of the map is locked while they are looked at.
    pub(super) fn snapshot(&self) -> Vec<Arc<Task>> {
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
        let table = Table::load((Keeper::Nowhere, Vec::new()), 100_000);
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
