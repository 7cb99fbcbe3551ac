//! When a token is good: every edge, and every spelling of a number.

use super::claims::{judge, literal};
use super::forge::{LEEWAY, MAX_LIFE, NOW};
use adapters::identity::jwt::Fault;
use serde_json::json;

/// `iat`, `exp` and what is found.
#[test]
fn instants_at_their_edges() {
    type Case = (u64, u64, Result<(), Fault>);
    let life = |seen| {
        Err(Fault::Life {
            seen,
            most: MAX_LIFE,
        })
    };
    let cases: [Case; 19] = [
        (NOW - 1, NOW + 1, Ok(())),
        (NOW, NOW + 1, Ok(())),
        (NOW - 60, NOW, Ok(())),
        (NOW - 60, NOW - LEEWAY + 1, Ok(())),
        (NOW - 60, NOW - LEEWAY, Err(Fault::Expired(LEEWAY))),
        (NOW - 60, NOW - LEEWAY - 1, Err(Fault::Expired(LEEWAY + 1))),
        (NOW - 60, 1, Err(Fault::Expired(NOW - 1))),
        (0, 0, Err(Fault::Expired(NOW))),
        (NOW + LEEWAY, NOW + 60, Ok(())),
        (NOW + LEEWAY + 1, NOW + 60, Err(Fault::Early(LEEWAY + 1))),
        (NOW + 3600, NOW + 7200, Err(Fault::Early(3600))),
        (u64::MAX, u64::MAX, Err(Fault::Early(u64::MAX - NOW))),
        (NOW, NOW, Err(Fault::Claim("exp"))),
        (NOW + 10, NOW + 5, Err(Fault::Claim("exp"))),
        (NOW - 60, NOW - 60 + MAX_LIFE, Ok(())),
        (NOW - 60, NOW - 60 + MAX_LIFE + 1, life(MAX_LIFE + 1)),
        (0, NOW + 600, life(NOW + 600)),
        (NOW, u64::MAX, life(u64::MAX - NOW)),
        (NOW - 60, NOW * 1000, life(NOW * 1000 - NOW + 60)),
    ];
    for (issued, expires, expected) in cases {
        let found = judge(&json!({ "iat": issued, "exp": expires })).map(|_| ());
        assert_eq!(found, expected, "{issued} {expires}");
    }
    // Milliseconds where seconds are meant.
    let found = judge(&json!({ "iat": NOW * 1000, "exp": (NOW + 600) * 1000 }));
    assert_eq!(found, Err(Fault::Early(NOW * 999)));
    for (begins, expected) in [
        (0, Ok(())),
        (NOW, Ok(())),
        (NOW + LEEWAY, Ok(())),
        (NOW + LEEWAY + 1, Err(Fault::Early(LEEWAY + 1))),
        (NOW + 300, Err(Fault::Early(300))),
        (u64::MAX, Err(Fault::Early(u64::MAX - NOW))),
    ] {
        let found = judge(&json!({ "nbf": begins })).map(|_| ());
        assert_eq!(found, expected, "{begins}");
    }
}

#[test]
fn instants_by_their_spelling() {
    let expires = |text: &str| literal("exp", text).map(|claims| claims.expires);
    assert_eq!(expires("1893456600.9"), Ok(NOW + 600));
    assert_eq!(expires("1893456600.0"), Ok(NOW + 600));
    assert_eq!(expires("1.8934566e9"), Ok(NOW + 600));
    // A fraction does not lengthen a life: the leeway ends with the second.
    assert_eq!(expires("1893455970.9"), Err(Fault::Expired(LEEWAY)));
    assert_eq!(expires("0"), Err(Fault::Expired(NOW)));
    assert_eq!(expires("0.0"), Err(Fault::Expired(NOW)));
    assert_eq!(expires("-0.0"), Err(Fault::Expired(NOW)));
    for text in [
        "9007199254740993.0",
        "18446744073709551616",
        "1e17",
        "-9223372036854775808",
        "-1893456600",
        "-1e-9",
    ] {
        assert_eq!(expires(text), Err(Fault::Claim("exp")), "{text}");
    }
    let seen = 18_446_744_073_709_551_615 - (NOW - 60);
    let huge = Fault::Life {
        seen,
        most: MAX_LIFE,
    };
    assert_eq!(expires("18446744073709551615"), Err(huge));
    for text in [
        "0x70dbd880",
        "1_893_456_600",
        "+1893456600",
        ".5",
        "5.",
        "01",
        "Infinity",
    ] {
        assert!(matches!(expires(text), Err(Fault::Form(_))), "{text}");
    }
    assert!(matches!(expires(&"9".repeat(65)), Err(Fault::Form(_))));
}

/// The operator reads why, and what to set.
#[test]
fn a_life_too_long_is_told_with_what_was_seen() {
    let said = judge(&json!({ "iat": NOW, "exp": NOW + 86_400 })).unwrap_err();
    let said = said.to_string();
    for word in ["86400", "3600", "max_life"] {
        assert!(said.contains(word), "{said}");
    }
}
