//! Issuers that are down, slow or broken: the last good keys stay, and nothing else is believed.

use super::forge::{Signer, shared};
use super::peer::{Answer, KEYS, OAUTH, Peer, later};
use adapters::identity::jwks::{KeyFault, KeySource, Settings};
use adapters::identity::jwt::Algorithm;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

fn named(kid: &str) -> Value {
    shared().jwk_with(&json!({ "kid": kid }))
}

async fn ask(source: &Arc<KeySource>, kid: &str) -> Result<(), KeyFault> {
    let key = source.key(Some(kid), Algorithm::ES256).await;
    key.map(|_| ())
}

fn knows(source: &Arc<KeySource>, kid: &str) -> bool {
    source.known(Some(kid), Algorithm::ES256).is_some()
}

/// Documents that are no key set, each with a word of what is said of it.
fn broken() -> Vec<(Answer, &'static str)> {
    let set = json!({ "keys": [named("own")] }).to_string();
    let twice = json!({ "keys": [named("own"), named("own")] });
    let unused = json!({ "keys": [{ "kty": "oct", "k": "AAAA", "kid": "own" }] });
    let pad = " ".repeat(300 * 1024);
    let giant = format!("{set}{pad}");
    let head = "HTTP/1.1 200 X\r\n";
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000)).repeat(5);
    let raw = |text: String| Answer::Raw(text.into_bytes());
    vec![
        (Answer::text(404, &set), "HTTP status 404"),
        (Answer::text(500, &set), "HTTP status 500"),
        (Answer::text(204, ""), "HTTP status 204"),
        (Answer::text(201, &set), "HTTP status 201"),
        (Answer::text(206, &set), "HTTP status 206"),
        (Answer::text(200, ""), "no sound JSON"),
        (Answer::text(200, "<html>"), "no sound JSON"),
        (Answer::text(200, "{}"), "no `keys`"),
        (Answer::text(200, &giant), "larger than"),
        (raw(format!("{head}\r\n{giant}")), "larger than"),
        (
            raw(format!(
                "{head}transfer-encoding: chunked\r\n\r\n{chunk}0\r\n\r\n"
            )),
            "larger than",
        ),
        (
            raw(format!("{head}content-length: 5000\r\n\r\n{set}")),
            "broken off",
        ),
        (
            raw(format!(
                "{head}content-length: 99999999999999999999999\r\n\r\n{set}"
            )),
            "",
        ),
        (
            raw(format!("{head}x: {}\r\n\r\n{set}", "x".repeat(900_000))),
            "",
        ),
        (
            raw(format!("{head}content-length: 0\r\n\r\n{set}")),
            "no sound JSON",
        ),
        (raw("HTTP/1.1 200 X\r\ncontent-le".to_owned()), ""),
        (raw("SSH-2.0-OpenSSH_9.9\r\n".to_owned()), ""),
        (raw(String::new()), ""),
        (
            Answer::with(200, "content-encoding: gzip\r\n", b"\x1f\x8b\x08\0\0"),
            "no sound JSON",
        ),
        (Answer::json(&twice), "two keys of one name"),
        (Answer::json(&unused), "no key of use"),
        (Answer::json(&json!({ "keys": [] })), "no key of use"),
    ]
}

#[tokio::test]
async fn nothing_broken_is_believed_and_the_issuer_recovers() {
    for (answer, word) in broken() {
        let peer = Peer::open().await;
        peer.publish(&[]);
        peer.set(KEYS, answer);
        let source = peer.source();
        let Err(KeyFault::Cold(why)) = ask(&source, "own").await else {
            panic!("taken, or stale: {word}");
        };
        assert!(!why.is_empty() && why.contains(word), "{word}: {why}");
        assert!(why.len() < 300 && !why.contains("<html>"), "{why}");
        peer.publish(&[named("own")]);
        later(1).await;
        assert_eq!(ask(&source, "own").await, Ok(()), "{word}");
    }
}

#[tokio::test]
async fn what_breaks_later_keeps_the_last_good_keys() {
    for (answer, word) in broken() {
        let peer = Peer::open().await;
        peer.publish(&[named("own")]);
        let source = peer.source();
        assert_eq!(ask(&source, "own").await, Ok(()));
        let generation = source.generation();
        peer.set(KEYS, answer);
        later(31).await;
        assert_eq!(ask(&source, "new").await, Err(KeyFault::Unknown), "{word}");
        assert_eq!(peer.fetches(), 2);
        assert!(knows(&source, "own"), "{word}");
        assert_eq!(source.generation(), generation);
    }
}

#[tokio::test]
async fn last_good_keys_are_good_for_so_long_and_no_longer() {
    let peer = Peer::open().await;
    peer.publish(&[named("own")]);
    let source = KeySource::new(Settings {
        stale: Duration::from_secs(600),
        ..peer.settings("")
    });
    let source = source.unwrap();
    assert_eq!(ask(&source, "own").await, Ok(()));
    peer.set(KEYS, Answer::text(503, ""));
    later(590).await;
    assert!(knows(&source, "own"));
    assert_eq!(ask(&source, "own").await, Ok(()));
    later(10).await;
    assert!(!knows(&source, "own"));
    let Err(KeyFault::Stale(why)) = ask(&source, "own").await else {
        panic!("keys that are not fresh");
    };
    assert!(why.contains("503"), "{why}");
    assert!(source.age().unwrap() >= Duration::from_secs(600));
    // Back again, after the least time between two fetches.
    peer.publish(&[named("own")]);
    assert!(matches!(ask(&source, "own").await, Err(KeyFault::Stale(_))));
    later(30).await;
    assert_eq!(ask(&source, "own").await, Ok(()));
}

#[tokio::test]
async fn callers_wait_for_the_first_keys_and_cause_one_fetch() {
    let peer = Peer::open().await;
    peer.publish(&[]);
    let keys = Answer::json(&json!({ "keys": [named("own")] }));
    peer.set(KEYS, keys.late(Duration::from_millis(200)));
    let source = peer.source();
    let mut callers = JoinSet::new();
    for _ in 0..200 {
        let source = Arc::clone(&source);
        callers.spawn(async move { ask(&source, "own").await });
    }
    assert_eq!(callers.join_all().await, vec![Ok(()); 200]);
    assert_eq!(peer.asked(), [OAUTH, KEYS]);
}

#[tokio::test]
async fn an_issuer_that_is_down_is_left_alone_for_a_while() {
    let peer = Peer::open().await;
    let source = peer.source();
    let mut due = 0;
    // At once, and again after 1, 2, 4, 8, 16, 30 and 30 seconds.
    for wait in [0, 1, 2, 4, 8, 16, 30, 30] {
        if wait > 1 {
            later(wait - 1).await;
            assert!(matches!(ask(&source, "own").await, Err(KeyFault::Cold(_))));
            assert_eq!(peer.asked().len(), due, "too soon, before {wait}");
            later(1).await;
        } else {
            later(wait).await;
        }
        due += 2;
        for _ in 0..50 {
            assert!(matches!(ask(&source, "own").await, Err(KeyFault::Cold(_))));
        }
        assert_eq!(peer.asked().len(), due, "after {wait}");
    }
}

/// Nobody listens: the refusal comes at once and says so.
#[tokio::test]
async fn an_issuer_that_is_not_there() {
    let peer = Peer::open().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let source = KeySource::new(Settings {
        issuer: nowhere.parse().unwrap(),
        ..peer.settings("")
    });
    let Err(KeyFault::Cold(why)) = ask(&source.unwrap(), "own").await else {
        panic!("keys from nowhere");
    };
    assert!(why.contains("refused"), "{why}");
}

/// A caller that gives up must not make the next one begin anew: a slow issuer would be asked without end.
#[tokio::test]
async fn a_fetch_goes_on_when_its_caller_leaves() {
    let peer = Peer::open().await;
    peer.publish(&[]);
    let keys = Answer::json(&json!({ "keys": [named("own")] }));
    // Longer than all who leave take together, however busy the machine is.
    peer.set(KEYS, keys.late(Duration::from_secs(3)));
    let source = peer.source();
    for _ in 0..50 {
        let brief = Duration::from_millis(2);
        assert!(
            tokio::time::timeout(brief, ask(&source, "own"))
                .await
                .is_err()
        );
    }
    assert_eq!(ask(&source, "own").await, Ok(()));
    assert_eq!(peer.asked(), [OAUTH, KEYS]);
}

#[tokio::test]
async fn callers_of_a_silent_issuer_are_refused_and_the_connection_is_closed() {
    for drip in [false, true] {
        let peer = Peer::open().await;
        peer.publish(&[]);
        let head = b"HTTP/1.1 200 X\r\n\r\n ".to_vec();
        let answer = match drip {
            true => Answer::Drip(Duration::from_millis(20), head),
            false => Answer::never(),
        };
        peer.set(KEYS, answer);
        let source = peer.source();
        let mut callers = JoinSet::new();
        for _ in 0..100 {
            let source = Arc::clone(&source);
            callers.spawn(async move { ask(&source, "own").await });
        }
        peer.until_asked(2).await;
        later(5).await;
        for found in callers.join_all().await {
            let Err(KeyFault::Cold(why)) = found else {
                panic!("{found:?}");
            };
            assert!(why.contains("in time") || why == "no answer yet", "{why}");
        }
        for _ in 0..1000 {
            if peer.ended() == 1 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!((peer.ended(), peer.fetches()), (1, 1), "drip: {drip}");
    }
}

#[tokio::test]
async fn a_warm_source_needs_no_caller() {
    let peer = Peer::open().await;
    let source = peer.source();
    source.warm();
    peer.until_asked(2).await;
    assert_eq!(source.age(), None);
    // It is down; asked again after a second, and then there are keys.
    peer.publish(&[named("own")]);
    later(1).await;
    until(|| knows(&source, "own")).await;
    assert_eq!(peer.fetches(), 1);
    // Another set is taken within the time of a refresh.
    let next = Signer::p256().jwk_with(&json!({ "kid": "next" }));
    peer.publish(&[next]);
    later(299).await;
    assert!(!knows(&source, "next"));
    later(2).await;
    until(|| knows(&source, "next")).await;
    assert!(!knows(&source, "own"));
    assert_eq!((peer.fetches(), source.generation()), (2, 2));
    // And nobody asks for one that nobody holds.
    drop(source);
    later(301).await;
    later(301).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(peer.fetches(), 2);
}

/// With keys to go on with there is no hurry: the refresh is no storm of its own.
#[tokio::test]
async fn a_refresh_that_fails_is_tried_again_twice_a_minute_at_most() {
    let peer = Peer::open().await;
    peer.publish(&[named("own")]);
    let source = peer.source();
    source.warm();
    assert_eq!(ask(&source, "own").await, Ok(()));
    peer.set(KEYS, Answer::text(503, ""));
    let mut at = vec![0; peer.fetches()];
    for second in 1..=480 {
        later(1).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
        if second % 7 == 0 {
            assert_eq!(ask(&source, "new").await, Err(KeyFault::Unknown));
        }
        at.resize(peer.fetches(), second);
    }
    assert!(at.len() > 8 && knows(&source, "own"));
    for three in at.windows(3) {
        assert!(three[2] - three[0] >= 60, "{at:?}");
    }
}

async fn until(mut come: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if come() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it did not come");
}
