//! Stage 5, how much: takes a place for what may stay open long.
//!
//! This version counts open streams against `bounds.streams`; rates and budgets are a later room of this stage.

use crate::authorize::Authorized;
use crate::pipeline::{Evidence, Record, Refusal, Step};
use crate::telemetry::Metrics;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A call with its place. Made only by [`Limits::admit`].
#[derive(Debug)]
pub(crate) struct Admitted {
    authorized: Authorized,
    slot: Option<Slot>,
}

/// Places of this process.
#[derive(Debug)]
pub(crate) struct Limits {
    streams: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
}

/// A place among the open streams: dropping it frees it.
#[derive(Debug)]
pub(crate) struct Slot {
    streams: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
}

// === impl Limits ===

impl Limits {
    /// All places free; how many are taken shows in the metrics.
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            streams: Arc::default(),
            metrics,
        }
    }

    /// Takes a place for a call that opens a stream, and refuses any call while no place is left for its answer.
    ///
    /// # Errors
    ///
    /// [`Refusal::StreamsFull`].
    pub(crate) fn admit(&self, authorized: Authorized) -> Result<Admitted, Refusal> {
        let most = authorized
            .bound()
            .asked()
            .context()
            .snapshot
            .config
            .gateway
            .bounds
            .streams;
        let slot = if authorized.opens_stream() {
            Some(self.slot(most).ok_or(Refusal::StreamsFull)?)
        } else {
            None
        };
        Ok(Admitted { authorized, slot })
    }

    /// Takes a place among the open streams.
    pub(crate) fn slot(&self, most: usize) -> Option<Slot> {
        let taken = self
            .streams
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| {
                (open < most).then_some(open + 1)
            });
        taken.is_ok().then(|| {
            self.metrics.streams.add(1);
            Slot {
                streams: Arc::clone(&self.streams),
                metrics: Arc::clone(&self.metrics),
            }
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.streams.fetch_sub(1, Ordering::Relaxed);
        self.metrics.streams.add(-1);
    }
}

// === impl Admitted ===

impl Admitted {
    /// What was granted.
    pub(crate) fn authorized(&self) -> &Authorized {
        &self.authorized
    }

    /// Takes the call and its place apart, for the stage that holds them until the answer's last byte.
    pub(crate) fn into_parts(self) -> (Authorized, Option<Slot>) {
        (self.authorized, self.slot)
    }
}

impl Evidence for Admitted {
    const STEP: Option<Step> = Some(Step::Admit);

    fn note(&self, record: &mut Record) {
        record.admitted = true;
    }
}

#[cfg(test)]
mod tests {
    use super::Limits;

    #[test]
    fn a_place_is_free_again_when_dropped() {
        let metrics = std::sync::Arc::default();
        let limits = Limits::new(std::sync::Arc::clone(&metrics));
        let slot = limits.slot(1);
        assert!(slot.is_some() && limits.slot(1).is_none());
        assert_eq!(metrics.streams.value(), 1);
        drop(slot);
        assert_eq!(metrics.streams.value(), 0);
        assert!(limits.slot(1).is_some());
    }
}
