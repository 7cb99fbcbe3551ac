//! Keys that sign whatever a test wants signed, under whatever header.

use adapters::identity::jwt::{self, Algorithm, Claims, Fault, Key, KeySet, Rules};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING,
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
    KeyPair as _, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// The moment at which everything is judged.
pub(crate) const NOW: u64 = 1_893_456_000;
pub(crate) const ISSUER: &str = "https://idp.example.org/tenant";
pub(crate) const LEEWAY: u64 = 30;
pub(crate) const MAX_LIFE: u64 = 3600;

/// Every algorithm there is.
pub(crate) const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// A key with its private part.
#[derive(Debug)]
pub(crate) enum Signer {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

// === impl Signer ===

impl Signer {
    pub(crate) fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub(crate) fn p256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(crate) fn p384() -> Self {
        Self::P384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap())
    }

    pub(crate) fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().unwrap())
    }

    /// One that can sign so.
    pub(crate) fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::ES256 => Self::p256(),
            Algorithm::ES384 => Self::p384(),
            Algorithm::EdDSA => Self::ed25519(),
            _ => Self::rsa(),
        }
    }

    /// The public part.
    pub(crate) fn jwk(&self) -> Value {
        match self {
            Self::Rsa(pair) => {
                // SEQUENCE { INTEGER n, INTEGER e } of 2048 bits and 65537: every length is known.
                let der = pair.public_key().as_ref();
                assert_eq!(der.len(), 270);
                json!({ "kty": "RSA", "n": b64(&der[9..265]), "e": b64(&der[267..]) })
            }
            Self::P256(pair) => curve("P-256", pair.public_key().as_ref()),
            Self::P384(pair) => curve("P-384", pair.public_key().as_ref()),
            Self::Ed25519(pair) => {
                let x = b64(pair.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "x": x })
            }
        }
    }

    /// The public part with further members.
    pub(crate) fn jwk_with(&self, members: &Value) -> Value {
        merged(self.jwk(), members)
    }

    pub(crate) fn key(&self) -> Key {
        key(&self.jwk()).unwrap()
    }

    pub(crate) fn sign(&self, algorithm: Algorithm, signed: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut out = vec![0; pair.public_modulus_len()];
                let encoding = encoding(algorithm);
                pair.sign(encoding, &random, signed, &mut out).unwrap();
                out
            }
            Self::P256(pair) | Self::P384(pair) => {
                pair.sign(&random, signed).unwrap().as_ref().to_vec()
            }
            Self::Ed25519(pair) => pair.sign(signed).as_ref().to_vec(),
        }
    }

    /// The same key of P-256, signing in the form X.509 uses.
    pub(crate) fn sign_der(&self, signed: &[u8]) -> Vec<u8> {
        let Self::P256(pair) = self else {
            panic!("only P-256");
        };
        let document = pair.to_pkcs8v1().unwrap();
        let algorithm: &'static EcdsaSigningAlgorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref()).unwrap();
        let signature = pair.sign(&SystemRandom::new(), signed).unwrap();
        signature.as_ref().to_vec()
    }

    /// A token of these exact texts.
    pub(crate) fn token_of(&self, algorithm: Algorithm, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", b64(header.as_bytes()), b64(claims.as_bytes()));
        let signature = self.sign(algorithm, signed.as_bytes());
        format!("{signed}.{}", b64(&signature))
    }

    pub(crate) fn token(&self, algorithm: Algorithm, header: &Value, claims: &Value) -> String {
        self.token_of(algorithm, &header.to_string(), &claims.to_string())
    }
}

/// The key every test may use that does not care which.
pub(crate) fn shared() -> &'static Signer {
    static SHARED: OnceLock<Signer> = OnceLock::new();
    SHARED.get_or_init(Signer::p256)
}

/// The same, of RSA.
pub(crate) fn shared_rsa() -> &'static Signer {
    static SHARED: OnceLock<Signer> = OnceLock::new();
    SHARED.get_or_init(Signer::rsa)
}

pub(crate) fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn key(jwk: &Value) -> Result<Key, Fault> {
    Key::new(jwk.as_object().unwrap())
}

pub(crate) fn set(keys: &[Value]) -> Result<KeySet, Fault> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
}

/// Claims that are good, but for what is put in their place; `null` takes a claim away.
pub(crate) fn claims(edit: &Value) -> Value {
    let sound = json!({
        "iss": ISSUER, "sub": "agent-7", "aud": "https://gw.example.org/mcp",
        "iat": NOW - 60, "exp": NOW + 600, "jti": "0123",
    });
    let mut claims = merged(sound, edit);
    let members: &mut Map<String, Value> = claims.as_object_mut().unwrap();
    members.retain(|_, value| !value.is_null());
    claims
}

pub(crate) fn merged(mut base: Value, members: &Value) -> Value {
    let into = base.as_object_mut().unwrap();
    for (name, value) in members.as_object().unwrap() {
        into.insert(name.clone(), value.clone());
    }
    base
}

pub(crate) fn rules() -> Rules {
    Rules {
        issuer: Some(ISSUER.to_owned()),
        algorithms: ALGORITHMS.to_vec(),
        leeway: LEEWAY,
        max_life: MAX_LIFE,
    }
}

/// What the gateway does with a token of which it has the key.
pub(crate) fn verified(token: &str, key: &Key) -> Result<Claims, Fault> {
    jwt::read(token)?.verify(&rules(), key, NOW)
}

fn curve(name: &str, point: &[u8]) -> Value {
    let (x, y) = point[1..].split_at((point.len() - 1) / 2);
    json!({ "kty": "EC", "crv": name, "x": b64(x), "y": b64(y) })
}

fn encoding(algorithm: Algorithm) -> &'static dyn RsaEncoding {
    match algorithm {
        Algorithm::RS256 => &signature::RSA_PKCS1_SHA256,
        Algorithm::RS384 => &signature::RSA_PKCS1_SHA384,
        Algorithm::RS512 => &signature::RSA_PKCS1_SHA512,
        Algorithm::PS256 => &signature::RSA_PSS_SHA256,
        Algorithm::PS384 => &signature::RSA_PSS_SHA384,
        Algorithm::PS512 => &signature::RSA_PSS_SHA512,
        other => panic!("{other} is not of RSA"),
    }
}
