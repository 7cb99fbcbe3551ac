//! The places of open streams: `bounds.streams` of this process.

use crate::telemetry::Metrics;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The places.
#[derive(Debug)]
pub(super) struct Streams {
    open: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
}

/// A place among the open streams: dropping it frees it.
#[derive(Debug)]
pub(crate) struct Slot {
    open: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
}

// === impl Streams ===

impl Streams {
    /// All places free; how many are taken shows in the metrics.
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            open: Arc::default(),
            metrics,
        }
    }

    /// Takes a place.
    pub(super) fn slot(&self, most: usize) -> Option<Slot> {
        let taken = self
            .open
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| {
                (open < most).then_some(open + 1)
            });
        taken.is_ok().then(|| {
            self.metrics.streams.add(1);
            Slot {
                open: Arc::clone(&self.open),
                metrics: Arc::clone(&self.metrics),
            }
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.metrics.streams.add(-1);
    }
}

#[cfg(test)]
mod tests {
    use super::Streams;
    use std::sync::Arc;

    #[test]
    fn a_place_is_free_again_when_dropped() {
        let metrics = Arc::default();
        let streams = Streams::new(Arc::clone(&metrics));
        let slot = streams.slot(1);
        assert!(slot.is_some() && streams.slot(1).is_none());
        assert_eq!(metrics.streams.value(), 1);
        drop(slot);
        assert_eq!(metrics.streams.value(), 0);
        assert!(streams.slot(1).is_some());
    }
}
