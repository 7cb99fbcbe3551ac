//! Copies of records for a collector: line by line what stands in the files, and never in the way of a call.

use super::lines;
use std::collections::BTreeMap;
use tests::collector::{Mood, Taken, attribute};
use tests::{Agent, Collector, Gateway, Setup, Upstream};

const LOGS: [&str; 4] = ["calls", "decisions", "secrets", "checkpoints"];

fn setup(upstream: &Upstream, collector: &Collector, protocol: &str) -> Setup {
    let url = collector.url();
    Setup::new(&upstream.url())
        .audit("otlp = true")
        .tail(&format!(
            "\n[telemetry]\notlp = {{ endpoint = \"{url}\", protocol = \"{protocol}\", timeout = \"1s\" }}\n"
        ))
}

/// The bodies of the copies, by log, in the order they came.
fn copies(taken: &Taken) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (record, body) in taken.logs.iter().zip(taken.lines()) {
        let log = attribute(&record.attributes, "hopgate.audit.log").expect("a log");
        all.entry(log).or_default().push(body);
    }
    all
}

#[tokio::test]
async fn every_line_of_every_log_goes_out_as_it_stands() {
    let upstream = Upstream::saying("ok").await;
    for protocol in ["grpc", "http"] {
        let collector = Collector::start().await;
        let mut gateway = Gateway::start(&setup(&upstream, &collector, protocol)).await;
        let agent = Agent::modern(&gateway);
        for _ in 0..20 {
            assert_eq!(agent.call("get", "{\"a\":\"é\\n\"}").await.said(), "ok");
        }
        gateway.terminate().await;
        let taken = collector.taken();
        let mut copies = copies(&taken);
        for log in LOGS {
            let own = lines(&gateway.place, log);
            assert!(!own.is_empty(), "{log}");
            assert_eq!(copies.remove(log), Some(own), "{log}");
        }
        assert!(copies.is_empty(), "{copies:?}");
        let outcome = taken
            .logs
            .iter()
            .rfind(|record| record.event_name == "hopgate.audit.outcome")
            .expect("an outcome");
        let own = super::of_kind(&gateway.place, "calls", "outcome");
        let own = own.last().unwrap();
        let said = |key| attribute(&outcome.attributes, key);
        assert_eq!(said("hopgate.call").as_deref(), own["call"].as_str());
        assert_eq!(said("hopgate.audit.seq"), Some(own["seq"].to_string()));
        assert!(outcome.time_unix_nano > 0 && outcome.severity_number > 0);
        assert_eq!(taken.says("service.name").as_deref(), Some("hopgate"));
        // Log lines were not asked for.
        assert!(!taken.lines().iter().any(|line| line.contains("drained")));
    }
}

/// What a collector does not take is counted; records and calls are as ever.
#[tokio::test]
async fn a_collector_that_refuses_loses_copies_only() {
    let (upstream, collector) = (Upstream::saying("ok").await, Collector::start().await);
    collector.feel(Mood::Refusing(400, 3));
    let mut gateway = Gateway::start(&setup(&upstream, &collector, "http")).await;
    let agent = Agent::modern(&gateway);
    assert_eq!(agent.call("get", "{}").await.said(), "ok");
    gateway
        .stderr()
        .wait("records do not reach the collector")
        .await;
    let lost = "hopgate_audit_copies_lost_total{reason=\"failed\"}";
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    while gateway.metric(lost).await < 3.0 {
        assert!(tokio::time::Instant::now() < end, "nothing is counted");
    }
    assert!(gateway.metric("hopgate_audit_copies_total").await < 1.0);
    collector.feel(Mood::Hanging);
    for _ in 0..10 {
        assert_eq!(agent.call("get", "{}").await.said(), "ok");
    }
    gateway.terminate().await;
    assert_eq!(super::of_kind(&gateway.place, "calls", "outcome").len(), 11);
    assert_eq!(super::found(&super::verify(&gateway, &[])), (true, vec![]));
}

/// Copies for nobody are a mistake, and `check` says whose.
#[tokio::test]
async fn copies_need_a_collector() {
    let upstream = Upstream::saying("ok").await;
    let place = tests::setup::Place::free();
    let setup = Setup::new(&upstream.url()).audit("otlp = true");
    std::fs::write(place.config(), setup.text(&place)).unwrap();
    let check = |variables: &[(&str, &str)]| {
        let done = std::process::Command::new(tests::gateway::binary())
            .arg("check")
            .current_dir(&place.folder)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        (done.status.success(), said)
    };
    let (good, said) = check(&[]);
    assert!(
        !good && said.contains("`otlp` copies records to no collector"),
        "{said}"
    );
    let named = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
    let off = ("OTEL_SDK_DISABLED", "true");
    for variables in [&[named][..], &[off]] {
        let (good, said) = check(variables);
        assert!(good, "{said}");
    }
    std::fs::remove_dir_all(&place.folder).unwrap();
}
