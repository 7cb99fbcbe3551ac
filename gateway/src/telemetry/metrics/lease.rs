//! Numbers about leases: how many live, how many could not be taken back.

use super::{COUNTER, Count, Family, GAUGE, Gauge, Point, Reading, Returned, Value};

/// Credentials minted and taken back.
#[derive(Debug, Default)]
pub struct Leases {
    /// Leases minted.
    pub minted: Count,
    /// Mints that came to nothing.
    pub failed: Count,
    /// Leases that ended, by how.
    pub returned: Family<Returned>,
    /// Leases that serve calls.
    pub live: Gauge,
    /// Leases that are being taken back.
    pub revoking: Gauge,
    /// Leases nothing takes back and that have not expired.
    pub irrevocable: Gauge,
}

// === impl Leases ===

impl Leases {
    /// All of them, now.
    pub(super) fn read(&self) -> [Reading; 4] {
        let state = |name: &'static str, gauge: &Gauge| {
            Point::of(vec![("state", name.into())], Value::Whole(gauge.value()))
        };
        [
            Reading::new(
                "hopgate.leases",
                GAUGE,
                "Leases that may be good, as last counted.",
                vec![
                    state("live", &self.live),
                    state("revoking", &self.revoking),
                    state("irrevocable", &self.irrevocable),
                ],
            ),
            Reading::new(
                "hopgate.leases.minted",
                COUNTER,
                "Leases minted.",
                self.minted.read(),
            ),
            Reading::new(
                "hopgate.leases.failed",
                COUNTER,
                "Mints that came to nothing.",
                self.failed.read(),
            ),
            Reading::new(
                "hopgate.leases.ended",
                COUNTER,
                "Leases that ended, by how; `irrevocable` needs somebody to look.",
                self.returned.read(),
            ),
        ]
    }
}
