//! Exchanges of callers' tokens, as the servers see them.

use super::clients::{es256, keyed, opened};
use super::peer::{CANARY, Peer, REVOKE, Reply, TOKEN, client, good, order};
use adapters::credential::exchange::{Actor, Exchange, IdJag, Settings, Subject};
use adapters::credential::oauth::{Client, Registration};
use adapters::credential::{IssueError, Issuer as _, Minted, Taken};
use serde_json::{Value, json};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";

fn plain() -> Settings {
    Settings {
        subject: Subject::AccessToken,
        actor: None,
        audience: None,
    }
}

fn exchange(peer: &Peer, client: Client, settings: Settings) -> Exchange {
    Exchange::new(registration(peer, client), settings, None)
}

fn registration(peer: &Peer, client: Client) -> Registration {
    Registration::new(peer.endpoints(), client).unwrap()
}

fn issued(kind: &str) -> Value {
    let mut answer = good();
    answer["issued_token_type"] = json!(kind);
    answer
}

async fn refused(minted: Result<Minted, IssueError>) -> String {
    match minted {
        Err(IssueError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_callers_token_is_exchanged_for_one_that_is_good_at_one_place() {
    let peer = Peer::open().await;
    peer.set(TOKEN, Reply::json(200, &issued(ACCESS_TOKEN)));
    let settings = Settings {
        subject: Subject::IdToken,
        audience: Some("tracker".to_owned()),
        ..plain()
    };
    let exchange = exchange(&peer, client(), settings);
    let minted = exchange.mint(&order(), None).await.unwrap();
    let form = peer.only(TOKEN).form;
    for (name, value) in [
        (
            "grant_type",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ),
        ("subject_token", "the-callers-own-token"),
        ("subject_token_type", ID_TOKEN),
        ("requested_token_type", ACCESS_TOKEN),
        ("resource", "https://tools.example.com/mcp"),
        ("scope", "read repo:acme/x"),
        ("audience", "tracker"),
    ] {
        assert_eq!(form[name], value, "{name}");
    }
    assert!(!form.contains_key("actor_token"));
    assert_eq!(
        exchange.revoke(&minted.handle.unwrap()).await,
        Ok(Taken::Revoked)
    );
    assert_eq!(peer.only(REVOKE).form["token"], CANARY);
}

#[tokio::test]
async fn who_came_without_a_token_gets_none() {
    let peer = Peer::open().await;
    let mut order = order();
    order.proof = None;
    let exchange = exchange(&peer, client(), plain());
    let why = refused(exchange.mint(&order, None).await).await;
    assert!(why.contains("came without a token"), "{why}");
    assert!(peer.asked(TOKEN).is_empty());
}

#[tokio::test]
async fn the_gateway_says_who_acts() {
    let peer = Peer::open().await;
    peer.set(TOKEN, Reply::json(200, &issued(ACCESS_TOKEN)));
    let key = es256();
    let settings = Settings {
        actor: Some(Actor::Signed),
        ..plain()
    };
    let exchange = exchange(&peer, keyed(&key), settings);
    exchange.mint(&order(), None).await.unwrap();
    let form = peer.only(TOKEN).form;
    assert_eq!(form["actor_token_type"], JWT);
    assert_ne!(form["actor_token"], form["client_assertion"]);
    let said = opened(&form["actor_token"], &key);
    assert_eq!(
        (&said["sub"], &said["txn"]),
        (&json!("gate"), &json!("txn-1"))
    );
    assert_eq!(
        said["act"],
        json!({ "sub": "clerk", "act": { "sub": "second", "act": { "sub": "first" } } })
    );
    assert_eq!(said["aud"], peer.url(TOKEN).as_str());
}

#[tokio::test]
async fn a_client_without_a_key_cannot_say_who_acts() {
    let peer = Peer::open().await;
    let settings = Settings {
        actor: Some(Actor::Signed),
        ..plain()
    };
    let exchange = exchange(&peer, client(), settings);
    refused(exchange.mint(&order(), None).await).await;
    assert!(peer.asked(TOKEN).is_empty());
}

#[tokio::test]
async fn the_actor_may_come_from_a_file() {
    let peer = Peer::open().await;
    peer.set(TOKEN, Reply::json(200, &issued(ACCESS_TOKEN)));
    let file = std::env::temp_dir().join(format!(
        "hopgate-actor-{}-{}",
        std::process::id(),
        peer.port
    ));
    std::fs::write(&file, "x.y.z\n").unwrap();
    let settings = Settings {
        actor: Some(Actor::File(file.clone())),
        ..plain()
    };
    let minted = exchange(&peer, client(), settings)
        .mint(&order(), None)
        .await;
    std::fs::remove_file(&file).unwrap();
    assert!(minted.is_ok());
    assert_eq!(peer.only(TOKEN).form["actor_token"], "x.y.z");
}

#[tokio::test]
async fn a_token_of_another_kind_is_not_used() {
    let without = good();
    for answer in [
        without,
        issued(ID_JAG),
        issued(ID_TOKEN),
        issued(""),
        issued(JWT),
    ] {
        let peer = Peer::open().await;
        peer.set(TOKEN, Reply::json(200, &answer));
        let exchange = exchange(&peer, client(), plain());
        let why = refused(exchange.mint(&order(), None).await).await;
        assert!(why.contains("issued_token_type"), "{why}");
        assert_eq!(peer.only(REVOKE).form["token"], CANARY);
    }
}

fn id_jag(peer: &Peer, other: &Peer) -> Exchange {
    let settings = Settings {
        subject: Subject::IdToken,
        ..plain()
    };
    let there = IdJag {
        registration: registration(other, client()),
        audience: "https://as.tracker.example".to_owned(),
    };
    Exchange::new(registration(peer, client()), settings, Some(there))
}

fn assertion() -> Value {
    json!({
        "access_token": "the.id-jag.itself", "token_type": "N_A", "issued_token_type": ID_JAG,
        "expires_in": 60, "scope": "read",
    })
}

#[tokio::test]
async fn an_assertion_of_one_server_is_taken_for_a_token_by_another() {
    let (peer, other) = (Peer::open().await, Peer::open().await);
    peer.set(TOKEN, Reply::json(200, &assertion()));
    let exchange = id_jag(&peer, &other);
    let minted = exchange.mint(&order(), None).await.unwrap();
    let form = peer.only(TOKEN).form;
    for (name, value) in [
        ("requested_token_type", ID_JAG),
        ("subject_token", "the-callers-own-token"),
        ("subject_token_type", ID_TOKEN),
        ("audience", "https://as.tracker.example"),
        ("resource", "https://tools.example.com/mcp"),
        ("scope", "read repo:acme/x"),
    ] {
        assert_eq!(form[name], value, "{name}");
    }
    let form = other.only(TOKEN).form;
    assert_eq!(
        form["grant_type"],
        "urn:ietf:params:oauth:grant-type:jwt-bearer"
    );
    assert_eq!(form["assertion"], "the.id-jag.itself");
    assert!(
        !form
            .values()
            .any(|value| value.contains("the-callers-own-token"))
    );
    assert_eq!(minted.field("token").unwrap().value.text(), Some(CANARY));
    assert_eq!(
        exchange.revoke(&minted.handle.unwrap()).await,
        Ok(Taken::Revoked)
    );
    assert_eq!(other.only(REVOKE).form["token"], CANARY);
    assert!(peer.asked(REVOKE).is_empty());
}

#[tokio::test]
async fn what_is_no_assertion_is_shown_to_nobody() {
    for (name, value) in [
        ("token_type", json!("Bearer")),
        ("issued_token_type", json!(ACCESS_TOKEN)),
        ("scope", json!("read admin")),
    ] {
        let (peer, other) = (Peer::open().await, Peer::open().await);
        let mut answer = assertion();
        answer[name] = value;
        peer.set(TOKEN, Reply::json(200, &answer));
        refused(id_jag(&peer, &other).mint(&order(), None).await).await;
        assert!(other.asked(TOKEN).is_empty(), "{name}");
    }
}
