//! Where the keys of an issuer are found, and where they are not looked for.

use super::forge::shared;
use super::peer::{Answer, KEYS, OAUTH, OPENID, Peer};
use adapters::identity::jwks::{KeyFault, KeySource, Settings};
use adapters::identity::jwt::Algorithm;
use serde_json::{Value, json};

fn own() -> Value {
    json!({ "keys": [shared().jwk_with(&json!({ "kid": "own" }))] })
}

/// Looks for the key once, with nothing known before.
async fn found(settings: Settings) -> Result<(), KeyFault> {
    let source = KeySource::new(settings).unwrap();
    let key = source.key(Some("own"), Algorithm::ES256).await;
    key.map(|_| ())
}

/// The same, and why not.
async fn why(settings: Settings) -> String {
    match found(settings).await {
        Err(KeyFault::Cold(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn metadata_is_looked_for_in_the_order_of_the_standards() {
    let places = [
        ("", vec![OAUTH.to_owned(), OPENID.to_owned()]),
        ("/", vec![OAUTH.to_owned(), OPENID.to_owned()]),
        (
            "/a/b",
            vec![
                format!("{OAUTH}/a/b"),
                format!("{OPENID}/a/b"),
                format!("/a/b{OPENID}"),
            ],
        ),
        (
            "/a/",
            vec![
                format!("{OAUTH}/a"),
                format!("{OPENID}/a"),
                format!("/a{OPENID}"),
            ],
        ),
    ];
    for (path, places) in places {
        let peer = Peer::open().await;
        let why = why(peer.settings(path)).await;
        assert!(why.contains("HTTP status 404"), "{why}");
        assert_eq!(peer.asked(), places);
        for (at, place) in places.iter().enumerate() {
            let peer = Peer::open().await;
            peer.set(KEYS, Answer::json(&own()));
            let about = json!({ "issuer": peer.url(path), "jwks_uri": peer.url(KEYS) });
            peer.set(place, Answer::json(&about));
            assert_eq!(found(peer.settings(path)).await, Ok(()), "{place}");
            let mut asked = places.clone();
            asked.truncate(at + 1);
            asked.push(KEYS.to_owned());
            assert_eq!(peer.asked(), asked);
        }
    }
}

#[tokio::test]
async fn a_place_that_answers_with_something_else_is_passed_over() {
    let peer = Peer::open().await;
    let other = [
        Answer::text(200, "<html>log in</html>"),
        Answer::text(200, ""),
        Answer::text(200, "null"),
        Answer::text(200, "[]"),
        Answer::json(&json!({})),
        Answer::json(&json!({ "issuer": "https://attacker.example", "jwks_uri": peer.url("/x") })),
        Answer::json(&json!({ "issuer": peer.url("/"), "jwks_uri": peer.url("/x") })),
        Answer::json(&json!({ "issuer": [peer.url("")], "jwks_uri": peer.url("/x") })),
        Answer::json(&json!({ "issuer": peer.url("") })),
        Answer::json(&json!({ "issuer": peer.url(""), "jwks_uri": null })),
        Answer::json(&json!({ "issuer": peer.url(""), "jwks_uri": KEYS })),
        Answer::json(&json!({ "issuer": peer.url(""), "jwks_uri": [peer.url("/x")] })),
        Answer::json(&json!({ "jwks_uri": peer.url("/x") })),
        Answer::text(
            200,
            &format!(
                r#"{{"issuer":"https://attacker.example","issuer":"{0}","jwks_uri":"{0}/x"}}"#,
                peer.url("")
            ),
        ),
        Answer::text(500, "{}"),
        Answer::with(302, &format!("location: {}\r\n", peer.url("/x")), b""),
        Answer::Raw(Vec::new()),
    ];
    peer.set("/x", Answer::json(&own()));
    for answer in other {
        let fresh = Peer::open().await;
        fresh.set(OAUTH, answer.clone());
        let settings = Settings {
            issuer: fresh.url("").parse().unwrap(),
            ..peer.settings("")
        };
        why(settings.clone()).await;
        let about = json!({ "issuer": peer.url(""), "jwks_uri": fresh.url(KEYS) });
        fresh.set(OPENID, Answer::json(&about));
        fresh.set(KEYS, Answer::json(&own()));
        assert_eq!(found(settings).await, Ok(()), "{answer:?}");
    }
    assert_eq!(peer.asked(), [""; 0]);
}

#[tokio::test]
async fn keys_that_are_configured_need_no_metadata() {
    let peer = Peer::open().await;
    peer.set("/own?x=y", Answer::json(&own()));
    let jwks = Some(peer.url("/own?x=y").parse().unwrap());
    let settings = Settings {
        jwks,
        ..peer.settings("/anything")
    };
    assert_eq!(found(settings).await, Ok(()));
    assert_eq!(peer.asked(), ["/own?x=y"]);
}

/// Who could answer with a redirect could otherwise choose the keys.
#[tokio::test]
async fn redirects_are_not_followed() {
    let attacker = Peer::open().await;
    attacker.set(KEYS, Answer::json(&own()));
    attacker.set(OAUTH, Answer::json(&attacker.metadata(KEYS)));
    for status in [301, 302, 303, 307, 308] {
        let away = |path: &str| {
            let location = format!("location: {}\r\n", attacker.url(path));
            Answer::with(status, &location, own().to_string().as_bytes())
        };
        let peer = Peer::open().await;
        peer.set(OAUTH, away(OAUTH));
        peer.set(OPENID, away(OAUTH));
        assert!(why(peer.settings("")).await.contains(&status.to_string()));
        let peer = Peer::open().await;
        peer.publish(&[]);
        peer.set(KEYS, away(KEYS));
        assert!(why(peer.settings("")).await.contains(&status.to_string()));
    }
    assert_eq!(attacker.asked(), [""; 0]);
}

/// Metadata is written by others: what it names is dialled only where an operator allows it.
#[tokio::test]
async fn metadata_may_not_lead_inside() {
    let inside = Peer::open().await;
    inside.set(KEYS, Answer::json(&own()));
    let port = inside.port;
    let places = [
        format!("http://localhost:{port}{KEYS}"),
        format!("http://LOCALHOST:{port}{KEYS}"),
        format!("http://localhost.:{port}{KEYS}"),
        format!("http://[::ffff:127.0.0.1]:{port}{KEYS}"),
        format!("http://0.0.0.0:{port}{KEYS}"),
        format!("http://127.0.0.2:{port}{KEYS}"),
        format!("https://10.0.0.1{KEYS}"),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://[fd00::1]/keys".to_owned(),
        "https://[64:ff9b::7f00:1]/keys".to_owned(),
        "file:///etc/passwd".to_owned(),
        "ftp://127.0.0.1/keys".to_owned(),
        "data:application/json,{}".to_owned(),
        "unix:/run/keys".to_owned(),
    ];
    let peer = Peer::open().await;
    for place in &places {
        let about = json!({ "issuer": peer.url(""), "jwks_uri": place });
        peer.set(OAUTH, Answer::json(&about));
        let why = why(peer.settings("")).await;
        let said = why.contains("may not lead to") || why.contains("not a public address");
        assert!(said || why.contains("resolve"), "{place}: {why}");
    }
    assert_eq!(inside.asked(), [""; 0]);
    // What is allowed is dialled.
    for place in &places[..2] {
        let about = json!({ "issuer": peer.url(""), "jwks_uri": place });
        peer.set(OAUTH, Answer::json(&about));
        let settings = Settings {
            allow_private: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
            ..peer.settings("")
        };
        assert_eq!(found(settings).await, Ok(()), "{place}");
    }
}

/// Whoever listens to plain text could put keys of their own in.
#[tokio::test]
async fn an_issuer_behind_tls_keeps_its_keys_behind_tls() {
    let (peer, root) = Peer::open_tls().await;
    let plain = Peer::open().await;
    plain.set(KEYS, Answer::json(&own()));
    peer.publish(&[shared().jwk_with(&json!({ "kid": "own" }))]);
    let settings = Settings {
        roots: vec![root.clone()],
        ..peer.settings("")
    };
    let source = KeySource::new(settings.clone()).unwrap();
    std::fs::remove_file(root).unwrap();
    assert!(source.key(Some("own"), Algorithm::ES256).await.is_ok());
    let about = json!({ "issuer": peer.url(""), "jwks_uri": plain.url(KEYS) });
    peer.set(OAUTH, Answer::json(&about));
    super::peer::later(31).await;
    let found = source.key(Some("new"), Algorithm::ES256).await;
    assert_eq!(found.err(), Some(KeyFault::Unknown));
    assert_eq!(plain.asked(), [""; 0]);
    // Without its root nobody else may answer for it.
    let why = why(peer.settings("")).await;
    assert!(why.contains("certificate"), "{why}");
}
