//! What a task has touched: the highest label of what was called in it, and whether it was answered by anybody.
//!
//! All tasks of one tree share it: what one agent read reaches the agent that called it, and what that one sends on
//! reaches the other. It only rises, and it is on disk before the call that raised it is sent.

use super::work::Task;
use super::{Table, Tasks};
use crate::pipeline::Refusal;
use policy::Touched;
use policy::model::{Class, Label};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// What a tree of tasks has touched, in one word: the label's place, and a bit above it.
#[derive(Debug, Default)]
pub(super) struct Labels(AtomicU8);

const UNTRUSTED: u8 = 1 << 7;

// === impl Labels ===

impl Labels {
    /// Those that are kept on disk.
    pub(super) fn read(word: u8) -> Self {
        Self(AtomicU8::new(word))
    }

    /// As they are kept on disk.
    pub(super) fn word(&self) -> u8 {
        self.0.load(Ordering::Acquire)
    }

    /// What has been touched so far.
    pub(super) fn look(&self) -> Touched {
        let word = self.word();
        let place = usize::from(word & !UNTRUSTED);
        // A word nobody here wrote stands for the highest.
        let label = Label::ALL.get(place).copied().unwrap_or(Label::Restricted);
        Touched {
            label,
            untrusted: word & UNTRUSTED != 0,
        }
    }

    /// Adds what others have touched; whether that is new.
    pub(super) fn raise(&self, other: Touched) -> bool {
        let raised = |word: u8| {
            let place = Label::ALL.iter().position(|one| *one == other.label);
            let place = u8::try_from(place.unwrap_or_default()).unwrap_or_default();
            let flag = (word & UNTRUSTED) | if other.untrusted { UNTRUSTED } else { 0 };
            let next = (word & !UNTRUSTED).max(place) | flag;
            (next != word).then_some(next)
        };
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, raised)
            .is_ok()
    }
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
    /// Notes what a call touches. Returns when that is on disk.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unkept`].
    pub(crate) async fn touch(&self, task: &Arc<Task>, class: Class) -> Result<(), Refusal> {
        let touches = Touched {
            label: class.label,
            untrusted: class.untrusted,
        };
        if !task.labels.raise(touches) {
            return Ok(());
        }
        self.table.keep_tree(task);
        self.table.settled().await.map_err(|why| {
            tracing::error!("what a task has touched cannot be written: {why}");
            Refusal::Unkept
        })
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
        assert!(!labels.raise(touched(Label::Public, false)));
        assert!(labels.raise(touched(Label::Confidential, false)));
        assert!(!labels.raise(touched(Label::Internal, false)));
        assert!(labels.raise(touched(Label::Public, true)));
        assert!(!labels.raise(touched(Label::Confidential, false)));
        assert_eq!(labels.look(), touched(Label::Confidential, true));
        assert_eq!(Labels::read(labels.word()).look(), labels.look());
        assert_eq!(Labels::read(9).look(), touched(Label::Restricted, false));
    }
}
