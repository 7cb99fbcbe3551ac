//! A small issuer of tokens: metadata, keys that rotate, and any token a test wants, good or not.

use crate::upstream::{Upstream, plain};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as Rsa, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

/// An issuer that listens on this machine.
#[derive(Debug)]
pub struct Issuer {
    /// Exactly what its tokens say in `iss`.
    pub url: String,
    key: Mutex<(String, Arc<EcdsaKeyPair>)>,
    published: Arc<Mutex<Vec<Value>>>,
    server: Upstream,
}

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signer {
    /// By the issuer's newest ES256 key.
    Es256,
    /// By its RS256 key.
    Rs256,
}

// === impl Issuer ===

impl Issuer {
    /// Listens, with one key of either kind.
    pub async fn start() -> Self {
        let published = Arc::new(Mutex::new(Vec::new()));
        let keys = Arc::clone(&published);
        let server = Upstream::start(move |received, wire| {
            let host = received.head.get("host").unwrap_or_default().to_owned();
            let document = match received.head.line.split(' ').nth(1) {
                Some("/.well-known/oauth-authorization-server") => json!({
                    "issuer": format!("http://{host}"),
                    "jwks_uri": format!("http://{host}/keys"),
                }),
                Some("/keys") => json!({ "keys": *keys.lock().expect("keys") }),
                _ => Value::Null,
            };
            let status = if document.is_null() { 404 } else { 200 };
            plain(wire, (status, "", document.to_string()))
        })
        .await;
        let (kid, pair) = fresh();
        let issuer = Self {
            url: format!("http://{}", server.address),
            key: Mutex::new((kid, pair)),
            published,
            server,
        };
        issuer.publish(false);
        issuer
    }

    /// The table of an identity that believes it.
    pub fn identity(&self, name: &str, keys: &str) -> String {
        format!(
            "\n[identities.{name}]\nkind = \"oidc\"\nissuer = \"{}\"\n{keys}\n",
            self.url
        )
    }

    /// Good claims of a subject for an audience, for ten minutes.
    pub fn claims(&self, subject: &str, audience: &str) -> Value {
        let now = now();
        json!({ "iss": self.url, "sub": subject, "aud": audience, "iat": now, "exp": now + 600 })
    }

    /// A good token of a subject for an audience.
    pub fn token(&self, subject: &str, audience: &str) -> String {
        self.sign(&self.claims(subject, audience))
    }

    /// A token with these claims, signed by the newest key.
    pub fn sign(&self, claims: &Value) -> String {
        self.mint(Signer::Es256, &json!({}), claims)
    }

    /// A token with these claims; `header` replaces and adds members of a good one's.
    pub fn mint(&self, signer: Signer, header: &Value, claims: &Value) -> String {
        let (kid, pair) = self.key.lock().expect("key").clone();
        let (alg, kid) = match signer {
            Signer::Es256 => ("ES256", kid.as_str()),
            Signer::Rs256 => ("RS256", "rsa"),
        };
        let mut whole = json!({ "alg": alg, "kid": kid, "typ": "JWT" });
        let members = whole.as_object_mut().expect("object");
        members.extend(header.as_object().expect("object").clone());
        let signed = format!("{}.{}", encode(&whole), encode(claims));
        let random = SystemRandom::new();
        let signature = match signer {
            Signer::Es256 => {
                let signature = pair.sign(&random, signed.as_bytes()).expect("signature");
                signature.as_ref().to_vec()
            }
            Signer::Rs256 => {
                let mut signature = vec![0; rsa().public_modulus_len()];
                rsa()
                    .sign(
                        &RSA_PKCS1_SHA256,
                        &random,
                        signed.as_bytes(),
                        &mut signature,
                    )
                    .expect("signature");
                signature
            }
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Signs with a new key from now on; the old one stays published where `keep`.
    pub fn rotate(&self, keep: bool) {
        *self.key.lock().expect("key") = fresh();
        self.publish(keep);
    }

    /// How often its keys were fetched.
    pub fn fetches(&self) -> usize {
        let asked = self.server.received();
        let keys = |line: &str| line.starts_with("GET /keys ");
        asked.iter().filter(|one| keys(&one.head.line)).count()
    }

    /// The public key it signs with, as it is published.
    pub fn public(&self) -> Value {
        let (kid, pair) = self.key.lock().expect("key").clone();
        let point = pair.public_key().as_ref();
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid,
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..]),
        })
    }

    fn publish(&self, keep: bool) {
        let key = self.public();
        let mut published = self.published.lock().expect("keys");
        if !keep {
            *published = vec![rsa_public()];
        }
        published.push(key);
    }
}

/// Seconds since the epoch.
pub fn now() -> u64 {
    let age = SystemTime::now().duration_since(UNIX_EPOCH);
    age.expect("a clock").as_secs()
}

/// A part of a compact JWS.
pub fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn fresh() -> (String, Arc<EcdsaKeyPair>) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("key");
    let point = pair.public_key().as_ref();
    (URL_SAFE_NO_PAD.encode(&point[1..9]), Arc::new(pair))
}

/// One for the whole run: making it takes longer than a test.
fn rsa() -> &'static Rsa {
    static KEY: OnceLock<Rsa> = OnceLock::new();
    KEY.get_or_init(|| Rsa::generate(KeySize::Rsa2048).expect("key"))
}

/// In the DER of a 2048-bit key the modulus stands at a fixed place, and the exponent is 65537.
fn rsa_public() -> Value {
    let modulus = &rsa().public_key().as_ref()[9..265];
    json!({
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "rsa",
        "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB",
    })
}
