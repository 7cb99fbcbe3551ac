//! Names of keys that do not exist, by the hundred thousand: the issuer is not asked for each, and known keys go on.

use super::forge::{Signer, shared};
use super::peer::{Answer, KEYS, Peer, later};
use adapters::identity::jwks::{KeyFault, KeySource};
use adapters::identity::jwt::Algorithm;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

async fn unknown(source: &Arc<KeySource>, kid: &str) {
    let found = source.key(Some(kid), Algorithm::ES256).await;
    assert_eq!(found.err(), Some(KeyFault::Unknown));
}

async fn own(source: &Arc<KeySource>) -> bool {
    source.key(Some("own"), Algorithm::ES256).await.is_ok()
}

#[tokio::test]
async fn a_hundred_thousand_names_cause_two_fetches_a_minute() {
    let peer = Peer::open().await;
    peer.publish(&[shared().jwk_with(&json!({ "kid": "own" }))]);
    let source = peer.source();
    source.warm();
    assert!(own(&source).await);
    let mut at = vec![0; peer.fetches()];
    let (mut asked, mut good) = (0, 0);
    for second in 1..=120 {
        later(1).await;
        for number in 0..834 {
            unknown(&source, &format!("{second}-{number}")).await;
            asked += 1;
            good += usize::from(number % 100 == 0 && own(&source).await);
        }
        at.resize(peer.fetches(), second);
    }
    assert!(asked > 100_000);
    assert_eq!(good, 120 * 9);
    // The first keys, and four in two minutes; in no minute more than two.
    assert_eq!(at.len(), 5, "{at:?}");
    for three in at.windows(3) {
        assert!(three[2] - three[0] >= 60, "{at:?}");
    }
}

/// The refresh of a warm source counts among them.
#[tokio::test]
async fn not_even_around_a_refresh() {
    let peer = Peer::open().await;
    peer.publish(&[shared().jwk_with(&json!({ "kid": "own" }))]);
    let source = peer.source();
    source.warm();
    assert!(own(&source).await);
    let mut at = vec![0; peer.fetches()];
    for second in 1..=660 {
        later(1).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        // Only now and then, so that a refresh finds keys of every age.
        if second % 47 == 0 {
            unknown(&source, "x").await;
        }
        at.resize(peer.fetches(), second);
    }
    assert!(at.len() > 10);
    for three in at.windows(3) {
        assert!(three[2] - three[0] >= 60, "{at:?}");
    }
}

#[tokio::test]
async fn many_at_once_cause_one_fetch() {
    let peer = Peer::open().await;
    peer.publish(&[shared().jwk_with(&json!({ "kid": "own" }))]);
    let source = peer.source();
    assert!(own(&source).await);
    later(31).await;
    let mut callers = JoinSet::new();
    for number in 0..5000 {
        let source = Arc::clone(&source);
        callers.spawn(async move { unknown(&source, &format!("{number}")).await });
    }
    callers.join_all().await;
    assert_eq!(peer.fetches(), 2);
}

/// Known keys do not wait behind unknown ones, even where the issuer hangs.
#[tokio::test]
async fn known_keys_go_on_while_the_issuer_hangs() {
    let peer = Peer::open().await;
    peer.publish(&[shared().jwk_with(&json!({ "kid": "own" }))]);
    let source = peer.source();
    assert!(own(&source).await);
    peer.set(KEYS, Answer::never());
    later(31).await;
    let mut callers = JoinSet::new();
    for number in 0..1000 {
        let source = Arc::clone(&source);
        callers.spawn(async move { unknown(&source, &format!("{number}")).await });
    }
    peer.until_asked(4).await;
    let brief = Duration::from_millis(100);
    for _ in 0..100 {
        assert_eq!(tokio::time::timeout(brief, own(&source)).await, Ok(true));
    }
    later(6).await;
    callers.join_all().await;
    // It is over: until the next fetch is due nobody waits.
    let at_once = tokio::time::timeout(brief, unknown(&source, "x")).await;
    assert_eq!((at_once, peer.fetches()), (Ok(()), 2));
}

/// A new key is found by the first caller once a fetch is due; the one it replaces is gone with it.
#[tokio::test]
async fn rotation() {
    let peer = Peer::open().await;
    peer.publish(&[shared().jwk_with(&json!({ "kid": "own" }))]);
    let source = peer.source();
    assert!(own(&source).await);
    assert_eq!(source.generation(), 1);
    peer.publish(&[Signer::p256().jwk_with(&json!({ "kid": "new" }))]);
    unknown(&source, "new").await;
    assert_eq!(peer.fetches(), 1);
    later(30).await;
    assert!(source.key(Some("new"), Algorithm::ES256).await.is_ok());
    assert!(source.known(Some("own"), Algorithm::ES256).is_none());
    assert_eq!((peer.fetches(), source.generation()), (2, 2));
    unknown(&source, "own").await;
    // The name alone does not make a key: another algorithm is another question.
    let other = source.key(Some("new"), Algorithm::RS256).await;
    assert_eq!(other.err(), Some(KeyFault::Unknown));
    assert_eq!(peer.fetches(), 2);
    // An issuer that moves its keys is found where its metadata says they are now.
    peer.set(super::peer::OAUTH, Answer::json(&peer.metadata("/moved")));
    let moved = json!({ "keys": [shared().jwk_with(&json!({ "kid": "moved" }))] });
    peer.set("/moved", Answer::json(&moved));
    later(30).await;
    assert!(source.key(Some("moved"), Algorithm::ES256).await.is_ok());
}
