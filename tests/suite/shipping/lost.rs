//! What a crash leaves behind: calls that were sent and never ended get an outcome when the gateway starts again.

use super::{found, of_kind, verify};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tests::upstream::plain;
use tests::{Agent, Gateway, Setup, Upstream, json};

/// How each call ended, as often as it did.
fn endings(gateway: &Gateway) -> BTreeMap<String, Vec<String>> {
    let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for intent in of_kind(&gateway.place, "calls", "intent") {
        all.entry(text(&intent, "call")).or_default();
    }
    for outcome in of_kind(&gateway.place, "calls", "outcome") {
        let ended = all.entry(text(&outcome, "call")).or_default();
        ended.push(text(&outcome, "ending"));
    }
    all
}

fn many(endings: &BTreeMap<String, Vec<String>>, ending: &str) -> usize {
    let such = |all: &&Vec<String>| all.as_slice() == [ending.to_owned()];
    endings.values().filter(such).count()
}

#[tokio::test]
async fn every_call_has_one_outcome_after_a_crash() {
    let upstream = Upstream::mcp(|received, wire| async move {
        if received.name() == "hang" {
            let _wire = wire;
            return std::future::pending().await;
        }
        let answer = json::result(&received.id(), &json::said("ok"));
        plain(wire, (200, "", answer)).await
    })
    .await;
    // Small files: what was open began in one and would have ended in another.
    let setup = Setup::new(&upstream.url()).audit("segment = \"8KiB\"");
    let mut gateway = Gateway::start(&setup).await;
    let mut known = BTreeSet::new();
    for crash in 1..=3 {
        let agent = Agent::modern(&gateway);
        let mut hanging = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let agent = Agent::modern(&gateway);
            let host = gateway.address();
            hanging.spawn(async move {
                let (body, _) = agent.message("tools/call", r#"{"name":"hang","arguments":{}}"#);
                let (head, length) = (agent.head_for(&body), body.len());
                let mut wire = agent.connect().await;
                let request =
                    format!("{head}Host: {host}\r\nContent-Length: {length}\r\n\r\n{body}");
                wire.write(request).await.unwrap();
                // Held until the crash.
                let _ = wire.head().await;
            });
        }
        tests::eventually("they hang", || {
            let all = upstream.with_method("tools/call");
            all.iter().filter(|call| call.name() == "hang").count() == crash * 4
        })
        .await;
        for _ in 0..20 {
            assert_eq!(agent.call("get", "{}").await.said(), "ok");
        }
        gateway.signal("KILL");
        gateway.ended().await;
        hanging.join_all().await;
        let open = endings(&gateway);
        assert_eq!(open.values().filter(|all| all.is_empty()).count(), 4);
        gateway = gateway.restart().await;
        gateway
            .stderr()
            .wait("cut off by the end of the last process")
            .await;
        let now = endings(&gateway);
        assert!(now.values().all(|all| all.len() == 1), "{now:?}");
        // On record before the gateway was ready.
        assert_eq!(many(&now, "lost"), crash * 4);
        assert_eq!(many(&now, "answered"), crash * 20);
        known.extend(now.into_keys());
        assert_eq!(known.len(), crash * 24);
    }
    gateway.terminate().await;
    // A clean stop leaves nothing to say.
    let mut gateway = gateway.restart().await;
    gateway.terminate().await;
    assert_eq!(endings(&gateway).len(), 72);
    assert!(!gateway.stderr().text().contains("cut off"));
    assert_eq!(many(&endings(&gateway), "lost"), 12);
    assert_eq!(found(&verify(&gateway, &[])), (true, vec![]));
    let (call, _) = endings(&gateway)
        .into_iter()
        .find(|(_, all)| all == &["lost"])
        .unwrap();
    let shown = tests::gateway::run(&gateway.place.folder, &["audit", "show", &call]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("lost"), "{shown}");
}
