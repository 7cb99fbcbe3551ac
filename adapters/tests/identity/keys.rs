//! Signatures as a forger makes them, lengths at their edges, and keys that must not be used.

use super::forge::{Signer, b64, claims, key, merged, shared, shared_rsa, verified};
use adapters::identity::jwt::{self, Algorithm, Fault, thumbprint};
use serde_json::{Value, json};

/// A token of the shared key and what it signs.
fn good() -> (String, String) {
    let token = shared().token(
        Algorithm::ES256,
        &json!({ "alg": "ES256" }),
        &claims(&json!({})),
    );
    let (signed, _) = token.rsplit_once('.').unwrap();
    (signed.to_owned(), token.clone())
}

#[test]
fn signatures_that_are_none() {
    let (signed, token) = good();
    assert!(verified(&token, &shared().key()).is_ok());
    // The order of P-256.
    let order: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let one = {
        let mut one = [0; 32];
        one[31] = 1;
        one
    };
    let zero = [0; 32];
    let own = shared().sign(Algorithm::ES256, signed.as_bytes());
    let der = shared().sign_der(signed.as_bytes());
    let mut long = own.clone();
    long.push(0);
    let mut wide = vec![0];
    wide.extend(&own[..32]);
    wide.push(0);
    wide.extend(&own[32..]);
    let swapped = [&own[32..], &own[..32]].concat();
    let forged = [
        [zero, zero].concat(),
        [zero, one].concat(),
        [one, zero].concat(),
        [one, one].concat(),
        [order, order].concat(),
        [order, one].concat(),
        [one, order].concat(),
        [zero, order].concat(),
        [[0xff; 32], [0xff; 32]].concat(),
        vec![0],
        vec![0; 63],
        vec![0; 65],
        vec![0; 132],
        own[..63].to_vec(),
        own[..32].to_vec(),
        der,
        long,
        wide,
        swapped,
        // What DER writes for (0, 0).
        vec![0x30, 6, 2, 1, 0, 2, 1, 0],
    ];
    for signature in forged {
        let token = format!("{signed}.{}", b64(&signature));
        assert_eq!(verified(&token, &shared().key()), Err(Fault::Signature));
    }
    let empty = format!("{signed}.");
    assert!(matches!(
        verified(&empty, &shared().key()),
        Err(Fault::Form(_))
    ));
}

#[test]
fn one_bit_anywhere_breaks_it() {
    let (signed, token) = good();
    let own = shared().sign(Algorithm::ES256, signed.as_bytes());
    for bit in 0..own.len() * 8 {
        let mut other = own.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        let forged = format!("{signed}.{}", b64(&other));
        assert_eq!(verified(&forged, &shared().key()), Err(Fault::Signature));
    }
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(bytes).unwrap();
        assert!(verified(&forged, &shared().key()).is_err(), "{at}");
    }
}

#[test]
fn signatures_of_rsa_have_the_length_of_their_key() {
    let signer = shared_rsa();
    for algorithm in [Algorithm::RS256, Algorithm::PS256] {
        let header = json!({ "alg": algorithm.to_string() });
        let token = signer.token(algorithm, &header, &claims(&json!({})));
        let (signed, _) = token.rsplit_once('.').unwrap();
        let own = signer.sign(algorithm, signed.as_bytes());
        assert!(verified(&token, &signer.key()).is_ok());
        let forged = [
            vec![0; 256],
            vec![0xff; 256],
            [vec![0; 255], vec![1]].concat(),
            [&[0], &own[..]].concat(),
            [&own[..], &[0]].concat(),
            own[..255].to_vec(),
            own[1..].to_vec(),
            own.iter().rev().copied().collect(),
        ];
        for signature in forged {
            let token = format!("{signed}.{}", b64(&signature));
            assert_eq!(verified(&token, &signer.key()), Err(Fault::Signature));
        }
    }
    // The padding of one is not the padding of the other.
    for (named, made) in [
        (Algorithm::RS256, Algorithm::PS256),
        (Algorithm::PS256, Algorithm::RS256),
        (Algorithm::RS256, Algorithm::RS512),
    ] {
        let header = json!({ "alg": named.to_string() });
        let token = signer.token(made, &header, &claims(&json!({})));
        assert_eq!(verified(&token, &signer.key()), Err(Fault::Signature));
    }
}

#[test]
fn a_token_is_at_most_16_kib() {
    let of = |length: usize| {
        let pad = |fill: usize| {
            let claims = claims(&json!({ "pad": "x".repeat(fill) }));
            shared().token(Algorithm::ES256, &json!({ "alg": "ES256" }), &claims)
        };
        // Three bytes become four letters.
        let mut fill = (length - pad(0).len()) * 3 / 4;
        while pad(fill).len() > length {
            fill -= 1;
        }
        pad(fill)
    };
    let (fits, over) = (of(16 * 1024), of(17 * 1024));
    assert!((16 * 1024 - 2..=16 * 1024).contains(&fits.len()));
    assert!(verified(&of(15 * 1024), &shared().key()).is_ok());
    assert!(verified(&fits, &shared().key()).is_ok());
    assert_eq!(verified(&over, &shared().key()), Err(Fault::TooLong));
    assert_eq!(
        verified(&"A".repeat(16_385), &shared().key()),
        Err(Fault::TooLong)
    );
    assert_eq!(
        verified(&"A".repeat(5_000_000), &shared().key()),
        Err(Fault::TooLong)
    );
}

/// What a fault says goes into logs and answers: nothing of the token may.
#[test]
fn faults_repeat_nothing_that_was_sent() {
    let mark = "\u{1b}[31mhere";
    let edits = [
        json!({ "sub": [mark] }),
        json!({ "iss": mark }),
        json!({ "exp": mark }),
        json!({ "aud": { mark: mark } }),
        json!({ "cnf": { mark: mark } }),
    ];
    for edit in edits {
        let header = json!({ "alg": "ES256" });
        let token = shared().token(Algorithm::ES256, &header, &claims(&edit));
        let fault = verified(&token, &shared().key()).unwrap_err();
        assert!(!format!("{fault} {fault:?}").contains("here"));
    }
    let header = json!({ "alg": mark, "kid": mark });
    let token = shared().token(Algorithm::ES256, &header, &claims(&json!({})));
    let fault = jwt::read(&token).unwrap_err();
    assert!(!format!("{fault} {fault:?}").contains("here"));
}

/// Counted, so that none goes missing.
fn refused<const N: usize>(jwks: [Value; N]) {
    for jwk in jwks {
        assert!(key(&jwk).is_err(), "{jwk}");
    }
}

#[test]
fn keys_of_a_curve_that_are_not_for_us() {
    let ec = |members: &Value| shared().jwk_with(members);
    let x = shared().jwk()["x"].clone();
    let p384 = Signer::p384().jwk();
    refused::<41>([
        json!({}),
        json!({ "kty": "EC" }),
        json!({ "kty": null }),
        json!({ "kty": "oct", "k": "AAAA" }),
        json!({ "kty": "oct", "alg": "ES256" }),
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA" }),
        ec(&json!({ "k": "AAAA" })),
        ec(&json!({ "d": "AAAA" })),
        ec(&json!({ "d": null })),
        ec(&json!({ "use": "enc" })),
        ec(&json!({ "use": "" })),
        ec(&json!({ "use": ["sig"] })),
        ec(&json!({ "key_ops": [] })),
        ec(&json!({ "key_ops": ["sign"] })),
        ec(&json!({ "key_ops": ["encrypt", "wrapKey"] })),
        ec(&json!({ "key_ops": ["verify", "verify"] })),
        ec(&json!({ "key_ops": ["verify", 1] })),
        ec(&json!({ "key_ops": "verify" })),
        ec(&json!({ "key_ops": null })),
        ec(&json!({ "use": "enc", "key_ops": ["verify"] })),
        ec(&json!({ "alg": "ES384" })),
        ec(&json!({ "alg": "RS256" })),
        ec(&json!({ "alg": "ECDH-ES" })),
        ec(&json!({ "alg": "none" })),
        ec(&json!({ "alg": 7 })),
        ec(&json!({ "kid": 7 })),
        ec(&json!({ "crv": "P-384" })),
        ec(&json!({ "crv": "P-521" })),
        ec(&json!({ "crv": "secp256k1" })),
        ec(&json!({ "crv": "p-256" })),
        ec(&json!({ "kty": "RSA" })),
        ec(&json!({ "kty": "OKP" })),
        ec(&json!({ "y": x })),
        ec(&json!({ "y": b64(&[0; 32]) })),
        ec(&json!({ "x": b64(&[0; 32]), "y": b64(&[0; 32]) })),
        ec(&json!({ "x": b64(&[0xff; 32]) })),
        ec(&json!({ "x": b64(&[1; 31]) })),
        ec(&json!({ "x": b64(&[0; 33]) })),
        ec(&json!({ "x": "" })),
        ec(&json!({ "x": "====" })),
        merged(p384, &json!({ "crv": "P-256" })),
    ]);
    for members in [
        json!({ "use": "sig" }),
        json!({ "key_ops": ["verify"] }),
        json!({ "key_ops": ["sign", "verify"] }),
        json!({ "use": "sig", "key_ops": ["verify"], "alg": "ES256", "kid": "" }),
        json!({ "x5c": ["AAAA"], "x5t": 1, "unknown": {} }),
    ] {
        assert!(key(&ec(&members)).is_ok(), "{members}");
    }
}

#[test]
fn keys_of_rsa_that_are_not_for_us() {
    let rsa = |members: &Value| shared_rsa().jwk_with(members);
    refused::<28>([
        rsa(&json!({ "d": "AAAA" })),
        rsa(&json!({ "p": "AAAA" })),
        rsa(&json!({ "q": "AAAA" })),
        rsa(&json!({ "dp": "AAAA" })),
        rsa(&json!({ "dq": "AAAA" })),
        rsa(&json!({ "qi": "AAAA" })),
        rsa(&json!({ "oth": [] })),
        rsa(&json!({ "crv": "P-256" })),
        rsa(&json!({ "alg": "RSA-OAEP" })),
        rsa(&json!({ "alg": "HS256" })),
        rsa(&json!({ "alg": "ES256" })),
        rsa(&json!({ "e": "" })),
        rsa(&json!({ "e": b64(&[0]) })),
        rsa(&json!({ "e": b64(&[1]) })),
        rsa(&json!({ "e": b64(&[2]) })),
        rsa(&json!({ "e": b64(&[3]) })),
        rsa(&json!({ "e": b64(&[17]) })),
        rsa(&json!({ "e": b64(&[1, 0, 0]) })),
        rsa(&json!({ "e": b64(&[0, 1, 0, 1]) })),
        rsa(&json!({ "e": b64(&[1, 0, 0, 0, 1]) })),
        rsa(&json!({ "e": b64(&[0xff; 300]) })),
        rsa(&json!({ "n": "" })),
        rsa(&json!({ "n": b64(&[0xff; 128]) })),
        rsa(&json!({ "n": b64(&[0xff; 255]) })),
        rsa(&json!({ "n": b64(&[&[0x7f], &[0xff; 255][..]].concat()) })),
        rsa(&json!({ "n": b64(&[0xfe; 256]) })),
        rsa(&json!({ "n": b64(&[&[0], &[0xff; 256][..]].concat()) })),
        rsa(&json!({ "n": b64(&[0xff; 1025]) })),
    ]);
    assert!(key(&rsa(&json!({ "alg": "PS512", "use": "sig" }))).is_ok());
}

#[test]
fn keys_of_edwards_that_are_not_for_us() {
    let okp = Signer::ed25519().jwk();
    refused::<5>([
        merged(okp.clone(), &json!({ "d": "AAAA" })),
        merged(okp.clone(), &json!({ "crv": "Ed448" })),
        merged(okp.clone(), &json!({ "crv": "X25519" })),
        merged(okp.clone(), &json!({ "x": b64(&[1; 31]) })),
        merged(okp.clone(), &json!({ "alg": "ES256" })),
    ]);
    assert!(key(&merged(okp, &json!({ "alg": "EdDSA" }))).is_ok());
}

/// Of a key that names its algorithm nothing else is taken, though it could do it.
#[test]
fn a_key_keeps_to_its_algorithm() {
    let signer = shared_rsa();
    let key = key(&signer.jwk_with(&json!({ "alg": "PS256" }))).unwrap();
    let token = |algorithm: Algorithm| {
        let header = json!({ "alg": algorithm.to_string() });
        signer.token(algorithm, &header, &claims(&json!({})))
    };
    assert!(verified(&token(Algorithm::PS256), &key).is_ok());
    for algorithm in [Algorithm::RS256, Algorithm::PS384, Algorithm::RS512] {
        let found = verified(&token(algorithm), &key);
        assert_eq!(found, Err(Fault::Key(algorithm)));
    }
}

/// A modulus as the generator of CVE-2017-15361 made them: a power of 65537 by the product of the first primes.
#[test]
fn keys_of_a_broken_generator_are_refused() {
    // 65537 to the power of 16 by itself is one by every one of them; shifted so that it has 2048 bits it is not.
    let mut modulus = [0_u8; 256];
    modulus[0] = 0xc0;
    let primes = [
        3_u32, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83,
        89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ];
    let rest = |bytes: &[u8], by: u32| {
        bytes
            .iter()
            .fold(0, |rest, byte| (rest << 8 | u32::from(*byte)) % by)
    };
    // Grown prime by prime, adding the product of those before until the rest is one.
    let mut product = vec![2_u8];
    modulus[255] = 1;
    for prime in primes {
        while rest(&modulus, prime) != 1 {
            add(&mut modulus, &product);
        }
        product = times(&product, prime);
    }
    assert_eq!(modulus[0], 0xc0);
    let jwk = shared_rsa().jwk_with(&json!({ "n": b64(&modulus) }));
    let weak = Some(Fault::Unusable("is too weak, or too large"));
    assert_eq!(key(&jwk).err(), weak);
    // One step further it is by chance no power any more, and of the right size.
    add(&mut modulus, &[22]);
    assert!(key(&shared_rsa().jwk_with(&json!({ "n": b64(&modulus) }))).is_ok());
    for _ in 0..3 {
        assert!(key(&Signer::rsa().jwk()).is_ok());
    }
}

fn add(sum: &mut [u8], other: &[u8]) {
    let mut carry = 0;
    let padded = other.iter().rev().chain(std::iter::repeat(&0));
    for (digit, more) in sum.iter_mut().rev().zip(padded) {
        carry += u16::from(*digit) + u16::from(*more);
        *digit = u8::try_from(carry & 0xff).unwrap();
        carry >>= 8;
    }
}

fn times(product: &[u8], factor: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut carry = 0;
    for digit in product.iter().rev() {
        carry += u32::from(*digit) * factor;
        out.push(u8::try_from(carry & 0xff).unwrap());
        carry >>= 8;
    }
    while carry > 0 {
        out.push(u8::try_from(carry & 0xff).unwrap());
        carry >>= 8;
    }
    out.reverse();
    out
}

/// The example of RFC 7638.
#[test]
fn thumbprints_are_those_of_the_standard() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi\
             FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb\
             9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls\
             1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let jwk = json!({ "kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" });
    let print = thumbprint(jwk.as_object().unwrap());
    let said = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    assert_eq!(print.as_deref(), Some(said));
    assert_eq!(
        thumbprint(json!({ "kty": "oct" }).as_object().unwrap()),
        None
    );
}
