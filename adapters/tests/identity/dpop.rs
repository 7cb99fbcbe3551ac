//! Proofs of a key beside a token, changed in every way an attacker may change them.

use super::forge::{ALGORITHMS, NOW, Signer, b64, merged, shared};
use adapters::identity::dpop::{Proof, check};
use adapters::identity::jwt::{Algorithm, Fault, thumbprint};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const TOKEN: &str = "a.token.of.any.form";
const URL: &str = "https://gw.example.org/mcp/files";

fn claims(edit: &Value) -> Value {
    let ath = b64(digest(&SHA256, TOKEN.as_bytes()).as_ref());
    let sound = json!({ "jti": "id-1", "htm": "POST", "htu": URL, "iat": NOW, "ath": ath });
    merged(sound, edit)
}

fn header(signer: &Signer, edit: &Value) -> Value {
    let sound = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": signer.jwk() });
    merged(sound, edit)
}

fn judge(proof: &str) -> Result<Proof, Fault> {
    check(proof, "POST", URL, TOKEN, NOW)
}

/// A proof whose claims are changed so.
fn claiming(edit: &Value) -> Result<Proof, Fault> {
    let header = header(shared(), &json!({}));
    judge(&shared().token(Algorithm::ES256, &header, &claims(edit)))
}

/// A proof whose header is changed so.
fn headed(edit: &Value) -> Result<Proof, Fault> {
    let header = header(shared(), edit);
    judge(&shared().token(Algorithm::ES256, &header, &claims(&json!({}))))
}

/// A proof without this claim.
fn without(name: &str) -> Result<Proof, Fault> {
    let mut claims = claims(&json!({}));
    claims.as_object_mut().unwrap().remove(name);
    judge(&shared().token(Algorithm::ES256, &header(shared(), &json!({})), &claims))
}

#[test]
fn a_good_proof_of_every_kind() {
    for algorithm in ALGORITHMS {
        let signer = Signer::of(algorithm);
        let header = header(&signer, &json!({ "alg": algorithm.to_string() }));
        let proof = judge(&signer.token(algorithm, &header, &claims(&json!({}))));
        let print = thumbprint(signer.jwk().as_object().unwrap()).unwrap();
        let expected = Proof {
            thumbprint: print,
            id: "id-1".to_owned(),
            issued: NOW,
            content: None,
        };
        assert_eq!(proof, Ok(expected), "{algorithm}");
    }
}

#[test]
fn headers() {
    let own = shared().jwk();
    let private = merged(own.clone(), &json!({ "d": "AAAA" }));
    let secret = json!({ "kty": "oct", "k": "AAAA" });
    let enc = merged(own.clone(), &json!({ "use": "enc" }));
    let refused = [
        json!({ "typ": "JWT" }),
        json!({ "typ": "at+jwt" }),
        json!({ "typ": "DPoP+jwt" }),
        json!({ "typ": "application/dpop+jwt" }),
        json!({ "typ": null }),
        json!({ "typ": ["dpop+jwt"] }),
        json!({ "alg": "none" }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "RS256" }),
        json!({ "alg": "ES384" }),
        json!({ "alg": null }),
        json!({ "jwk": null }),
        json!({ "jwk": "text" }),
        json!({ "jwk": [own] }),
        json!({ "jwk": {} }),
        json!({ "jwk": secret }),
        json!({ "jwk": private }),
        json!({ "jwk": enc }),
        json!({ "jwk": Signer::p256().jwk() }),
        json!({ "jwk": Signer::p384().jwk() }),
        json!({ "jwk": Signer::ed25519().jwk() }),
        json!({ "crit": ["jwk"] }),
        json!({ "b64": false }),
        json!({ "zip": "DEF" }),
        json!({ "kid": 7 }),
    ];
    for edit in refused {
        assert!(headed(&edit).is_err(), "{edit}");
    }
    let mut bare = header(
        shared(),
        &json!({ "kid": "known", "jku": "https://a.example" }),
    );
    bare.as_object_mut().unwrap().remove("jwk");
    let proof = shared().token(Algorithm::ES256, &bare, &claims(&json!({})));
    assert_eq!(judge(&proof), Err(Fault::Header("holds no key")));
    assert!(headed(&json!({ "kid": "anything" })).is_ok());
    for text in ["", ".", "..", "a.b.c", "{}"] {
        assert!(judge(text).is_err(), "{text}");
    }
    let good = shared().token(
        Algorithm::ES256,
        &header(shared(), &json!({})),
        &claims(&json!({})),
    );
    assert!(judge(&good).is_ok());
    let (signed, _) = good.rsplit_once('.').unwrap();
    for signature in [String::new(), b64(&[0; 64]), b64(&[0; 63]), b64(b"x")] {
        assert!(judge(&format!("{signed}.{signature}")).is_err());
    }
}

#[test]
fn methods() {
    let fault = Err(Fault::Claim("htm"));
    for method in [
        "GET", "post", "Post", "POST ", " POST", "", "DELETE", "POST,GET",
    ] {
        assert_eq!(claiming(&json!({ "htm": method })), fault, "{method}");
    }
    for odd in [json!(null), json!(7), json!(["POST"])] {
        assert_eq!(claiming(&json!({ "htm": odd })), fault);
    }
    assert_eq!(without("htm"), fault);
}

#[test]
fn urls() {
    let fault = Err(Fault::Claim("htu"));
    let alike = [
        URL.to_owned(),
        "HTTPS://gw.example.org/mcp/files".to_owned(),
        "https://GW.example.org/mcp/files".to_owned(),
        "https://gw.example.org:443/mcp/files".to_owned(),
        "https://gw.example.org/mcp/file%73".to_owned(),
        format!("{URL}?a=b"),
        format!("{URL}#part"),
    ];
    for url in alike {
        assert!(claiming(&json!({ "htu": url })).is_ok(), "{url}");
    }
    let others = [
        "",
        "/mcp/files",
        "//gw.example.org/mcp/files",
        "gw.example.org/mcp/files",
        "http://gw.example.org/mcp/files",
        "https://gw.example.org",
        "https://gw.example.org/mcp",
        "https://gw.example.org/mcp/files/",
        "https://gw.example.org/mcp/Files",
        "https://gw.example.org/mcp/files2",
        "https://gw.example.org/mcp//files",
        "https://gw.example.org/mcp%2ffiles",
        "https://gw.example.org:8443/mcp/files",
        "https://gw.example.org.attacker.example/mcp/files",
        "https://gw.example.org@attacker.example/mcp/files",
        "https://user@gw.example.org/mcp/files",
        "https://:secret@gw.example.org/mcp/files",
        "https://attacker.example/https://gw.example.org/mcp/files",
        "https://attacker.example/?https://gw.example.org/mcp/files",
        "https://gw.example.org./mcp/files",
        "wss://gw.example.org/mcp/files",
        "https://gw.example.org/mcp/files\u{0}",
    ];
    for url in others {
        assert_eq!(claiming(&json!({ "htu": url })), fault, "{url}");
    }
    for odd in [json!(null), json!(7), json!([URL])] {
        assert_eq!(claiming(&json!({ "htu": odd })), fault);
    }
    assert_eq!(without("htu"), fault);
}

#[test]
fn tokens() {
    let fault = Err(Fault::Claim("ath"));
    let of = |token: &str| b64(digest(&SHA256, token.as_bytes()).as_ref());
    let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let refused = [
        String::new(),
        TOKEN.to_owned(),
        of("another"),
        of(""),
        format!("{}=", of(TOKEN)),
        format!("{} ", of(TOKEN)),
        of(TOKEN).to_uppercase(),
        hex.to_owned(),
    ];
    for ath in refused {
        assert_eq!(claiming(&json!({ "ath": ath })), fault, "{ath}");
    }
    assert_eq!(claiming(&json!({ "ath": null })), fault);
    assert_eq!(without("ath"), fault);
}

#[test]
fn instants_and_names() {
    for (issued, good) in [
        (NOW - 300, true),
        (NOW - 301, false),
        (NOW + 300, true),
        (NOW + 301, false),
        (0, false),
        (u64::MAX, false),
        (NOW * 1000, false),
    ] {
        let found = claiming(&json!({ "iat": issued }));
        assert_eq!(found.is_ok(), good, "{issued}");
    }
    let odd = [
        json!(null),
        json!(NOW.to_string()),
        json!(-1),
        json!([NOW]),
        json!(true),
    ];
    for issued in odd {
        assert_eq!(
            claiming(&json!({ "iat": issued })),
            Err(Fault::Claim("iat"))
        );
    }
    assert_eq!(without("iat"), Err(Fault::Claim("iat")));
    let fault = Err(Fault::Claim("jti"));
    let odd = [
        json!(""),
        json!(null),
        json!(7),
        json!(["a"]),
        json!("x".repeat(257)),
    ];
    for id in odd {
        assert_eq!(claiming(&json!({ "jti": id })), fault, "{id}");
    }
    assert_eq!(without("jti"), fault);
    let long = "x".repeat(256);
    assert_eq!(claiming(&json!({ "jti": long })).unwrap().id, long);
}

/// As the MCP profile of DPoP writes them, after RFC 9530.
#[test]
fn bodies() {
    let print = digest(&SHA256, b"body");
    let said = STANDARD.encode(print);
    let found = claiming(&json!({ "content_digest": format!("sha-256=:{said}:") }))
        .unwrap()
        .content;
    assert_eq!(found.unwrap(), print.as_ref());
    let refused = [
        json!(null),
        json!(""),
        json!(7),
        json!([format!("sha-256=:{said}:")]),
        json!(said),
        json!(b64(print.as_ref())),
        json!(format!("sha-256=:{}:", b64(print.as_ref()))),
        json!(format!("sha-256={said}")),
        json!(format!("sha-512=:{said}:")),
        json!(format!("SHA-256=:{said}:")),
        json!(format!(" sha-256=:{said}:")),
        json!(format!("sha-256=:{said}:, sha-256=:{said}:")),
        json!(format!("sha-256=:{}:", STANDARD.encode([0; 31]))),
        json!(format!("sha-256=:{}:", STANDARD.encode([0; 33]))),
    ];
    for digest in refused {
        let found = claiming(&json!({ "content_digest": digest }));
        assert_eq!(found, Err(Fault::Claim("content_digest")), "{digest}");
    }
}

/// Two keys that differ in nothing but how they are written are one key.
#[test]
fn a_key_has_one_thumbprint() {
    let plain = headed(&json!({})).unwrap().thumbprint;
    let jwk = shared()
        .jwk_with(&json!({ "kid": "a", "alg": "ES256", "use": "sig", "x": shared().jwk()["x"] }));
    assert_eq!(headed(&json!({ "jwk": jwk })).unwrap().thumbprint, plain);
    let rsa = super::forge::shared_rsa();
    let wide = header(
        rsa,
        &json!({ "alg": "RS256", "jwk": rsa.jwk_with(&json!({ "e": "AAEAAQ" })) }),
    );
    let proof = rsa.token(Algorithm::RS256, &wide, &claims(&json!({})));
    assert!(matches!(judge(&proof), Err(Fault::Unusable(_))));
}
