//! The operators' port: health, readiness, numbers, and which configuration is in force. Nothing changes by GET.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use crate::listener::Edge;

/// What the operators' port shows; asked anew for each request.
pub trait Board: Send + Sync + 'static {
    /// Names and limits of the operators' listener under the current snapshot.
    fn edge(&self) -> Arc<Edge>;

    /// What is not ready yet, one short phrase each; empty = ready. A server that is down does not belong here.
    fn unready(&self) -> Vec<String>;

    /// Whether `/metrics` needs no token.
    fn metrics_open(&self) -> bool;

    /// The configuration in force.
    fn notice(&self) -> Notice;
}

/// `GET /config`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Notice {
    /// Counts loaded snapshots.
    pub version: u64,
    /// The snapshot's name in every record.
    pub digest: String,
    /// Seconds since the epoch.
    #[serde(serialize_with = "epoch")]
    pub loaded_at: SystemTime,
    /// Files read.
    pub files: Vec<PathBuf>,
    /// Why the newest file is not in force.
    pub last_error: Option<String>,
    /// Names.
    pub agents: Vec<String>,
    /// Names.
    pub servers: Vec<String>,
}

fn epoch<S: serde::Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    to.serialize_u64(since.as_secs())
}
