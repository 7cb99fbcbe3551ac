//! Numbers about the gateway: a fixed set of atomics, read at once for `/metrics` and for OTLP.
//!
//! Labels are closed enums, names of the configuration, or names a server has answered to, of which only so many are
//! told apart: nobody outside can make the set grow.

mod cell;
mod duration;
mod fleet;
mod label;
mod lease;
mod level;
mod limit;
mod name;
pub(super) mod otlp;
mod process;
mod reading;
mod server;
#[cfg(test)]
mod tests;
mod text;

pub use cell::{Count, Each, Family, Gauge, Held};
pub use duration::{Durations, Operation, Subject, Subjects, Target};
pub use fleet::Fleet;
pub use label::{
    Admission, Decided, Label, LimitOf, Log, Lost, Outcome, Refused, Reload, Returned, Shut, Way,
    Would,
};
pub use lease::Leases;
pub use limit::Limits;
pub(crate) use name::OTHER;
pub use reading::{Kind, Point, Reading, Unit, Value};
pub use server::{Health, Servers};

use super::fault::Side;
use arc_swap::ArcSwapOption;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The buckets of the MCP conventions, in seconds.
pub(crate) const BOUNDS: [f64; 14] = [
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
];

/// All of them.
#[derive(Debug)]
pub struct Metrics {
    /// Calls by how they ended.
    pub calls: Family<Outcome>,
    /// Refused calls by kind.
    pub refusals: Family<Refused>,
    /// What policy said.
    pub decisions: Family<Decided>,
    /// Calls by what rules that are only counted would have changed.
    pub shadow: Family<Would>,
    /// What the listener turned away.
    pub shut: Family<Shut>,
    /// Reloads of the configuration.
    pub reloads: Family<Reload>,
    /// Bytes on clients' connections, after TLS.
    pub bytes: Family<Way>,
    /// Open client connections.
    pub connections: Gauge,
    /// Calls without an answer yet.
    pub open: Gauge,
    /// How late the gateway gets to what is ready, in milliseconds; 0 while it has little to do.
    pub lag: Gauge,
    /// Open streams.
    pub streams: Gauge,
    /// Open tasks.
    pub tasks: Gauge,
    /// When the current snapshot was loaded, seconds since the epoch.
    pub loaded_at: Gauge,
    /// The digest of the current snapshot.
    pub digest: ArcSwapOption<String>,
    /// Names that may stand in `served` and `sent`.
    pub subjects: Subjects,
    /// What agents asked.
    pub served: Durations,
    /// What servers were asked.
    pub sent: Durations,
    /// How the servers are.
    pub servers: Servers,
    /// Credentials minted and taken back.
    pub leases: Leases,
    /// Calls held against limits.
    pub limits: Limits,
    /// The gateways it shares its state with.
    pub fleet: Fleet,
    /// Records of audit.
    pub audit: Audit,
    /// Spans and log lines on their way to a collector.
    pub exported: Exported,
}

/// How the logs of audit are.
#[derive(Debug, Default)]
pub struct Audit {
    /// Records written.
    pub written: Family<Log>,
    /// Records that wait to be written.
    pub queue: Gauge,
    /// For how long the oldest of them has waited, in milliseconds.
    pub lag: Gauge,
    /// Whether nothing can be written: 1, or 0.
    pub failing: Gauge,
    /// Records whose copy the collector has.
    pub copies: Count,
    /// Records whose copy it has not, and will not have.
    pub copies_lost: Family<Lost>,
    /// Checkpoints that are kept elsewhere.
    pub shipped: Count,
    /// Checkpoints that wait to be sent there.
    pub unshipped: Gauge,
    /// Checkpoints that will not be kept elsewhere.
    pub checkpoints_lost: Count,
}

/// What became of spans and log lines.
#[derive(Debug, Default)]
pub struct Exported {
    /// Spans the collector has.
    pub spans: Count,
    /// Spans it has not, and will not have.
    pub spans_lost: Family<Lost>,
    /// Log lines the collector has.
    pub logs: Count,
    /// Log lines it has not, and will not have.
    pub logs_lost: Family<Lost>,
}

// === impl Metrics ===

impl Default for Metrics {
    fn default() -> Self {
        Self {
            calls: Family::default(),
            refusals: Family::default(),
            decisions: Family::default(),
            shadow: Family::default(),
            shut: Family::default(),
            reloads: Family::default(),
            bytes: Family::default(),
            connections: Gauge::default(),
            open: Gauge::default(),
            lag: Gauge::default(),
            streams: Gauge::default(),
            tasks: Gauge::default(),
            loaded_at: Gauge::default(),
            digest: ArcSwapOption::empty(),
            subjects: Subjects::default(),
            served: Durations::new(Side::Server),
            sent: Durations::new(Side::Client),
            servers: Servers::default(),
            leases: Leases::default(),
            limits: Limits::default(),
            fleet: Fleet::default(),
            audit: Audit::default(),
            exported: Exported::default(),
        }
    }
}

impl Metrics {
    /// Prometheus text, version 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        text::print(&self.read())
    }

    /// Notes which snapshot is in force, and since when.
    pub fn loaded(&self, digest: &str, at: i64) {
        self.loaded_at.set(at);
        self.digest.store(Some(Arc::new(digest.to_owned())));
    }

    /// Every metric, now.
    #[must_use]
    pub fn read(&self) -> Vec<Reading> {
        let counter = |name, help, points| Reading::new(name, COUNTER, help, points);
        let mut all = vec![
            counter(
                "hopgate.calls",
                "Calls by how they ended.",
                self.calls.read(),
            ),
            counter(
                "hopgate.refusals",
                "Refused calls by kind.",
                self.refusals.read(),
            ),
            counter(
                "hopgate.decisions",
                "What policy said of calls.",
                self.decisions.read(),
            ),
            counter(
                "hopgate.shadow",
                "Calls by what rules in shadow mode would have changed.",
                self.shadow.read(),
            ),
            counter(
                "hopgate.shut",
                "Requests and connections turned away at the door.",
                self.shut.read(),
            ),
            counter(
                "hopgate.reloads",
                "Reloads of the configuration.",
                self.reloads.read(),
            ),
            Reading::new(
                "hopgate.bytes",
                (Kind::Counter, Unit::Bytes),
                "Bytes on clients' connections.",
                self.bytes.read(),
            ),
        ];
        all.extend(self.levels());
        all.extend(self.snapshot());
        all.extend(self.durations());
        all.extend(self.servers.read());
        all.extend(self.leases.read());
        all.extend(self.limits.read());
        all.extend(self.fleet.read());
        all.extend(self.audit.read());
        all.extend(self.exported.read());
        all.extend(process::read());
        all
    }

    /// How long operations took.
    fn durations(&self) -> [Reading; 2] {
        [
            Reading::new(
                "mcp.server.operation.duration",
                (Kind::Histogram, Unit::Seconds),
                "How long what agents asked took.",
                self.served.read(&self.subjects),
            ),
            Reading::new(
                "mcp.client.operation.duration",
                (Kind::Histogram, Unit::Seconds),
                "How long what servers were asked took.",
                self.sent.read(&self.subjects),
            ),
        ]
    }

    fn snapshot(&self) -> [Reading; 2] {
        let age = match self.loaded_at.value() {
            0 => 0,
            loaded => seconds_now().saturating_sub(loaded).max(0),
        };
        let digest = self.digest.load_full().map(|digest| {
            let labels = vec![("digest", digest.to_string().into())];
            vec![Point::of(labels, Value::Whole(1))]
        });
        [
            Reading::new(
                "hopgate.snapshot.age",
                (Kind::Gauge, Unit::Seconds),
                "Age of the snapshot in force.",
                Point::alone(Value::Whole(age)),
            ),
            Reading::new(
                "hopgate.snapshot.info",
                GAUGE,
                "The digest of the snapshot in force, as its label.",
                digest.unwrap_or_default(),
            ),
        ]
    }
}

// === impl Audit ===

impl Audit {
    fn read(&self) -> Vec<Reading> {
        let mut all = vec![
            Reading::new(
                "hopgate.audit.records",
                COUNTER,
                "Records written.",
                self.written.read(),
            ),
            Reading::new(
                "hopgate.audit.queue",
                GAUGE,
                "Records that wait to be written.",
                Point::alone(Value::Whole(self.queue.value())),
            ),
            Reading::new(
                "hopgate.audit.lag",
                (Kind::Gauge, Unit::Seconds),
                "How long the oldest record that waits has waited.",
                Point::alone(Value::thousandths(self.lag.value())),
            ),
            Reading::new(
                "hopgate.audit.failing",
                GAUGE,
                "Whether nothing can be written: calls are refused.",
                Point::alone(Value::Whole(self.failing.value())),
            ),
        ];
        all.extend(self.elsewhere());
        all
    }

    /// What became of what is to be kept on other hosts too.
    fn elsewhere(&self) -> [Reading; 5] {
        let counter = |name, help, points| Reading::new(name, COUNTER, help, points);
        [
            counter(
                "hopgate.audit.copies",
                "Records whose copy the collector has.",
                self.copies.read(),
            ),
            counter(
                "hopgate.audit.copies.lost",
                "Records whose copy the collector will not have.",
                self.copies_lost.read(),
            ),
            counter(
                "hopgate.audit.checkpoints.shipped",
                "Checkpoints that are kept elsewhere.",
                self.shipped.read(),
            ),
            Reading::new(
                "hopgate.audit.checkpoints.waiting",
                GAUGE,
                "Checkpoints that wait to be sent elsewhere.",
                Point::alone(Value::Whole(self.unshipped.value())),
            ),
            counter(
                "hopgate.audit.checkpoints.lost",
                "Checkpoints that will not be kept elsewhere.",
                self.checkpoints_lost.read(),
            ),
        ]
    }
}

// === impl Exported ===

impl Exported {
    fn read(&self) -> [Reading; 4] {
        let counter = |name, help, points| Reading::new(name, COUNTER, help, points);
        [
            counter(
                "hopgate.spans.exported",
                "Spans the collector has.",
                self.spans.read(),
            ),
            counter(
                "hopgate.spans.lost",
                "Spans the collector will not have.",
                self.spans_lost.read(),
            ),
            counter(
                "hopgate.logs.exported",
                "Log lines the collector has.",
                self.logs.read(),
            ),
            counter(
                "hopgate.logs.lost",
                "Log lines the collector will not have.",
                self.logs_lost.read(),
            ),
        ]
    }
}

const COUNTER: (Kind, Unit) = (Kind::Counter, Unit::None);
const GAUGE: (Kind, Unit) = (Kind::Gauge, Unit::None);

fn seconds_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_secs()).unwrap_or(i64::MAX)
}
