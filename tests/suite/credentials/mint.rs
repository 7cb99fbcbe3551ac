//! Tokens the gateway signs for a server: what they say, whose chain they name, and the keys that are published for them.

use super::{armed, leases, telling};
use crate::identity::chains::{Way, passes_on};
use crate::identity::{known, staffed, visit};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tests::setup::Place;
use tests::{Agent, Gateway, Setup, Upstream};

const MINT: &str = "\n[credentials.own]\nkind = \"mint\"\n";

fn part(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// The header and the claims of the token the last call of a server brought.
fn brought(upstream: &Upstream) -> (Value, Value, String) {
    let calls = upstream.with_method("tools/call");
    let header = calls.last().expect("a call").head.get("authorization");
    let token = header.and_then(|value| value.strip_prefix("Bearer "));
    let token = token.expect("a token").to_owned();
    let parts: Vec<&str> = token.split('.').collect();
    let read = |at: usize| serde_json::from_slice(&part(parts[at])).expect("JSON");
    (read(0), read(1), token.clone())
}

async fn published(gateway: &Gateway) -> Vec<Value> {
    let agent = Agent::modern(gateway);
    let answer = visit(&agent, "GET", "/.well-known/jwks.json", "").await;
    answer.json()["keys"].as_array().expect("keys").clone()
}

/// Whether the published key of this name has signed a token.
fn signed(keys: &[Value], kid: &Value, token: &str) -> bool {
    let key = keys.iter().find(|key| key["kid"] == *kid);
    let public = part(key.expect("it is published")["x"].as_str().unwrap());
    let (said, signature) = token.rsplit_once('.').unwrap();
    let key = UnparsedPublicKey::new(&ED25519, public);
    key.verify(said.as_bytes(), &part(signature)).is_ok()
}

#[tokio::test]
async fn a_token_says_who_calls_and_is_verified_with_a_published_key() {
    let upstream = telling().await;
    let tables = format!("{MINT}scope = [\"read\"]\nclaims = {{ tenant = \"acme\" }}\n");
    let gateway = Gateway::start(&armed(&upstream.url(), &tables)).await;
    let agent = Agent::modern(&gateway);
    assert_eq!(agent.call("note", "{}").await.said(), "done");
    let (header, claims, token) = brought(&upstream);
    let keys = published(&gateway).await;
    assert!(signed(&keys, &header["kid"], &token));
    assert_eq!(
        (&header["alg"], &header["typ"]),
        (&json!("EdDSA"), &json!("at+jwt"))
    );
    assert_eq!(claims["iss"], format!("http://{}", gateway.address()));
    assert_eq!(claims["aud"], upstream.url());
    assert_eq!(
        (&claims["client_id"], &claims["sub"]),
        (&json!("tester"), &json!("local"))
    );
    assert_eq!(
        (&claims["scope"], &claims["tenant"]),
        (&json!("read"), &json!("acme"))
    );
    let minted = &leases(&gateway)[1].1;
    let label = claims["jti"].as_str().unwrap();
    assert!(
        label.ends_with(minted["lease"].as_str().unwrap()),
        "{label} {minted}"
    );
    assert!(!keys.iter().any(|key| key.get("d").is_some()));
}

#[tokio::test]
async fn the_chain_a_call_comes_through_is_in_its_token() {
    let place = Place::free();
    let address = SocketAddr::from(([127, 0, 0, 1], place.port));
    let between = passes_on(
        address,
        ("bob", "tool", "note"),
        Way::Header,
        Arc::default(),
    )
    .await;
    let tool = telling().await;
    let setup = Setup::empty()
        .server_with("between", &between.url(), "agent = \"bob\"")
        .server_with("tool", &tool.url(), "credential = \"own\"")
        .tail(MINT);
    let setup = staffed(setup, &["ann", "bob"]);
    std::fs::write(place.config(), setup.text(&place)).unwrap();
    let gateway = Gateway::at(place).await.unwrap();
    let ann = known(&gateway, "between", "ann");
    assert_eq!(ann.call("note", "{}").await.said(), "done");
    let (_, claims, _) = brought(&tool);
    assert_eq!(
        claims["act"],
        json!({ "sub": "bob", "act": { "sub": "ann" } })
    );
    assert_eq!(claims["client_id"], "bob");
}

#[tokio::test]
async fn a_token_of_the_key_before_is_still_verified_after_a_change_of_keys() {
    let upstream = telling().await;
    let ring =
        |gateway: &str| armed(&upstream.url(), &format!("{MINT}per = \"call\"\n")).gateway(gateway);
    let place = Place::free();
    for name in ["old", "new"] {
        let key = base64::engine::general_purpose::STANDARD.encode(aws_lc_rs::digest::digest(
            &aws_lc_rs::digest::SHA256,
            name.as_bytes(),
        ));
        std::fs::write(place.folder.join(name), key).unwrap();
    }
    let old = ring("keys = [{ id = \"old\", file = \"old\" }]");
    std::fs::write(place.config(), old.text(&place)).unwrap();
    let gateway = Gateway::at(place).await.unwrap();
    let agent = Agent::modern(&gateway);
    assert_eq!(agent.call("note", "{}").await.said(), "done");
    let (before, _, token) = brought(&upstream);
    gateway.rewrite(&ring(
        "keys = [{ id = \"new\", file = \"new\" }, { id = \"old\", file = \"old\" }]",
    ));
    gateway.signal("HUP");
    gateway.stderr().wait("configuration loaded").await;
    assert_eq!(agent.call("note", "{}").await.said(), "done");
    let (after, _, next) = brought(&upstream);
    assert_ne!(before["kid"], after["kid"]);
    let keys = published(&gateway).await;
    assert!(signed(&keys, &before["kid"], &token) && signed(&keys, &after["kid"], &next));
}
