//! How the journal works: what its operator chooses, and what tests make small.

use super::line::Lines;
use std::fmt;
use std::time::Duration;

/// What a record that counts has survived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Durability {
    /// The end of the process.
    #[default]
    Process,
    /// The end of the machine's power.
    Power,
}

/// How the journal works.
pub(crate) struct Settings {
    /// What a record survives once it counts.
    pub(crate) durability: Durability,
    /// How many messages may wait, places of open calls included.
    pub(crate) capacity: u32,
    /// How long a caller waits.
    pub(crate) limit: Duration,
    /// A segment this large is followed by the next.
    pub(crate) segment_bytes: u64,
    /// So is one this old.
    pub(crate) segment_age: Duration,
    /// After so many records comes a checkpoint.
    pub(crate) checkpoint_records: u64,
    /// And after so long, where something changed.
    pub(crate) checkpoint_age: Duration,
    /// How often a disk that fails is tried again.
    pub(crate) retry: Duration,
    /// Says what is written before anything else, once the logs are fit to be read.
    pub(crate) first: Option<First>,
    /// Gets each checkpoint, as it stands in its log, to carry it off the host.
    pub(crate) on_checkpoint: Option<Carry>,
    /// Gets every line of every log, as it stands there, once it counts.
    pub(crate) on_written: Option<Copying>,
}

/// What is written before anything else, piece by piece.
pub(crate) type First = Box<dyn FnOnce() -> Box<dyn Iterator<Item = Lines>> + Send>;

/// Takes a checkpoint off the host. Called by the thread that writes: it must not wait.
pub(crate) type Carry = Box<dyn Fn(&str) + Send>;

/// Copies whole lines of a log, which is named first. Called by the thread that writes: it must not wait.
pub(crate) type Copying = Box<dyn Fn(&'static str, &[u8]) + Send>;

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            durability: Durability::Process,
            capacity: 1 << 16,
            limit: Duration::from_secs(1),
            segment_bytes: 64 << 20,
            segment_age: Duration::from_secs(24 * 60 * 60),
            checkpoint_records: 1_000,
            checkpoint_age: Duration::from_secs(10),
            retry: Duration::from_millis(250),
            first: None,
            on_checkpoint: None,
            on_written: None,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("durability", &self.durability)
            .field("capacity", &self.capacity)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
