//! Tasks that several gateways share: found where the others find them, opened where they see it, ended for all.

use super::end::{Cause, End};
use super::outbox::Outbox;
use super::place::Place;
use super::work::{Held, Kind, Task, Terms};
use super::{Table, Tasks};
use crate::fleet::Fleet;
use crate::identity::Caller;
use crate::pipeline::Refusal;
use adapters::state::redis::{Down, SharedTask};
use dashmap::mapref::entry::Entry as Spot;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use uuid::Uuid;

/// How often the store is asked for one place: what stands there may be over by the time it is looked at.
const TRIES: usize = 3;

/// What a call needs of a task that stands where nobody names it.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) place: Place,
    pub(super) caller: &'a Caller,
    pub(super) parent: Option<&'a Arc<Task>>,
    pub(super) terms: &'a Terms,
}

// === impl Wanted ===

impl Wanted<'_> {
    fn task(&self, now: u64) -> Task {
        let mut task = Task::new(self.caller, self.parent, self.kind(), self.terms, now);
        if let Place::Session(session) = self.place {
            task.session = Some(session);
        }
        task
    }

    fn kind(&self) -> Kind {
        match self.place {
            Place::Own(_) => Kind::Implicit,
            Place::Session(_) => Kind::Session,
        }
    }

    fn is(&self, task: &Task) -> bool {
        task.principal == self.caller.principal && Place::of(task).as_ref() == Some(&self.place)
    }
}

// === impl Tasks ===

impl Tasks {
    /// What others must hear of, where there are others.
    pub(crate) fn outbox(&self) -> Option<&Arc<Outbox>> {
        self.table.keeper.fleet()
    }

    /// The other gateways, where there are others.
    pub(crate) fn fleet(&self) -> Option<&Arc<Fleet>> {
        self.outbox().map(|outbox| &outbox.fleet)
    }

    /// Whether a call of this agent may go on, as far as other gateways say.
    ///
    /// # Errors
    ///
    /// As [`Fleet::admit`].
    pub(crate) fn admit(&self, agent: &str) -> Result<(), Refusal> {
        self.fleet().map_or(Ok(()), |fleet| fleet.admit(agent))
    }

    /// The task with this id, from here or from where the others find it. It may have ended by now.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unshared`].
    pub(super) async fn recall(&self, id: Uuid, now: u64) -> Result<Option<Arc<Task>>, Refusal> {
        let Some(outbox) = self.outbox() else {
            return Ok(self.table.get(id));
        };
        if let Some(task) = self.table.get(id) {
            if task.due(now).is_some() {
                self.ask_after(outbox, &task, now).await.map_err(away)?;
            }
            return Ok(Some(task));
        }
        if outbox.end(id).is_some() || self.table.find(id).is_some() {
            return Ok(None);
        }
        match outbox.fleet.store.find_task(id).await {
            Ok(Some(shared)) => self.take_in(outbox, shared, now).await,
            Ok(None) if outbox.fleet.is_settling() => Err(Refusal::Unshared(
                "the shared store does not know the task, and has lately forgotten",
            )),
            Ok(None) => Ok(None),
            Err(down) => Err(away(down)),
        }
    }

    /// Holds the task of this place, opened where it has none.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unshared`].
    pub(super) async fn open_at(&self, wanted: Wanted<'_>, now: u64) -> Result<Held, Refusal> {
        let Some(outbox) = self.outbox() else {
            let task = wanted.task(now);
            return Ok(self.table.settle_in(wanted.place, task, wanted.parent, now));
        };
        let name = wanted.place.name();
        for _ in 0..TRIES {
            let task = self.table.keeper.claim(wanted.task(now));
            let shared = outbox.shared(&task).ok_or(Refusal::Unkept)?;
            let standing = match outbox.fleet.store.open_task(&shared, Some(&name)).await {
                Ok(standing) => standing,
                // It is told when the store is back.
                Err(_) => return Ok(self.table.settle_alone(outbox, (wanted, task), now)),
            };
            let task = match (standing.id == task.id, &standing.end) {
                (true, None) => Some(self.table.admit(task, wanted.parent, now)),
                (true, Some(end)) => return Err(self.orphaned(&wanted, end, now)),
                (false, _) => self.take_in(outbox, standing, now).await?,
            };
            let Some(task) = task else {
                // It has ended, and the store has yet to hear of it.
                outbox.tell().await.map_err(away)?;
                continue;
            };
            if !wanted.is(&task) {
                return Err(UNSEALED);
            }
            if task.due(now).is_some() {
                self.ask_after(outbox, &task, now).await.map_err(away)?;
            }
            if let Some(held) = task.hold(now) {
                return Ok(held);
            }
        }
        Err(Refusal::Unshared("the task ends as often as it is opened"))
    }

    /// A task that has ended as it was opened: its parent had, though that was not known here yet.
    fn orphaned(&self, wanted: &Wanted<'_>, end: &[u8], now: u64) -> Refusal {
        if let Some(parent) = wanted.parent {
            self.hear_end(parent.id, end, now);
        }
        Refusal::ChainUnknown("the task of the hop token's call has ended")
    }

    /// A task that ended elsewhere before it was ever here; it is for looking at.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unshared`].
    pub(super) async fn past(&self, id: Uuid, now: u64) -> Result<Option<Arc<Task>>, Refusal> {
        let Some(outbox) = self.outbox() else {
            return Ok(None);
        };
        let found = outbox.fleet.store.find_task(id).await.map_err(away)?;
        let Some((shared, end)) = found.and_then(|shared| {
            let end = End::read(shared.end.as_ref()?, now);
            (!shared.record.is_empty()).then_some((shared, end))
        }) else {
            return Ok(None);
        };
        let task = outbox.read(&shared).ok_or(UNSEALED)?.adopted(&shared, now);
        task.cut(end);
        Ok(Some(Arc::new(task)))
    }

    /// Takes a task of another gateway among those here; none where it has ended.
    pub(super) async fn take_in(
        &self,
        outbox: &Outbox,
        shared: SharedTask,
        now: u64,
    ) -> Result<Option<Arc<Task>>, Refusal> {
        if shared.end.is_some() {
            return Ok(None);
        }
        if outbox.end(shared.id).is_some() {
            // The store has lost what it was told.
            outbox.repeat(shared.id);
            return Ok(None);
        }
        let kept = outbox.read(&shared).ok_or(UNSEALED)?;
        let parent = match kept.parent() {
            None => None,
            Some(id) => match Box::pin(self.recall(id, now)).await? {
                Some(parent) if parent.end().is_none() => Some(parent),
                // It ends with its parent.
                _ => return Ok(None),
            },
        };
        let mut task = self.table.keeper.claim(kept.adopted(&shared, now));
        if let Some(parent) = &parent {
            task.labels = Arc::clone(&parent.labels);
        }
        let task = self.table.admit(task, parent.as_ref(), now);
        task.catch_up(&shared, now);
        // Its end may have come while it was on its way.
        if let Some(end) = outbox.end(shared.id) {
            self.table.cut(&task, end);
        }
        Ok((task.end().is_none()).then_some(task))
    }

    /// Asks about a task that is due as far as is known here, and ends it where nobody has used it since.
    pub(super) async fn ask_after(
        &self,
        outbox: &Outbox,
        task: &Arc<Task>,
        now: u64,
    ) -> Result<(), Down> {
        let Some(shared) = outbox.fleet.store.find_task(task.id).await? else {
            // Where the store has forgotten, it is told of this one again; the next time it is known.
            if let Some(cause) = task.due(now).filter(|_| !outbox.fleet.is_settling()) {
                self.table.end(task, cause, now);
            }
            return Ok(());
        };
        if let Some(end) = &shared.end {
            self.hear_end(task.id, end, now);
            return Ok(());
        }
        task.catch_up(&shared, now);
        match task.due(now) {
            None => {}
            Some(Cause::Idle) => {
                let end = End {
                    cause: Cause::Idle,
                    at: now,
                };
                let since = now.saturating_sub(task.slack.unwrap_or_default());
                let store = &outbox.fleet.store;
                match store.end_if_idle(task.id, since, &end.write()).await? {
                    true => self.table.end(task, Cause::Idle, now),
                    // Somebody has used it in this very moment.
                    false => drop(task.used.fetch_max(now, Ordering::Relaxed)),
                }
            }
            Some(cause) => self.table.end(task, cause, now),
        }
        Ok(())
    }

    /// Another gateway has ended a task.
    pub(crate) fn hear_end(&self, id: Uuid, end: &[u8], now: u64) {
        let Some(outbox) = self.outbox() else { return };
        let end = End::read(end, now);
        let task = self.table.get(id);
        outbox.heard(id, task.as_deref(), end, now);
        if let Some(task) = task {
            self.table.cut(&task, end);
        }
    }

    /// Ends the tasks in whose chain is an agent that another gateway has withdrawn.
    pub(crate) fn withdraw(&self, fleet: &Fleet) {
        let withdrawn = |task: &Task| task.agents().any(|agent| fleet.has_withdrawn(agent));
        self.table.withdraw(withdrawn, crate::identity::now());
    }
}

// === impl Task ===

impl Task {
    /// Takes in what the others have made of it since.
    pub(super) fn catch_up(&self, shared: &SharedTask, now: u64) {
        self.labels.hear(shared.labels);
        self.used.fetch_max(shared.used.min(now), Ordering::Relaxed);
        // No proof moves it further.
        let deadline = shared.deadline.min(now.saturating_add(self.life));
        self.deadline.fetch_max(deadline, Ordering::Relaxed);
    }
}

// === impl Table ===

impl Table {
    /// Puts a task among the present; of two copies of one that come at once the second is the first.
    pub(super) fn admit(&self, task: Task, parent: Option<&Arc<Task>>, now: u64) -> Arc<Task> {
        let task = match self.tasks.entry(task.id) {
            Spot::Occupied(spot) => return Arc::clone(spot.get()),
            Spot::Vacant(spot) => Arc::clone(&spot.insert(Arc::new(task))),
        };
        self.enter(&task);
        if let Some(parent) = parent {
            parent.adopt(task.id);
            if parent.end().is_some() {
                self.end(&task, Cause::Parent, now);
            }
        }
        self.make_room(now);
        task
    }

    /// Puts a task in its place that the store does not know of, because it is away.
    fn settle_alone(&self, outbox: &Outbox, (wanted, task): (Wanted<'_>, Task), now: u64) -> Held {
        let id = task.id;
        let held = self.settle_in(wanted.place, task, wanted.parent, now);
        if held.id == id {
            outbox.open_alone(id);
        }
        held
    }

    /// Ends a task here that has ended elsewhere.
    pub(super) fn cut(&self, task: &Arc<Task>, end: End) {
        if task.cut(end) {
            self.over(task, end);
        }
    }

    /// Lets go of a task that others find, with what was minted for it here.
    pub(super) fn let_go(&self, task: &Arc<Task>, now: u64) {
        let end = End {
            cause: Cause::Crowded,
            at: now,
        };
        if task.finish(end) {
            self.say_over(task);
            self.leave(task);
        }
    }
}

/// What the store holds under a name is not what one of ours put there.
const UNSEALED: Refusal = Refusal::Unshared(
    "what the shared store holds of the task was not sealed for it by a key of this gateway",
);

/// Without the store it cannot be known.
pub(super) fn away(down: Down) -> Refusal {
    tracing::debug!("the shared store does not answer: {down}");
    Refusal::Unshared("the shared store does not answer")
}
