//! Stage 6, what happened: the intent of a call is on record before its server sees a byte, its outcome when it ends.
//!
//! In this version the ledger keeps its records in the log and the counters; nothing can be sent without passing it.

mod record;

pub use record::{CallId, Ending, Record};

use crate::credentials::Credentialed;
use crate::pipeline::{Evidence, Refusal};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Outcome;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;

/// A call whose intent is on record. Made only by [`Ledger::intend`]; nothing else can be sent.
#[derive(Debug)]
pub struct Recorded {
    credentialed: Credentialed,
}

/// Where records go.
#[derive(Debug)]
pub struct Ledger {
    metrics: Arc<Metrics>,
    /// The demo reads along.
    tap: Option<UnboundedSender<Record>>,
}

// === impl Ledger ===

impl Ledger {
    /// A ledger that counts into `metrics`, and copies its records to `tap` where there is one.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, tap: Option<UnboundedSender<Record>>) -> Self {
        Self { metrics, tap }
    }

    /// Puts the intent of a call on record.
    ///
    /// # Errors
    ///
    /// None in this version: the log takes every record.
    pub(crate) fn intend(&self, credentialed: Credentialed) -> Result<Recorded, Refusal> {
        Ok(Recorded { credentialed })
    }

    /// Takes a finished record. Never waits, never fails: it runs in destructors.
    pub(crate) fn deliver(&self, record: Record) {
        self.count(&record);
        log(&record);
        if let Some(tap) = &self.tap {
            // The reader may have gone; the record is in the log all the same.
            let _ = tap.send(record);
        }
    }

    fn count(&self, record: &Record) {
        self.metrics.calls.count(match record.ending {
            Ending::Answered | Ending::ServerError | Ending::Absorbed => Outcome::Answered,
            Ending::Refused(_) => Outcome::Refused,
            Ending::Broken | Ending::TimedOut => Outcome::Upstream,
            Ending::Abandoned => Outcome::Cancelled,
        });
        if let Some(kind) = record.refusal() {
            self.metrics.refusals.count(kind);
        }
    }
}

/// Calls that went well are told at `debug`; an operator wants to see the others.
fn log(record: &Record) {
    match record.ending {
        Ending::Answered | Ending::Absorbed if tracing::enabled!(target: "hopgate::call", tracing::Level::DEBUG) =>
        {
            tracing::debug!(target: "hopgate::call", call = %record.call, agent = agent(record), server = %record.server,
                method = record.method, tool = record.target.as_deref(), ending = record.ending.name(),
                rule = record.rule.as_deref(), withheld = record.withheld, took_us = micros(record));
        }
        Ending::Answered | Ending::Absorbed => {}
        Ending::ServerError | Ending::Abandoned => {
            tracing::debug!(target: "hopgate::call", call = %record.call, agent = agent(record), server = %record.server,
                method = record.method, tool = record.target.as_deref(), ending = record.ending.name(),
                took_us = micros(record));
        }
        Ending::Refused(kind) => {
            tracing::info!(target: "hopgate::call", call = %record.call, agent = agent(record), server = %record.server,
                method = record.method, tool = record.target.as_deref(), refused = kind.name(),
                reason = record.reason.as_deref(), "call refused");
        }
        Ending::Broken | Ending::TimedOut => {
            tracing::warn!(target: "hopgate::call", call = %record.call, agent = agent(record), server = %record.server,
                method = record.method, tool = record.target.as_deref(), ending = record.ending.name(),
                reason = record.reason.as_deref(), "call did not end well");
        }
    }
}

fn agent(record: &Record) -> Option<&str> {
    record
        .principal
        .as_deref()
        .map(|principal| &*principal.agent)
}

fn micros(record: &Record) -> u64 {
    u64::try_from(record.took.as_micros()).unwrap_or(u64::MAX)
}

// === impl Recorded ===

impl Recorded {
    /// Takes the call on to its server.
    pub(crate) fn into_credentialed(self) -> Credentialed {
        self.credentialed
    }
}

impl Evidence for Recorded {
    fn note(&self, record: &mut Record) {
        record.sent = true;
    }
}
