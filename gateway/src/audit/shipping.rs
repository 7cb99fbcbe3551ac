//! Checkpoints on their way to another host, where whoever can write the records' folder cannot change them.
//!
//! The thread that writes records only puts them here; a task sends one after the other, in order, as often as it takes.
//! While nobody takes them they wait, up to a bound: then the oldest give way, because a newer one seals all that they
//! did.

use crate::telemetry::Metrics;
use adapters::collector::Collector;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// The most that wait: about a day of a gateway that is always busy, some MiB.
const MOST: usize = 10_000;
/// After a failure nothing is sent for so long, then twice as long, and so on.
const PAUSE: Duration = Duration::from_millis(500);
/// Nobody waits longer for a receiver that came back.
const PAUSE_LONGEST: Duration = Duration::from_secs(30);
/// How long the last ones may take when the gateway stops.
const LAST: Duration = Duration::from_secs(3);

/// Checkpoints that were not sent yet.
#[derive(Debug)]
pub(crate) struct Backlog {
    waiting: Mutex<Waiting>,
    /// Told when something came.
    came: Notify,
    /// Told when a pause is over early.
    hurry: Notify,
    /// Told when nothing waits any more.
    emptied: Notify,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<Bytes>,
    /// The number of the first of them, counted from the start.
    first: u64,
}

// === impl Backlog ===

impl Backlog {
    /// An empty one.
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            waiting: Mutex::default(),
            came: Notify::new(),
            hurry: Notify::new(),
            emptied: Notify::new(),
            metrics,
        }
    }

    /// Takes a checkpoint, as it stands in its log. Never waits.
    pub(crate) fn push(&self, line: &str) {
        let mut waiting = self.lock();
        if waiting.lines.len() >= MOST {
            waiting.drop_first();
            self.metrics.audit.checkpoints_lost.add(1);
        }
        // With its line break: bodies that are written one after the other make a file of lines.
        waiting.lines.push_back(Bytes::from(format!("{line}\n")));
        self.count(&waiting);
        drop(waiting);
        self.came.notify_one();
    }

    /// Sends what comes, for ever.
    pub(crate) async fn ship(&self, receiver: Collector) {
        let (mut pause, mut failing) = (PAUSE, false);
        loop {
            let Some((number, line)) = self.first() else {
                self.came.notified().await;
                continue;
            };
            let place = receiver.place();
            match receiver.send("", line).await {
                Ok(_) => {
                    self.sent(number);
                    if failing {
                        tracing::info!("checkpoints reach {place} again");
                    }
                    (pause, failing) = (PAUSE, false);
                }
                Err(why) => {
                    if !failing {
                        tracing::warn!("checkpoints do not reach {place}: {why}");
                    }
                    failing = true;
                    // What is wrong on the other side may be put right: a checkpoint is never given up for it.
                    let _ = timeout(pause, self.hurry.notified()).await;
                    pause = pause.saturating_mul(2).min(PAUSE_LONGEST);
                }
            }
        }
    }

    /// The end: what waits is sent now, if the receiver takes it.
    pub(crate) async fn close(&self) {
        self.hurry.notify_one();
        let emptied = async {
            while self.first().is_some() {
                self.emptied.notified().await;
            }
        };
        if timeout(LAST, emptied).await.is_err() {
            let left = self.lock().lines.len();
            tracing::error!(left, "the last checkpoints were not sent");
        }
    }

    fn first(&self) -> Option<(u64, Bytes)> {
        let waiting = self.lock();
        let line = waiting.lines.front()?;
        Some((waiting.first, line.clone()))
    }

    /// It is there; meanwhile it may have given way to others here.
    fn sent(&self, number: u64) {
        self.metrics.audit.shipped.add(1);
        let mut waiting = self.lock();
        if waiting.first == number {
            waiting.drop_first();
        }
        self.count(&waiting);
        if waiting.lines.is_empty() {
            self.emptied.notify_one();
        }
    }

    fn count(&self, waiting: &Waiting) {
        let many = i64::try_from(waiting.lines.len()).unwrap_or(i64::MAX);
        self.metrics.audit.unshipped.set(many);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing under this lock can leave it half done.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Waiting ===

impl Waiting {
    fn drop_first(&mut self) {
        if self.lines.pop_front().is_some() {
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the receiver gets next, without one.
    fn take(backlog: &Backlog) -> String {
        let (number, line) = backlog.first().unwrap();
        backlog.sent(number);
        String::from_utf8(line.to_vec()).unwrap()
    }

    #[test]
    fn the_oldest_give_way_and_are_counted() {
        let metrics = Arc::<Metrics>::default();
        let backlog = Backlog::new(Arc::clone(&metrics));
        for number in 0..MOST + 2 {
            backlog.push(&format!("{{\"n\":{number}}}"));
        }
        let audit = &metrics.audit;
        assert_eq!(audit.checkpoints_lost.total(), 2);
        assert_eq!(audit.unshipped.value(), MOST as i64);
        assert_eq!(take(&backlog), "{\"n\":2}\n");
        assert_eq!(take(&backlog), "{\"n\":3}\n");
        assert_eq!(
            (audit.shipped.total(), audit.checkpoints_lost.total()),
            (2, 2)
        );
    }

    /// A checkpoint that gave way while it was being sent takes no other with it.
    #[test]
    fn none_is_taken_for_another() {
        let backlog = Backlog::new(Arc::default());
        for number in 0..MOST {
            backlog.push(&number.to_string());
        }
        let (sending, _) = backlog.first().unwrap();
        backlog.push("more");
        backlog.sent(sending);
        assert_eq!(take(&backlog), "1\n");
    }
}
