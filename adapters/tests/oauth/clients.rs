//! How a client proves itself, as the server sees it.

use super::peer::{Peer, REVOKE, TOKEN, oauth, order};
use adapters::credential::oauth::{Client, ClientKey, OAuth, Proof, Registration};
use adapters::credential::{IssueError, Issuer as _, SigningKey};
use adapters::identity::jwt::{Algorithm, KeySet, payload};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) fn pem(der: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(der);
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n").into_bytes()
}

pub(crate) fn es256() -> Arc<SigningKey> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let der = pair.to_pkcs8v1().unwrap();
    Arc::new(SigningKey::from_pem(&pem(der.as_ref()), None).unwrap())
}

fn keys() -> Vec<Arc<SigningKey>> {
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let rsa = pem(pair.as_der().unwrap().as_ref());
    let ed25519 = Ed25519KeyPair::generate().unwrap();
    let ed25519 = pem(ed25519.to_pkcs8().unwrap().as_ref());
    let key = |pem: &[u8], algorithm| Arc::new(SigningKey::from_pem(pem, algorithm).unwrap());
    vec![
        es256(),
        key(&ed25519, None),
        key(&rsa, None),
        key(&rsa, Some(Algorithm::PS256)),
    ]
}

/// What a token says, where this key has signed it.
pub(crate) fn opened(token: &str, key: &SigningKey) -> Value {
    let keys = json!({ "keys": [key.public()] }).to_string();
    let keys = KeySet::parse(keys.as_bytes()).unwrap();
    serde_json::from_slice(&payload(token, &keys).unwrap()).unwrap()
}

fn header(token: &str) -> Value {
    let header = token.split('.').next().unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()
}

pub(crate) fn keyed(key: &Arc<SigningKey>) -> Client {
    let key = ClientKey {
        key: Arc::clone(key),
        kid: None,
        audience: None,
    };
    Client {
        id: Some("gate".to_owned()),
        proof: Proof::Key(key),
    }
}

#[tokio::test]
async fn a_token_is_asked_for_one_resource_and_no_more_scope_than_ordered() {
    let peer = Peer::open().await;
    let registration = Registration::new(peer.endpoints(), super::peer::client()).unwrap();
    let oauth = OAuth::new(registration, Some("https://api.example.com".to_owned()));
    oauth.mint(&order(), None).await.unwrap();
    let asked = peer.only(TOKEN);
    let mut sent: Vec<(&str, &str)> = asked
        .form
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    sent.sort_unstable();
    assert_eq!(
        sent,
        [
            ("audience", "https://api.example.com"),
            ("grant_type", "client_credentials"),
            ("resource", "https://tools.example.com/mcp"),
            ("scope", "read repo:acme/x"),
        ]
    );
    assert_eq!(
        asked.headers["content-type"],
        "application/x-www-form-urlencoded"
    );
    assert_eq!(asked.headers["accept"], "application/json");
}

#[tokio::test]
async fn a_secret_goes_in_the_header_or_in_the_body_and_only_there() {
    let peer = Peer::open().await;
    let client = |proof| Client {
        id: Some("gate:one".to_owned()),
        proof,
    };
    let secret = "s3cret:+%&= of the gate";
    let basic = oauth(peer.endpoints(), client(Proof::Basic(secret.into())));
    basic.mint(&order(), None).await.unwrap();
    let asked = peer.only(TOKEN);
    let sent = asked.headers["authorization"]
        .strip_prefix("Basic ")
        .unwrap();
    let sent = String::from_utf8(STANDARD.decode(sent).unwrap()).unwrap();
    assert_eq!(sent, "gate%3Aone:s3cret%3A%2B%25%26%3D+of+the+gate");
    assert!(!asked.form.contains_key("client_id") && !asked.form.contains_key("client_secret"));
    let peer = Peer::open().await;
    let post = oauth(peer.endpoints(), client(Proof::Post(secret.into())));
    let minted = post.mint(&order(), None).await.unwrap();
    post.revoke(&minted.handle.unwrap()).await.unwrap();
    for path in [TOKEN, REVOKE] {
        let asked = peer.only(path);
        assert_eq!(
            (
                asked.form["client_id"].as_str(),
                asked.form["client_secret"].as_str()
            ),
            ("gate:one", secret)
        );
        assert!(!asked.headers.contains_key("authorization"));
    }
    let shown = format!("{basic:?} {post:?} {:?}", peer.mint().await);
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[tokio::test]
async fn a_key_signs_a_new_statement_for_each_request() {
    for key in keys() {
        let peer = Peer::open().await;
        let oauth = oauth(peer.endpoints(), keyed(&key));
        oauth.mint(&order(), None).await.unwrap();
        oauth.mint(&order(), None).await.unwrap();
        let mut ids = Vec::new();
        for asked in peer.asked(TOKEN) {
            let token = &asked.form["client_assertion"];
            let claims = opened(token, &key);
            assert_eq!(header(token)["alg"], key.algorithm().to_string());
            assert!(header(token).get("kid").is_none());
            assert_eq!(
                (&claims["iss"], &claims["sub"]),
                (&json!("gate"), &json!("gate"))
            );
            assert_eq!(claims["aud"], peer.url(TOKEN).as_str());
            assert_eq!(
                claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(),
                60
            );
            assert_eq!(
                asked.form["client_assertion_type"],
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            );
            assert_eq!(asked.form["client_id"], "gate");
            ids.push(claims["jti"].clone());
        }
        assert!(ids.len() == 2 && ids[0] != ids[1], "{ids:?}");
    }
}

#[tokio::test]
async fn the_name_of_a_key_and_whom_it_speaks_to_can_be_said() {
    let peer = Peer::open().await;
    let key = es256();
    let mut client = keyed(&key);
    if let Proof::Key(own) = &mut client.proof {
        own.kid = Some("k1".to_owned());
        own.audience = Some("https://idp.example.com/as".to_owned());
    }
    oauth(peer.endpoints(), client)
        .mint(&order(), None)
        .await
        .unwrap();
    let token = &peer.only(TOKEN).form["client_assertion"];
    assert_eq!(header(token)["kid"], "k1");
    let claims = token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(claims["aud"], "https://idp.example.com/as");
}

#[tokio::test]
async fn a_workloads_token_is_read_each_time() {
    let peer = Peer::open().await;
    let file = std::env::temp_dir().join(format!(
        "hopgate-oauth-{}-{}",
        std::process::id(),
        peer.port
    ));
    let client = Client {
        id: None,
        proof: Proof::Assertion(file.clone()),
    };
    let oauth = oauth(peer.endpoints(), client);
    let missing = oauth.mint(&order(), None).await;
    assert!(
        matches!(missing, Err(IssueError::Unavailable(_))),
        "{missing:?}"
    );
    for token in ["a.b.c\n", "d.e.f"] {
        std::fs::write(&file, token).unwrap();
        oauth.mint(&order(), None).await.unwrap();
    }
    std::fs::write(&file, "a b\nc").unwrap();
    assert!(oauth.mint(&order(), None).await.is_err());
    std::fs::remove_file(&file).unwrap();
    let sent: Vec<String> = peer
        .asked(TOKEN)
        .iter()
        .map(|asked| asked.form["client_assertion"].clone())
        .collect();
    assert_eq!(sent, ["a.b.c", "d.e.f"]);
    assert!(!peer.asked(TOKEN)[0].form.contains_key("client_id"));
}
