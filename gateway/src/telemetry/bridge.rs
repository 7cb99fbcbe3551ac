//! Log lines for a collector: put aside as they are logged, sent by the exporter.

use super::export::Queue;
use opentelemetry::InstrumentationScope;
use opentelemetry::logs::AnyValue;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord, SdkLoggerProvider};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;
use tracing::Subscriber;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

/// A log line for the collector.
#[derive(Debug)]
pub(crate) struct Line(pub(super) SdkLogRecord, pub(super) InstrumentationScope);

thread_local! {
    /// Whether what this thread logs stays on stderr.
    static MUTED: Cell<bool> = const { Cell::new(false) };
}

/// Where log lines wait for the exporter.
#[derive(Debug, Clone, Default)]
pub struct Sink(Arc<Queue<Line>>);

// === impl Sink ===

impl Sink {
    /// Those that wait.
    pub(crate) fn into_lines(self) -> Arc<Queue<Line>> {
        self.0
    }

    /// What takes them from the log.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let provider = SdkLoggerProvider::builder()
            .with_log_processor(self.clone())
            .build();
        // Asked for every event: the answer depends on the thread.
        let unmuted = dynamic_filter_fn(|_, _| !MUTED.get());
        OpenTelemetryTracingBridge::new(&provider).with_filter(unmuted)
    }
}

impl LogProcessor for Sink {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        self.0
            .push(weight(record), Line(record.clone(), scope.clone()));
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Keeps what this thread logs away from the collector.
pub(super) fn mute() {
    MUTED.set(true);
}

/// About how many bytes of memory a line takes.
fn weight(record: &SdkLogRecord) -> usize {
    let text = |value: &AnyValue| match value {
        AnyValue::String(text) => text.as_str().len(),
        _ => 0,
    };
    let attributes: usize = record.attributes_iter().map(|(_, value)| text(value)).sum();
    size_of::<SdkLogRecord>()
        .saturating_add(record.body().map_or(0, text))
        .saturating_add(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::logs::Severity;
    use tracing_subscriber::layer::SubscriberExt as _;

    /// What the exporter's thread makes others log does not come back to it as something to send.
    #[test]
    fn a_muted_thread_feeds_nothing_back() {
        let sink = Sink::default();
        let log = tracing_subscriber::registry().with(sink.layer());
        let log = tracing::Dispatch::new(log);
        let say = |text: &str| {
            tracing::dispatcher::with_default(&log, || tracing::warn!(server = "up", "{text}"));
        };
        say("before");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                mute();
                say("within");
            });
        });
        say("after");
        let lines = sink.into_lines().take();
        let bodies: Vec<_> = lines
            .iter()
            .map(|line| format!("{:?}", line.0.body()))
            .collect();
        assert_eq!(bodies.len(), 2, "{bodies:?}");
        assert!(bodies[0].contains("before") && bodies[1].contains("after"));
        assert_eq!(lines[0].0.severity_number(), Some(Severity::Warn));
        assert_eq!(lines[0].0.attributes_iter().count(), 1);
    }
}
