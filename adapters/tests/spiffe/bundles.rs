//! What is read as a bundle, and what is not.

use crate::authority::{Authority, leaf_params};
use adapters::identity::spiffe::{Bundle, BundleFault};
use base64::Engine as _;
use rcgen::KeyPair;
use serde_json::{Value, json};

fn parse(document: &Value) -> Result<Bundle, BundleFault> {
    Bundle::parse(document.to_string().as_bytes())
}

fn x509(authority: &Authority) -> Value {
    json!({ "kty": "EC", "use": "x509-svid", "x5c": [base64(&authority.der())] })
}

fn jwt(kid: &str) -> Value {
    json!({ "kty": "EC", "use": "jwt-svid", "kid": kid, "crv": "P-256", "x": "AA", "y": "AA" })
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn a_spiffe_bundle_holds_both_kinds() {
    let (one, two) = (Authority::new("one"), Authority::new("two"));
    let bundle = parse(&json!({
        "spiffe_sequence": 12,
        "spiffe_refresh_hint": 300,
        "keys": [x509(&one), jwt("b"), x509(&two), jwt("a")],
    }));
    let bundle = bundle.unwrap();
    assert_eq!(bundle.x509_authorities(), 2);
    let keys: Value = serde_json::from_slice(bundle.jwt_authorities()).unwrap();
    let plain =
        |kid: &str| json!({ "kty": "EC", "kid": kid, "crv": "P-256", "x": "AA", "y": "AA" });
    assert_eq!(keys, json!({ "keys": [plain("a"), plain("b")] }));
}

#[test]
fn order_and_space_do_not_make_another_bundle() {
    let root = Authority::new("root");
    let one = parse(&json!({ "keys": [x509(&root), jwt("a"), jwt("b")] })).unwrap();
    let text = json!({ "keys": [jwt("b"), jwt("a"), x509(&root)] });
    let two = Bundle::parse(format!("\n {text:#}\n").as_bytes()).unwrap();
    assert_eq!(one, two);
    assert_ne!(
        one,
        parse(&json!({ "keys": [x509(&root), jwt("a")] })).unwrap()
    );
}

#[test]
fn certificates_alone_are_one() {
    let text = format!(
        "# two of them\n{}\n{}",
        Authority::new("a").pem(),
        Authority::new("b").pem()
    );
    let bundle = Bundle::parse(text.as_bytes()).unwrap();
    assert_eq!(bundle.x509_authorities(), 2);
    assert_eq!(bundle.jwt_authorities(), br#"{"keys":[]}"#);
}

#[test]
fn other_uses_are_passed_over() {
    let mut unnamed = jwt("a");
    unnamed.as_object_mut().unwrap().remove("use");
    let signing =
        json!({ "kty": "EC", "use": "sig", "kid": "s", "crv": "P-256", "x": "AA", "y": "AA" });
    let document = json!({ "keys": [unnamed.clone(), signing, x509(&Authority::new("a"))] });
    let bundle = parse(&document).unwrap();
    assert_eq!(
        (bundle.x509_authorities(), bundle.jwt_authorities()),
        (1, br#"{"keys":[]}"#.as_slice())
    );
    assert_eq!(
        parse(&json!({ "keys": [unnamed] })),
        Err(BundleFault::Empty)
    );
}

#[test]
fn what_cannot_be_trusted_is_refused() {
    let cert =
        |value: Value| json!({ "keys": [{ "kty": "EC", "use": "x509-svid", "x5c": value }] });
    let root = base64(&Authority::new("root").der());
    for (document, fault) in [
        (json!({}), BundleFault::Format),
        (json!({ "keys": {} }), BundleFault::Format),
        (json!({ "keys": ["a"] }), BundleFault::Format),
        (json!({ "keys": [] }), BundleFault::Empty),
        (
            json!({ "keys": [{ "kty": "EC", "use": "jwt-svid" }] }),
            BundleFault::Kid,
        ),
        (
            json!({ "keys": [{ "kty": "EC", "use": "jwt-svid", "kid": 1 }] }),
            BundleFault::Kid,
        ),
        (
            json!({ "keys": [{ "kty": "EC", "use": "x509-svid" }] }),
            BundleFault::X5c,
        ),
        (cert(json!([])), BundleFault::X5c),
        (cert(json!(root)), BundleFault::X5c),
        (cert(json!([root, root])), BundleFault::X5c),
        (cert(json!([1])), BundleFault::X5c),
        (cert(json!(["!"])), BundleFault::Certificate),
        (cert(json!(["AAAA"])), BundleFault::Certificate),
    ] {
        assert_eq!(parse(&document), Err(fault), "{document}");
    }
    for text in [
        "",
        " ",
        "{",
        "[]",
        "example.org",
        "-----BEGIN CERTIFICATE-----\nAAAA",
    ] {
        assert_eq!(
            Bundle::parse(text.as_bytes()),
            Err(BundleFault::Format),
            "{text}"
        );
    }
}

/// A bundle that trusts a workload's own certificate would let it sign for every other.
#[test]
fn a_workload_s_certificate_is_no_authority() {
    let leaf = leaf_params()
        .self_signed(&KeyPair::generate().unwrap())
        .unwrap();
    assert_eq!(
        Bundle::parse(leaf.pem().as_bytes()),
        Err(BundleFault::NotAnAuthority)
    );
    let key = json!({ "kty": "EC", "use": "x509-svid", "x5c": [base64(leaf.der())] });
    assert_eq!(
        parse(&json!({ "keys": [key] })),
        Err(BundleFault::NotAnAuthority)
    );
}
