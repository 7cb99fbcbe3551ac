//! What tokens say, and that nothing else can be made of one.

use super::*;
use crate::identity::jwt::{self, Algorithm, Key, Rules};
use aws_lc_rs::signature::Ed25519KeyPair;

fn key() -> Vec<Arc<SigningKey>> {
    let pair = Ed25519KeyPair::generate().unwrap();
    vec![Arc::new(SigningKey::ed25519(Arc::new(pair)).unwrap())]
}

fn settings() -> Settings {
    Settings {
        issuer: "https://gate.example".to_owned(),
        audience: None,
        subject: Template::parse("{subject}").unwrap(),
        claims: vec![("tenant".into(), Template::parse("acme-{server}").unwrap())],
    }
}

fn order() -> Order {
    Order {
        label: "hopgate-1".into(),
        life: Duration::from_millis(60_999),
        scope: vec!["read".to_owned(), "write".to_owned()],
        resource: Some("https://ledger.example/mcp".parse().unwrap()),
        proof: None,
        whom: Whom {
            agent: "c".into(),
            subject: "spiffe://example.org/c".into(),
            user: Some("ann".into()),
            chain: ["a".into(), "b".into()].into(),
            task: "t1".to_owned(),
            txn: "x1".to_owned(),
            server: "ledger".into(),
        },
    }
}

fn said(mint: &Mint, token: &str, now: u64) -> Map<String, Value> {
    let rules = Rules {
        issuer: Some("https://gate.example".to_owned()),
        algorithms: vec![Algorithm::EdDSA],
        leeway: 0,
        max_life: 60,
    };
    let unverified = jwt::read(token).unwrap();
    assert_eq!(unverified.kid(), Some(mint.keys[0].kid()));
    let key = Key::new(&mint.public_keys()[0]).unwrap();
    unverified.verify(&rules, &key, now).unwrap().all
}

#[test]
fn a_token_says_whose_it_is_and_for_what() {
    let mint = Mint::new(settings(), key());
    let (token, life) = mint.token(&order(), 1_000).unwrap();
    assert_eq!(life, Duration::from_secs(60), "never rounded up");
    let expected = json!({
        "iss": "https://gate.example", "sub": "spiffe://example.org/c", "aud": "https://ledger.example/mcp",
        "iat": 1_000, "nbf": 1_000, "exp": 1_060, "jti": "hopgate-1", "client_id": "c", "scope": "read write",
        "txn": "x1", "act": { "sub": "c", "act": { "sub": "b", "act": { "sub": "a" } } }, "tenant": "acme-ledger",
    });
    assert_eq!(Value::Object(said(&mint, &token, 1_000)), expected);
}

#[test]
fn what_is_configured_stands_over_what_is_ordered() {
    let mut settings = settings();
    settings.audience = Some("ledger".to_owned());
    settings.subject = Template::parse("{user}").unwrap();
    // Even where nobody has checked the names of claims.
    settings.claims = vec![("exp".into(), Template::parse("never").unwrap())];
    let mint = Mint::new(settings, key());
    let mut order = order();
    order.scope = Vec::new();
    let (token, _) = mint.token(&order, 1_000).unwrap();
    let said = said(&mint, &token, 1_000);
    assert_eq!(said.get("aud"), Some(&json!("ledger")));
    assert_eq!(said.get("sub"), Some(&json!("ann")));
    assert_eq!(said.get("exp"), Some(&json!(1_060)));
    assert_eq!(said.get("scope"), None);
    order.whom.user = None;
    assert!(matches!(mint.token(&order, 1), Err(IssueError::Refused(_))));
}

#[test]
fn a_token_for_nobody_or_for_no_time_is_refused() {
    let mint = Mint::new(settings(), key());
    let order = order();
    let refused = |order: &Order| matches!(mint.token(order, 1), Err(IssueError::Refused(_)));
    assert!(!refused(&order));
    assert!(refused(&Order {
        resource: None,
        ..order.clone()
    }));
    assert!(refused(&Order {
        life: Duration::from_millis(999),
        ..order.clone()
    }));
    assert!(refused(&Order {
        life: Duration::MAX,
        ..order
    }));
}

#[test]
fn a_place_without_a_path_has_no_slash() {
    let canonical = |url: &str| canonical(&url.parse().unwrap());
    assert_eq!(canonical("https://a.example/"), "https://a.example");
    assert_eq!(
        canonical("https://a.example:8/mcp"),
        "https://a.example:8/mcp"
    );
    assert_eq!(
        canonical("https://a.example/?b=/"),
        "https://a.example/?b=/"
    );
}

#[tokio::test]
async fn it_lapses() {
    let mint = Mint::new(settings(), key());
    let minted = mint.mint(&order(), None).await.unwrap();
    assert!(mint.lapses() && minted.handle.is_none() && !minted.renewable);
    assert_eq!(minted.life, Some(Duration::from_secs(60)));
    assert!(!minted.field("token").unwrap().open);
    assert_eq!(mint.recover("hopgate-1", None).await, Ok(Taken::Lapses));
}
