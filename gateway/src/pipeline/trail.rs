//! The trail of one call: gathers what each stage proved and delivers exactly one outcome, however the call ends.
//!
//! It takes its place in the journal when the call begins. A caller that goes away drops the future at an await and
//! nothing after it runs; the trail's `Drop` then delivers the call as abandoned. It neither waits nor fails.

use super::refusal::Refusal;
use super::trace::{Outgoing, Step, Trace};
use crate::ask::Read;
use crate::audit::{CallId, Delivery, Ending, Ledger, Place, Record, Recorded};
use crate::authorize::Judged;
use crate::credentials::Credentialed;
use crate::task::Bound;
use crate::telemetry::Tracer;
use http::request::Parts;
use std::sync::Arc;

/// What a stage proved, in the words of the record.
pub(crate) trait Evidence {
    /// The stage, where it shows as a span of its own.
    const STEP: Option<Step> = None;

    /// Adds this stage's facts to the record.
    fn note(&self, record: &mut Record);
}

/// Collects one call's record.
#[derive(Debug)]
pub(crate) struct Trail {
    /// Boxed: it travels with the answer's body, which should stay small.
    record: Option<Box<Record>>,
    /// Where its outcome will go.
    place: Option<Place>,
    /// What is traced of it, where traces are kept.
    trace: Option<Box<Trace>>,
    ledger: Arc<Ledger>,
}

// === impl Trail ===

impl Trail {
    /// Opens the record of a call.
    pub(crate) fn open(record: Record, ledger: Arc<Ledger>, tracer: &Arc<Tracer>) -> Self {
        Self {
            record: Some(Box::new(record)),
            place: None,
            trace: Trace::begin(tracer),
            ledger,
        }
    }

    /// Which call it is.
    pub(super) fn call(&self) -> CallId {
        let record = self.record.as_ref();
        record.map_or_else(CallId::new, |record| record.call)
    }

    /// Notes the HTTP request the call came in.
    pub(super) fn came(&mut self, head: &Parts) {
        if let Some(trace) = &mut self.trace {
            trace.came(head);
        }
    }

    /// Notes which trace its proven caller says it belongs to.
    pub(super) fn hear(&mut self, read: &Read) {
        if let Some(trace) = &mut self.trace {
            trace.hear(read.asked());
        }
    }

    /// Finds where it stands in its trace.
    pub(super) fn stand(&mut self, bound: &Bound) {
        if let Some(trace) = &mut self.trace {
            trace.bind(bound);
        }
    }

    /// Notes what was decided, whether or not it may pass.
    pub(super) fn judge(&mut self, mut judged: Judged) -> Judged {
        self.amend(|record| judged.tell(record));
        judged
    }

    /// The server is called from here on; what of its trace goes along, where traces are kept.
    pub(super) fn send(&mut self) -> Option<Outgoing> {
        self.trace.as_mut()?.send()
    }

    /// Takes the place of the outcome.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unrecorded`] while nothing can be written.
    pub(crate) fn place(&mut self) -> Result<(), Refusal> {
        self.place = Some(self.ledger.place()?);
        Ok(())
    }

    /// Notes a fact that is known whether or not the stage lets the call pass.
    pub(crate) fn note(&mut self, evidence: &impl Evidence) {
        self.amend(|record| evidence.note(record));
    }

    /// Notes what a stage proved, or why it ended the call.
    pub(crate) fn step<T: Evidence>(&mut self, result: Result<T, Refusal>) -> Result<T, Refusal> {
        if let Some(trace) = &mut self.trace {
            trace.step(T::STEP);
        }
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

    /// Puts the call's intent on record.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unrecorded`].
    pub(crate) async fn intend(&mut self, call: Credentialed) -> Result<Recorded, Refusal> {
        let Some(record) = &mut self.record else {
            return Err(Refusal::Unrecorded);
        };
        let recorded = self.ledger.intend(record, call).await;
        self.step(recorded)
    }

    /// Puts on record that the answer begins, and ends later.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unrecorded`].
    pub(crate) async fn opened(&mut self) -> Result<(), Refusal> {
        let Some(record) = &mut self.record else {
            return Err(Refusal::Unrecorded);
        };
        self.ledger.opened(record).await?;
        // A span that lasts as long as a stream that only listens would be seen when nobody asks any more.
        if record.listens()
            && let Some(trace) = self.trace.take()
        {
            let ending = std::mem::replace(&mut record.ending, Ending::Answered);
            trace.end(record);
            record.ending = ending;
        }
        Ok(())
    }

    /// Delivers the outcome; what the caller may see waits for it.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unrecorded`]: then the caller may not see it.
    pub(crate) async fn close(self, ending: Ending) -> Result<(), Refusal> {
        match self.finish(ending) {
            Some(delivery) => delivery.await.map_err(|_| Refusal::Unrecorded),
            None => Ok(()),
        }
    }

    /// As [`Trail::close`], for who cannot wait here.
    pub(crate) fn finish(mut self, ending: Ending) -> Option<Delivery> {
        self.amend(|record| record.end(ending));
        self.deliver()
    }

    /// Ends a request that became several calls, each with a trail of its own.
    pub(crate) fn divide(mut self) {
        self.record = None;
        self.trace = None;
    }

    fn deliver(&mut self) -> Option<Delivery> {
        let record = self.record.take()?;
        let place = self.place.take();
        let placed = place.is_some();
        let delivery = self.ledger.deliver(&record, place);
        // Of a flood there is a number, not a span each: it would push out those of everybody else.
        let counted = placed && delivery.is_none();
        if let Some(trace) = self.trace.take()
            && (!counted || trace.is_followed(&record))
        {
            trace.end(&record);
        }
        delivery
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        self.amend(|record| record.end(Ending::Abandoned));
        // Nobody waits for what nobody will see.
        drop(self.deliver());
    }
}
