//! What signed claims may say, one case a line: the signature of every one of them is good.

use super::forge::{ISSUER, MAX_LIFE, NOW, claims, rules, shared};
use adapters::identity::jwt::{self, Algorithm, Claims, Confirmation, Fault, Rules};
use serde_json::{Value, json};

/// Claims with this in place of what is good; `null` takes a claim away.
pub(crate) fn judge(edit: &Value) -> Result<Claims, Fault> {
    judge_text(&claims(edit).to_string(), &rules())
}

fn judge_text(claims: &str, rules: &Rules) -> Result<Claims, Fault> {
    let token = shared().token_of(Algorithm::ES256, r#"{"alg":"ES256"}"#, claims);
    jwt::read(&token)?.verify(rules, &shared().key(), NOW)
}

/// Claims whose member `name` is this text, whatever it is.
pub(crate) fn literal(name: &str, text: &str) -> Result<Claims, Fault> {
    let rest = claims(&json!({ name: null })).to_string();
    judge_text(
        &rest.replacen('{', &format!(r#"{{"{name}":{text},"#), 1),
        &rules(),
    )
}

/// Anything but a text.
const NO_TEXT: [&str; 9] = [
    "null",
    "true",
    "false",
    "0",
    "1",
    "1.5",
    "[]",
    "[\"agent-7\"]",
    "{}",
];

/// Anything but an instant.
const NO_INSTANT: [&str; 14] = [
    "null",
    "true",
    "\"\"",
    "\"1893456300\"",
    "\"never\"",
    "\"2031-01-01T00:00:00Z\"",
    "[]",
    "[1893456300]",
    "{}",
    "{\"$date\":1893456300}",
    "-1",
    "-0.5",
    "1e300",
    "1e999",
];

#[test]
fn claims_of_the_wrong_type() {
    let mut judged = 0;
    for name in ["sub", "jti", "iss"] {
        for text in NO_TEXT {
            let expected = match name {
                "iss" => Fault::Claim("iss"),
                "sub" => Fault::Claim("sub"),
                _ => Fault::Claim("jti"),
            };
            assert_eq!(literal(name, text), Err(expected), "{name} {text}");
            judged += 1;
        }
    }
    for name in ["exp", "iat", "nbf"] {
        for text in NO_INSTANT {
            let found = literal(name, text).unwrap_err();
            // A number no parser can hold is no sound JSON to begin with.
            let kind = matches!(found, Fault::Claim(at) if at == name) || text == "1e999";
            assert!(kind, "{name} {text}: {found}");
            judged += 1;
        }
    }
    let audiences = [
        "null",
        "true",
        "7",
        "[]",
        "{}",
        "[7]",
        "[null]",
        "[\"a\",7]",
        "[[\"a\"]]",
        "[{}]",
        "{\"0\":\"a\"}",
    ];
    for text in audiences {
        assert_eq!(literal("aud", text), Err(Fault::Claim("aud")), "{text}");
        judged += 1;
    }
    for name in ["scope", "scp"] {
        let expected = if name == "scope" {
            Fault::Claim("scope")
        } else {
            Fault::Claim("scp")
        };
        for text in ["null", "7", "true", "{}", "[7]", "[\"a\",null]"] {
            assert_eq!(literal(name, text), Err(expected.clone()), "{name} {text}");
            judged += 1;
        }
    }
    assert_eq!(literal("scope", "[\"a\"]"), Err(Fault::Claim("scope")));
    assert_eq!(judged, 27 + 42 + 11 + 12);
}

#[test]
fn claims_that_are_missing_or_spelt_otherwise() {
    for name in ["sub", "aud", "exp", "iat"] {
        let found = judge(&json!({ name: null })).unwrap_err();
        assert!(matches!(found, Fault::Claim(at) if at == name), "{name}");
        let value = claims(&json!({}))[name].clone();
        let mut capital = name.to_owned();
        capital.get_mut(..1).unwrap().make_ascii_uppercase();
        let spelt = [
            capital,
            name.to_uppercase(),
            format!("{name} "),
            format!(" {name}"),
            format!("{name}\u{0}"),
            format!("{name}\u{200b}"),
        ];
        for other in spelt {
            let found = judge(&json!({ name: null, other.as_str(): value })).unwrap_err();
            assert!(matches!(found, Fault::Claim(at) if at == name), "{other:?}");
        }
    }
    assert_eq!(judge(&json!({ "iss": null })), Err(Fault::Issuer));
    assert_eq!(
        judge(&json!({ "iss": null, "Iss": ISSUER })),
        Err(Fault::Issuer)
    );
    // The good one decides, whatever stands beside it.
    assert!(judge(&json!({ "EXP": 1, "Sub": "root", "AUD": "x", "expires": 0 })).is_ok());
    let late = json!({ "exp": NOW - 600, "iat": NOW - 900, "Exp": NOW + 600 });
    assert_eq!(judge(&late), Err(Fault::Expired(600)));
}

#[test]
fn an_issuer_is_its_exact_text() {
    let others = [
        "",
        "https://idp.example.org/tenant/",
        "https://idp.example.org/tenant ",
        " https://idp.example.org/tenant",
        "https://idp.example.org/Tenant",
        "https://IDP.example.org/tenant",
        "HTTPS://idp.example.org/tenant",
        "http://idp.example.org/tenant",
        "https://idp.example.org",
        "https://idp.example.org/",
        "https://idp.example.org//tenant",
        "https://idp.example.org/tenant/..",
        "https://idp.example.org/./tenant",
        "https://idp.example.org/tenant?",
        "https://idp.example.org/tenant#",
        "https://idp.example.org:443/tenant",
        "https://idp.example.org./tenant",
        "https://user@idp.example.org/tenant",
        "https://idp.example.org/%74enant",
        "https://idp.example.org/tenant\u{0}",
        "https://idp.example.org/tenant\n",
        "https://idp.\u{435}xample.org/tenant",
        "idp.example.org/tenant",
        "https://attacker.example/https://idp.example.org/tenant",
    ];
    for issuer in others {
        let found = judge(&json!({ "iss": issuer }));
        assert_eq!(found, Err(Fault::Issuer), "{issuer:?}");
    }
}

#[test]
fn subjects() {
    let refused = [
        String::new(),
        "\u{0}".to_owned(),
        "agent\n7".to_owned(),
        "agent\r7".to_owned(),
        "agent\t7".to_owned(),
        "agent\u{7f}".to_owned(),
        "agent\u{85}".to_owned(),
        "\u{1b}[31m".to_owned(),
        "x".repeat(1025),
        "\u{e9}".repeat(513),
    ];
    for subject in refused {
        let found = judge(&json!({ "sub": subject }));
        assert_eq!(found, Err(Fault::Claim("sub")), "{subject:?}");
    }
    for subject in ["x".repeat(1024), "\u{e9}".repeat(512), "a b|c".to_owned()] {
        assert_eq!(judge(&json!({ "sub": subject })).unwrap().subject, subject);
    }
}

#[test]
fn audiences() {
    let of = |aud: Value| judge(&json!({ "aud": aud })).unwrap().audience;
    assert_eq!(of(json!("a")), ["a"]);
    assert_eq!(of(json!(["a"])), ["a"]);
    assert_eq!(of(json!(["a", "b", "a"])), ["a", "b", "a"]);
    // One text is one audience, whatever stands in it.
    assert_eq!(of(json!("a b")), ["a b"]);
    assert_eq!(of(json!("a,b")), ["a,b"]);
    assert_eq!(of(json!("[\"a\"]")), ["[\"a\"]"]);
    assert_eq!(of(json!("A/")), ["A/"]);
}

#[test]
fn scopes_are_words() {
    let of = |edit: Value| judge(&edit).unwrap().scopes;
    assert_eq!(of(json!({})), [""; 0]);
    assert_eq!(of(json!({ "scope": "" })), [""; 0]);
    assert_eq!(of(json!({ "scope": "a b  c " })), ["a", "b", "c"]);
    assert_eq!(of(json!({ "scope": "a\tb" })), ["a\tb"]);
    assert_eq!(of(json!({ "scp": "a b" })), ["a", "b"]);
    assert_eq!(of(json!({ "scp": ["a", "b"] })), ["a", "b"]);
    assert_eq!(of(json!({ "scp": [] })), [""; 0]);
    assert_eq!(of(json!({ "scope": "a", "scp": ["b"] })), ["a"]);
}

#[test]
fn what_a_token_is_bound_to_is_known_or_refused() {
    let print = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    let of = |cnf: Value| judge(&json!({ "cnf": cnf })).map(|claims| claims.confirmation);
    let key = Some(Confirmation {
        key: Some(print.to_owned()),
        certificate: None,
    });
    assert_eq!(of(json!({ "jkt": print })), Ok(key));
    let certificate = of(json!({ "x5t#S256": print })).unwrap().unwrap();
    assert_eq!(
        (certificate.key, certificate.certificate.unwrap()[0]),
        (None, 0x37)
    );
    let both = of(json!({ "jkt": print, "x5t#S256": print }))
        .unwrap()
        .unwrap();
    assert!(both.key.is_some() && both.certificate.is_some());
    let refused = [
        json!([]),
        json!({}),
        json!(true),
        json!(print),
        json!([{ "jkt": print }]),
        json!({ "jkt": null }),
        json!({ "jkt": "" }),
        json!({ "jkt": 7 }),
        json!({ "jkt": [print] }),
        json!({ "jkt": print.trim_start_matches('N') }),
        json!({ "jkt": format!("{print}A") }),
        json!({ "jkt": format!("{print}=") }),
        json!({ "jkt": format!(" {print}") }),
        json!({ "jkt": print.replace('-', "+").replace('_', "/") }),
        json!({ "JKT": print }),
        json!({ "x5t": print }),
        json!({ "x5t#s256": print }),
        json!({ "x5t#S256": "00" }),
        json!({ "kid": print }),
        json!({ "jwk": { "kty": "EC" } }),
        json!({ "jku": "https://attacker.example" }),
        json!({ "jwe": print }),
        json!({ "jkt": print, "unknown": print }),
        json!({ "jkt": print, "kid": print }),
    ];
    for cnf in refused {
        assert_eq!(of(cnf.clone()), Err(Fault::Claim("cnf")), "{cnf}");
    }
    assert_eq!(literal("cnf", "null"), Err(Fault::Claim("cnf")));
}

/// JWT-SVIDs may do without `iss` and `iat`; their life is then what is left of it.
#[test]
fn without_an_issuer_the_rest_still_holds() {
    let rules = Rules {
        issuer: None,
        ..rules()
    };
    let judge = |edit: Value| judge_text(&claims(&edit).to_string(), &rules);
    let bare = judge(json!({ "iss": null, "iat": null })).unwrap();
    assert_eq!((bare.issuer, bare.issued), (None, None));
    assert!(judge(json!({ "iss": "anybody" })).is_ok());
    assert_eq!(judge(json!({ "iss": 7 })), Err(Fault::Claim("iss")));
    assert_eq!(judge(json!({ "iat": "7" })), Err(Fault::Claim("iat")));
    assert_eq!(judge(json!({ "sub": null })), Err(Fault::Claim("sub")));
    assert_eq!(judge(json!({ "aud": null })), Err(Fault::Claim("aud")));
    assert_eq!(judge(json!({ "exp": null })), Err(Fault::Claim("exp")));
    let long = Fault::Life {
        seen: MAX_LIFE + 1,
        most: MAX_LIFE,
    };
    assert_eq!(
        judge(json!({ "iat": null, "exp": NOW + MAX_LIFE + 1 })),
        Err(long)
    );
    assert!(judge(json!({ "iat": null, "exp": NOW + MAX_LIFE })).is_ok());
}
