//! The way of one signal: batches, sends, repeats a little, and says once when nothing arrives and once when it does.

use super::queue::Queue;
use crate::config::Signal;
use crate::telemetry::metrics::{Lost, Metrics};
use adapters::collector::{Collector, SendError};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

/// How long something waits for company.
const DELAY: Duration = Duration::from_secs(1);
/// After a failure nothing is sent for so long, then twice as long, and so on.
const PAUSE: Duration = Duration::from_secs(1);
/// Nobody waits longer for a collector that came back.
const PAUSE_LONGEST: Duration = Duration::from_secs(30);
/// How often one message is sent at most.
const ATTEMPTS: u32 = 4;

/// Asks a lane to send what it has, and to say when it is done.
pub(super) type Ask = oneshot::Sender<()>;

/// Where one signal goes, and how that went so far.
#[derive(Debug)]
pub(super) struct Wire {
    signal: Signal,
    /// For the log: what is sent.
    called: &'static str,
    collector: Collector,
    failing: bool,
}

/// How items of a signal become messages, and are counted.
pub(super) trait Cargo: Send + Sync + 'static {
    /// One of what is sent.
    type Item: Send + 'static;

    /// The message that carries these.
    fn encode(&self, items: Vec<Self::Item>) -> Bytes;
    /// How many the collector says it did not take.
    fn rejected(&self, answer: Bytes) -> u64;
    /// Counts what arrived.
    fn arrived(&self, metrics: &Metrics, many: u64);
    /// Counts what will not arrive.
    fn lost(&self, metrics: &Metrics, why: Lost, many: u64);
}

/// A lane of what waits in a queue.
#[derive(Debug)]
pub(super) struct Lane<C: Cargo> {
    wire: Wire,
    queue: Arc<Queue<C::Item>>,
    cargo: C,
    metrics: Arc<Metrics>,
}

/// A message, with how many it carries and how often it was sent.
#[derive(Debug)]
struct Pending {
    message: Bytes,
    many: u64,
    attempts: u32,
}

// === impl Wire ===

impl Wire {
    pub(super) fn new(signal: Signal, collector: Collector) -> Self {
        Self {
            signal,
            called: signal.name(),
            collector,
            failing: false,
        }
    }

    /// What it carries has a name of its own.
    pub(super) fn called(self, called: &'static str) -> Self {
        Self { called, ..self }
    }

    fn method(&self) -> &'static str {
        match self.signal {
            Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        }
    }

    pub(super) async fn send(&mut self, message: Bytes) -> Result<Bytes, SendError> {
        let sent = self.collector.send(self.method(), message).await;
        let (called, place) = (self.called, self.collector.place());
        match &sent {
            Ok(_) if self.failing => {
                tracing::info!("{called} reach the collector at {place} again")
            }
            Err(why) if !self.failing => {
                tracing::warn!("{called} do not reach the collector at {place}: {why}");
            }
            _ => {}
        }
        self.failing = sent.is_err();
        sent
    }
}

// === impl Lane ===

impl<C: Cargo> Lane<C> {
    pub(super) fn new(
        wire: Wire,
        queue: Arc<Queue<C::Item>>,
        cargo: C,
        metrics: &Arc<Metrics>,
    ) -> Self {
        Self {
            wire,
            queue,
            cargo,
            metrics: Arc::clone(metrics),
        }
    }

    /// Until nobody can ask any more.
    pub(super) async fn run(mut self, mut asks: mpsc::Receiver<Ask>) {
        let mut pending = None;
        let mut pause = PAUSE;
        loop {
            let failing = self.wire.failing;
            let wait = if failing { pause } else { DELAY };
            let ask = tokio::select! {
                () = self.queue.whole(), if !failing => None,
                () = sleep(wait) => None,
                ask = asks.recv() => match ask {
                    Some(ask) => Some(ask),
                    None => return,
                },
            };
            pause = if failing {
                pause.saturating_mul(2).min(PAUSE_LONGEST)
            } else {
                PAUSE
            };
            self.forward(&mut pending, ask.is_some()).await;
            if let Some(ask) = ask {
                let _ = ask.send(());
            }
        }
    }

    /// Sends what waits, until all is sent or something fails. What fails the `last` time is given up.
    async fn forward(&mut self, pending: &mut Option<Pending>, last: bool) {
        let refused = self.queue.refused();
        self.cargo.lost(&self.metrics, Lost::Full, refused);
        loop {
            let next = match pending.take() {
                Some(pending) => pending,
                None => {
                    let items = self.queue.take();
                    if items.is_empty() {
                        return;
                    }
                    Pending {
                        many: items.len().try_into().unwrap_or(u64::MAX),
                        message: self.cargo.encode(items),
                        attempts: 0,
                    }
                }
            };
            *pending = self.attempt(next, last).await;
            if self.wire.failing {
                return;
            }
        }
    }

    /// One message, once. What may be sent again comes back.
    async fn attempt(&mut self, mut pending: Pending, last: bool) -> Option<Pending> {
        pending.attempts = pending.attempts.saturating_add(1);
        match self.wire.send(pending.message.clone()).await {
            Ok(answer) => {
                let rejected = self.cargo.rejected(answer).min(pending.many);
                let arrived = pending.many.saturating_sub(rejected);
                self.cargo.arrived(&self.metrics, arrived);
                self.cargo.lost(&self.metrics, Lost::Rejected, rejected);
                None
            }
            Err(why) if why.passing && !last && pending.attempts < ATTEMPTS => Some(pending),
            Err(_) => {
                self.cargo.lost(&self.metrics, Lost::Failed, pending.many);
                None
            }
        }
    }
}
