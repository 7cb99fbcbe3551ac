//! Tokens that were never given: forged, truncated, reordered, foreign.

use super::{Held, in_meta};
use crate::identity::{audience, key, known, leaked};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tests::issuer::{encode, now};
use tests::{Gateway, Setup};

/// What the operator reads where the signature is not ours.
const OURS: &str = "not one this gateway signed";

/// What may be done to a token that was good, and what the operator reads of it.
fn changes(good: &str) -> Vec<(String, &'static str)> {
    let parts: Vec<&str> = good.split('.').collect();
    let read = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let (header, claims) = (read(parts[0]), read(parts[1]));
    let with = |name: &str, value: Value| {
        let mut changed = claims.clone();
        changed[name] = value;
        format!("{}.{}.{}", parts[0], encode(&changed), parts[2])
    };
    let under = |header: Value| format!("{}.{}.{}", encode(&header), parts[1], parts[2]);
    vec![
        (
            with("act", json!({ "sub": "cid", "act": { "sub": "ann" } })),
            OURS,
        ),
        (
            with("act", json!({ "sub": "bob", "act": { "sub": "ann" } })),
            OURS,
        ),
        (with("act", Value::Null), OURS),
        (with("sub", json!("cid")), OURS),
        (with("exp", json!(now() + 86_400)), OURS),
        (with("txn", json!("0190a5e8000070008000000000000000")), OURS),
        (
            under(json!({ "alg": "none", "typ": header["typ"], "kid": header["kid"] })),
            OURS,
        ),
        (
            under(json!({ "alg": "HS256", "typ": header["typ"], "kid": header["kid"] })),
            OURS,
        ),
        (
            under(json!({ "alg": "EdDSA", "typ": "JWT", "kid": header["kid"] })),
            OURS,
        ),
        (
            under(json!({ "alg": "EdDSA", "typ": header["typ"], "kid": "other" })),
            "of a key that is not ours",
        ),
        (good[..good.len() - 1].to_owned(), OURS),
        (good[..good.len() / 2].to_owned(), OURS),
        (format!("{}.{}", parts[0], parts[1]), OURS),
        (format!("{}.{}.", parts[0], parts[1]), OURS),
        (format!("{}.{}.{}", parts[1], parts[0], parts[2]), OURS),
        (format!("{good}."), OURS),
        (format!("{good}="), OURS),
        (format!("{good}x"), OURS),
        ("x".to_owned(), OURS),
        ("..".to_owned(), OURS),
        (String::new(), OURS),
    ]
}

#[tokio::test]
async fn a_changed_token_is_no_token() {
    let held = Held::start(|setup| setup).await;
    let (call, good) = held.carry().await;
    let mut all = changes(&good);
    all.extend([
        (
            held.issuer.token("bob", &audience(&held.gateway, "tool")),
            OURS,
        ),
        (key("bob"), OURS),
    ]);
    for (token, why) in all {
        held.assert_refused("bob", &token, why).await;
    }
    let long = "x".repeat(17 * 1024);
    held.assert_refused("bob", &long, "too long").await;
    for hop in ["7", "null", "{}", "[]", "true"] {
        let answer = in_meta(&known(&held.gateway, "tool", "bob"), hop).await;
        assert_eq!(answer.status(), 404, "{hop}: {answer:?}");
    }
    assert!(held.tool.received().is_empty());
    // As it was given it is good, for any number of calls.
    for _ in 0..8 {
        assert_eq!(held.present_token("bob", &good).await.said(), "done");
    }
    assert_eq!(
        in_meta(&known(&held.gateway, "tool", "bob"), &format!("\"{good}\""))
            .await
            .said(),
        "done"
    );
    held.release.notify_one();
    assert_eq!(call.await.unwrap().said(), "released");
    assert_eq!(leaked(&held.tool), None);
}

#[tokio::test]
async fn another_gateways_token_is_foreign() {
    let (one, two) = (
        Held::start(|setup| setup).await,
        Held::start(|setup| setup).await,
    );
    let ((_one, own), (_two, other)) = (one.carry().await, two.carry().await);
    one.assert_refused("bob", &other, "not one this gateway signed")
        .await;
    two.assert_refused("bob", &own, "not one this gateway signed")
        .await;
    assert_eq!(one.present_token("bob", &own).await.said(), "done");
    assert_eq!(two.present_token("bob", &other).await.said(), "done");
    // Nor is a token good under another public name with the very same keys.
    let key = two.gateway.place.folder.join("data/keys/own");
    let same = Setup::clone(&two.setup).gateway(&format!(
        "keys = [{{ id = \"own\", file = \"{}\" }}]",
        key.display()
    ));
    let third = Gateway::start(&same).await;
    let mut agent = known(&third, "tool", "bob");
    agent.headers += &format!("Txn-Token: {other}\r\n");
    assert_eq!(agent.call("get", "{}").await.status(), 404);
    third.stderr().wait("another gateway's").await;
}
