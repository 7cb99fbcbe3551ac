//! The trail of one call: gathers what each stage proved and delivers exactly one record, however the call ends.
//!
//! A caller that goes away drops the future at an await and nothing after it runs; the trail's `Drop` then delivers
//! the record as abandoned. It neither waits nor fails.

use super::refusal::Refusal;
use crate::audit::{Ending, Ledger, Record};
use std::sync::Arc;

/// What a stage proved, in the words of the record.
pub(crate) trait Evidence {
    /// Adds this stage's facts to the record.
    fn note(&self, record: &mut Record);
}

/// Collects one call's record.
#[derive(Debug)]
pub(crate) struct Trail {
    /// Boxed: it travels with the answer's body, which should stay small.
    record: Option<Box<Record>>,
    ledger: Arc<Ledger>,
}

// === impl Trail ===

impl Trail {
    /// Opens the record of a call.
    pub(crate) fn open(record: Record, ledger: Arc<Ledger>) -> Self {
        Self {
            record: Some(Box::new(record)),
            ledger,
        }
    }

    /// Notes what a stage proved, or why it ended the call.
    pub(crate) fn step<T: Evidence>(&mut self, result: Result<T, Refusal>) -> Result<T, Refusal> {
        if let Some(record) = &mut self.record {
            match &result {
                Ok(evidence) => evidence.note(record),
                Err(refusal) => record.refuse(refusal),
            }
        }
        result
    }

    /// Changes the open record: what is learnt while an answer streams.
    pub(crate) fn amend(&mut self, change: impl FnOnce(&mut Record)) {
        if let Some(record) = &mut self.record {
            change(record);
        }
    }

    /// Delivers the finished record.
    pub(crate) fn close(mut self, ending: Ending) {
        self.amend(|record| record.end(ending));
        self.deliver();
    }

    fn deliver(&mut self) {
        if let Some(record) = self.record.take() {
            self.ledger.deliver(*record);
        }
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        self.amend(|record| record.end(Ending::Abandoned));
        self.deliver();
    }
}
