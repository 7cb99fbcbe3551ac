//! Readings as an OTLP message: cumulative, since the process began.

use super::BOUNDS;
use super::reading::{Kind, Point, Reading, Value};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

/// Between which instants a message speaks, in nanoseconds since the epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Period {
    /// When the process began to count.
    pub(crate) began: u64,
    /// When it was read.
    pub(crate) read: u64,
}

/// The message that carries readings.
pub(crate) fn message(
    readings: Vec<Reading>,
    resource: Vec<KeyValue>,
    period: Period,
) -> ExportMetricsServiceRequest {
    let metrics = readings
        .into_iter()
        .filter(|reading| !reading.points.is_empty())
        .map(|reading| metric(reading, period))
        .collect();
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource {
                attributes: resource,
                ..Resource::default()
            }),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(InstrumentationScope {
                    name: "hopgate".to_owned(),
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    ..InstrumentationScope::default()
                }),
                metrics,
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        }],
    }
}

fn metric(reading: Reading, period: Period) -> Metric {
    let cumulative = AggregationTemporality::Cumulative.into();
    let numbers = |points: Vec<Point>| points.into_iter().map(|one| number(one, period)).collect();
    let data = match reading.kind {
        Kind::Counter => Data::Sum(Sum {
            data_points: numbers(reading.points),
            aggregation_temporality: cumulative,
            is_monotonic: true,
        }),
        Kind::Gauge => Data::Gauge(Gauge {
            data_points: numbers(reading.points),
        }),
        Kind::Histogram => Data::Histogram(Histogram {
            data_points: reading
                .points
                .into_iter()
                .map(|one| histogram(one, period))
                .collect(),
            aggregation_temporality: cumulative,
        }),
    };
    Metric {
        name: reading.name.to_owned(),
        description: reading.help.to_owned(),
        unit: reading.unit.code().to_owned(),
        metadata: Vec::new(),
        data: Some(data),
    }
}

fn number(point: Point, period: Period) -> NumberDataPoint {
    NumberDataPoint {
        value: Some(match point.value {
            Value::Whole(value) => Number::AsInt(value),
            Value::Real(value) | Value::Buckets(_, value) => Number::AsDouble(value),
        }),
        attributes: attributes(point.labels),
        start_time_unix_nano: period.began,
        time_unix_nano: period.read,
        ..NumberDataPoint::default()
    }
}

fn histogram(point: Point, period: Period) -> HistogramDataPoint {
    let (counts, sum) = match point.value {
        Value::Buckets(counts, sum) => (counts, sum),
        Value::Whole(_) | Value::Real(_) => (Vec::new(), 0.0),
    };
    HistogramDataPoint {
        attributes: attributes(point.labels),
        start_time_unix_nano: period.began,
        time_unix_nano: period.read,
        count: counts.iter().sum(),
        sum: Some(sum),
        bucket_counts: counts,
        explicit_bounds: BOUNDS.to_vec(),
        ..HistogramDataPoint::default()
    }
}

fn attributes(labels: Vec<(&'static str, std::borrow::Cow<'static, str>)>) -> Vec<KeyValue> {
    let attribute = |(name, value): (&str, std::borrow::Cow<'static, str>)| KeyValue {
        key: name.to_owned(),
        value: Some(AnyValue {
            value: Some(Any::StringValue(value.into_owned())),
        }),
        ..KeyValue::default()
    };
    labels.into_iter().map(attribute).collect()
}
