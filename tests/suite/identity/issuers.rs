//! Issuers whose keys change, and issuers that are away.

use super::{World, keys};
use serde_json::json;

#[tokio::test]
async fn the_keys_of_an_issuer_change() {
    let world = World::start().await;
    let old = world.token("worker");
    assert_eq!(world.call(&old).await.said(), "ok");
    // While the old key is published both are good to a gateway that asks now.
    world.issuer.rotate(true);
    let world = world.restart().await;
    let new = world.token("worker");
    for token in [&old, &new] {
        assert_eq!(world.call(token).await.said(), "ok");
    }
    // When it is withdrawn, what it signed is worth nothing, however long it was to live.
    world.issuer.rotate(false);
    let world = world.restart().await;
    for token in [&old, &new] {
        assert_eq!(world.call(token).await.status(), 401);
    }
    assert_eq!(world.call(&world.token("worker")).await.said(), "ok");
}

/// Its last good keys are good while it is away; who never had any lets nobody in.
#[tokio::test]
async fn an_issuer_that_is_away() {
    let world = World::start().await;
    let known = world.token("worker");
    assert_eq!(world.call(&known).await.said(), "ok");
    let fresh = world
        .issuer
        .sign(&world.changed("worker", json!({ "jti": "fresh" })));
    let World {
        gateway,
        upstream,
        issuer,
    } = world;
    drop(issuer);
    let call = async |gateway: &tests::Gateway, token: &str| {
        let agent = tests::Agent::modern(gateway).bearer(token);
        agent.call("echo", "{}").await
    };
    for token in [&known, &fresh] {
        assert_eq!(call(&gateway, token).await.said(), "ok");
    }
    // Who starts without its keys believes nobody, and is not ready as long as there is no other to believe.
    let gateway = gateway.restart_unready().await;
    upstream.forget();
    for token in [&known, &fresh] {
        assert_eq!(call(&gateway, token).await.status(), 401);
    }
    assert!(upstream.received().is_empty());
    let told = gateway.stderr();
    told.wait("the issuer's keys are not known yet").await;
    let (head, text) = gateway.admin("/readyz", true).await;
    let missing = r#""unready":["identities.corp: no keys yet"]"#;
    assert_eq!(head.status(), 503, "{text}");
    assert!(text.contains(missing), "{text}");
    // Callers of others are not turned away with it.
    let text = std::fs::read_to_string(gateway.place.config()).unwrap();
    gateway.rewrite_text(&format!("{text}\n{}", keys(&["robot"])));
    gateway.signal("HUP");
    told.wait("configuration loaded").await;
    let (head, text) = gateway.admin("/readyz", true).await;
    assert_eq!(head.status(), 200, "{text}");
    assert!(text.contains(missing), "{text}");
}
