//! Metrics and log lines arrive, over gRPC and over HTTP, and say what the operators' port says.

use super::setup;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint};
use std::collections::BTreeMap;
use tests::certificates::Authority;
use tests::collector::{Taken, attribute};
use tests::setup::Place;
use tests::{Agent, Collector, Gateway, Setup, Upstream, eventually};

/// As Prometheus would name what came over OTLP.
fn prometheus_name(metric: &Metric) -> String {
    let mut name = metric.name.replace('.', "_");
    let unit = match metric.unit.as_str() {
        "s" => "_seconds",
        "By" => "_bytes",
        other => other,
    };
    if !name.ends_with(unit) {
        name += unit;
    }
    if matches!(metric.data, Some(Data::Sum(_))) {
        name += "_total";
    }
    name
}

/// Every series of counters and gauges that came over OTLP, written as Prometheus does.
fn series(taken: &Taken) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    for metric in &taken.metrics {
        let points: &[NumberDataPoint] = match metric.data.as_ref().unwrap() {
            Data::Sum(sum) => &sum.data_points,
            Data::Gauge(gauge) => &gauge.data_points,
            _ => continue,
        };
        for point in points {
            let labels = point.attributes.iter().map(|one| {
                let value = attribute(std::slice::from_ref(one), &one.key).unwrap();
                format!("{}=\"{value}\"", one.key.replace('.', "_"))
            });
            let labels = labels.collect::<Vec<_>>().join(",");
            let name = match labels.as_str() {
                "" => prometheus_name(metric),
                labels => format!("{}{{{labels}}}", prometheus_name(metric)),
            };
            let value = match point.value.unwrap() {
                Value::AsInt(number) => number as f64,
                Value::AsDouble(number) => number,
            };
            all.insert(name, value);
        }
    }
    all
}

/// What changes by being looked at, or by itself.
fn restless(line: &str) -> bool {
    [
        "process_",
        "hopgate_snapshot_age",
        "hopgate_logs_",
        "hopgate_connections",
        "hopgate_calls_open",
        "hopgate_lag_",
        "hopgate_tasks",
        "hopgate_bytes",
    ]
    .iter()
    .any(|start| line.starts_with(start))
}

async fn agree(protocol: &str) {
    let (upstream, collector) = (Upstream::saying("ok").await, Collector::start().await);
    let gateway = Gateway::start(&setup(&upstream, &collector, protocol)).await;
    let agent = Agent::modern(&gateway);
    for tool in ["one", "two", "three"] {
        assert_eq!(agent.call(tool, "{}").await.said(), "ok");
    }
    collector
        .until("three answered calls", |taken| {
            series(taken).get("hopgate_calls_total{outcome=\"answered\"}") == Some(&3.0)
        })
        .await;
    let (_, text) = gateway.admin("/metrics", false).await;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let printed: BTreeMap<String, f64> = lines
        .filter(|line| !line.contains("duration_seconds"))
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect();
    let sent = series(&collector.taken());
    let names = |all: &BTreeMap<String, f64>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&printed), names(&sent));
    for (name, value) in printed.iter().filter(|(name, _)| !restless(name)) {
        assert_eq!(sent.get(name), Some(value), "{name}");
    }
    assert!(
        printed
            .keys()
            .any(|name| name.starts_with("hopgate_snapshot_info{digest=\""))
    );
}

#[tokio::test]
async fn metrics_are_the_same_over_grpc_and_on_the_operators_port() {
    agree("grpc").await;
}

#[tokio::test]
async fn metrics_are_the_same_over_http_and_on_the_operators_port() {
    agree("http").await;
}

#[tokio::test]
async fn log_lines_arrive_as_they_are_on_standard_error() {
    for protocol in ["grpc", "http"] {
        let (upstream, collector) = (Upstream::saying("ok").await, Collector::start().await);
        let mut gateway = Gateway::start(&setup(&upstream, &collector, protocol)).await;
        gateway.terminate().await;
        let taken = collector.taken();
        let lines = taken.lines();
        // The last ones are sent on the way out.
        for line in ["serving", "draining", "drained"] {
            assert!(lines.iter().any(|one| one == line), "{line}: {lines:?}");
            assert!(gateway.stderr().text().contains(line));
        }
        let serving = taken.logs.iter().find(|one| {
            attribute(&one.attributes, "agents").is_some_and(|text| text.contains("127.0.0.1"))
        });
        assert_eq!(serving.unwrap().severity_text, "INFO");
        assert_eq!(taken.says("service.name").as_deref(), Some("hopgate"));
        assert!(taken.says("service.instance.id").is_some());
    }
}

/// What the gateway counts last is sent before it ends: nobody waits for the next interval.
#[tokio::test]
async fn the_last_numbers_are_sent_on_the_way_out() {
    let (upstream, collector) = (Upstream::saying("ok").await, Collector::start().await);
    let seldom = setup(&upstream, &collector, "grpc");
    let mut gateway = Gateway::start(&seldom).await;
    gateway.rewrite_text("broken");
    let refused = "hopgate_reloads_total{result=\"refused\"}";
    gateway.stderr().wait("the old one stays").await;
    let agent = Agent::modern(&gateway);
    assert_eq!(agent.call("echo", "{}").await.said(), "ok");
    gateway.terminate().await;
    let sent = series(&collector.taken());
    assert_eq!(sent.get(refused), Some(&1.0));
    assert_eq!(
        sent.get("hopgate_calls_total{outcome=\"answered\"}"),
        Some(&1.0)
    );
    let exported = sent
        .get("hopgate_logs_exported_total")
        .copied()
        .unwrap_or(0.0);
    eventually("every line is counted", || {
        exported as usize == collector.taken().logs.len()
    })
    .await;
}

/// Over TLS, with an authority of the operator's own and with a certificate the collector asks for.
#[tokio::test]
async fn a_collector_is_spoken_to_over_tls() {
    let upstream = Upstream::saying("ok").await;
    let (authority, place) = (Authority::new("collectors"), Place::free());
    let ca = place.folder.join("ca.pem");
    std::fs::write(&ca, &authority.pem).unwrap();
    let (cert, key) = authority.issue(&["gateway"]).write(&place.folder, "own");
    for protocol in ["grpc", "http"] {
        let own = authority.issue(&["localhost"]);
        let config = own.server(Some(&authority), &["h2", "http/1.1"]);
        let collector = Collector::secure(config).await;
        let port = collector.address.port();
        let otlp = format!(
            "\n[telemetry]\nmetrics = \"50ms\"\n[telemetry.otlp]\nendpoint = \"https://localhost:{port}\"\n\
             protocol = \"{protocol}\"\n"
        );
        let (cert, key) = (cert.display(), key.display());
        let pair = format!(
            "ca = \"{}\"\nclient_cert = {{ cert = \"{cert}\", key = {{ file = \"{key}\" }} }}\n",
            ca.display()
        );
        let stranger = Gateway::start(&Setup::new(&upstream.url()).tail(&otlp)).await;
        stranger.stderr().wait("no known issuer").await;
        assert!(collector.taken().heads.is_empty());
        let setup = Setup::new(&upstream.url()).tail(&(otlp + &pair));
        let gateway = Gateway::start(&setup).await;
        collector
            .until("metrics", |taken| !taken.metrics.is_empty())
            .await;
        assert!(!gateway.stderr().text().contains("do not reach"));
    }
    std::fs::remove_dir_all(&place.folder).unwrap();
}
