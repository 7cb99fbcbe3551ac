//! The exporter: one thread of its own that sends spans, metrics, log lines and copies of records to a collector,
//! whatever state the collector is in. Calls only put spans into a queue.

mod cargo;
mod lane;
mod queue;
mod records;
#[cfg(test)]
mod tests;

pub(crate) use queue::Queue;
pub(crate) use records::Copies;

use super::bridge::Sink;
use super::metrics::Metrics;
use super::trace::{Baggage, Sampler, weight};
use crate::config::{Signal, Telemetry};
use adapters::collector::Collector;
use cargo::{Lines, Readings, Spans, Speaker};
use lane::{Ask, Lane, Wire};
use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use records::Records;
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// What calls need of telemetry: which traces to follow, and where finished spans go.
#[derive(Debug)]
pub struct Tracer {
    /// Which traces get spans.
    pub sampler: Sampler,
    /// Which baggage is passed on.
    pub baggage: Baggage,
    spans: Option<Arc<Queue<SpanData>>>,
    records: Option<Copies>,
    tap: Option<UnboundedSender<SpanData>>,
    asks: Asks,
}

/// Where telemetry goes beside a collector, and what the log has put aside for one.
#[derive(Debug, Default)]
pub struct Outlets {
    /// Gets a copy of every span.
    pub spans: Option<UnboundedSender<SpanData>>,
    /// Holds log lines for the collector.
    pub lines: Option<Sink>,
}

/// The collectors, made from the configuration.
#[derive(Debug, Default)]
pub(crate) struct Collectors {
    pub(crate) traces: Option<Collector>,
    pub(crate) metrics: Option<Collector>,
    pub(crate) logs: Option<Collector>,
    pub(crate) records: Option<Collector>,
}

#[derive(Debug, Default)]
struct Asks {
    /// Spans, log lines and records.
    first: Vec<mpsc::Sender<Ask>>,
    /// Metrics, which count the others.
    then: Option<mpsc::Sender<Ask>>,
}

// === impl Tracer ===

impl Tracer {
    /// One that exports nothing.
    #[must_use]
    pub fn off() -> Self {
        Self {
            sampler: Sampler::never(),
            baggage: Baggage::default(),
            spans: None,
            records: None,
            tap: None,
            asks: Asks::default(),
        }
    }

    /// Starts the exporter, where there is a collector.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub(crate) fn start(
        settings: &Telemetry,
        collectors: Collectors,
        metrics: &Arc<Metrics>,
        outlets: Outlets,
    ) -> Result<Self, String> {
        for why in &settings.ignored {
            tracing::warn!("{why}");
        }
        let mut tracer = Self {
            tap: outlets.spans,
            baggage: Baggage::passing(&settings.baggage),
            ..Self::off()
        };
        let resource = resource(&settings.resource);
        let speaker = || Speaker::new(&resource);
        let (mut lanes, mut asks) = (Lanes::default(), Asks::default());
        if let Some(collector) = collectors.traces {
            let queue = Arc::<Queue<SpanData>>::default();
            tracer.spans = Some(Arc::clone(&queue));
            let wire = Wire::new(Signal::Traces, collector);
            let lane = Lane::new(wire, queue, Spans(speaker()), metrics);
            lanes.spans = Some((lane, asks.first()));
        }
        if let (Some(collector), Some(queue)) = (collectors.logs, outlets.lines) {
            let wire = Wire::new(Signal::Logs, collector);
            let lane = Lane::new(wire, queue.into_lines(), Lines(speaker()), metrics);
            lanes.lines = Some((lane, asks.first()));
        }
        if let Some(collector) = collectors.records {
            let copies = Copies::default();
            let wire = Wire::new(Signal::Logs, collector).called("records");
            let lane = Lane::new(wire, copies.queue(), Records(speaker()), metrics);
            lanes.records = Some((lane, asks.first()));
            tracer.records = Some(copies);
        }
        if let Some(collector) = collectors.metrics {
            let (ask, asked) = mpsc::channel(1);
            asks.then = Some(ask);
            lanes.metrics = Some((
                Meter {
                    wire: Wire::new(Signal::Metrics, collector),
                    readings: Readings {
                        speaker: speaker(),
                        began: SystemTime::now(),
                    },
                    metrics: Arc::clone(metrics),
                    interval: settings.interval,
                },
                asked,
            ));
        }
        if tracer.is_on() {
            tracer.sampler = Sampler::new(&settings.sample);
        }
        if asks.then.is_some() || !asks.first.is_empty() {
            lanes.start()?;
        }
        tracer.asks = asks;
        Ok(tracer)
    }

    /// Whether anybody wants spans. If not, contexts of callers are none of our business.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.spans.is_some() || self.tap.is_some()
    }

    /// Where records are put, if a collector is to have them too.
    pub(crate) fn records(&self) -> Option<Copies> {
        self.records.clone()
    }

    /// Takes a finished span. Never waits.
    pub fn export(&self, span: SpanData) {
        match (&self.tap, &self.spans) {
            (Some(tap), None) => {
                let _ = tap.send(span);
            }
            (tap, Some(queue)) => {
                if let Some(tap) = tap {
                    let _ = tap.send(span.clone());
                }
                queue.push(weight(&span), span);
            }
            (None, None) => {}
        }
    }

    /// Sends what waits, metrics last; gives up at the deadline. Whether all lanes came to their end.
    pub async fn flush(&self, deadline: Duration) -> bool {
        let flushed = timeout(deadline, async {
            let mut done = Vec::with_capacity(self.asks.first.len());
            for lane in &self.asks.first {
                let (tell, told) = oneshot::channel();
                if lane.send(tell).await.is_ok() {
                    done.push(told);
                }
            }
            for told in done {
                let _ = told.await;
            }
            if let Some(lane) = &self.asks.then {
                let (tell, told) = oneshot::channel();
                if lane.send(tell).await.is_ok() {
                    let _ = told.await;
                }
            }
        });
        flushed.await.is_ok()
    }
}

/// What the thread runs.
#[derive(Debug, Default)]
struct Lanes {
    spans: Option<(Lane<Spans>, mpsc::Receiver<Ask>)>,
    lines: Option<(Lane<Lines>, mpsc::Receiver<Ask>)>,
    records: Option<(Lane<Records>, mpsc::Receiver<Ask>)>,
    metrics: Option<(Meter, mpsc::Receiver<Ask>)>,
}

/// The lane of metrics: nothing waits in it, each message says all there is to say.
#[derive(Debug)]
struct Meter {
    wire: Wire,
    readings: Readings,
    metrics: Arc<Metrics>,
    interval: Duration,
}

// === impl Lanes ===

impl Lanes {
    fn start(self) -> Result<(), String> {
        let failed = |why: &dyn Display| format!("telemetry gets no thread: {why}");
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|why| failed(&why))?;
        std::thread::Builder::new()
            .name("telemetry".to_owned())
            .spawn(move || self.run(&runtime))
            .map_err(|why| failed(&why))?;
        Ok(())
    }

    fn run(self, runtime: &Runtime) {
        // What sending a log line makes others log must not become a log line to send.
        super::bridge::mute();
        runtime.block_on(async {
            let spans = async {
                if let Some((lane, asks)) = self.spans {
                    lane.run(asks).await;
                }
            };
            let lines = async {
                if let Some((lane, asks)) = self.lines {
                    lane.run(asks).await;
                }
            };
            let records = async {
                if let Some((lane, asks)) = self.records {
                    lane.run(asks).await;
                }
            };
            let metrics = async {
                if let Some((meter, asks)) = self.metrics {
                    meter.run(asks).await;
                }
            };
            tokio::join!(spans, lines, records, metrics);
        });
    }
}

// === impl Meter ===

impl Meter {
    async fn run(mut self, mut asks: mpsc::Receiver<Ask>) {
        loop {
            let ask = tokio::select! {
                () = sleep(self.interval) => None,
                ask = asks.recv() => match ask {
                    Some(ask) => Some(ask),
                    None => return,
                },
            };
            // What does not arrive now is part of the next message.
            let _ = self.wire.send(self.readings.encode(&self.metrics)).await;
            if let Some(ask) = ask {
                let _ = ask.send(());
            }
        }
    }
}

// === impl Asks ===

impl Asks {
    fn first(&mut self) -> mpsc::Receiver<Ask> {
        let (ask, asked) = mpsc::channel(1);
        self.first.push(ask);
        asked
    }
}

/// Who speaks: `hopgate`, unless the environment says otherwise.
fn resource(said: &[(String, String)]) -> Resource {
    let own = [
        ("service.name", "hopgate".to_owned()),
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id", uuid::Uuid::new_v4().to_string()),
        ("telemetry.sdk.language", "rust".to_owned()),
        ("telemetry.sdk.name", "opentelemetry".to_owned()),
    ];
    let own = own
        .into_iter()
        .map(|(key, value)| KeyValue::new(key, value));
    let said = said
        .iter()
        .map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    Resource::builder_empty()
        .with_attributes(own.chain(said))
        .build()
}
