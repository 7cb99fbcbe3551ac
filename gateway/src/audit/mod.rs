//! Stage 6, what happened: the intent of a call is on record before its server sees a byte, its outcome before its
//! caller sees one.
//!
//! A trail takes its place in the journal's queue when the call begins, so that whatever ends the call, its outcome
//! can be delivered without waiting. What cannot be recorded does not happen: no intent, nothing is sent; no outcome,
//! nothing is answered.

mod entry;
pub(crate) mod event;
pub(crate) mod journal;
mod log;
pub(crate) mod lost;
pub(crate) mod reader;
mod record;
mod refusals;
pub(crate) mod secret;
pub(crate) mod shipping;

pub use record::{CallId, Ending, Record};

pub(crate) use event::{Change, Deed};
pub(crate) use journal::{
    Delivery, Durability, Journal, Lines, Place, Settings, Signer, Unwritten,
};
pub(crate) use record::{Arguments, Decided, Listed};
pub(crate) use refusals::{Refusals, Source};

use crate::credentials::Credentialed;
use crate::identity::now;
use crate::pipeline::{Evidence, Refusal};
use crate::task::Task;
use crate::task::seal::KeyRing;
use crate::telemetry::Metrics;
use crate::telemetry::fault::Side;
use crate::telemetry::metrics::{self, Operation, Outcome, Target};
use adapters::wire::Method;
use shipping::Backlog;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::time::Instant;

/// A call whose intent is on record. Made only by [`Ledger::intend`]; nothing else can be sent.
#[derive(Debug)]
pub struct Recorded {
    call: CallId,
    credentialed: Credentialed,
}

/// Where records go.
#[derive(Debug)]
pub struct Ledger {
    journal: Journal,
    refusals: Refusals,
    /// Refusals of one source recorded one by one in a second.
    alone: AtomicU32,
    metrics: Arc<Metrics>,
    /// Checkpoints that go to another host.
    shipping: Option<Arc<Backlog>>,
}

// === impl Ledger ===

impl Ledger {
    /// A ledger that writes to `journal` and counts into `metrics`.
    pub(crate) fn new(journal: Journal, metrics: Arc<Metrics>) -> Self {
        Self {
            journal,
            refusals: Refusals::default(),
            alone: AtomicU32::new(0),
            metrics,
            shipping: None,
        }
    }

    /// At the end waits for these checkpoints to be sent.
    pub(crate) fn shipping(self, shipping: Option<Arc<Backlog>>) -> Self {
        Self { shipping, ..self }
    }

    /// Sets how many refusals of one source are recorded one by one in a second.
    pub(crate) fn bound(&self, alone: u32) {
        self.alone.store(alone, Ordering::Relaxed);
    }

    /// Signs checkpoints with the first key of this ring from here on.
    pub(crate) fn follow(&self, ring: Arc<KeyRing>) {
        self.journal.follow(ring);
    }

    /// A place for the outcome of a call that begins.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unrecorded`] while nothing can be written.
    pub(crate) fn place(&self) -> Result<Place, Refusal> {
        self.journal.place().map_err(|_| Refusal::Unrecorded)
    }

    /// Whether this address was refused so often in this second that only who is known is heard.
    pub(crate) fn floods(&self, address: IpAddr) -> bool {
        let most = self.alone.load(Ordering::Relaxed);
        self.refusals.is_full(&Source::of(address), most, now())
    }

    /// Puts the intent of a call on record, and the decision it stands on.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unrecorded`] where it cannot be written in time.
    pub(crate) async fn intend(
        &self,
        record: &mut Record,
        credentialed: Credentialed,
    ) -> Result<Recorded, Refusal> {
        let lines = entry::intent(record);
        let written = self.journal.send(lines).map_err(|_| Refusal::Unrecorded)?;
        // From here on it may be on disk, whatever becomes of this call.
        record.intended = true;
        if written.await.is_err() {
            record.intended = false;
            return Err(Refusal::Unrecorded);
        }
        Ok(Recorded {
            call: record.call,
            credentialed,
        })
    }

    /// Puts on record that an answer begins which ends later.
    ///
    /// # Errors
    ///
    /// As [`Ledger::intend`].
    pub(crate) async fn opened(&self, record: &Record) -> Result<(), Refusal> {
        self.write(entry::opened(record))
            .await
            .map_err(|_| Refusal::Unrecorded)
    }

    /// Puts on record whether a server may ask something of its client. Cannot wait; what is not queued may not be asked.
    ///
    /// # Errors
    ///
    /// While nothing can be written.
    pub(crate) fn asks(
        &self,
        call: (CallId, &Task),
        snapshot: &str,
        method: &'static str,
        decided: &Decided,
    ) -> Result<(), Unwritten> {
        self.queue(entry::client(call, snapshot, method, decided))
    }

    /// Writes what is not part of a call's way.
    ///
    /// # Errors
    ///
    /// What cannot be written in time.
    pub(crate) async fn write(&self, lines: Lines) -> Result<(), Unwritten> {
        self.journal.write(lines).await
    }

    /// Queues what may not be waited for.
    ///
    /// # Errors
    ///
    /// While nothing can be written.
    pub(crate) fn queue(&self, lines: Lines) -> Result<(), Unwritten> {
        self.journal.try_write(lines)
    }

    /// Takes note of a finished record. Never waits, never fails: it runs in destructors. None where there is nothing to wait
    /// for.
    pub(crate) fn deliver(&self, record: &Record, place: Option<Place>) -> Option<Delivery> {
        self.count(record);
        if let Some(task) = &record.task {
            task.count(record.bytes_in, record.bytes_out);
        }
        if let Some(spends) = &record.spends {
            spends.end(record.bytes_out, record.took);
        }
        match place {
            Some(place) if self.alone(record) => {
                log::tell(record);
                Some(place.deliver(entry::outcome(record)))
            }
            Some(_) => None,
            None => {
                self.refusals.count(Source::Unwritten, 0, now());
                None
            }
        }
    }

    /// What is done once a second: records how many refusals were not recorded one by one in those before, and measures
    /// the journal.
    pub(crate) fn tick(&self) {
        self.measure();
        self.refusals
            .told(now(), |line| self.queue(vec![line]).is_ok());
    }

    /// Everything written, sealed by a last checkpoint, and that sent where it is to be kept.
    ///
    /// # Errors
    ///
    /// What cannot be written in time.
    pub(crate) async fn close(&self, last: Lines) -> Result<(), Unwritten> {
        let closed = self.journal.close(last).await;
        if let Some(shipping) = &self.shipping {
            shipping.close().await;
        }
        closed
    }

    /// Whether a record is written by itself: what was admitted, or answered, always is.
    fn alone(&self, record: &Record) -> bool {
        let answered = matches!(record.ending, Ending::Answered | Ending::ServerError(_));
        if record.admitted || record.intended || answered {
            return true;
        }
        let source = match &record.principal {
            Some(principal) => Source::Agent(Arc::clone(&principal.agent)),
            None => Source::of(record.address),
        };
        let most = self.alone.load(Ordering::Relaxed);
        self.refusals.count(source, most, now())
    }

    fn count(&self, record: &Record) {
        self.metrics.calls.count(match record.ending {
            Ending::Answered | Ending::ServerError(_) | Ending::Absorbed => Outcome::Answered,
            Ending::Refused(_) => Outcome::Refused,
            Ending::Broken | Ending::TimedOut => Outcome::Upstream,
            Ending::Abandoned => Outcome::Cancelled,
        });
        if let Some(would) = record.would() {
            self.metrics.shadow.count(would);
        }
        if let Some(kind) = record.refusal() {
            self.metrics.refusals.count(kind);
        }
        if let Some(decided) = &record.decided {
            self.metrics.decisions.count(match decided.outcome {
                policy::Outcome::Allow => metrics::Decided::Allow,
                policy::Outcome::Ask => metrics::Decided::Ask,
                policy::Outcome::Deny => metrics::Decided::Deny,
            });
        }
        if record.said {
            self.time(record);
        }
    }

    /// How long the call took, and the server's part of it.
    fn time(&self, record: &Record) {
        let target = match (record.asked, record.target.as_deref()) {
            (Some(Method::ToolsCall), Some(name)) => Some(Target::Tool(name)),
            (Some(Method::PromptsGet), Some(name)) => Some(Target::Prompt(name)),
            _ => None,
        };
        let subjects = &self.metrics.subjects;
        let subject = match record.ending {
            Ending::Answered if record.sent => subjects.answered(&record.server, target),
            _ => subjects.find(&record.server, target),
        };
        let operation = |side, took| Operation {
            subject,
            method: record.asked,
            revision: record.revision,
            fault: record.fault(side),
            took,
        };
        let served = operation(Side::Server, record.took);
        self.metrics.served.record(&served);
        if let Some(sent_at) = record.sent_at {
            let sent = operation(Side::Client, sent_at.elapsed());
            self.metrics.sent.record(&sent);
        }
    }

    /// Tells the metrics how the journal is.
    fn measure(&self) {
        let health = self.journal.health();
        let audit = &self.metrics.audit;
        for (log, written) in health.written {
            let log = match log {
                journal::Log::Calls => metrics::Log::Calls,
                journal::Log::Decisions => metrics::Log::Decisions,
                journal::Log::Secrets => metrics::Log::Secrets,
            };
            let before = audit.written.total(log);
            audit.written.add(log, written.saturating_sub(before));
        }
        let whole = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        audit
            .queue
            .set(whole(health.queued.saturating_add(health.kept)));
        audit
            .lag
            .set(i64::try_from(health.lag.as_millis()).unwrap_or(i64::MAX));
        audit.failing.set(health.failing.into());
    }
}

// === impl Recorded ===

impl Recorded {
    /// The call's id.
    pub(crate) fn call(&self) -> CallId {
        self.call
    }

    /// Takes the call on to its server.
    pub(crate) fn into_credentialed(self) -> Credentialed {
        self.credentialed
    }
}

impl Evidence for Recorded {
    fn note(&self, record: &mut Record) {
        record.sent = true;
        record.sent_at = Some(Instant::now());
    }
}
