//! Waiting: in the order of coming, so many and so long, and not for those who are gone.

use super::{facts, limited, staff};
use crate::identity::{arrived, hanging, known, patient};
use std::time::Duration;
use tests::{Agent, Gateway, Setup, Upstream, eventually};
use tokio::task::JoinHandle;
use tokio::time::Instant;

async fn gateway(upstream: &Upstream, limit: &str) -> Gateway {
    let setup = Setup::new(&upstream.url()).rules(&limited(limit));
    Gateway::start(&staff(setup, &[("ann", "")])).await
}

async fn waiting(gateway: &Gateway, many: f64) {
    let end = Instant::now() + tests::PATIENCE;
    while (gateway.metric("hopgate_limits_waiting").await - many).abs() > 0.1 {
        assert!(Instant::now() < end, "never so many waited: {many}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn calling(agent: Agent, tool: &'static str) -> JoinHandle<u16> {
    tokio::spawn(async move { agent.call(tool, "{}").await.status() })
}

#[tokio::test]
async fn calls_wait_for_their_time() {
    let upstream = Upstream::saying("ok").await;
    let limit = "{ rate = \"4/s\", burst = 1, queue = { size = 8, wait = \"20s\" } }";
    let gateway = gateway(&upstream, limit).await;
    let began = Instant::now();
    let calls: Vec<_> = (0..5)
        .map(|_| calling(known(&gateway, "up", "ann"), "echo"))
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), 200);
    }
    assert!(
        began.elapsed() >= Duration::from_millis(999),
        "five in a second"
    );
}

#[tokio::test]
async fn who_comes_first_goes_first_and_no_more_wait_than_may() {
    let (upstream, _) = patient().await;
    let limit = "{ concurrency = 1, queue = { size = 3, wait = \"60s\" } }";
    let gateway = gateway(&upstream, limit).await;
    let ann = || known(&gateway, "up", "ann");
    let first = hanging(ann());
    arrived(&upstream, "hang", 1).await;
    let mut calls = Vec::new();
    for (number, tool) in ["one", "two", "three"].into_iter().enumerate() {
        calls.push(calling(ann(), tool));
        waiting(&gateway, number as f64 + 1.0).await;
    }
    let refused = ann().call("four", "{}").await;
    assert_eq!(facts(&refused)["what"], "concurrency");
    // Who leaves makes room for who comes, at the end.
    calls.remove(1).abort();
    waiting(&gateway, 2.0).await;
    calls.push(calling(ann(), "five"));
    waiting(&gateway, 3.0).await;
    first.abort();
    for call in calls {
        assert_eq!(call.await.unwrap(), 200);
    }
    let order: Vec<String> = upstream
        .with_method("tools/call")
        .iter()
        .map(|call| call.name())
        .collect();
    assert_eq!(order, ["hang", "one", "three", "five"]);
    waiting(&gateway, 0.0).await;
}

#[tokio::test]
async fn nobody_waits_longer_than_it_says_or_in_vain() {
    let (upstream, _) = patient().await;
    let limit = "[{ concurrency = 1, queue = { size = 3, wait = \"1s\" } }, \
                 { rate = \"2/d\", queue = { size = 3, wait = \"5s\" } }]";
    let gateway = gateway(&upstream, limit).await;
    let ann = || known(&gateway, "up", "ann");
    let first = hanging(ann());
    arrived(&upstream, "hang", 1).await;
    let began = Instant::now();
    let refused = ann().call("one", "{}").await;
    assert_eq!(facts(&refused)["what"], "concurrency");
    assert!(began.elapsed() >= Duration::from_millis(999));
    first.abort();
    super::until_passes(&ann()).await;
    // The next cell is hours away: nothing is gained by waiting.
    let began = Instant::now();
    assert_eq!(facts(&ann().call("one", "{}").await)["what"], "rate");
    assert!(began.elapsed() < Duration::from_secs(4));
}

/// A call that waits is one under way: a gateway that stops serves it, as long as its drain lasts.
#[tokio::test]
async fn who_waits_is_served_by_a_gateway_that_stops() {
    let (upstream, _) = patient().await;
    let limit = "{ concurrency = 1, queue = { size = 3, wait = \"60s\" } }";
    let setup = Setup::new(&upstream.url())
        .gateway("[gateway.deadlines]\ndrain = \"60s\"")
        .rules(&limited(limit));
    let mut gateway = Gateway::start(&staff(setup, &[("ann", "")])).await;
    let first = hanging(known(&gateway, "up", "ann"));
    arrived(&upstream, "hang", 1).await;
    let second = calling(known(&gateway, "up", "ann"), "one");
    waiting(&gateway, 1.0).await;
    gateway.signal("TERM");
    eventually("it stops", || gateway.stderr().text().contains("draining")).await;
    first.abort();
    assert_eq!(second.await.unwrap(), 200);
    gateway.ended().await;
}
