//! Key sets as issuers publish them, well and badly.

use super::forge::{Signer, set, shared, shared_rsa};
use adapters::identity::jwt::{Algorithm, Fault, KeySet};
use serde_json::{Value, json};

fn named(kid: &str) -> Value {
    shared().jwk_with(&json!({ "kid": kid }))
}

#[test]
fn two_keys_of_one_name_refuse_the_set() {
    let twice = Some(Fault::Set("has two keys of one name"));
    let other = Signer::p256().jwk_with(&json!({ "kid": "a" }));
    let rsa = shared_rsa().jwk_with(&json!({ "kid": "a" }));
    let unused = json!({ "kty": "oct", "k": "AAAA", "kid": "a" });
    let enc = Signer::p256().jwk_with(&json!({ "kid": "a", "use": "enc" }));
    for second in [named("a"), other, rsa, unused, enc] {
        let pair = [named("a"), named("b"), second.clone()];
        assert_eq!(set(&pair).err(), twice, "{second}");
        let turned = [second.clone(), named("b"), named("a")];
        assert_eq!(set(&turned).err(), twice, "{second}");
    }
    assert!(set(&[named("a"), named("A"), named("a "), named("")]).is_ok());
}

#[test]
fn keys_that_are_not_for_us_are_passed_over() {
    let mixed = [
        json!({ "kty": "oct", "k": "AAAA", "kid": "secret" }),
        json!({ "kty": "oct", "k": "AAAA" }),
        Signer::p256().jwk_with(&json!({ "kid": "enc", "use": "enc" })),
        Signer::p256().jwk_with(&json!({ "kid": "ops", "key_ops": ["encrypt"] })),
        Signer::p256().jwk_with(&json!({ "kid": "alg", "alg": "ES384" })),
        Signer::p256().jwk_with(&json!({ "kid": "private", "d": "AAAA" })),
        Signer::p256().jwk_with(&json!({ "kid": 7 })),
        shared_rsa().jwk_with(&json!({ "kid": "weak", "e": "Aw" })),
        json!({ "kty": "AKP", "kid": "later" }),
        json!("text"),
        json!(null),
        json!([]),
        named("good"),
        shared_rsa().jwk_with(&json!({ "kid": "rsa", "alg": "RS256" })),
    ];
    let keys = set(&mixed).unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys.key(Some("good"), Algorithm::ES256).is_some());
    assert!(keys.key(Some("rsa"), Algorithm::RS256).is_some());
    assert!(keys.key(Some("rsa"), Algorithm::PS256).is_none());
    assert!(keys.key(Some("good"), Algorithm::RS256).is_none());
    for kid in [
        "secret", "enc", "ops", "alg", "private", "weak", "later", "7", "null",
    ] {
        for algorithm in super::forge::ALGORITHMS {
            assert!(keys.key(Some(kid), algorithm).is_none(), "{kid}");
        }
    }
    assert!(keys.key(None, Algorithm::ES256).is_some());
    assert!(keys.key(None, Algorithm::RS256).is_some());
    assert!(keys.key(None, Algorithm::ES384).is_none());
}

#[test]
fn without_a_name_only_one_can_be_meant() {
    let keys = set(&[shared().jwk(), Signer::p256().jwk()]).unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys.key(None, Algorithm::ES256).is_none());
    assert!(keys.key(Some(""), Algorithm::ES256).is_none());
    let keys = set(&[shared().jwk(), Signer::ed25519().jwk()]).unwrap();
    assert!(keys.key(None, Algorithm::ES256).is_some());
    assert!(keys.key(None, Algorithm::EdDSA).is_some());
    assert!(keys.key(Some("x"), Algorithm::EdDSA).is_none());
}

#[test]
fn sets_that_are_none() {
    let one = named("a").to_string();
    let garbage = [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        "<html>log in</html>".to_owned(),
        r#"{"keys":null}"#.to_owned(),
        r#"{"keys":{}}"#.to_owned(),
        r#"{"keys":"a"}"#.to_owned(),
        format!(r#"{{"Keys":[{one}]}}"#),
        format!("[{one}]"),
        one.clone(),
        format!(r#"{{"keys":[{one}],"keys":[]}}"#),
        format!(r#"{{"keys":[{one}],"\u006beys":[]}}"#),
        format!(r#"{{"keys":[{one}]}}{{}}"#),
        format!(r#"{{"keys":[{one}]"#),
        format!(
            r#"{{"keys":[{}]}}"#,
            one.replacen('{', r#"{"kty":"oct","#, 1)
        ),
        format!("\u{feff}{{\"keys\":[{one}]}}"),
        format!(r#"{{"keys":[{}{}]}}"#, "[".repeat(30), "]".repeat(30)),
    ];
    for text in garbage {
        let found = KeySet::parse(text.as_bytes()).err();
        assert!(matches!(found, Some(Fault::Set(_))), "{text}: {found:?}");
    }
    assert!(KeySet::parse(&[0xff, 0xfe, 0x00]).is_err());
    let empty = KeySet::parse(br#"{"keys":[]}"#).unwrap();
    assert!(empty.is_empty() && empty.key(None, Algorithm::ES256).is_none());
}

#[test]
fn a_set_is_at_most_256_kib() {
    let most = 256 * 1024;
    let of = |fill: usize| {
        let pad = "x".repeat(fill);
        json!({ "keys": [named("a")], "pad": pad }).to_string()
    };
    let fits = of(most - of(0).len());
    assert_eq!(fits.len(), most);
    assert_eq!(KeySet::parse(fits.as_bytes()).unwrap().len(), 1);
    let over = Some(Fault::Set("is larger than 256 KiB"));
    assert_eq!(
        KeySet::parse(of(most - of(0).len() + 1).as_bytes()).err(),
        over
    );
}
