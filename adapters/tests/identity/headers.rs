//! What an attacker writes around a token: its header, its form, its signature.

use super::forge::{
    ALGORITHMS, ISSUER, NOW, Signer, b64, claims, merged, rules, set, shared, shared_rsa, verified,
};
use adapters::identity::jwt::{self, Algorithm, Fault};
use aws_lc_rs::hmac;
use serde_json::{Value, json};

/// A token of the shared key whose header is `{"alg":"ES256"}` and these members.
fn with(members: &Value) -> String {
    let header = merged(json!({ "alg": "ES256" }), members);
    shared().token(Algorithm::ES256, &header, &claims(&json!({})))
}

/// A token of the shared key with this text for a header.
fn raw(header: &str) -> String {
    shared().token_of(Algorithm::ES256, header, &claims(&json!({})).to_string())
}

fn fault(token: &str) -> Fault {
    match verified(token, &shared().key()) {
        Ok(_) => panic!("taken: {token}"),
        Err(fault) => fault,
    }
}

fn parts(token: &str) -> [String; 3] {
    let parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

#[test]
fn every_algorithm_is_taken_from_its_own_key_and_no_other() {
    let signers: Vec<Signer> = ALGORITHMS.map(Signer::of).into();
    let keys: Vec<_> = signers.iter().map(Signer::key).collect();
    for (at, algorithm) in ALGORITHMS.into_iter().enumerate() {
        let header = json!({ "alg": algorithm.to_string(), "typ": "JWT" });
        let token = signers[at].token(algorithm, &header, &claims(&json!({})));
        for (of, key) in keys.iter().enumerate() {
            let found = verified(&token, key).map(|said| said.subject);
            let expected = match key.suits(algorithm) {
                _ if of == at => Ok("agent-7".to_owned()),
                true => Err(Fault::Signature),
                false => Err(Fault::Key(algorithm)),
            };
            assert_eq!(found, expected, "{algorithm} {of}");
        }
    }
}

#[test]
fn none_by_any_spelling_is_refused() {
    let names = [
        "none",
        "None",
        "NONE",
        "nOnE",
        "none ",
        " none",
        "no\u{0}ne",
        "",
        "null",
        "\u{ff4e}one",
    ];
    for name in names {
        let header = b64(json!({ "alg": name }).to_string().as_bytes());
        let body = b64(claims(&json!({})).to_string().as_bytes());
        let good = parts(&with(&json!({})))[2].clone();
        for signature in ["", "AA", &good] {
            fault(&format!("{header}.{body}.{signature}"));
        }
        assert_eq!(
            fault(&with(&json!({ "alg": name }))),
            Fault::Header("names no algorithm that is taken")
        );
    }
}

#[test]
fn an_algorithm_is_one_text_of_the_list() {
    let odd = [
        json!(null),
        json!(true),
        json!(256),
        json!(["ES256"]),
        json!({ "alg": "ES256" }),
        json!("es256"),
        json!("ES256 "),
        json!("ES256K"),
        json!("ES512"),
        json!("ES521"),
        json!("RS1"),
        json!("HS256"),
        json!("dir"),
        json!("RSA-OAEP"),
        json!("ES256\u{0}"),
    ];
    for alg in odd {
        let found = fault(&with(&json!({ "alg": alg })));
        assert_eq!(found, Fault::Header("names no algorithm that is taken"));
    }
    let found = fault(&raw(r#"{"typ":"JWT"}"#));
    assert_eq!(found, Fault::Header("names no algorithm that is taken"));
}

#[test]
fn an_algorithm_its_issuer_may_not_use_is_refused_though_the_signature_is_good() {
    for algorithm in ALGORITHMS {
        let signer = Signer::of(algorithm);
        let header = json!({ "alg": algorithm.to_string() });
        let token = signer.token(algorithm, &header, &claims(&json!({})));
        let mut rules = rules();
        rules.algorithms.retain(|one| *one != algorithm);
        let read = jwt::read(&token).unwrap();
        let found = read.verify(&rules, &signer.key(), NOW);
        assert_eq!(found, Err(Fault::Algorithm(algorithm)));
    }
}

/// The public key is known to everybody: were it taken for a secret, everybody could sign.
#[test]
fn a_public_key_is_no_secret() {
    let signer = shared_rsa();
    let jwk = signer.jwk();
    let Signer::Rsa(pair) = signer else {
        panic!("not of RSA");
    };
    let der = aws_lc_rs::signature::KeyPair::public_key(pair).as_ref();
    let pem = format!("-----BEGIN RSA PUBLIC KEY-----\n{}\n", b64(der));
    let n = jwk["n"].as_str().unwrap();
    let secrets = [der, pem.as_bytes(), n.as_bytes(), b"", b"secret"];
    let kinds = [
        ("HS256", hmac::HMAC_SHA256),
        ("HS384", hmac::HMAC_SHA384),
        ("HS512", hmac::HMAC_SHA512),
    ];
    for (alg, kind) in kinds {
        for secret in secrets {
            for named in [alg, "RS256"] {
                let header = b64(json!({ "alg": named }).to_string().as_bytes());
                let body = b64(claims(&json!({})).to_string().as_bytes());
                let signed = format!("{header}.{body}");
                let tag = hmac::sign(&hmac::Key::new(kind, secret), signed.as_bytes());
                let token = format!("{signed}.{}", b64(tag.as_ref()));
                assert!(verified(&token, &signer.key()).is_err(), "{named}");
            }
        }
    }
}

/// What a header brings along or points to chooses nothing: the configured key decides alone.
#[test]
fn keys_and_urls_in_a_header_choose_nothing() {
    let attacker = Signer::p256();
    let brought = [
        json!({ "jwk": attacker.jwk() }),
        json!({ "jwk": attacker.jwk(), "kid": "own" }),
        json!({ "jku": "https://attacker.example/keys" }),
        json!({ "jku": format!("{ISSUER}/../keys") }),
        json!({ "x5u": "https://attacker.example/chain.pem" }),
        json!({ "x5c": [b64(b"a certificate")] }),
        json!({ "x5t": "AAAA", "x5t#S256": "AAAA" }),
        json!({ "iss": ISSUER, "aud": "x" }),
    ];
    let keys = set(&[shared().jwk_with(&json!({ "kid": "own" }))]).unwrap();
    for members in brought {
        let header = merged(json!({ "alg": "ES256" }), &members);
        let forged = attacker.token(Algorithm::ES256, &header, &claims(&json!({})));
        assert_eq!(fault(&forged), Fault::Signature, "{members}");
        assert!(jwt::payload(&forged, &keys).is_err());
        assert!(verified(&with(&members), &shared().key()).is_ok());
    }
}

#[test]
fn a_key_is_found_by_its_exact_name() {
    let other = Signer::p256();
    let keys = [
        shared().jwk_with(&json!({ "kid": "own" })),
        other.jwk_with(&json!({ "kid": "other" })),
    ];
    let keys = set(&keys).unwrap();
    let taken = |members: &Value| jwt::payload(&with(members), &keys);
    assert!(taken(&json!({ "kid": "own" })).is_ok());
    assert_eq!(taken(&json!({ "kid": "other" })), Err(Fault::Signature));
    let odd = [
        "",
        " own",
        "own ",
        "OWN",
        "own\u{0}",
        "../own",
        "/dev/null",
        "../../../../etc/passwd",
        "own' OR '1'='1",
        "x' UNION SELECT 'own",
        "own;ls",
        "https://attacker.example/own",
        "own\u{200b}",
        "\u{ff4f}wn",
        "%6fwn",
    ];
    for kid in odd {
        let found = taken(&json!({ "kid": kid }));
        assert_eq!(found, Err(Fault::Key(Algorithm::ES256)), "{kid:?}");
    }
    // Without a name there is no telling which of the two is meant.
    assert_eq!(taken(&json!({})), Err(Fault::Key(Algorithm::ES256)));
    let no_text = Fault::Header("names its key by no text");
    for kid in [json!(1), json!(null), json!(["own"]), json!({}), json!(1.5)] {
        assert_eq!(taken(&json!({ "kid": kid })), Err(no_text.clone()));
    }
    let long = |length: usize| jwt::read(&with(&json!({ "kid": "k".repeat(length) }))).err();
    assert_eq!(long(1024), None);
    assert_eq!(long(1025), Some(no_text));
}

#[test]
fn extensions_are_refused_whatever_they_ask() {
    let asked = [
        json!({ "crit": [] }),
        json!({ "crit": ["exp"], "exp": 1 }),
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "crit": null }),
        json!({ "b64": false }),
        json!({ "b64": true }),
        json!({ "zip": "DEF" }),
        json!({ "enc": "A256GCM" }),
    ];
    for members in asked {
        let found = fault(&with(&members));
        assert_eq!(found, Fault::Header("asks for an extension"), "{members}");
    }
}

#[test]
fn a_token_made_for_another_use_is_refused() {
    let own = [
        "JWT",
        "jwt",
        "at+jwt",
        "AT+JWT",
        "application/at+jwt",
        "application/jwt",
        "JOSE",
    ];
    for typ in own {
        assert!(verified(&with(&json!({ "typ": typ })), &shared().key()).is_ok());
    }
    let foreign = [
        json!("dpop+jwt"),
        json!("logout+jwt"),
        json!("secevent+jwt"),
        json!("token-introspection+jwt"),
        json!("oauth-authz-req+jwt"),
        json!("kb+jwt"),
        json!("client-authentication+jwt"),
        json!("JOSE+JSON"),
        json!("JWE"),
        json!("at+jwt "),
        json!("application/dpop+jwt"),
        json!("x/at+jwt"),
        json!(""),
        json!(null),
        json!(1),
        json!(["JWT"]),
    ];
    let other = Fault::Header("says it was made for another use");
    for typ in foreign {
        assert_eq!(fault(&with(&json!({ "typ": typ }))), other, "{typ}");
    }
}

#[test]
fn only_the_compact_form_is_read() {
    let good = with(&json!({}));
    assert!(verified(&good, &shared().key()).is_ok());
    let [header, body, signature] = parts(&good);
    let flat = json!({ "protected": header, "payload": body, "signature": signature });
    let general = json!({ "payload": body, "signatures": [
        { "protected": header, "signature": signature }] });
    let jwe = format!("{header}.{body}.{signature}.{body}.{signature}");
    let forms = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        flat.to_string(),
        general.to_string(),
        jwe,
        format!("{header}.{body}"),
        format!("{header}.{body}."),
        format!(".{body}.{signature}"),
        format!("{header}..{signature}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        format!("{header}.{body}.{body}.{signature}"),
        format!("{body}.{header}.{signature}"),
        format!("{header}.{body}.{signature}=="),
        format!("{header}=.{body}.{signature}"),
        format!("{header}.{body}=.{signature}"),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}\n"),
        format!("{header} .{body}.{signature}"),
        format!("{header}.\t{body}.{signature}"),
        format!("{header}.{body}.\r\n{signature}"),
        format!("{header}\u{0}.{body}.{signature}"),
        format!("{header}.{body}.{signature}\u{e9}"),
        format!("{header}.{body}.{signature}+/"),
        format!("\"{good}\""),
        format!("Bearer {good}"),
        format!("{good},{good}"),
        good.replace('.', ":"),
        good.replace('.', "%2e"),
    ];
    for token in forms {
        let found = fault(&token);
        let form = matches!(found, Fault::Form(_) | Fault::Header(_) | Fault::Signature);
        assert!(form, "{token}: {found}");
    }
}

/// Two texts for one signature would be two tokens for whoever keeps a list of those seen.
#[test]
fn the_bits_behind_the_last_byte_are_nought() {
    let good = with(&json!({}));
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = good.split_at(good.len() - 1);
    let at = alphabet
        .iter()
        .position(|one| [*one] == last.as_bytes())
        .unwrap();
    // 64 bytes leave four bits over.
    for stray in 1..16 {
        let token = format!("{rest}{}", char::from(alphabet[at | stray]));
        assert_eq!(fault(&token), Fault::Form("not base64url"));
    }
}

#[test]
fn headers_and_claims_are_sound_objects() {
    let claims = claims(&json!({})).to_string();
    let headers = [
        r#"{"alg":"ES256","alg":"none"}"#,
        r#"{"alg":"none","alg":"ES256"}"#,
        r#"{"alg":"ES256","\u0061lg":"none"}"#,
        r#"{"alg":"ES256","jwk":{"kty":"EC","kty":"oct"}}"#,
        r#"{"alg":"ES256"}{"alg":"none"}"#,
        r#"{"alg":"ES256"}x"#,
        r#"{"alg":"ES256",}"#,
        r#"{'alg':'ES256'}"#,
        r#"["ES256"]"#,
        r#""ES256""#,
        "null",
        "1",
        "",
        "\u{feff}{\"alg\":\"ES256\"}",
        "{\"alg\":\"ES256\",\"x\":\"\\ud800\"}",
        "{\"alg\":\"ES256\",\"x\":\"\u{1}\"}",
        r#"{"alg":"ES256","x":NaN}"#,
        r#"{"alg":"ES256","x":01}"#,
    ];
    for header in headers {
        let found = fault(&shared().token_of(Algorithm::ES256, header, &claims));
        assert!(matches!(found, Fault::Form(_)), "{header}: {found}");
    }
    let twice = |name: &str| claims.replacen('{', &format!(r#"{{"{name}":"x","#), 1);
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let bodies = [
        twice("sub"),
        twice("exp"),
        twice(r"\u0073ub"),
        claims.replacen('{', r#"{"cnf":{"jkt":"x","jkt":"y"},"#, 1),
        claims.replacen('{', &format!(r#"{{"deep":{deep},"#), 1),
        format!("{claims}{claims}"),
        format!("[{claims}]"),
        String::new(),
        "null".to_owned(),
    ];
    for body in bodies {
        let found = fault(&shared().token_of(Algorithm::ES256, r#"{"alg":"ES256"}"#, &body));
        assert!(matches!(found, Fault::Form(_)), "{body}: {found}");
    }
    // White space is not for an attacker to use: a header may be written with it.
    assert!(verified(&raw("{ \"alg\" :\n\t\"ES256\" }\r\n"), &shared().key()).is_ok());
}
