//! Numbers about limits: what was held against them, and how large their table is.

use super::cell::Each;
use super::{Admission, COUNTER, Count, Family, GAUGE, Gauge, LimitOf, Point, Reading, Value};

/// Calls held against limits.
#[derive(Debug, Default)]
pub struct Limits {
    /// Each limit a call was held against, by where it is written and what became of it. Of a refused call only the one
    /// that refused.
    pub checked: Each<LimitOf, Family<Admission>>,
    /// Calls that wait.
    pub waiting: Gauge,
    /// Keys whose rate is not full again.
    pub rates: Gauge,
    /// Keys with something open.
    pub open: Gauge,
    /// Budgets something is spent of.
    pub budgets: Gauge,
    /// How often a key found no room in the table.
    pub overflow: Count,
    /// Whether this gateway counts its part alone, because the store is away: 1, or 0.
    pub alone: Gauge,
}

// === impl Limits ===

impl Limits {
    /// All of them, now.
    pub(super) fn read(&self) -> [Reading; 5] {
        let level = |gauge: &Gauge| Point::alone(Value::Whole(gauge.value()));
        let table = |name: &'static str, gauge: &Gauge| {
            Point::of(vec![("table", name.into())], Value::Whole(gauge.value()))
        };
        [
            Reading::new(
                "hopgate.limits.checked",
                COUNTER,
                "Limits that calls were held against, by where they are written and what became of it.",
                self.checked.read(),
            ),
            Reading::new(
                "hopgate.limits.waiting",
                GAUGE,
                "Calls that wait for a limit.",
                level(&self.waiting),
            ),
            Reading::new(
                "hopgate.limits.entries",
                GAUGE,
                "Keys that are counted in this process, as last counted.",
                vec![
                    table("rates", &self.rates),
                    table("open", &self.open),
                    table("budgets", &self.budgets),
                ],
            ),
            Reading::new(
                "hopgate.limits.overflow",
                COUNTER,
                "How often a new key found no room, and shared what one key gets.",
                self.overflow.read(),
            ),
            Reading::new(
                "hopgate.limits.alone",
                GAUGE,
                "Whether this gateway counts its part alone: the shared store is away.",
                level(&self.alone),
            ),
        ]
    }
}
