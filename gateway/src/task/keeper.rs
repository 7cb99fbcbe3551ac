//! Where tasks are kept beside this process: in a file of its own, or where several gateways share them.

use super::kept::Kept;
use super::outbox::Outbox;
use super::work::Task;
use adapters::state::Durable;
use std::sync::Arc;
use uuid::Uuid;

/// Where tasks are kept.
#[derive(Debug)]
pub(crate) enum Keeper {
    /// In a file, for the process that comes after this one.
    Disk(Durable),
    /// Where other gateways find them.
    Fleet(Arc<Outbox>),
    /// Nowhere.
    #[cfg(test)]
    Nowhere,
}

/// Seconds of silence a task is given beyond its own where others may have used it: they tell every two.
const SLACK: u64 = 4;

// === impl Keeper ===

impl Keeper {
    /// What others must hear of, where there are others.
    pub(super) fn fleet(&self) -> Option<&Arc<Outbox>> {
        match self {
            Self::Fleet(outbox) => Some(outbox),
            _ => None,
        }
    }

    /// A new task, as one that is kept here.
    pub(super) fn claim(&self, mut task: Task) -> Task {
        task.slack = self.fleet().map(|_| SLACK);
        task
    }

    /// Whether others find a task though this process lets go of it.
    pub(super) fn holds_for_others(&self, id: Uuid) -> bool {
        self.fleet().is_some_and(|outbox| !outbox.is_alone(id))
    }

    /// Keeps a task as it now is, soon. Where others are, it is their store that counts: only an end is news.
    pub(super) fn put(&self, task: &Task) {
        match self {
            Self::Disk(disk) => disk.put(task.id.as_bytes(), &Kept::of(task).write()),
            Self::Fleet(outbox) => outbox.ended(task),
            #[cfg(test)]
            Self::Nowhere => {}
        }
    }

    /// Forgets a task that has ended, soon.
    pub(super) fn forget(&self, id: Uuid) {
        if let Self::Disk(disk) = self {
            disk.remove(id.as_bytes());
        }
    }

    /// Waits until every change so far is kept.
    ///
    /// # Errors
    ///
    /// Why it is not.
    pub(super) async fn settled(&self) -> Result<(), String> {
        match self {
            Self::Disk(disk) => disk.settled().await.map_err(|why| why.to_string()),
            Self::Fleet(outbox) => outbox.tell().await.map_err(|down| down.to_string()),
            #[cfg(test)]
            Self::Nowhere => Ok(()),
        }
    }
}
