//! Where an authorization server is asked that says itself where.

use super::peer::{METADATA, Peer, REVOKE, Reply, TOKEN, client, oauth, order, settings};
use adapters::credential::oauth::{Place, Settings};
use adapters::credential::{IssueError, Issuer as _};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinSet;

fn issuer(peer: &Peer) -> Settings {
    let text = format!("http://127.0.0.1:{}", peer.port);
    settings(Place::Issuer {
        url: peer.url(""),
        text,
    })
}

fn about(peer: &Peer) -> Value {
    json!({
        "issuer": format!("http://127.0.0.1:{}", peer.port),
        "token_endpoint": peer.url(TOKEN).as_str(),
        "revocation_endpoint": peer.url(REVOKE).as_str(),
    })
}

async fn why(settings: Settings) -> String {
    match oauth(settings, client()).mint(&order(), None).await {
        Err(IssueError::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn endpoints_are_found() {
    let peer = Peer::open().await;
    peer.set(METADATA, Reply::json(200, &about(&peer)));
    let oauth = oauth(issuer(&peer), client());
    let minted = oauth.mint(&order(), None).await.unwrap();
    oauth.revoke(&minted.handle.unwrap()).await.unwrap();
    assert_eq!((peer.asked(TOKEN).len(), peer.asked(REVOKE).len()), (1, 1));
    assert_eq!(peer.asked(METADATA).len(), 1, "once for both");
}

#[tokio::test]
async fn a_server_without_revocation_says_so_by_silence() {
    for silence in [Value::Null, json!("")] {
        let peer = Peer::open().await;
        let mut about = about(&peer);
        about["revocation_endpoint"] = silence.clone();
        peer.set(METADATA, Reply::json(200, &about));
        let minted = oauth(issuer(&peer), client()).mint(&order(), None).await;
        match silence {
            Value::Null => assert_eq!(minted.unwrap().handle, None),
            _ => assert!(minted.is_err(), "a broken endpoint is not the same as none"),
        }
    }
}

#[tokio::test]
async fn another_issuers_metadata_is_not_believed() {
    let (peer, other) = (Peer::open().await, Peer::open().await);
    for wrong in [
        json!(other.url("").as_str()),
        json!(format!("http://127.0.0.1:{}/", peer.port)),
        json!(format!("HTTP://127.0.0.1:{}", peer.port)),
        Value::Null,
    ] {
        let mut about = about(&other);
        about["issuer"] = wrong.clone();
        peer.set(METADATA, Reply::json(200, &about));
        let why = why(issuer(&peer)).await;
        assert!(why.contains("another issuer"), "{wrong}: {why}");
    }
    assert!(other.asked(TOKEN).is_empty());
}

#[tokio::test]
async fn metadata_does_not_lead_the_clients_secret_astray() {
    let sink = Peer::open().await;
    let port = sink.port;
    for place in [
        format!("http://localhost:{port}/token"),
        format!("http://127.0.0.2:{port}/token"),
        format!("http://[::ffff:127.0.0.1]:{port}/token"),
        format!("https://127.0.0.2:{port}/token"),
        "https://10.0.0.1/token".to_owned(),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "https://[fd00::1]/token".to_owned(),
        "http://8.8.8.8/token".to_owned(),
        "ftp://127.0.0.1/token".to_owned(),
        format!("http://u:p@127.0.0.1:{port}/token"),
        "token".to_owned(),
    ] {
        for endpoint in ["token_endpoint", "revocation_endpoint"] {
            let peer = Peer::open().await;
            let mut about = about(&peer);
            about[endpoint] = json!(place);
            peer.set(METADATA, Reply::json(200, &about));
            let why = why(issuer(&peer)).await;
            assert!(why.contains("its metadata: "), "{place}: {why}");
            assert!(peer.asked(TOKEN).is_empty(), "{place}");
        }
    }
    assert!(sink.asked("/token").is_empty());
}

#[tokio::test]
async fn a_crowd_looks_once_and_a_server_that_falls_silent_is_remembered() {
    let peer = Peer::open().await;
    peer.set(METADATA, Reply::json(200, &about(&peer)));
    let oauth = Arc::new(oauth(issuer(&peer), client()));
    let mut crowd = JoinSet::new();
    for _ in 0..50 {
        let oauth = Arc::clone(&oauth);
        crowd.spawn(async move { oauth.mint(&order(), None).await.map(|_| ()) });
    }
    for minted in crowd.join_all().await {
        assert_eq!(minted, Ok(()));
    }
    assert_eq!(
        (peer.asked(METADATA).len(), peer.asked(TOKEN).len()),
        (1, 50)
    );
    peer.set(METADATA, Reply::with(500, "", ""));
    assert!(oauth.mint(&order(), None).await.is_ok());
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_asked_once_by_a_crowd() {
    let peer = Peer::open().await;
    let oauth = Arc::new(oauth(issuer(&peer), client()));
    let mut crowd = JoinSet::new();
    for _ in 0..50 {
        let oauth = Arc::clone(&oauth);
        crowd.spawn(async move { oauth.mint(&order(), None).await.map(|_| ()) });
    }
    for minted in crowd.join_all().await {
        assert!(
            matches!(minted, Err(IssueError::Unavailable(_))),
            "{minted:?}"
        );
    }
    assert!(
        peer.asked(METADATA).len() < 10,
        "{}",
        peer.asked(METADATA).len()
    );
}
