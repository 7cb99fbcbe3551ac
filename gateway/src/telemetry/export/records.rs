//! Records of audit as OTLP log records: what stands in the files, line by line and byte by byte, so that a copy can be
//! held against them.
//!
//! The files are the record, this is a copy: whoever writes them only puts their lines here, and what finds no room is
//! counted and gone.

use super::cargo::{Speaker, bytes, nanos};
use super::lane::Cargo;
use super::queue::Queue;
use crate::audit::journal::Stamp;
use crate::telemetry::metrics::{Lost, Metrics};
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

/// Where lines are put.
#[derive(Debug, Clone, Default)]
pub(crate) struct Copies(Arc<Queue<Copied>>);

/// One line of a log.
#[derive(Debug)]
pub(super) struct Copied {
    log: &'static str,
    text: Box<str>,
}

/// Records.
#[derive(Debug)]
pub(super) struct Records(pub(super) Speaker);

/// What of a line stands beside it.
#[derive(Debug, Default, Deserialize)]
struct Said<'a> {
    #[serde(default, borrow)]
    at: Cow<'a, str>,
    #[serde(default, borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    call: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    task: Option<Cow<'a, str>>,
    #[serde(default)]
    seq: i64,
}

// === impl Copies ===

impl Copies {
    /// Takes whole lines of a log. Never waits.
    pub(crate) fn put(&self, log: &'static str, lines: &[u8]) {
        for line in String::from_utf8_lossy(lines).lines() {
            let text = Box::from(line);
            self.0
                .push(size_of::<Copied>() + line.len(), Copied { log, text });
        }
    }

    pub(super) fn queue(&self) -> Arc<Queue<Copied>> {
        Arc::clone(&self.0)
    }
}

// === impl Copied ===

impl Copied {
    fn record(self, now: u64) -> LogRecord {
        // A line whose members cannot be told is sent all the same.
        let said: Said<'_> = serde_json::from_str(&self.text).unwrap_or_default();
        let mut attributes = vec![
            attribute("hopgate.audit.log", text(self.log)),
            attribute("hopgate.audit.seq", Value::IntValue(said.seq)),
        ];
        for (key, id) in [("hopgate.call", &said.call), ("hopgate.task", &said.task)] {
            attributes.extend(id.as_deref().map(|id| attribute(key, text(id))));
        }
        LogRecord {
            time_unix_nano: Stamp::read(&said.at).map_or(0, nanos),
            observed_time_unix_nano: now,
            severity_number: SeverityNumber::Info.into(),
            event_name: format!("hopgate.audit.{}", said.kind),
            attributes,
            body: Some(AnyValue {
                value: Some(Value::StringValue(self.text.into())),
            }),
            ..LogRecord::default()
        }
    }
}

// === impl Records ===

impl Cargo for Records {
    type Item = Copied;

    fn encode(&self, items: Vec<Copied>) -> Bytes {
        let now = nanos(SystemTime::now());
        let records = items.into_iter().map(|item| item.record(now)).collect();
        let logs = ScopeLogs {
            scope: Some(InstrumentationScope {
                name: "hopgate.audit".to_owned(),
                ..InstrumentationScope::default()
            }),
            log_records: records,
            ..ScopeLogs::default()
        };
        let resource = Resource {
            attributes: self.0.attributes(),
            ..Resource::default()
        };
        let group = ResourceLogs {
            resource: Some(resource),
            scope_logs: vec![logs],
            ..ResourceLogs::default()
        };
        bytes(&ExportLogsServiceRequest {
            resource_logs: vec![group],
        })
    }

    fn rejected(&self, answer: Bytes) -> u64 {
        let answer = ExportLogsServiceResponse::decode(answer).ok();
        let part = answer.and_then(|answer| answer.partial_success);
        part.map_or(0, |part| part.rejected_log_records.try_into().unwrap_or(0))
    }

    fn arrived(&self, metrics: &Metrics, many: u64) {
        metrics.audit.copies.add(many);
    }

    fn lost(&self, metrics: &Metrics, why: Lost, many: u64) {
        metrics.audit.copies_lost.add(why, many);
    }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn text(value: &str) -> Value {
    Value::StringValue(value.to_owned())
}
