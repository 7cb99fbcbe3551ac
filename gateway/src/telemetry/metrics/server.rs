//! How the servers are: whether the last exchange with each went through, and when one last did.

use super::reading::{Kind, Point, Reading, Unit, Value};
use super::seconds_now;
use dashmap::DashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// Those of the configuration, by name.
#[derive(Debug, Default)]
pub struct Servers(DashMap<Arc<str>, Arc<Health>>);

/// How one server is. Kept by whoever sends to it, so that a call looks nothing up.
#[derive(Debug, Default)]
pub struct Health {
    up: AtomicBool,
    /// Seconds since the epoch; 0 while nothing was heard of it.
    seen: AtomicI64,
    asked: AtomicBool,
    /// Answers that held the credential their call went out with.
    echoes: AtomicI64,
}

// === impl Servers ===

impl Servers {
    /// The health of a server.
    #[must_use]
    pub fn health(&self, server: &Arc<str>) -> Arc<Health> {
        if let Some(known) = self.0.get(server) {
            return Arc::clone(&known);
        }
        let entry = self.0.entry(Arc::clone(server)).or_default();
        Arc::clone(&entry)
    }

    /// Forgets those that are no longer configured.
    pub fn keep(&self, known: impl Fn(&str) -> bool) {
        self.0.retain(|server, _| known(server));
    }

    pub(super) fn read(&self) -> Vec<Reading> {
        let asked = |health: &Health| health.asked.load(Ordering::Relaxed);
        let mut all: Vec<_> = self
            .0
            .iter()
            .filter(|entry| asked(entry.value()))
            .map(|entry| (Arc::clone(entry.key()), Arc::clone(entry.value())))
            .collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        let points = |value: &dyn Fn(&Health) -> i64| {
            all.iter()
                .map(|(name, health)| {
                    let labels = vec![("server", name.to_string().into())];
                    Point::of(labels, Value::Whole(value(health)))
                })
                .collect()
        };
        vec![
            Reading::new(
                "hopgate.server.up",
                (Kind::Gauge, Unit::None),
                "Whether the last exchange with a server went through.",
                points(&|health| health.up.load(Ordering::Relaxed).into()),
            ),
            Reading::new(
                "hopgate.server.seen.timestamp",
                (Kind::Gauge, Unit::Seconds),
                "When a server was last heard of, seconds since the epoch; 0 is never.",
                points(&|health| health.seen.load(Ordering::Relaxed)),
            ),
            Reading::new(
                "hopgate.server.echoes",
                (Kind::Counter, Unit::None),
                "Answers refused because they held the credential their call went out with.",
                points(&|health| health.echoes.load(Ordering::Relaxed)),
            ),
        ]
    }
}

// === impl Health ===

impl Health {
    /// The server answered, whatever it said.
    pub fn answered(&self) {
        self.seen.store(seconds_now(), Ordering::Relaxed);
        self.up.store(true, Ordering::Relaxed);
        self.asked.store(true, Ordering::Relaxed);
    }

    /// The server sent back the credential it was called with.
    pub fn echoed(&self) {
        self.echoes.fetch_add(1, Ordering::Relaxed);
    }

    /// The server could not be reached, or gave no answer.
    pub fn failed(&self) {
        self.up.store(false, Ordering::Relaxed);
        self.asked.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_servers_that_were_asked_are_told() {
        let servers = Servers::default();
        let (one, two): (Arc<str>, Arc<str>) = ("one".into(), "two".into());
        servers.health(&one).answered();
        let silent = servers.health(&two);
        let up = |at: usize| {
            servers.read()[0]
                .points
                .get(at)
                .map(|point| point.value.clone())
        };
        assert_eq!((up(0), up(1)), (Some(Value::Whole(1)), None));
        silent.failed();
        servers.health(&one).failed();
        assert_eq!(
            (up(0), up(1)),
            (Some(Value::Whole(0)), Some(Value::Whole(0)))
        );
        assert!(matches!(servers.read()[1].points[0].value, Value::Whole(seen) if seen > 0));
        servers.keep(|name| name == "two");
        assert_eq!((up(0), up(1)), (Some(Value::Whole(0)), None));
    }
}
