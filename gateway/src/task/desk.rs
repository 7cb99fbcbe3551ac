//! What is shown of tasks and done with them from outside: the same for operators and for a principal's own.

use super::Tasks;
use super::end::{Cause, End};
use super::work::{Kind, Task, Terms};
use crate::config::duration;
use crate::identity::{Caller, Principal, Proof, now};
use crate::pipeline::Refusal;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use uuid::Uuid;

/// One task as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    id: String,
    agent: Arc<str>,
    subject: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Arc<str>>,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<Box<str>>,
    /// Every agent of the work, oldest first, the task's own last.
    chain: Vec<Arc<str>>,
    txn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    /// Seconds since the epoch.
    opened: u64,
    deadline: u64,
    used: u64,
    idle_seconds: u64,
    open_calls: u64,
    calls: u64,
    bytes_in: u64,
    bytes_out: u64,
    /// The highest label its tree has touched.
    label: &'static str,
    untrusted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<End>,
}

/// What may be said when a task is opened.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    /// For operators: whose task it shall be.
    pub(crate) agent: Option<Box<str>>,
    pub(crate) subject: Option<Box<str>>,
    pub(crate) user: Option<Box<str>>,
    purpose: Option<Box<str>>,
    /// A duration such as `10m`; never longer than the configuration's.
    deadline: Option<Box<str>>,
    idle: Option<Box<str>>,
}

/// The longest purpose.
const PURPOSE_MOST: usize = 1_000;

// === impl View ===

impl View {
    fn of(task: &Task) -> Self {
        let principal = &task.principal;
        let touched = task.touched();
        let chain = task.chain.iter().chain([&principal.agent]);
        Self {
            id: task.id.simple().to_string(),
            agent: Arc::clone(&principal.agent),
            subject: Arc::clone(&principal.subject),
            user: principal.user.clone(),
            kind: task.kind,
            purpose: task.purpose.clone(),
            chain: chain.cloned().collect(),
            txn: task.txn.simple().to_string(),
            parent: task.parent.map(|parent| parent.simple().to_string()),
            opened: task.opened,
            deadline: task.deadline(),
            used: task.used.load(Ordering::Relaxed),
            idle_seconds: task.idle,
            open_calls: task.open_calls(),
            calls: task.calls.load(Ordering::Relaxed),
            bytes_in: task.bytes_in.load(Ordering::Relaxed),
            bytes_out: task.bytes_out.load(Ordering::Relaxed),
            label: touched.label.name(),
            untrusted: touched.untrusted,
            end: task.end(),
        }
    }
}

impl Tasks {
    /// Every open task, or one principal's.
    pub(crate) fn list(&self, of: Option<&Principal>) -> Vec<View> {
        let all = self.table.all();
        let own = all
            .iter()
            .filter(|task| of.is_none_or(|of| *task.principal == *of));
        own.map(|task| View::of(task)).collect()
    }

    /// One task, open or lately ended.
    ///
    /// # Errors
    ///
    /// [`Refusal::TaskUnknown`]; [`Refusal::Unshared`] where only other gateways could tell.
    pub(crate) async fn show(&self, id: &str, of: Option<&Principal>) -> Result<View, Refusal> {
        let task = self.look_up(id, of).await?;
        Ok(View::of(&task))
    }

    /// Ends one task, for all gateways.
    ///
    /// # Errors
    ///
    /// [`Refusal::TaskUnknown`] where there is none, or it has ended already; [`Refusal::Unshared`] where the other gateways
    /// cannot be told yet.
    pub(crate) async fn close(&self, id: &str, of: Option<&Principal>) -> Result<View, Refusal> {
        let task = self.look_up(id, of).await?;
        let untold = self
            .outbox()
            .is_some_and(|outbox| outbox.is_untold(task.id));
        if task.end().is_some() && !untold {
            return Err(Refusal::TaskUnknown);
        }
        self.table.end(&task, Cause::Closed, now());
        // Who closes a task may stop the gateway next; the end must not be forgotten.
        if let Err(why) = self.table.settled().await {
            tracing::error!("the end of a task is not kept yet: {why}");
            if self.fleet().is_some() {
                return Err(Refusal::Unshared(
                    "the task has ended here, and the other gateways cannot be told yet",
                ));
            }
        }
        Ok(View::of(&task))
    }

    /// Opens a task for its principal, within the bounds of the configuration.
    ///
    /// # Errors
    ///
    /// What is wrong with the wish; what keeps it from being kept.
    pub(crate) async fn open(
        &self,
        caller: &Caller,
        parent: Option<&Arc<Task>>,
        wish: &Wish,
        most: &Terms,
    ) -> Result<View, Unopened> {
        let asked = |text: &Option<Box<str>>, most: Duration| match text.as_deref().map(duration) {
            None => Ok(most),
            Some(Some(wanted)) => Ok(wanted.min(most)),
            Some(None) => Err(Unopened::Wish("a duration is written such as `10m`")),
        };
        let purpose = wish.purpose.clone();
        if purpose
            .as_deref()
            .is_some_and(|text| text.len() > PURPOSE_MOST)
        {
            return Err(Unopened::Wish("a purpose has at most 1000 bytes"));
        }
        let terms = Terms {
            purpose,
            life: asked(&wish.deadline, most.life)?,
            idle: asked(&wish.idle, most.idle)?,
        };
        let task = self.table.declare(caller, parent, &terms, now());
        let task = task.ok_or(Unopened::Many)?;
        if let Err(why) = self.keep_new(&task).await {
            self.table.end(&task, Cause::Closed, now());
            return Err(Unopened::Store(why));
        }
        Ok(View::of(&task))
    }

    async fn look_up(&self, id: &str, of: Option<&Principal>) -> Result<Arc<Task>, Refusal> {
        let id = Uuid::try_parse(id).map_err(|_| Refusal::TaskUnknown)?;
        let task = match self.table.find(id) {
            Some(task) => Some(task),
            None => match self.recall(id, now()).await? {
                Some(task) => Some(task),
                None => self.past(id, now()).await?,
            },
        };
        let own = |task: &Arc<Task>| of.is_none_or(|of| *task.principal == *of);
        task.filter(own).ok_or(Refusal::TaskUnknown)
    }
}

/// Why no task was opened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// What was asked for cannot be.
    Wish(&'static str),
    /// Its principal has too many.
    Many,
    /// It cannot be kept.
    Store(String),
}

/// A caller in an operator's words: no identity has proven it, and only its agent can be withdrawn.
pub(crate) fn spoken_for(agent: &Arc<str>, wish: &Wish) -> Caller {
    let subject = wish.subject.as_deref().unwrap_or("local");
    Caller {
        principal: Arc::new(Principal {
            agent: Arc::clone(agent),
            subject: Arc::from(subject),
            user: wish.user.as_deref().map(Arc::from),
        }),
        proof: Arc::new(Proof::default()),
    }
}
