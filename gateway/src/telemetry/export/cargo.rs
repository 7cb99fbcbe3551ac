//! What is sent: spans, log lines and metrics as OTLP messages, and what the collector says of them.

use super::lane::Cargo;
use crate::telemetry::bridge::Line;
use crate::telemetry::metrics::{Lost, Metrics, otlp};
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::logs::tonic::group_logs_by_resource_and_scope;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::LogBatch;
use opentelemetry_sdk::trace::SpanData;
use prost::Message as _;
use std::time::{SystemTime, UNIX_EPOCH};

/// Who speaks, as every message says.
#[derive(Debug)]
pub(super) struct Speaker(ResourceAttributesWithSchema);

/// Spans.
#[derive(Debug)]
pub(super) struct Spans(pub(super) Speaker);

/// Log lines.
#[derive(Debug)]
pub(super) struct Lines(pub(super) Speaker);

/// Metrics, counted since an instant.
#[derive(Debug)]
pub(super) struct Readings {
    pub(super) speaker: Speaker,
    pub(super) began: SystemTime,
}

// === impl Speaker ===

impl Speaker {
    pub(super) fn new(resource: &Resource) -> Self {
        Self(resource.into())
    }

    pub(super) fn attributes(&self) -> Vec<KeyValue> {
        self.0.attributes.0.clone()
    }
}

// === impl Spans ===

impl Cargo for Spans {
    type Item = SpanData;

    fn encode(&self, items: Vec<SpanData>) -> Bytes {
        let resource_spans = group_spans_by_resource_and_scope(items, &self.0.0);
        bytes(&ExportTraceServiceRequest { resource_spans })
    }

    fn rejected(&self, answer: Bytes) -> u64 {
        let answer = ExportTraceServiceResponse::decode(answer).ok();
        let part = answer.and_then(|answer| answer.partial_success);
        part.map_or(0, |part| part.rejected_spans.try_into().unwrap_or(0))
    }

    fn arrived(&self, metrics: &Metrics, many: u64) {
        metrics.exported.spans.add(many);
    }

    fn lost(&self, metrics: &Metrics, why: Lost, many: u64) {
        metrics.exported.spans_lost.add(why, many);
    }
}

// === impl Lines ===

impl Cargo for Lines {
    type Item = Line;

    fn encode(&self, items: Vec<Line>) -> Bytes {
        let borrowed: Vec<_> = items.iter().map(|line| (&line.0, &line.1)).collect();
        let batch = LogBatch::new(&borrowed);
        let resource_logs = group_logs_by_resource_and_scope(&batch, &self.0.0);
        bytes(&ExportLogsServiceRequest { resource_logs })
    }

    fn rejected(&self, answer: Bytes) -> u64 {
        let answer = ExportLogsServiceResponse::decode(answer).ok();
        let part = answer.and_then(|answer| answer.partial_success);
        part.map_or(0, |part| part.rejected_log_records.try_into().unwrap_or(0))
    }

    fn arrived(&self, metrics: &Metrics, many: u64) {
        metrics.exported.logs.add(many);
    }

    fn lost(&self, metrics: &Metrics, why: Lost, many: u64) {
        metrics.exported.logs_lost.add(why, many);
    }
}

// === impl Readings ===

impl Readings {
    /// All metrics, as they are now.
    pub(super) fn encode(&self, metrics: &Metrics) -> Bytes {
        let period = otlp::Period {
            began: nanos(self.began),
            read: nanos(SystemTime::now()),
        };
        let speaker = self.speaker.attributes();
        bytes(&otlp::message(metrics.read(), speaker, period))
    }
}

pub(super) fn bytes(message: &impl prost::Message) -> Bytes {
    Bytes::from(message.encode_to_vec())
}

pub(super) fn nanos(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
