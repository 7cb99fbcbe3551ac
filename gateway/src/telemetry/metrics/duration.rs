//! How long operations took: one histogram for what agents asked, one for what servers were asked.
//!
//! A series is a small number made of closed sets and of admitted names; looking it up and counting takes no lock
//! that waits and no allocation. There are at most [`MOST`] of them, and one for all that would be more.

use super::BOUNDS;
use super::name::{Name, Names};
use super::reading::{Point, Value};
use crate::telemetry::fault::{Fault, Side};
use adapters::wire::Method;
use adapters::wire::revision::Revision;
use dashmap::DashMap;
use std::borrow::Cow;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The most series of one histogram.
const MOST: usize = 4_000;
/// All methods outside the table.
const METHOD_OTHER: u64 = 0xff;

/// What an operation is about, by names that are bounded. Worked out once, used for both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Subject {
    server: Name,
    target: Named,
}

/// The tool or prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Named {
    #[default]
    Nothing,
    Tool(Name),
    Prompt(Name),
}

/// What an operation names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// A tool.
    Tool(&'a str),
    /// A prompt.
    Prompt(&'a str),
}

/// One operation that has ended.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// What it was about.
    pub subject: Subject,
    /// `None` for one that no revision knows.
    pub method: Option<Method>,
    /// What that side speaks, where it is known.
    pub revision: Option<Revision>,
    /// What went wrong.
    pub fault: Option<Fault>,
    /// From its first byte to its last.
    pub took: Duration,
}

/// The names that may stand in series.
#[derive(Debug, Default)]
pub struct Subjects {
    servers: Names,
    targets: Names,
}

/// The operations of one side.
#[derive(Debug)]
pub struct Durations {
    side: Side,
    series: DashMap<u64, Arc<Buckets>, BuildHasherDefault<Mix>>,
    overflow: Buckets,
}

#[derive(Debug, Default)]
struct Buckets {
    counts: [AtomicU64; BOUNDS.len() + 1],
    /// In nanoseconds: 584 years of them.
    sum: AtomicU64,
}

/// Spreads numbers that this process made: nobody outside can choose them.
#[derive(Debug, Default)]
struct Mix(u64);

// === impl Subjects ===

impl Subjects {
    /// What an operation is about. Names come in by [`Self::answered`] only.
    #[must_use]
    pub fn find(&self, server: &str, target: Option<Target<'_>>) -> Subject {
        self.subject(server, target, Names::find)
    }

    /// What an operation is about that the server has answered with a result: its name is one.
    #[must_use]
    pub fn answered(&self, server: &str, target: Option<Target<'_>>) -> Subject {
        self.subject(server, target, Names::admit)
    }

    fn subject(
        &self,
        server: &str,
        target: Option<Target<'_>>,
        name: impl Fn(&Names, &str) -> Name,
    ) -> Subject {
        Subject {
            server: name(&self.servers, server),
            target: match target {
                None => Named::Nothing,
                Some(Target::Tool(text)) => Named::Tool(name(&self.targets, text)),
                Some(Target::Prompt(text)) => Named::Prompt(name(&self.targets, text)),
            },
        }
    }
}

// === impl Durations ===

impl Durations {
    pub(super) fn new(side: Side) -> Self {
        Self {
            side,
            series: DashMap::default(),
            overflow: Buckets::default(),
        }
    }

    /// Counts one.
    pub fn record(&self, operation: &Operation) {
        let key = self.key(operation);
        if let Some(series) = self.series.get(&key) {
            series.record(operation.took);
            return;
        }
        if self.series.len() >= MOST {
            self.overflow.record(operation.took);
            return;
        }
        let series = self.series.entry(key).or_default();
        series.record(operation.took);
    }

    fn key(&self, operation: &Operation) -> u64 {
        let method = operation
            .method
            .map_or(METHOD_OTHER, |method| method as u64);
        let revision = operation.revision.map_or(0, |revision| revision as u64 + 1);
        // What this side does not call an error keeps its code and loses its error type: two numbers tell them apart.
        let fault = operation.fault.map_or(0, |fault| u64::from(fault.small()));
        let (kind, target) = match operation.subject.target {
            Named::Nothing => (0, 0),
            Named::Tool(Name(number)) => (1, u64::from(number)),
            Named::Prompt(Name(number)) => (2, u64::from(number)),
        };
        let server = u64::from(operation.subject.server.0);
        method | revision << 8 | fault << 12 | kind << 20 | target << 24 | server << 40
    }

    pub(super) fn read(&self, subjects: &Subjects) -> Vec<Point> {
        let mut keys: Vec<u64> = self.series.iter().map(|series| *series.key()).collect();
        keys.sort_unstable();
        let mut points = Vec::with_capacity(keys.len());
        for key in keys {
            if let Some(series) = self.series.get(&key) {
                points.push(Point::of(self.labels(key, subjects), series.read()));
            }
        }
        if self.overflow.count() > 0 {
            let labels = vec![("otel.metric.overflow", "true".into())];
            points.push(Point::of(labels, self.overflow.read()));
        }
        points
    }

    /// The inverse of `key`.
    fn labels(&self, key: u64, subjects: &Subjects) -> Vec<(&'static str, Cow<'static, str>)> {
        let byte = |at: u64| usize::try_from(key >> at & 0xff).unwrap_or(0);
        let name = |at: u64| Name(u16::try_from(key >> at & 0xffff).unwrap_or(0));
        let method = Method::ALL.get(byte(0));
        let method_name = method.map_or(super::OTHER, |method| method.name());
        let mut labels = vec![("mcp.method.name", Cow::from(method_name))];
        if method == Some(&Method::ToolsCall) {
            labels.push(("gen_ai.operation.name", "execute_tool".into()));
        }
        match key >> 20 & 0xf {
            1 => labels.push(("gen_ai.tool.name", subjects.targets.text(name(24)).into())),
            2 => labels.push(("gen_ai.prompt.name", subjects.targets.text(name(24)).into())),
            _ => {}
        }
        labels.push(("hopgate.server", subjects.servers.text(name(40)).into()));
        let revision = usize::try_from(key >> 8 & 0xf).unwrap_or(0);
        let revision = revision.checked_sub(1).and_then(|at| Revision::ALL.get(at));
        labels.extend(revision.map(|one| ("mcp.protocol.version", one.as_str().into())));
        let small = u8::try_from(byte(12)).unwrap_or(0);
        if let Some((told, code)) = Fault::told(small) {
            if Fault::is_error_small(small, self.side) {
                labels.push(("error.type", told.into()));
            }
            labels.extend(code.map(|code| ("rpc.response.status_code", code.into())));
        }
        labels
    }
}

// === impl Buckets ===

impl Buckets {
    fn record(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let at = BOUNDS.iter().take_while(|bound| seconds > **bound).count();
        if let Some(count) = self.counts.get(at) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.sum.fetch_add(nanos, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum()
    }

    fn read(&self) -> Value {
        let counts = self
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        let sum = Duration::from_nanos(self.sum.load(Ordering::Relaxed));
        Value::Buckets(counts.collect(), sum.as_secs_f64())
    }
}

// === impl Mix ===

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
