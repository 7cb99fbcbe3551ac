//! The Wycheproof vectors for JSON web signatures and keys, where they are at hand: they are not part of this source.
//!
//! `WYCHEPROOF=<folder of json_web_*_test.json> cargo test -p adapters --test identity -- --ignored`

use super::forge::set;
use adapters::identity::jwt::{self, KeySet};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::path::PathBuf;

/// How a file went: what had to be taken, what had to be refused, and what is good but of a kind that is not used here.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    taken: usize,
    refused: usize,
    foreign: usize,
}

#[test]
#[ignore = "needs the Wycheproof vectors"]
fn signatures() {
    let counts = Counts {
        taken: 32,
        refused: 355,
        foreign: 14,
    };
    assert_eq!(judge("json_web_signature_test.json"), counts);
}

#[test]
#[ignore = "needs the Wycheproof vectors"]
fn keys() {
    let counts = Counts {
        taken: 1,
        refused: 21,
        foreign: 4,
    };
    assert_eq!(judge("json_web_key_test.json"), counts);
}

#[test]
#[ignore = "needs the Wycheproof vectors"]
fn both() {
    let counts = Counts {
        taken: 2,
        refused: 77,
        foreign: 4,
    };
    assert_eq!(judge("json_web_crypto_test.json"), counts);
}

/// Holds every vector of a file against the keys of its group.
fn judge(file: &str) -> Counts {
    let folder = std::env::var_os("WYCHEPROOF").unwrap();
    let text = std::fs::read(PathBuf::from(folder).join(file)).unwrap();
    let document: Value = serde_json::from_slice(&text).unwrap();
    let mut counts = Counts::default();
    let mut wrong = Vec::new();
    for group in document["testGroups"].as_array().unwrap() {
        let keys = group.get("public").unwrap_or(&group["private"]);
        let keys = keys_of(keys);
        for test in group["tests"].as_array().unwrap() {
            let taken = [&test["jws"], &test["jwe"]]
                .into_iter()
                .find_map(Value::as_str)
                .is_some_and(|token| {
                    keys.as_ref()
                        .is_some_and(|keys| jwt::payload(token, keys).is_ok())
                });
            let good = test["result"] == "valid";
            let foreign = !taken && good && !of_use(group, test);
            match (taken, good) {
                (true, true) => counts.taken += 1,
                (false, false) => counts.refused += 1,
                (false, true) if foreign => counts.foreign += 1,
                _ => wrong.push(format!("{} {test}", group["comment"])),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    counts
}

/// The keys an issuer would publish; none where the set itself is refused.
fn keys_of(jwk: &Value) -> Option<KeySet> {
    match jwk.get("keys") {
        Some(_) => KeySet::parse(jwk.to_string().as_bytes()).ok(),
        None => set(std::slice::from_ref(jwk)).ok(),
    }
}

/// Whether a vector is of an algorithm that is used here at all, and of the one its key is for: two that repeat a
/// figure of RFC 7520 have a signature of PS384 by a key for PS256, and count as good.
fn of_use(group: &Value, test: &Value) -> bool {
    let jwk = group.get("public").unwrap_or(&group["private"]);
    let jwk = jwk.get("keys").map_or(jwk, |keys| &keys[0]);
    let header = test["jws"].as_str().and_then(|jws| jws.split('.').next());
    let header = header.and_then(|header| URL_SAFE_NO_PAD.decode(header).ok());
    let header: Option<Value> = header.and_then(|header| serde_json::from_slice(&header).ok());
    let named = header.is_some_and(|header| header["alg"] == jwk["alg"]);
    named && group.get("public").is_some() && jwk["crv"] != "P-521"
}
