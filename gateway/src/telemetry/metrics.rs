//! Numbers about the gateway as Prometheus text: a fixed set of atomics.
//!
//! Every label is a closed enum, so nobody outside can make the set grow.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A closed set of label values.
pub trait Label: Copy + 'static {
    /// The label's name.
    const KEY: &'static str;
    /// All values, in the order of `index`.
    const VALUES: &'static [&'static str];
    /// Position in `VALUES`.
    fn index(self) -> usize;
}

macro_rules! labels {
    ($(#[$doc:meta])* $name:ident, $key:literal: $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// As metrics and records call it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl Label for $name {
            const KEY: &'static str = $key;
            const VALUES: &'static [&'static str] = &[$($text,)+];
            fn index(self) -> usize { self as usize }
        }
    };
}

labels! {
    /// How a call ended.
    Outcome, "outcome":
    /// The server answered.
    Answered = "answered",
    /// The gateway refused.
    Refused = "refused",
    /// The server did not, or not properly.
    Upstream = "upstream",
    /// The caller went away.
    Cancelled = "cancelled",
}

labels! {
    /// Why a call was refused.
    Refused, "kind":
    /// No proof or a bad one.
    Proof = "proof",
    /// A good proof of nobody who may call.
    Agent = "agent",
    /// Nothing there, or nothing this caller may know of.
    NotFound = "not_found",
    /// A tool, resource or prompt no rule lets the caller see.
    Unknown = "unknown",
    /// A rule says no.
    Rule = "rule",
    /// A session or another handle that is not the caller's.
    Handle = "handle",
    /// A task that is not the caller's, or has ended.
    Task = "task",
    /// A chain that is not proven, or too deep.
    Chain = "chain",
    /// The message breaks the protocol.
    Message = "message",
    /// A bound or a limit.
    Limit = "limit",
    /// The body came too slowly.
    Slow = "slow",
    /// The server does not speak the caller's era.
    Era = "era",
    /// The gateway is shutting down.
    Draining = "draining",
    /// Too many refusals of its address.
    Flood = "flood",
    /// What happens could not be put on record.
    Audit = "audit",
    /// The server could not be reached, or gave no answer.
    Upstream = "upstream",
}

labels! {
    /// Why the door stayed shut, before anything was known of the call.
    Shut, "reason":
    /// Framing another parser could read differently.
    Framing = "framing",
    /// The head did not come in time.
    Slow = "slow",
    /// Not one of our names.
    Host = "host",
    /// A web page that was not invited.
    Origin = "origin",
    /// No such path.
    Path = "path",
    /// Not a method of this path.
    Method = "method",
    /// Too many connections.
    Full = "full",
    /// The TLS handshake failed.
    Tls = "tls",
}

labels! {
    /// How a reload ended.
    Reload, "result":
    /// The new snapshot is in force.
    Loaded = "loaded",
    /// The old one stays.
    Refused = "refused",
}

labels! {
    /// What rules in `mode = "shadow"` would have changed.
    Would, "would":
    /// Nothing.
    Same = "same",
    /// The call would have passed.
    Allow = "allow",
    /// A person would have been asked.
    Ask = "ask",
    /// The call would have been refused.
    Refuse = "refuse",
}

labels! {
    /// Which way bytes went on clients' connections.
    Way, "way":
    /// From clients.
    In = "in",
    /// To clients.
    Out = "out",
}

/// One counter per value of a label.
#[derive(Debug)]
pub struct Family<L> {
    cells: Box<[AtomicU64]>,
    label: std::marker::PhantomData<fn(L)>,
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

/// Counts while it lives.
#[derive(Debug)]
pub struct Held<'a>(&'a Gauge);

/// All of them.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Calls by how they ended.
    pub calls: Family<Outcome>,
    /// Refused calls by kind.
    pub refusals: Family<Refused>,
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
    /// Open streams.
    pub streams: Gauge,
    /// Open tasks.
    pub tasks: Gauge,
    /// When the current snapshot was loaded, seconds since the epoch.
    pub loaded_at: Gauge,
}

// === impl Family ===

impl<L: Label> Family<L> {
    /// One more.
    pub fn count(&self, value: L) {
        self.add(value, 1);
    }

    /// Some more.
    pub fn add(&self, value: L, many: u64) {
        if let Some(cell) = self.cells.get(value.index()) {
            cell.fetch_add(many, Ordering::Relaxed);
        }
    }

    /// How many so far.
    pub fn total(&self, value: L) -> u64 {
        self.cells
            .get(value.index())
            .map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    fn write(&self, name: &str, help: &str, text: &mut String) {
        describe(text, name, "counter", help);
        for (value, cell) in L::VALUES.iter().zip(&self.cells) {
            let _ = writeln!(
                text,
                "{name}{{{}=\"{value}\"}} {}",
                L::KEY,
                cell.load(Ordering::Relaxed)
            );
        }
    }
}

impl<L: Label> Default for Family<L> {
    fn default() -> Self {
        Self {
            cells: L::VALUES.iter().map(|_| AtomicU64::new(0)).collect(),
            label: std::marker::PhantomData,
        }
    }
}

// === impl Gauge ===

impl Gauge {
    /// Sets the value.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Some more, or less.
    pub fn add(&self, change: i64) {
        self.0.fetch_add(change, Ordering::Relaxed);
    }

    /// The value.
    pub fn value(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// One more while the result lives.
    pub fn hold(&self) -> Held<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Held(self)
    }

    fn write(&self, name: &str, help: &str, text: &mut String) {
        describe(text, name, "gauge", help);
        let _ = writeln!(text, "{name} {}", self.value());
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Metrics ===

impl Metrics {
    /// Prometheus text, version 0.0.4.
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(4096);
        let out = &mut text;
        self.calls
            .write("hopgate_calls_total", "Calls by how they ended.", out);
        self.refusals
            .write("hopgate_refusals_total", "Refused calls by kind.", out);
        self.shadow.write(
            "hopgate_shadow_total",
            "Calls by what rules in shadow mode would have changed.",
            out,
        );
        self.shut.write(
            "hopgate_shut_total",
            "Requests and connections turned away at the door.",
            out,
        );
        self.reloads.write(
            "hopgate_reloads_total",
            "Reloads of the configuration.",
            out,
        );
        self.bytes
            .write("hopgate_bytes_total", "Bytes on clients' connections.", out);
        self.connections
            .write("hopgate_connections", "Open client connections.", out);
        self.streams.write("hopgate_streams", "Open streams.", out);
        self.tasks
            .write("hopgate_tasks", "Open tasks, as last counted.", out);
        describe(
            out,
            "hopgate_snapshot_age_seconds",
            "gauge",
            "Age of the snapshot in force.",
        );
        let _ = writeln!(out, "hopgate_snapshot_age_seconds {}", self.snapshot_age());
        text
    }

    fn snapshot_age(&self) -> i64 {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        match self.loaded_at.value() {
            0 => 0,
            loaded => i64::try_from(now.as_secs())
                .unwrap_or(i64::MAX)
                .saturating_sub(loaded)
                .max(0),
        }
    }
}

fn describe(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_prometheus_text() {
        let metrics = Metrics::default();
        metrics.calls.count(Outcome::Refused);
        metrics.bytes.add(Way::Out, 41);
        let held = metrics.streams.hold();
        let text = metrics.render();
        assert!(
            text.contains("hopgate_calls_total{outcome=\"refused\"} 1\n"),
            "{text}"
        );
        assert!(
            text.contains("hopgate_bytes_total{way=\"out\"} 41\n"),
            "{text}"
        );
        assert!(text.contains("hopgate_streams 1\n"), "{text}");
        drop(held);
        assert!(metrics.render().contains("hopgate_streams 0\n"));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with("hopgate_"), "{line}");
            value.parse::<i64>().unwrap();
        }
    }

    #[test]
    fn every_label_has_its_own_cell() {
        let family = Family::<Shut>::default();
        family.count(Shut::Framing);
        family.count(Shut::Tls);
        let counted: u64 = family
            .cells
            .iter()
            .map(|cell| cell.load(Ordering::Relaxed))
            .sum();
        assert_eq!(counted, 2);
        assert_eq!(family.total(Shut::Tls), 1);
        assert_eq!(family.cells.len(), Shut::VALUES.len());
    }
}
