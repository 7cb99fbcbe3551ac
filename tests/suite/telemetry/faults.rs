//! A collector that is dead, hangs or refuses: calls go on, the log says so once, and the gateway ends in time.

use super::setup;
use tests::collector::Mood;
use tests::{Agent, Collector, Gateway, Upstream, eventually};

/// How often a text stands in the log.
fn times(gateway: &Gateway, what: &str) -> usize {
    gateway.stderr().text().matches(what).count()
}

#[tokio::test]
async fn calls_go_on_while_the_collector_hangs() {
    let (upstream, collector) = (Upstream::saying("ok").await, Collector::start().await);
    collector.feel(Mood::Hanging);
    let mut gateway = Gateway::start(&setup(&upstream, &collector, "grpc")).await;
    collector
        .until("messages hang", |taken| taken.heads.len() >= 2)
        .await;
    let agent = Agent::modern(&gateway);
    for _ in 0..50 {
        assert_eq!(agent.call("echo", "{}").await.said(), "ok");
    }
    gateway
        .stderr()
        .wait("metrics do not reach the collector")
        .await;
    assert!(gateway.stderr().text().contains("no answer in time"));
    assert!(gateway.terminate().await.success());
}

#[tokio::test]
async fn calls_go_on_without_a_collector() {
    let (upstream, collector) = (Upstream::saying("ok").await, Collector::start().await);
    let setup = setup(&upstream, &collector, "grpc");
    let address = collector.address;
    drop(collector);
    let mut gateway = Gateway::start(&setup).await;
    let agent = Agent::modern(&gateway);
    assert_eq!(agent.call("echo", "{}").await.said(), "ok");
    let said = format!("do not reach the collector at http://{address}: cannot connect");
    gateway.stderr().wait(&format!("metrics {said}")).await;
    gateway.stderr().wait(&format!("logs {said}")).await;
    // Lines that waited for it are sent when it is there.
    let collector = Collector::at(address).await;
    collector
        .until("the first line", |taken| {
            taken.lines().iter().any(|line| line == "serving")
        })
        .await;
    assert!(gateway.terminate().await.success());
}

/// However often it fails, it is said once; and once more when it is over.
#[tokio::test]
async fn a_collector_that_refuses_is_told_of_once() {
    let (upstream, collector) = (Upstream::saying("ok").await, Collector::start().await);
    for (protocol, why) in [
        ("http", "HTTP status 404"),
        ("grpc", "gRPC status Unimplemented"),
    ] {
        let before = collector.taken().heads.len();
        collector.feel(Mood::Refusing(404, 12));
        let gateway = Gateway::start(&setup(&upstream, &collector, protocol)).await;
        collector
            .until("many attempts", |taken| taken.heads.len() >= before + 10)
            .await;
        eventually("the metric counts", || {
            times(&gateway, "logs do not reach") == 1
        })
        .await;
        collector.feel(Mood::Willing);
        gateway.stderr().wait("metrics reach the collector").await;
        assert_eq!(times(&gateway, "metrics do not reach"), 1);
        assert!(gateway.stderr().text().contains(why));
        assert!(!gateway.stderr().text().contains("echoes"));
        // What was refused for good is lost, and counted.
        assert!(
            gateway
                .metric("hopgate_logs_lost_total{reason=\"failed\"}")
                .await
                >= 1.0
        );
    }
}
