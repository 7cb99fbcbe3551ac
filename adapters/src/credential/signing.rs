//! A private key that signs tokens others verify, and its public half as they fetch it.

use crate::identity::jwt::{Algorithm, Key, thumbprint};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaEncoding,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value, json};
use std::fmt;
use std::sync::Arc;
use x509_parser::prelude::{FromDer as _, SubjectPublicKeyInfo};
use x509_parser::public_key::PublicKey;

/// Signs tokens.
pub struct SigningKey {
    pair: Pair,
    algorithm: Algorithm,
    kid: String,
    jwk: Map<String, Value>,
}

enum Pair {
    Ed25519(Arc<Ed25519KeyPair>),
    P256(EcdsaKeyPair),
    Rsa(rsa::KeyPair, &'static dyn RsaEncoding),
}

/// What a public key is made of, beside `kty`.
type Parts = Vec<(&'static str, String)>;

// === impl SigningKey ===

impl SigningKey {
    /// A key from a PEM file's text (PKCS #8, PKCS #1 or SEC 1), for this algorithm or else the one that fits.
    ///
    /// # Errors
    ///
    /// Why it cannot sign. Never holds a byte of it.
    pub fn from_pem(pem: &[u8], algorithm: Option<Algorithm>) -> Result<Self, String> {
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
            "it is no private key in PEM form, or it is locked by a password".to_owned()
        })?;
        let pair = Pair::of(&der, algorithm).ok_or(
            "it is no sound key of a kind that is used here: Ed25519, P-256, or RSA of 2048 bits or more",
        )?;
        Self::new(pair, algorithm)
    }

    /// A key that is already there.
    ///
    /// # Errors
    ///
    /// None that is known.
    pub fn ed25519(pair: Arc<Ed25519KeyPair>) -> Result<Self, String> {
        Self::new(Pair::Ed25519(pair), None)
    }

    fn new(pair: Pair, wanted: Option<Algorithm>) -> Result<Self, String> {
        let algorithm = pair.algorithm(wanted);
        if let Some(wanted) = wanted
            && wanted != algorithm
        {
            return Err(format!("it is a key for {algorithm}, not for {wanted}"));
        }
        let unreadable = "its public half cannot be read";
        let (kind, parts) = pair.parts().ok_or(unreadable)?;
        let mut jwk = Map::from_iter([("kty".to_owned(), json!(kind))]);
        jwk.extend(
            parts
                .into_iter()
                .map(|(name, part)| (name.to_owned(), json!(part))),
        );
        let kid = thumbprint(&jwk).ok_or(unreadable)?;
        jwk.insert("kid".to_owned(), json!(kid));
        jwk.insert("alg".to_owned(), json!(algorithm.to_string()));
        jwk.insert("use".to_owned(), json!("sig"));
        // What we would not take from others we do not sign with ourselves.
        Key::new(&jwk).map_err(|fault| fault.to_string())?;
        Ok(Self {
            pair,
            algorithm,
            kid,
            jwk,
        })
    }

    /// The only algorithm it signs by.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its name: the thumbprint of its public half (RFC 7638).
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its public half, as others fetch it.
    #[must_use]
    pub fn public(&self) -> &Map<String, Value> {
        &self.jwk
    }

    /// A compact JWS over these claims, of this type; none where the system cannot sign.
    #[must_use]
    pub fn token(&self, kind: &str, claims: &Value) -> Option<String> {
        let header = [("kid", &*self.kid), ("typ", kind)];
        let header = header.map(|(name, text)| (name.to_owned(), json!(text)));
        self.jws(Map::from_iter(header), claims)
    }

    /// The same under another header, to which the algorithm is added.
    #[must_use]
    pub fn jws(&self, mut header: Map<String, Value>, claims: &Value) -> Option<String> {
        header.insert("alg".to_owned(), json!(self.algorithm.to_string()));
        let mut token = URL_SAFE_NO_PAD.encode(Value::Object(header).to_string());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut token);
        let signature = self.pair.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Some(token)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {})", self.algorithm, self.kid)
    }
}

// === impl Pair ===

impl Pair {
    fn of(der: &PrivateKeyDer<'_>, algorithm: Option<Algorithm>) -> Option<Self> {
        let encoding: &'static dyn RsaEncoding = match algorithm {
            Some(Algorithm::PS256) => &RSA_PSS_SHA256,
            _ => &RSA_PKCS1_SHA256,
        };
        let curve = &ECDSA_P256_SHA256_FIXED_SIGNING;
        match der {
            PrivateKeyDer::Pkcs1(der) => rsa::KeyPair::from_der(der.secret_pkcs1_der())
                .ok()
                .map(|pair| Self::Rsa(pair, encoding)),
            PrivateKeyDer::Sec1(der) => {
                EcdsaKeyPair::from_private_key_der(curve, der.secret_sec1_der())
                    .ok()
                    .map(Self::P256)
            }
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                let ed25519 = Ed25519KeyPair::from_pkcs8(der).map(Arc::new);
                ed25519
                    .map(Self::Ed25519)
                    .or_else(|_| EcdsaKeyPair::from_pkcs8(curve, der).map(Self::P256))
                    .or_else(|_| {
                        rsa::KeyPair::from_pkcs8(der).map(|pair| Self::Rsa(pair, encoding))
                    })
                    .ok()
            }
            _ => None,
        }
    }

    fn algorithm(&self, wanted: Option<Algorithm>) -> Algorithm {
        match self {
            Self::Ed25519(_) => Algorithm::EdDSA,
            Self::P256(_) => Algorithm::ES256,
            Self::Rsa(..) if wanted == Some(Algorithm::PS256) => Algorithm::PS256,
            Self::Rsa(..) => Algorithm::RS256,
        }
    }

    /// The kind and the parts of the public key.
    fn parts(&self) -> Option<(&'static str, Parts)> {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Ed25519(pair) => {
                let x = text(pair.public_key().as_ref());
                Some(("OKP", vec![("crv", "Ed25519".to_owned()), ("x", x)]))
            }
            Self::P256(pair) => {
                // An uncompressed point.
                let (form, point) = pair.public_key().as_ref().split_first()?;
                let (x, y) = point.split_at_checked(32)?;
                let parts = vec![("crv", "P-256".to_owned()), ("x", text(x)), ("y", text(y))];
                (*form == 4).then_some(("EC", parts))
            }
            Self::Rsa(pair, _) => {
                let der = pair.public_key().as_der().ok()?;
                let (_, key) = SubjectPublicKeyInfo::from_der(der.as_ref()).ok()?;
                let PublicKey::RSA(key) = key.parsed().ok()? else {
                    return None;
                };
                let bare = |bytes: &[u8]| {
                    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
                    bytes.get(zeros..).map(text)
                };
                let parts = vec![("e", bare(key.exponent)?), ("n", bare(key.modulus)?)];
                Some(("RSA", parts))
            }
        }
    }

    fn sign(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Ed25519(pair) => Some(pair.sign(bytes).as_ref().to_vec()),
            Self::P256(pair) => Some(pair.sign(&random, bytes).ok()?.as_ref().to_vec()),
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, bytes, &mut signature).ok()?;
                Some(signature)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::jwt::{KeySet, payload};
    use aws_lc_rs::encoding::{EcPrivateKeyRfc5915Der, Pkcs8V1Der};
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED_SIGNING;
    use base64::engine::general_purpose::STANDARD;

    fn pem(label: &str, der: &[u8]) -> String {
        let text = STANDARD.encode(der);
        format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    }

    fn rsa(size: KeySize) -> Vec<u8> {
        let pair = rsa::KeyPair::generate(size).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        der.as_ref().to_vec()
    }

    fn check(pem: &str, wanted: Option<Algorithm>, expected: Algorithm) {
        let key = SigningKey::from_pem(pem.as_bytes(), wanted).unwrap();
        assert_eq!(key.algorithm(), expected);
        let claims = json!({ "sub": "a", "n": 1 });
        let token = key.token("at+jwt", &claims).unwrap();
        let set = json!({ "keys": [key.public()] }).to_string();
        let set = KeySet::parse(set.as_bytes()).unwrap();
        let read: Value = serde_json::from_slice(&payload(&token, &set).unwrap()).unwrap();
        assert_eq!(read, claims);
        let (header, _) = token.split_once('.').unwrap();
        let header: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
        let expected = json!({ "alg": expected.to_string(), "kid": key.kid(), "typ": "at+jwt" });
        assert_eq!(header, expected);
        let shown = format!("{key:?}");
        assert_eq!(shown, format!("SigningKey({} {})", key.algorithm, key.kid));
        let (signed, _) = token.rsplit_once('.').unwrap();
        let other = key.token("at+jwt", &json!({ "sub": "b" })).unwrap();
        let (_, other) = other.rsplit_once('.').unwrap();
        assert!(payload(&format!("{signed}.{other}"), &set).is_err());
    }

    #[test]
    fn keys_of_every_form_sign_what_their_public_half_verifies() {
        let ed25519 = Ed25519KeyPair::generate().unwrap();
        let der = ed25519.to_pkcs8v1().unwrap();
        check(&pem("PRIVATE KEY", der.as_ref()), None, Algorithm::EdDSA);
        let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let der = p256.to_pkcs8v1().unwrap();
        check(&pem("PRIVATE KEY", der.as_ref()), None, Algorithm::ES256);
        let der: EcPrivateKeyRfc5915Der<'_> = p256.private_key().as_der().unwrap();
        let sec1 = pem("EC PRIVATE KEY", der.as_ref());
        check(&sec1, Some(Algorithm::ES256), Algorithm::ES256);
        let der = rsa(KeySize::Rsa2048);
        let pkcs8 = pem("PRIVATE KEY", &der);
        check(&pkcs8, None, Algorithm::RS256);
        check(&pkcs8, Some(Algorithm::PS256), Algorithm::PS256);
        // The key itself stands behind 26 bytes that say what it is.
        let pkcs1 = pem("RSA PRIVATE KEY", &der[26..]);
        check(&pkcs1, Some(Algorithm::RS256), Algorithm::RS256);
    }

    #[test]
    fn what_cannot_sign_is_refused_and_not_repeated() {
        let check = |pem: &str, wanted, why: &str| {
            let error = SigningKey::from_pem(pem.as_bytes(), wanted).unwrap_err();
            assert!(error.contains(why), "{error}");
        };
        let ed25519 = Ed25519KeyPair::generate().unwrap();
        let der = ed25519.to_pkcs8v1().unwrap();
        let ed25519 = pem("PRIVATE KEY", der.as_ref());
        check(&ed25519, Some(Algorithm::RS256), "for EdDSA, not for RS256");
        let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        let der = p384.to_pkcs8v1().unwrap();
        check(&pem("PRIVATE KEY", der.as_ref()), None, "no sound key");
        check(&pem("PRIVATE KEY", b"hunter2hunter2"), None, "no sound key");
        check(&pem("ENCRYPTED PRIVATE KEY", b"x"), None, "no private key");
        check(
            &pem("CERTIFICATE", b"hunter2hunter2"),
            None,
            "no private key",
        );
        check("hunter2hunter2", None, "no private key");
        check(
            &pem("PRIVATE KEY", &rsa(KeySize::Rsa2048)),
            Some(Algorithm::RS512),
            "not for RS512",
        );
    }
}
