//! What is open at this moment, and how late that makes the gateway.

use super::{GAUGE, Gauge, Kind, Metrics, Point, Reading, Unit, Value};

impl Metrics {
    /// What is open, and how late that makes the gateway.
    pub(super) fn levels(&self) -> [Reading; 5] {
        let gauge = |name, help, points| Reading::new(name, GAUGE, help, points);
        let level = |gauge: &Gauge| Point::alone(Value::Whole(gauge.value()));
        [
            gauge(
                "hopgate.connections",
                "Open client connections.",
                level(&self.connections),
            ),
            gauge(
                "hopgate.calls.open",
                "Calls without an answer yet.",
                level(&self.open),
            ),
            gauge("hopgate.streams", "Open streams.", level(&self.streams)),
            gauge(
                "hopgate.tasks",
                "Open tasks, as last counted.",
                level(&self.tasks),
            ),
            Reading::new(
                "hopgate.lag",
                (Kind::Gauge, Unit::Seconds),
                "How late the gateway gets to what is ready; 0 while few calls are open.",
                Point::alone(Value::thousandths(self.lag.value())),
            ),
        ]
    }
}
