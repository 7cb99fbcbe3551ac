//! Numbers about the gateways that serve as one: how many there are, and whether this one hears them.

use super::{GAUGE, Gauge, Point, Reading, Value};

/// What this gateway hears of the others. All 0 where it serves alone.
#[derive(Debug, Default)]
pub struct Fleet {
    /// How many there are, this one among them, as the shared store last said.
    pub replicas: Gauge,
    /// Whether the shared store answers: 1, or 0.
    pub answering: Gauge,
    /// Whether calls are refused because it has not for too long: 1, or 0.
    pub stale: Gauge,
}

// === impl Fleet ===

impl Fleet {
    /// All of them, now.
    pub(super) fn read(&self) -> [Reading; 3] {
        let level = |name, help, gauge: &Gauge| {
            Reading::new(name, GAUGE, help, Point::alone(Value::Whole(gauge.value())))
        };
        [
            level(
                "hopgate.replicas",
                "Gateways that share one state, as last heard; 0 where this one serves alone.",
                &self.replicas,
            ),
            level(
                "hopgate.store.answering",
                "Whether the shared store answers.",
                &self.answering,
            ),
            level(
                "hopgate.store.stale",
                "Whether calls are refused because the shared store has not answered for too long.",
                &self.stale,
            ),
        ]
    }
}
