//! Signatures by the gateway's own keys: the first of the ring signs, all verify, and all are published.

use super::seal::KeyRing;
use adapters::credential::SigningKey;
use aws_lc_rs::signature::{ED25519, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::sync::Arc;

impl KeyRing {
    /// A compact JWS over these claims, of this type.
    pub(crate) fn sign(&self, kind: &str, claims: &Value) -> Option<String> {
        let key = self.keys.first()?;
        let header = json!({ "alg": "EdDSA", "kid": key.id, "typ": kind });
        let mut token = URL_SAFE_NO_PAD.encode(header.to_string());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut token);
        let signature = key.signer.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.as_ref(), &mut token);
        Some(token)
    }

    /// The first key's signature over these bytes, in base64url. Each use begins them with words of its own.
    pub(crate) fn sign_bytes(&self, bytes: &[u8]) -> Option<String> {
        let signature = self.keys.first()?.signer.sign(bytes);
        Some(URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    /// The claims of a token of this type that a key of the ring has signed.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn verify(&self, kind: &str, token: &str) -> Result<Value, &'static str> {
        let malformed = "it is no compact JWS";
        let (signed, signature) = token.rsplit_once('.').ok_or(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed);
        let read =
            |part: &str| serde_json::from_slice::<Value>(&decode(part)?).map_err(|_| malformed);
        let header = read(header)?;
        let says = |name: &str| header.get(name).and_then(Value::as_str);
        if says("alg") != Some("EdDSA") || says("typ") != Some(kind) {
            return Err("it is of another kind");
        }
        let key = self.keys.iter().find(|key| says("kid") == Some(&key.id));
        let key = key.ok_or("its key is not in the ring")?;
        UnparsedPublicKey::new(&ED25519, key.signer.public_key())
            .verify(signed.as_bytes(), &decode(signature)?)
            .map_err(|_| "its signature is not ours")?;
        read(claims)
    }

    /// Whether the ring still has the key.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id == id)
    }

    /// The name of the key that signs.
    pub(crate) fn signing(&self) -> Option<&str> {
        self.keys.first().map(|key| key.id.as_str())
    }

    /// The public half of every key, by name.
    pub(crate) fn public(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let keys = self.keys.iter();
        keys.map(|key| (key.id.as_str(), key.signer.public_key().as_ref()))
    }

    /// The same keys, for tokens that others than the gateway take: there they go by their thumbprints.
    ///
    /// # Errors
    ///
    /// A key that cannot be used so.
    pub(crate) fn signing_keys(&self) -> Result<Vec<Arc<SigningKey>>, String> {
        let keys = self.keys.iter();
        keys.map(|key| SigningKey::ed25519(Arc::clone(&key.signer)).map(Arc::new))
            .collect()
    }

    /// The public keys, as others fetch them (RFC 7517, RFC 8037).
    pub(crate) fn published(&self) -> Value {
        let key = |key: &super::seal::Key| {
            json!({
                "kty": "OKP",
                "crv": "Ed25519",
                "alg": "EdDSA",
                "use": "sig",
                "kid": key.id,
                "x": URL_SAFE_NO_PAD.encode(key.signer.public_key()),
            })
        };
        json!({ "keys": self.keys.iter().map(key).collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(secrets: &[(&str, u8)]) -> KeyRing {
        let secrets: Vec<(&str, [u8; 32])> = secrets
            .iter()
            .map(|(id, byte)| (*id, [*byte; 32]))
            .collect();
        KeyRing::new(secrets.iter().map(|(id, secret)| (*id, secret.as_slice()))).unwrap()
    }

    #[test]
    fn every_key_of_the_ring_verifies_and_the_first_signs() {
        let claims = json!({ "sub": "b", "n": 1 });
        let old = ring(&[("k1", 1)]);
        let token = old.sign("t", &claims).unwrap();
        let both = ring(&[("k2", 2), ("k1", 1)]);
        assert_eq!(both.verify("t", &token).unwrap(), claims);
        assert_eq!(both.signing(), Some("k2"));
        assert!(ring(&[("k2", 2)]).verify("t", &token).is_err(), "withdrawn");
        assert!(
            ring(&[("k1", 3)]).verify("t", &token).is_err(),
            "another key of that name"
        );
        assert!(both.verify("u", &token).is_err(), "another kind");
        assert_eq!(both.published().pointer("/keys/1/kid"), Some(&json!("k1")));
    }

    #[test]
    fn a_token_for_a_server_is_of_the_same_key_and_still_no_hop_token() {
        let ring = ring(&[("k2", 2), ("k1", 1)]);
        let keys = ring.signing_keys().unwrap();
        let (_, first) = ring.public().next().unwrap();
        let x = keys[0].public().get("x").unwrap();
        assert_eq!(x, &json!(URL_SAFE_NO_PAD.encode(first)));
        assert_eq!(keys.len(), 2);
        let token = keys[0].token("txntoken+jwt", &json!({})).unwrap();
        assert!(ring.verify("txntoken+jwt", &token).is_err());
    }

    #[test]
    fn no_changed_token_verifies() {
        let ring = ring(&[("k1", 1)]);
        let token = ring.sign("t", &json!({ "sub": "b" })).unwrap();
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(ring.verify("t", &changed).is_err(), "{at}: {changed}");
            let cut = token.get(..at).unwrap();
            assert!(ring.verify("t", cut).is_err(), "cut at {at}");
        }
        assert!(ring.verify("t", &format!("{token}.")).is_err());
        assert!(ring.verify("t", &format!("{token}=")).is_err());
    }
}
