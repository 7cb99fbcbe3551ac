//! The tasks all replicas know: opened by one, found by the others, ended for all. What a task is, its record says, which
//! nobody here reads.

use super::script::{
    self, END_TASK, FIND_TASK, LABELS, OPEN_TASK, Script, TOUCH_TASK, natural, odd,
};
use super::{Down, EXACT, Redis, locked};
use redis::{Cmd, Value};
use uuid::Uuid;

/// A task as the store has it. Times are seconds of the gateways' clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedTask {
    /// Which.
    pub id: Uuid,
    /// The first of its tree, which holds the labels.
    pub root: Uuid,
    /// The task it is under.
    pub parent: Option<Uuid>,
    /// All else; empty where only its end is known.
    pub record: Vec<u8>,
    /// What its tree has touched.
    pub labels: u8,
    /// When it was last used.
    pub used: u64,
    /// When it ends at the latest.
    pub deadline: u64,
    /// How long it may be unused.
    pub idle: u64,
    /// How it ended.
    pub end: Option<Vec<u8>>,
}

/// That a task is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Which.
    pub id: Uuid,
    /// When.
    pub used: u64,
    /// Its deadline, where it has moved.
    pub deadline: u64,
}

// === impl Redis ===

impl Redis {
    /// Opens a task, or puts again what is known of it. Under a name: the one that stands there and has not ended, else this.
    /// One that has ended stays so; one under a task that has ended is ended.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn open_task(
        &self,
        task: &SharedTask,
        name: Option<&[u8]>,
    ) -> Result<SharedTask, Down> {
        let told = self.task(&OPEN_TASK, |command| {
            command
                .arg(name.unwrap_or_default())
                .arg(text(task.id))
                .arg(text(task.root))
                .arg(task.parent.map(text).unwrap_or_default())
                .arg(&task.record)
                .arg(task.labels)
                .arg(task.used.min(EXACT))
                .arg(task.deadline.min(EXACT))
                .arg(task.idle.min(EXACT));
        });
        read(told.await?)?.ok_or_else(odd)
    }

    /// A task, with its end if it has ended.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn find_task(&self, id: Uuid) -> Result<Option<SharedTask>, Down> {
        let told = self.task(&FIND_TASK, |command| {
            command.arg(text(id));
        });
        read(told.await?)
    }

    /// Adds labels to a task's whole tree, and says which it has then. The low seven bits are a degree, of which the greater
    /// stays; the high bit stays once it is set.
    ///
    /// # Errors
    ///
    /// The store does not answer, or does not know the task.
    pub async fn touch_task(&self, id: Uuid, labels: u8) -> Result<u8, Down> {
        let told = self.task(&TOUCH_TASK, |command| {
            command.arg(text(id)).arg(labels);
        });
        match script::number(told.await?.as_ref())? {
            -1 => Err(Down::Lost),
            labels => u8::try_from(labels).map_err(|_| odd()),
        }
    }

    /// What the tree of this first task has touched.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn labels(&self, root: Uuid) -> Result<u8, Down> {
        let told = self.task(&LABELS, |command| {
            command.arg(text(root));
        });
        octet(told.await?.as_ref())
    }

    /// That tasks are used, soon.
    pub fn refresh_tasks(&self, seen: &[Seen]) {
        self.shared.outbox.refresh(seen);
    }

    /// Ends a task and those under it, and tells all. One that has ended stays as it ended.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn end_task(&self, id: Uuid, end: &[u8]) -> Result<(), Down> {
        let told = self.task(&END_TASK, |command| {
            command.arg(text(id)).arg(end).arg("");
        });
        told.await?;
        locked(&self.shared.memory).ended(id, end);
        Ok(())
    }

    /// Ends a task that no replica has used for as long as it may be unused. Says whether it has ended.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn end_if_idle(&self, id: Uuid, now: u64, end: &[u8]) -> Result<bool, Down> {
        let told = self.task(&END_TASK, |command| {
            command.arg(text(id)).arg(end).arg(now);
        });
        let ended = natural(told.await?.as_ref())? != 0;
        if ended {
            locked(&self.shared.memory).ended(id, end);
        }
        Ok(ended)
    }

    async fn task(
        &self,
        script: &Script,
        fill: impl Fn(&mut Cmd) + Send + Sync,
    ) -> Result<Option<Value>, Down> {
        let asked = self.shared.ask(script, |standing, command| {
            standing.task(command);
            fill(command);
        });
        Ok(asked.await?.into_iter().nth(1))
    }
}

pub(super) fn text(id: Uuid) -> String {
    id.hyphenated().to_string()
}

fn octet(value: Option<&Value>) -> Result<u8, Down> {
    u8::try_from(natural(value)?).map_err(|_| odd())
}

fn read(value: Option<Value>) -> Result<Option<SharedTask>, Down> {
    let parts = match value {
        Some(Value::Nil) | None => return Ok(None),
        Some(value) => script::parts(value)?,
    };
    let mut parts = parts.into_iter();
    let mut id = || match script::bytes(parts.next())? {
        Some(id) if id.is_empty() => Ok(None),
        Some(id) => Uuid::try_parse_ascii(&id).map(Some).map_err(|_| odd()),
        None => Err(odd()),
    };
    let (own, root, parent) = (id()?, id()?, id()?);
    let record = script::bytes(parts.next())?.unwrap_or_default();
    Ok(Some(SharedTask {
        id: own.ok_or_else(odd)?,
        root: root.ok_or_else(odd)?,
        parent,
        record,
        labels: octet(parts.next().as_ref())?,
        used: natural(parts.next().as_ref())?,
        deadline: natural(parts.next().as_ref())?,
        idle: natural(parts.next().as_ref())?,
        end: script::bytes(parts.next())?,
    }))
}
