//! What the file and the environment say of telemetry, and that no secret of either is ever shown.

use super::setup;
use tests::collector::Mood;
use tests::{Collector, Gateway, Setup, Upstream};

#[tokio::test]
async fn the_standard_variables_are_followed() {
    let (upstream, collector) = (Upstream::saying("ok").await, Collector::start().await);
    for protocol in ["grpc", "http/protobuf"] {
        let setup = Setup::new(&upstream.url())
            .variable("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url())
            .variable("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .variable("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b,x-other=c")
            .variable("OTEL_METRIC_EXPORT_INTERVAL", "50")
            .variable("OTEL_LOGS_EXPORTER", "otlp")
            .variable("OTEL_SERVICE_NAME", "gate-7")
            .variable(
                "OTEL_RESOURCE_ATTRIBUTES",
                "deployment.environment.name=te%2Cst",
            )
            .variable("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
        let mut gateway = Gateway::start(&setup).await;
        let taken = collector
            .until("metrics and logs", |taken| {
                !taken.metrics.is_empty() && !taken.logs.is_empty()
            })
            .await;
        assert_eq!(taken.says("service.name").as_deref(), Some("gate-7"));
        let place = taken.says("deployment.environment.name");
        assert_eq!(place.as_deref(), Some("te,st"));
        let (_, head) = taken.heads.last().unwrap();
        assert_eq!(head["x-key"], "a b");
        assert_eq!(head["x-other"], "c");
        assert!(
            gateway
                .stderr()
                .text()
                .contains("OTEL_EXPORTER_OTLP_COMPRESSION is not followed")
        );
        gateway.terminate().await;
    }
}

#[tokio::test]
async fn the_environment_can_switch_off() {
    let (upstream, collector) = (Upstream::saying("ok").await, Collector::start().await);
    let all = setup(&upstream, &collector, "grpc");
    let mut gateway = Gateway::start(&all.clone().variable("OTEL_SDK_DISABLED", "true")).await;
    gateway.terminate().await;
    assert!(collector.taken().heads.is_empty());
    let mut gateway = Gateway::start(&all.variable("OTEL_METRICS_EXPORTER", "none")).await;
    gateway.terminate().await;
    let taken = collector.taken();
    assert!(taken.metrics.is_empty() && !taken.logs.is_empty());
}

/// A secret of a header goes to the collector and nowhere else, also where the collector sends it back.
#[tokio::test]
async fn a_headers_secret_is_never_shown() {
    const CANARY: &str = "canary-8c1f27";
    let (upstream, collector) = (Upstream::saying("ok").await, Collector::start().await);
    let place = tests::setup::Place::free();
    let file = place.folder.join("key");
    std::fs::write(&file, format!("{CANARY}-file\n")).unwrap();
    let setup = Setup::new(&upstream.url())
        .variable("COLLECTOR_KEY", &format!("{CANARY}-env"))
        .tail(&format!(
            "\n[telemetry]\nmetrics = \"50ms\"\nlogs = true\n[telemetry.otlp]\nendpoint = \"{}\"\nprotocol = \"http\"\n\
             headers = {{ x-file = {{ file = \"{}\" }}, x-env = {{ env = \"COLLECTOR_KEY\" }} }}\n",
            collector.url(),
            file.display()
        ));
    collector.feel(Mood::Refusing(500, 13));
    let mut gateway = Gateway::start(&setup).await;
    gateway.stderr().wait("metrics do not reach").await;
    collector.feel(Mood::Willing);
    let taken = collector
        .until("metrics", |taken| !taken.metrics.is_empty())
        .await;
    let (_, head) = taken.heads.last().unwrap();
    assert_eq!(head["x-file"], format!("{CANARY}-file"));
    assert_eq!(head["x-env"], format!("{CANARY}-env"));
    // A rotated secret is followed without a restart.
    std::fs::write(&file, format!("{CANARY}-next\n")).unwrap();
    let next = format!("{CANARY}-next");
    collector
        .until("the new secret", |taken| {
            taken
                .heads
                .last()
                .is_some_and(|(_, head)| head["x-file"] == next.as_str())
        })
        .await;
    let mut shown = gateway.admin("/metrics", false).await.1;
    shown += &gateway.admin("/config", false).await.1;
    gateway.terminate().await;
    shown += &gateway.stderr().text();
    shown += &gateway.stdout().text();
    shown += &collector.taken().lines().join("\n");
    assert!(
        shown.contains("drained") && !shown.contains(CANARY),
        "{shown}"
    );
    std::fs::remove_dir_all(&place.folder).unwrap();
}

#[tokio::test]
async fn a_change_needs_a_restart() {
    let (upstream, collector) = (Upstream::saying("ok").await, Collector::start().await);
    let one = setup(&upstream, &collector, "grpc");
    let gateway = Gateway::start(&one).await;
    gateway.rewrite(&setup(&upstream, &collector, "http"));
    gateway
        .stderr()
        .wait("a change of `[telemetry]` needs a restart")
        .await;
    // Everything else of the file may change as ever.
    gateway.rewrite(&one.server("more", &upstream.url()));
    gateway.stderr().wait("configuration loaded").await;
}
