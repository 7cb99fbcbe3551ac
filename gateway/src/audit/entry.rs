//! What the journal says of one call: its intent, the decision it stands on, its opening, its outcome.
//!
//! Who and what stands in the `calls` log once: with the intent, or with the outcome where there was none. The
//! `decisions` log shares ids with it and nothing else. The format is docs/audit.md.

use super::journal::{Line, Lines, Log};
use super::{Arguments, CallId, Decided, Record, secret};
use crate::task::Task;
use crate::telemetry::metrics::{Refused, Would};
use aws_lc_rs::digest::{SHA256, digest};
use std::fmt::Write as _;

/// What is written before the server sees a byte.
pub(super) fn intent(record: &Record) -> Lines {
    let mut line = Line::new(Log::Calls, "intent");
    line.id("call", record.call.uuid());
    who_and_what(&mut line, record);
    let mut lines = Vec::with_capacity(2);
    lines.extend(decision(record));
    lines.push(line);
    lines.extend(secret::used(record));
    lines
}

/// What is written when an answer begins that ends later.
pub(super) fn opened(record: &Record) -> Lines {
    let mut line = Line::new(Log::Calls, "opened");
    line.id("call", record.call.uuid());
    vec![line]
}

/// What is written when the call has ended.
pub(super) fn outcome(record: &Record) -> Lines {
    let mut lines = Vec::with_capacity(2);
    if !record.intended {
        lines.extend(decision(record));
    }
    lines.extend(listed(record));
    let mut line = Line::new(Log::Calls, "outcome");
    line.id("call", record.call.uuid());
    line.text("ending", record.ending.name());
    if let Some(kind) = record.refusal() {
        line.text("refused", Refused::name(kind));
    }
    if let Some(reason) = &record.reason {
        line.text("reason", reason);
    }
    line.flag("sent", record.sent);
    if record.bytes_out > 0 {
        line.number("bytes_out", record.bytes_out);
    }
    if record.withheld > 0 {
        line.number("withheld", record.withheld);
    }
    let took = u64::try_from(record.took.as_micros()).unwrap_or(u64::MAX);
    line.number("took_us", took);
    if !record.intended {
        who_and_what(&mut line, record);
    }
    lines.push(line);
    lines
}

/// The decision, where it was reached.
fn decision(record: &Record) -> Option<Line> {
    let decided = record.decided.as_ref()?;
    let task = record.task.as_deref();
    let mut line = judged("call", (record.call, task), &record.snapshot, decided);
    if let Some(would) = record.would().filter(|would| *would != Would::Same) {
        line.text("would", Would::name(would));
        if let Some(rule) = record
            .shadow
            .as_ref()
            .and_then(|shadow| shadow.rule.as_deref())
        {
            line.text("shadow", rule);
        }
    }
    Some(line)
}

/// The decision whether a server may ask this of its client.
pub(super) fn client(
    (call, task): (CallId, &Task),
    snapshot: &str,
    method: &'static str,
    decided: &Decided,
) -> Lines {
    let mut line = judged("client", (call, Some(task)), snapshot, decided);
    line.text("method", method);
    vec![line]
}

fn judged(
    event: &'static str,
    (call, task): (CallId, Option<&Task>),
    snapshot: &str,
    decided: &Decided,
) -> Line {
    let mut line = Line::new(Log::Decisions, "decision");
    line.id("call", call.uuid());
    if let Some(task) = task {
        line.id("task", task.id());
    }
    line.text("snapshot", snapshot);
    line.text("event", event);
    line.text("decision", decided.outcome.name());
    if let Some(why) = &decided.why {
        line.text("why", why);
    }
    if !decided.rules.is_empty() {
        line.texts("rules", decided.rules.iter());
    }
    line.text("label", decided.touched.label.name());
    if decided.touched.untrusted {
        line.flag("untrusted", true);
    }
    line
}

/// What a list was cut by.
fn listed(record: &Record) -> Option<Line> {
    let shown = record.shown?;
    let mut line = Line::new(Log::Decisions, "list");
    line.id("call", record.call.uuid());
    line.text("snapshot", &record.snapshot);
    line.number("shown", shown);
    line.number("hidden", record.withheld);
    Some(line)
}

fn who_and_what(line: &mut Line, record: &Record) {
    if let Some(request) = record.request {
        line.id("request", request.uuid());
    }
    if let Some(parent) = record.parent {
        line.id("parent", parent.uuid());
    }
    line.text("snapshot", &record.snapshot);
    line.text("address", &record.address.to_string());
    who(line, record);
    if let Some(task) = record.task.as_deref() {
        line.id("txn", task.txn());
        line.id("task", task.id());
    }
    if !record.server.is_empty() {
        line.text("server", &record.server);
    }
    if let Some(method) = &record.method {
        line.text("method", method);
    }
    if let Some(target) = record.target.as_deref() {
        line.text("target", target);
    }
    if let Some(bytes) = record.target_bytes {
        line.number("target_bytes", bytes);
    }
    if record.bytes_in > 0 {
        line.number("bytes_in", record.bytes_in);
    }
    if let Some(arguments) = &record.arguments {
        line.raw("arguments", &said(arguments, record.admitted));
    }
}

fn who(line: &mut Line, record: &Record) {
    if let Some(proof) = &record.proof {
        line.text("identity", &proof.source);
        if !proof.scopes.is_empty() {
            line.texts("scopes", proof.scopes.iter());
        }
    }
    let Some(principal) = record.principal.as_deref() else {
        return;
    };
    line.text("agent", &principal.agent);
    line.text("subject", &principal.subject);
    if let Some(user) = &principal.user {
        line.text("user", user);
    }
    let Some(task) = record.task.as_deref() else {
        return;
    };
    if !task.users().is_empty() {
        line.raw("users", &users(task.users()));
    }
    if !task.chain().is_empty() {
        line.texts("chain", task.chain().iter().chain([&principal.agent]));
    }
}

/// Users by identity and subject, as a list of pairs.
fn users(users: &[(std::sync::Arc<str>, std::sync::Arc<str>)]) -> String {
    let pairs: Vec<[&str; 2]> = users
        .iter()
        .map(|(source, subject)| [&**source, &**subject])
        .collect();
    serde_json::to_string(&pairs).unwrap_or_default()
}

/// The arguments of a refused call are recorded in full up to this size: nobody fills the disk with what is refused.
const REFUSED_MOST: usize = 16 * 1024;

/// The arguments as far as they are recorded.
fn said(arguments: &Arguments, admitted: bool) -> String {
    match arguments {
        Arguments::Full(raw) if admitted || raw.len() <= REFUSED_MOST => {
            format!("{{\"full\":{}}}", String::from_utf8_lossy(raw))
        }
        Arguments::Digest(raw) | Arguments::Full(raw) => {
            let mut text = String::with_capacity(96);
            text.push_str("{\"sha256\":\"");
            for byte in digest(&SHA256, raw).as_ref() {
                // Digit by digit: this is on every call's way, and formatting costs seven times as much.
                let digits = [byte >> 4, byte & 15];
                text.extend(digits.map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0')));
            }
            let _ = write!(text, "\",\"bytes\":{}}}", raw.len());
            text
        }
        Arguments::Size(bytes) => format!("{{\"bytes\":{bytes}}}"),
    }
}
