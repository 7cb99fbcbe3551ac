//! Whose an implicit task is, and who is told when one ends: what the table keeps beside the tasks themselves.

use super::work::Task;
use crate::identity::Principal;
use std::sync::Arc;
use uuid::Uuid;

/// Whose task it is, and within what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Own {
    pub(super) principal: Arc<Principal>,
    pub(super) parent: Option<Uuid>,
    pub(super) actors: Arc<[Arc<str>]>,
}

/// Is told of a task that has ended.
pub(super) struct Told(pub(super) Box<dyn Fn(&Task) + Send + Sync>);

// === impl Own ===

impl Own {
    /// Of a task that stands in its place.
    pub(super) fn of(task: &Task) -> Self {
        let before = task.chain.len().saturating_sub(task.actors);
        Self {
            principal: Arc::clone(&task.principal),
            parent: task.parent,
            actors: task.chain.get(before..).unwrap_or_default().into(),
        }
    }
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Told")
    }
}
