//! What the journal says of the gateway itself: its start and stop, its configurations, its keys, its operators' deeds.

use super::journal::{Line, Lines, Log};
use crate::task::seal::KeyRing;
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What an operator did.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Deed {
    /// Opened a task for an agent.
    OpenTask,
    /// Ended a task.
    EndTask,
    /// Revoked leases.
    RevokeLeases,
}

/// A new configuration that was read.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    /// The digest of the one in force.
    pub(crate) previous: &'a str,
    /// The digest of the new one, or why it is refused.
    pub(crate) next: Result<&'a str, &'a str>,
    /// The files it is made of.
    pub(crate) files: &'a [PathBuf],
}

/// The gateway starts under this snapshot.
pub(crate) fn started(snapshot: &str, files: &[PathBuf], keys: &KeyRing) -> Lines {
    let mut line = Line::new(Log::Decisions, "start");
    line.text("version", env!("CARGO_PKG_VERSION"));
    line.text("snapshot", snapshot);
    line.raw("files", &described(files));
    let mut lines = vec![line];
    lines.extend(loaded(keys, None));
    lines
}

/// The gateway stops.
pub(crate) fn stopped() -> Lines {
    let mut line = Line::new(Log::Decisions, "stop");
    line.text("version", env!("CARGO_PKG_VERSION"));
    vec![line]
}

/// A configuration was loaded or refused.
pub(crate) fn changed(change: &Change<'_>) -> Lines {
    let mut line = Line::new(Log::Decisions, "config");
    line.text("previous", change.previous);
    match change.next {
        Ok(digest) => line.text("result", "loaded").text("snapshot", digest),
        Err(why) => line.text("result", "refused").text("reason", why),
    };
    line.raw("files", &described(change.files));
    vec![line]
}

/// Keys of a ring that the one before did not have.
pub(crate) fn loaded(keys: &KeyRing, before: Option<&KeyRing>) -> Lines {
    let known = |id: &str, public: &[u8]| {
        before.is_some_and(|before| before.public().any(|(one, own)| one == id && own == public))
    };
    let new = keys.public().filter(|(id, public)| !known(id, public));
    new.map(|(id, public)| {
        let mut line = Line::new(Log::Secrets, "key");
        line.text("id", id);
        line.text("fingerprint", &fingerprint(public));
        line
    })
    .collect()
}

/// An operator does something, to this task or for this agent.
pub(crate) fn deed(deed: Deed, whom: &str, address: IpAddr) -> Lines {
    let mut line = Line::new(Log::Decisions, "operator");
    match deed {
        Deed::OpenTask => line.text("action", "open_task").text("agent", whom),
        Deed::EndTask => line.text("action", "end_task").text("task", whom),
        Deed::RevokeLeases => line.text("action", "revoke_leases").text("whose", whom),
    };
    line.text("address", &address.to_string());
    vec![line]
}

/// Of a key's public half: nothing of the secret can be learnt from it.
fn fingerprint(public: &[u8]) -> String {
    let digest = digest(&SHA256, public);
    let mut text = String::with_capacity(32);
    for byte in digest.as_ref().iter().take(16) {
        let _ = std::fmt::Write::write_fmt(&mut text, format_args!("{byte:02x}"));
    }
    text
}

/// Who owns each file and when it was changed: the nearest there is to an author. What is in them is named by the
/// snapshot's digest; a digest of each would help to guess secrets.
fn described(files: &[PathBuf]) -> String {
    let files: Vec<Value> = files.iter().map(|file| describe(file)).collect();
    Value::from(files).to_string()
}

fn describe(file: &Path) -> Value {
    match std::fs::metadata(file) {
        Ok(found) => json!({ "path": file, "owner": found.uid(), "modified": found.mtime() }),
        Err(_) => json!({ "path": file }),
    }
}
