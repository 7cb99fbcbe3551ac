//! Keys of the gateway's own rotate by reload: what the old key made stays good while it is in the ring.

use super::hops::Held;
use super::{call_in, open_task, visit};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tests::{Agent, Era, Gateway};

/// A new key in a file of its own.
fn key_file(gateway: &Gateway, name: &str) -> String {
    let folder = &gateway.place.folder;
    let made = tests::gateway::run(folder, &["key", "new"]);
    assert!(made.status.success());
    std::fs::write(folder.join(name), made.stdout).unwrap();
    format!(
        "{{ id = \"{name}\", file = \"{}\" }}",
        folder.join(name).display()
    )
}

fn kid(token: &str) -> Value {
    let header = URL_SAFE_NO_PAD
        .decode(token.split('.').next().unwrap())
        .unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].clone()
}

/// Puts a ring into force, and waits for it to be published.
async fn reload(held: &Held, text: &str, ring: &[&str], ids: Value) {
    let keys = format!("[gateway]\nkeys = [{}]\n", ring.join(", "));
    held.gateway
        .rewrite_text(&text.replacen("[gateway]\n", &keys, 1));
    let agent = Agent::modern(&held.gateway);
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    loop {
        let published = visit(&agent, "GET", "/.well-known/jwks.json", "")
            .await
            .json();
        let published = published["keys"].as_array().unwrap().iter();
        if json!(published.map(|one| one["kid"].clone()).collect::<Vec<_>>()) == ids {
            return;
        }
        assert!(
            tokio::time::Instant::now() < end,
            "{}",
            held.gateway.stderr().text()
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_old_key_is_good_while_it_is_in_the_ring() {
    let held = Held::start(|setup| setup).await;
    let text = std::fs::read_to_string(held.gateway.place.config()).unwrap();
    let (first, second) = (key_file(&held.gateway, "k1"), key_file(&held.gateway, "k2"));
    reload(&held, &text, &[&first], json!(["k1"])).await;
    let mut session = super::known(&held.gateway, "tool", "cid");
    session.era = Era::Legacy;
    "2025-11-25".clone_into(&mut session.revision);
    session.initialize().await;
    let task = open_task(&session, "{}").await["id"].to_string();
    let (old_call, old) = held.carry().await;
    assert_eq!(kid(&old), "k1");
    reload(&held, &text, &[&second, &first], json!(["k2", "k1"])).await;
    for _ in 0..2 {
        assert_eq!(session.call("get", "{}").await.said(), "done");
        assert_eq!(call_in(&session, &task).await.said(), "done");
        assert_eq!(held.present_token("bob", &old).await.said(), "done");
    }
    let (new_call, new) = held.carry().await;
    assert_eq!(kid(&new), "k2");
    assert_eq!(held.present_token("bob", &new).await.said(), "done");
    reload(&held, &text, &[&second], json!(["k2"])).await;
    held.assert_refused("bob", &old, "key").await;
    assert_eq!(held.present_token("bob", &new).await.said(), "done");
    assert_eq!(session.call("get", "{}").await.status(), 404);
    // A task is not sealed by any key: it goes on.
    session.session = None;
    session.initialize().await;
    assert_eq!(call_in(&session, &task).await.said(), "done");
    // Calls that were open all the while notice nothing.
    held.release.notify_one();
    held.release.notify_one();
    held.release.notify_waiters();
    assert_eq!(old_call.await.unwrap().said(), "released");
    held.release.notify_one();
    assert_eq!(new_call.await.unwrap().said(), "released");
}
