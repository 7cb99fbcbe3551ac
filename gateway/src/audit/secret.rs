//! What the journal says of a lease: that it will be minted, that it is, who used it, how it ended. Never its value: a
//! keyed fingerprint tells two of them apart, and nothing else.

use super::journal::{Line, Lines, Log};
use super::{CallId, Record};
use crate::credentials::{Cause, Entry};
use adapters::credential::Taken;
use std::time::Duration;
use uuid::Uuid;

/// A lease of a call, as its record names it.
#[derive(Debug, Clone)]
pub(crate) struct Leased {
    pub(crate) id: Uuid,
    pub(crate) credential: std::sync::Arc<str>,
}

/// It will be minted.
pub(crate) fn intended(entry: &Entry, snapshot: &str, call: CallId) -> Lines {
    let mut line = lease(entry.id, "intent");
    line.id("call", call.uuid());
    line.id("task", entry.task);
    line.text("snapshot", snapshot);
    line.text("credential", &entry.credential);
    line.text("server", &entry.server);
    line.text("origin", &entry.origin);
    line.texts("chain", entry.chain.iter().chain([&entry.agent]));
    line.text("subject", &entry.subject);
    if let Some(user) = &entry.user {
        line.text("user", user);
    }
    if !entry.scope.is_empty() {
        line.texts("scope", entry.scope.iter());
    }
    line.number("until", entry.until);
    vec![line]
}

/// It is minted.
pub(crate) fn minted(entry: &Entry, fingerprint: &str) -> Lines {
    let mut line = lease(entry.id, "minted");
    line.text("fingerprint", fingerprint);
    line.number("until", entry.until);
    vec![line]
}

/// It was not minted, and nothing is left of it.
pub(crate) fn unminted(entry: &Entry, why: &str) -> Lines {
    let mut line = lease(entry.id, "unminted");
    line.text("reason", why);
    vec![line]
}

/// It lives longer.
pub(crate) fn renewed(entry: &Entry) -> Lines {
    let mut line = lease(entry.id, "renewed");
    line.number("until", entry.until);
    vec![line]
}

/// A call goes out with it; none for a call that has none.
pub(super) fn used(record: &Record) -> Option<Line> {
    let leased = record.lease.as_ref()?;
    let mut line = lease(leased.id, "used");
    line.id("call", record.call.uuid());
    Some(line)
}

/// It is not good any more, or will lapse by itself.
pub(crate) fn ended(entry: &Entry, cause: Cause, taken: Taken, took: Duration) -> Lines {
    let event = match taken {
        Taken::Revoked | Taken::Gone => "revoked",
        Taken::Lapses => "lapses",
    };
    let mut line = lease(entry.id, event);
    line.text("cause", cause.name());
    match taken {
        Taken::Revoked => {}
        Taken::Gone => drop(line.text("reason", "its issuer knew it no longer")),
        Taken::Lapses => drop(line.number("until", entry.until)),
    }
    line.number(
        "took_us",
        u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
    );
    vec![line]
}

/// It may be good until it expires, and nothing takes it back.
pub(crate) fn irrevocable(entry: &Entry, cause: Cause, why: &str) -> Lines {
    let mut line = lease(entry.id, "irrevocable");
    line.text("cause", cause.name());
    line.text("reason", why);
    line.number("until", entry.until);
    vec![line]
}

fn lease(id: Uuid, event: &'static str) -> Line {
    let mut line = Line::new(Log::Secrets, "lease");
    line.id("lease", id);
    line.text("event", event);
    line
}
