//! What a task has touched: the highest label of what was called in it, and whether it was answered by anybody.
//!
//! All tasks of one tree share it: what one agent read reaches the agent that called it, and what that one sends on
//! reaches the other. It only rises, and where a rule asks after it, it is on disk, or where other gateways see it,
//! before the call that raised it is sent.

use super::outbox::Outbox;
use super::shared::away;
use super::work::Task;
use super::{Table, Tasks};
use crate::fleet::Message;
use crate::pipeline::Refusal;
use adapters::state::redis::Down;
use policy::model::{Class, Label};
use policy::{Policy, Touched};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use uuid::Uuid;

/// What a tree of tasks has touched, each in one word: the label's place, and a bit above it.
#[derive(Debug, Default)]
pub(super) struct Labels {
    now: AtomicU8,
    /// What of it is on disk, or where the others see it.
    kept: AtomicU8,
}

const UNTRUSTED: u8 = 1 << 7;
/// The most a task can touch.
const ALL: Touched = Touched {
    label: Label::Restricted,
    untrusted: true,
};

// === impl Labels ===

impl Labels {
    /// Those that are kept on disk.
    pub(super) fn read(word: u8) -> Self {
        Self {
            now: AtomicU8::new(word),
            kept: AtomicU8::new(word),
        }
    }

    /// As they are kept on disk.
    pub(super) fn word(&self) -> u8 {
        self.now.load(Ordering::Acquire)
    }

    /// What has been touched so far.
    pub(super) fn look(&self) -> Touched {
        touched(self.word())
    }

    /// Adds what others have touched.
    pub(super) fn raise(&self, other: Touched) {
        add(&self.now, other);
    }

    /// Adds what the others have touched, as they have kept it.
    pub(super) fn hear(&self, word: u8) {
        add(&self.now, touched(word));
        add(&self.kept, touched(word));
    }

    /// Whether all of it is kept.
    pub(super) fn is_kept(&self) -> bool {
        self.keeps(self.look())
    }

    /// Whether so much is kept.
    fn keeps(&self, other: Touched) -> bool {
        let kept = self.kept.load(Ordering::Acquire);
        with(kept, other) == kept
    }
}

/// What a word says. One that nobody here wrote stands for the highest label.
fn touched(word: u8) -> Touched {
    let place = usize::from(word & !UNTRUSTED);
    let label = Label::ALL.get(place).copied();
    Touched {
        label: label.unwrap_or(Label::Restricted),
        untrusted: word & UNTRUSTED != 0,
    }
}

/// A word with more touched.
fn with(word: u8, other: Touched) -> u8 {
    let place = Label::ALL.iter().position(|one| *one == other.label);
    let place = place.and_then(|place| u8::try_from(place).ok());
    let flag = (word & UNTRUSTED) | if other.untrusted { UNTRUSTED } else { 0 };
    (word & !UNTRUSTED).max(place.unwrap_or_default()) | flag
}

fn add(word: &AtomicU8, other: Touched) {
    // It cannot fail: the closure always gives a word.
    let _ = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
        Some(with(word, other))
    });
}

// === impl Task ===

impl Task {
    /// What it, and every task of its tree, has touched.
    pub(crate) fn touched(&self) -> Touched {
        self.labels.look()
    }
}

// === impl Table ===

impl Table {
    /// The labels of a task that grows from another, or from none.
    pub(super) fn shared_labels(parent: Option<&Arc<Task>>) -> Arc<Labels> {
        parent.map_or_else(Arc::default, |parent| Arc::clone(&parent.labels))
    }

    /// Writes a task and those it grew from anew.
    fn keep_tree(&self, task: &Arc<Task>) {
        let mut next = Some(Arc::clone(task));
        while let Some(task) = next {
            self.keep(&task);
            next = task.parent.and_then(|parent| self.get(parent));
        }
    }
}

// === impl Tasks ===

impl Tasks {
    /// Notes what a call touches. Returns when that is on disk, where a rule of the policy asks after it.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unkept`].
    pub(crate) async fn touch(
        &self,
        task: &Arc<Task>,
        class: Class,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let touches = Touched {
            label: class.label,
            untrusted: class.untrusted,
        };
        task.labels.raise(touches);
        if task.labels.keeps(touches) || !policy.minds(touches) {
            return Ok(());
        }
        let written = task.touched();
        let kept = match self.outbox() {
            Some(outbox) => {
                let told = self.tell_labels(outbox, task).await;
                if told.is_ok() {
                    let (root, labels) = (task.txn, task.labels.word());
                    let fleet = Arc::clone(outbox.fleet());
                    // Beside the call: the store has it already, and the others only remember it.
                    let others = async move { fleet.say(&Message::Touched { root, labels }).await };
                    drop(tokio::spawn(others));
                }
                told.map_err(|down| down.to_string())
            }
            None => {
                self.table.keep_tree(task);
                self.table.settled().await
            }
        };
        kept.map_err(|why| {
            tracing::error!("what a task has touched cannot be written: {why}");
            Refusal::Unkept
        })?;
        add(&task.labels.kept, written);
        Ok(())
    }

    /// Tells the other gateways what a task has touched, and hears what they have.
    pub(super) async fn tell_labels(&self, outbox: &Outbox, task: &Task) -> Result<(), Down> {
        let told = outbox.fleet().store.touch_task(task.id, task.labels.word());
        task.labels.hear(told.await?);
        Ok(())
    }

    /// Another gateway's call has touched more. Should the store forget it when that gateway is gone, this one knows.
    pub(crate) fn hear_touched(&self, root: Uuid, labels: u8) {
        if let Some(task) = self.table.get(root) {
            task.labels.hear(labels);
        }
    }

    /// Hears what the other gateways' calls of this task's tree have touched, where a rule of the policy asks after any
    /// of it.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unshared`].
    pub(super) async fn hear_labels(&self, task: &Task, policy: &Policy) -> Result<(), Refusal> {
        let Some(outbox) = self.outbox().filter(|_| policy.minds(ALL)) else {
            return Ok(());
        };
        let labels = outbox.fleet().store.labels(task.txn).await;
        task.labels.hear(labels.map_err(away)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Labels;
    use policy::Touched;
    use policy::model::Label;

    #[test]
    fn labels_only_rise() {
        let labels = Labels::default();
        let touched = |label, untrusted| Touched { label, untrusted };
        assert_eq!(labels.look(), touched(Label::Public, false));
        for (label, untrusted, after) in [
            (Label::Public, false, touched(Label::Public, false)),
            (
                Label::Confidential,
                false,
                touched(Label::Confidential, false),
            ),
            (Label::Internal, false, touched(Label::Confidential, false)),
            (Label::Public, true, touched(Label::Confidential, true)),
            (
                Label::Confidential,
                false,
                touched(Label::Confidential, true),
            ),
        ] {
            labels.raise(touched(label, untrusted));
            assert_eq!(labels.look(), after);
        }
        assert!(labels.keeps(touched(Label::Public, false)));
        assert!(!labels.keeps(touched(Label::Internal, false)));
        assert!(!labels.keeps(touched(Label::Public, true)));
        let read = Labels::read(labels.word());
        assert_eq!(read.look(), labels.look());
        assert!(read.keeps(labels.look()));
        assert_eq!(Labels::read(9).look(), touched(Label::Restricted, false));
    }
}
