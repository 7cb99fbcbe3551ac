//! What keeps the tasks of several gateways one: their use is told, those that are due are asked after, and what the store
//! has lost is put there again.

use super::end::Cause;
use super::outbox::{AT_ONCE, Outbox};
use super::place::Place;
use super::work::Task;
use super::{Table, Tasks};
use adapters::state::redis::{Down, Seen};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::task::JoinSet;

/// Some of the tasks here.
type Many = Vec<Arc<Task>>;

// === impl Tasks ===

impl Tasks {
    /// Tells the store which tasks are used, and asks it about those that are due.
    pub(crate) async fn sweep_shared(self: &Arc<Self>, now: u64) {
        let Some(outbox) = self.outbox().filter(|outbox| !outbox.fleet.is_away()) else {
            return;
        };
        outbox.sweep(now);
        let (due, seen, touched) = self.table.look_over(outbox, now);
        if !seen.is_empty() {
            outbox.fleet.store.refresh_tasks(&seen);
        }
        for task in touched {
            if self.tell_labels(outbox, &task).await.is_err() {
                return;
            }
        }
        if outbox.fleet.is_settling() {
            return;
        }
        for some in due.chunks(AT_ONCE) {
            let mut asking = JoinSet::new();
            for task in some {
                let (tasks, outbox, task) =
                    (Arc::clone(self), Arc::clone(outbox), Arc::clone(task));
                asking.spawn(async move { tasks.ask_after(&outbox, &task, now).await.is_ok() });
            }
            while let Some(asked) = asking.join_next().await {
                if !asked.unwrap_or(true) {
                    return;
                }
            }
        }
    }

    /// Keeps a task that was just opened on purpose.
    ///
    /// # Errors
    ///
    /// Why it cannot be kept.
    pub(super) async fn keep_new(&self, task: &Arc<Task>) -> Result<(), String> {
        match self.outbox() {
            Some(outbox) => {
                let put = self.put_open(outbox, task, crate::identity::now());
                put.await.map_err(|down| down.to_string())
            }
            None => self.table.settled().await,
        }
    }

    /// Puts into the store what it does not know, or has lost: all ends, then all that is open.
    ///
    /// # Errors
    ///
    /// Why it is not all there.
    pub(crate) async fn put_again(self: &Arc<Self>, all: bool, now: u64) -> Result<(), Down> {
        let Some(outbox) = self.outbox() else {
            return Ok(());
        };
        let open = match all {
            true => {
                outbox.repeat_all();
                self.table.snapshot()
            }
            false => {
                let alone = outbox.alone();
                alone.iter().filter_map(|id| self.table.get(*id)).collect()
            }
        };
        outbox.tell().await?;
        for some in open.chunks(AT_ONCE) {
            let mut putting = JoinSet::new();
            for task in some {
                let (tasks, outbox, task) =
                    (Arc::clone(self), Arc::clone(outbox), Arc::clone(task));
                putting.spawn(async move { tasks.put_open(&outbox, &task, now).await });
            }
            while let Some(put) = putting.join_next().await {
                // One that panicked is put with the next loss.
                put.unwrap_or(Ok(()))?;
            }
        }
        if all {
            self.spread_again(&outbox.fleet, now).await;
            self.ask_again(&outbox.fleet).await;
        }
        Ok(())
    }

    async fn put_open(&self, outbox: &Outbox, task: &Arc<Task>, now: u64) -> Result<(), Down> {
        let Some(shared) = outbox.shared(task) else {
            return Ok(());
        };
        let name = Place::of(task).map(|place| place.name());
        let store = &outbox.fleet.store;
        let mut standing = store
            .open_task(&shared, name.as_ref().map(<[u8; 32]>::as_slice))
            .await?;
        if standing.id != task.id {
            // Two gateways have opened one each while they could not speak: the first is found from now on, here too, and
            // the other is let go idle.
            if let Err(why) = self.take_in(outbox, standing, now).await {
                tracing::debug!("what stands in a task's place: {}", why.reason());
            }
            standing = store.open_task(&shared, None).await?;
        }
        outbox.known(task.id);
        match &standing.end {
            Some(end) => self.hear_end(task.id, end, now),
            None => task.catch_up(&standing, now),
        }
        Ok(())
    }
}

// === impl Task ===

impl Task {
    /// That it is used, where the others have not been told of it.
    fn seen(&self, now: u64) -> Option<Seen> {
        let open = self.open_calls() > 0;
        if open {
            self.used.fetch_max(now, Ordering::Relaxed);
        }
        (self.changed.swap(false, Ordering::Relaxed) || open).then(|| Seen {
            id: self.id,
            used: self.used.load(Ordering::Relaxed),
            deadline: self.deadline(),
        })
    }
}

// === impl Table ===

impl Table {
    /// What is due, what is used, and what has touched more than the others know.
    fn look_over(&self, outbox: &Outbox, now: u64) -> (Many, Vec<Seen>, Many) {
        let (mut due, mut seen, mut touched) = (Vec::new(), Vec::new(), Vec::new());
        let mut all = self.snapshot();
        all.retain(|task| !outbox.is_alone(task.id));
        for task in all {
            seen.extend(task.seen(now));
            if !task.labels.is_kept() {
                touched.push(Arc::clone(&task));
            }
            match task.due(now) {
                None => {}
                Some(Cause::Idle) if task.open_calls() > 0 => {}
                Some(_) => due.push(task),
            }
        }
        (due, seen, touched)
    }

    /// What was used is told anew: the store may not have heard.
    pub(crate) fn tell_use(&self) {
        for task in self.snapshot() {
            task.changed.store(true, Ordering::Relaxed);
        }
    }
}
