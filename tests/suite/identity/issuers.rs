//! Issuers whose keys change, and issuers that are away.

use super::World;
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
    // An issuer that is down is no reason to be unready, and none to believe anybody.
    let gateway = gateway.restart().await;
    upstream.forget();
    for token in [&known, &fresh] {
        assert_eq!(call(&gateway, token).await.status(), 401);
    }
    assert!(upstream.received().is_empty());
    gateway
        .stderr()
        .wait("the issuer's keys are not known yet")
        .await;
}
