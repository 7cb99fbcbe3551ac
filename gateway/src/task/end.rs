//! How a task ends, and how one gateway tells another of it.

use serde::{Deserialize, Serialize};

/// How and when a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) cause: Cause,
    /// Seconds since the epoch.
    pub(crate) at: u64,
}

/// Why a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cause {
    /// Its principal, or an operator, closed it.
    Closed,
    /// Its session was deleted, or its server forgot it.
    SessionOver,
    /// Nothing happened in it for long.
    Idle,
    /// Its deadline passed.
    Deadline,
    /// Its agent may no longer call.
    Withdrawn,
    /// Its parent ended.
    Parent,
    /// There were more tasks than the bounds allow, and it was the longest idle.
    Crowded,
}

// === impl End ===

impl End {
    /// As other gateways read it.
    pub(super) fn write(self) -> Vec<u8> {
        // Nothing in it can fail to be written.
        serde_json::to_vec(&self).unwrap_or_default()
    }

    /// What another gateway wrote. What cannot be read is an end all the same.
    pub(super) fn read(bytes: &[u8], now: u64) -> Self {
        serde_json::from_slice(bytes).unwrap_or(Self {
            cause: Cause::Closed,
            at: now,
        })
    }
}

// === impl Cause ===

impl Cause {
    /// A short, bounded name for metrics and logs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::SessionOver => "session_over",
            Self::Idle => "idle",
            Self::Deadline => "deadline",
            Self::Withdrawn => "withdrawn",
            Self::Parent => "parent",
            Self::Crowded => "crowded",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_read_as_it_was_written_and_never_missed() {
        let end = End {
            cause: Cause::SessionOver,
            at: 7,
        };
        assert_eq!(End::read(&end.write(), 9), end);
        for odd in [
            &b""[..],
            b"{}",
            b"\xff",
            br#"{"cause":"unheard_of","at":1}"#,
        ] {
            assert_eq!(End::read(odd, 9).cause, Cause::Closed);
        }
    }
}
