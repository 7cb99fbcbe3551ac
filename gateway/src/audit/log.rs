//! One line of the log for every call: for people who watch, beside the records for those who look back.

use super::{Ending, Record};
use crate::telemetry::metrics::{Refused, Would};
use tracing::Level;

/// Calls that went well are told at `debug`; an operator wants to see the others.
pub(super) fn tell(record: &Record) {
    let would = record.would().filter(|would| *would != Would::Same);
    let level = match record.ending {
        _ if would.is_some() => Level::INFO,
        Ending::Answered | Ending::Absorbed | Ending::ServerError(_) | Ending::Abandoned => {
            Level::DEBUG
        }
        Ending::Refused(_) => Level::INFO,
        Ending::Broken | Ending::TimedOut => Level::WARN,
    };
    macro_rules! tell {
        ($level:expr, $text:literal) => {
            tracing::event!(target: "hopgate::call", $level, call = %record.call, agent = agent(record),
                subject = subject(record), user = user(record), chain = record.chain(), txn = txn(record),
                task = task(record), server = %record.server, method = record.method.as_deref(),
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
