//! Metrics as read at one instant: what `/metrics` prints and OTLP sends, so that both always agree.

use std::borrow::Cow;

/// One metric.
#[derive(Debug)]
pub struct Reading {
    /// As OTLP names it.
    pub name: &'static str,
    /// What it counts, in one sentence.
    pub help: &'static str,
    /// What it is counted in.
    pub unit: Unit,
    /// How it may change.
    pub kind: Kind,
    /// Its series.
    pub points: Vec<Point>,
}

/// What a metric is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    None,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

/// How a metric may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often values fell between bounds.
    Histogram,
}

/// One series of a metric.
#[derive(Debug)]
pub struct Point {
    /// Its labels, by OTLP's names.
    pub labels: Vec<(&'static str, Cow<'static, str>)>,
    /// Its value.
    pub value: Value,
}

/// The value of a series.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Whole(i64),
    /// A number of seconds.
    Real(f64),
    /// How many values fell below each bound and not below the one before, the last beyond all; and their sum.
    Buckets(Vec<u64>, f64),
}

// === impl Reading ===

impl Reading {
    pub(super) fn new(
        name: &'static str,
        (kind, unit): (Kind, Unit),
        help: &'static str,
        points: Vec<Point>,
    ) -> Self {
        Self {
            name,
            help,
            unit,
            kind,
            points,
        }
    }

    /// As Prometheus names it: words joined by `_`, the unit behind, `total` behind a counter.
    #[must_use]
    pub fn prometheus_name(&self) -> String {
        let mut name = underlined(self.name);
        let unit = match self.unit {
            Unit::None => None,
            Unit::Seconds => Some("_seconds"),
            Unit::Bytes => Some("_bytes"),
        };
        if let Some(unit) = unit.filter(|unit| !name.ends_with(unit)) {
            name.push_str(unit);
        }
        if self.kind == Kind::Counter {
            name.push_str("_total");
        }
        name
    }
}

// === impl Point ===

impl Point {
    pub(super) fn of(labels: Vec<(&'static str, Cow<'static, str>)>, value: Value) -> Self {
        Self { labels, value }
    }

    /// The only one of its metric.
    pub(super) fn alone(value: Value) -> Vec<Self> {
        vec![Self::of(Vec::new(), value)]
    }
}

// === impl Value ===

impl Value {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a duration in thousandths of a second is far below 2^53"
    )]
    pub(super) fn thousandths(value: i64) -> Self {
        Self::Real(value as f64 / 1000.0)
    }
}

// === impl Unit ===

impl Unit {
    /// As OTLP writes it (UCUM).
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Seconds => "s",
            Self::Bytes => "By",
        }
    }
}

/// A name in Prometheus' letters.
pub(super) fn underlined(name: &str) -> String {
    name.replace('.', "_")
}
