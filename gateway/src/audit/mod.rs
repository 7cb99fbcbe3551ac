//! Stage 6, what happened: the intent of a call is on record before its server sees a byte, its outcome when it ends.
//!
//! In this version the ledger keeps its records in the log and the counters; nothing can be sent without passing it.

#[cfg_attr(
    not(test),
    expect(
        dead_code,
        unused_imports,
        reason = "the stages above do not write to it yet"
    )
)]
pub(crate) mod journal;
mod record;

pub use record::{CallId, Ending, Record};

use crate::credentials::Credentialed;
use crate::pipeline::{Evidence, Refusal};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::{Outcome, Refused, Would};
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;
use tracing::Level;

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
        if let Some(task) = &record.task {
            task.count(record.bytes_in, record.bytes_out);
        }
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
        if let Some(would) = record.would() {
            self.metrics.shadow.count(would);
        }
        if let Some(kind) = record.refusal() {
            self.metrics.refusals.count(kind);
        }
    }
}

/// Calls that went well are told at `debug`; an operator wants to see the others.
fn log(record: &Record) {
    let would = record.would().filter(|would| *would != Would::Same);
    let level = match record.ending {
        _ if would.is_some() => Level::INFO,
        Ending::Answered | Ending::Absorbed | Ending::ServerError | Ending::Abandoned => {
            Level::DEBUG
        }
        Ending::Refused(_) => Level::INFO,
        Ending::Broken | Ending::TimedOut => Level::WARN,
    };
    macro_rules! tell {
        ($level:expr, $text:literal) => {
            tracing::event!(target: "hopgate::call", $level, call = %record.call, agent = agent(record),
                subject = subject(record), user = user(record), chain = record.chain(), txn = txn(record),
                task = task(record), server = %record.server, method = record.method,
                tool = record.target.as_deref(), ending = record.ending.name(),
                refused = record.refusal().map(Refused::name), rule = record.rule.as_deref(),
                would = would.map(Would::name), shadow = would.and(shadow(record)),
                withheld = record.withheld, reason = record.reason.as_deref(), took_us = micros(record), $text)
        };
    }
    match level {
        Level::DEBUG => tell!(Level::DEBUG, "call"),
        Level::INFO if would.is_some() => tell!(Level::INFO, "call that shadow rules would change"),
        Level::INFO => tell!(Level::INFO, "call refused"),
        _ => tell!(Level::WARN, "call did not end well"),
    }
}

fn shadow(record: &Record) -> Option<&str> {
    record.shadow.as_ref()?.rule.as_deref()
}

fn agent(record: &Record) -> Option<&str> {
    record
        .principal
        .as_deref()
        .map(|principal| &*principal.agent)
}

fn subject(record: &Record) -> Option<&str> {
    let principal = record.principal.as_deref();
    principal.map(|principal| &*principal.subject)
}

fn user(record: &Record) -> Option<&str> {
    record.principal.as_deref()?.user.as_deref()
}

fn txn(record: &Record) -> Option<String> {
    let task = record.task.as_deref()?;
    Some(task.txn().simple().to_string())
}

fn task(record: &Record) -> Option<String> {
    let task = record.task.as_deref()?;
    Some(task.id().simple().to_string())
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
