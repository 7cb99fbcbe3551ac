//! Checkpoints: the gateway's signature over the last line of every log, so that no record before it can be left out,
//! added or changed without the key.
//!
//! The key is the one that signs hop tokens. What it signs here begins with words that no token begins with, so
//! neither can be taken for the other.

use super::chain::{Hash, Head, ZERO, hex_text, unhex};
use super::line::{Stamp, quoted};
use crate::task::seal::KeyRing;
use adapters::identity::jwt::thumbprint;
use arc_swap::ArcSwap;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

/// What is signed begins with it.
const PURPOSE: &[u8] = b"hopgate checkpoint 1\n";
/// What follows what is signed.
const KEY: &str = r#","key":""#;

/// Signs checkpoints with the first key of the ring in force. Its clones are the same signer.
#[derive(Clone)]
pub(crate) struct Signer {
    ring: Arc<ArcSwap<KeyRing>>,
}

/// Public keys, by name.
#[derive(Debug, Default)]
pub(crate) struct Keys(BTreeMap<String, Vec<u8>>);

/// A checkpoint as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// The last line of each log.
    pub(crate) logs: Vec<(String, Head)>,
    /// The hash of the checkpoint before.
    pub(crate) prev: Hash,
    /// Its own.
    pub(crate) hash: Hash,
}

// === impl Signer ===

impl Signer {
    /// Signs with the first key of the ring.
    ///
    /// # Errors
    ///
    /// A ring without keys.
    pub(crate) fn new(ring: Arc<KeyRing>) -> Result<Self, String> {
        ring.signing().ok_or("no key signs checkpoints")?;
        let ring = Arc::new(ArcSwap::new(ring));
        Ok(Self { ring })
    }

    /// From here on the first key of this ring signs.
    pub(super) fn follow(&self, ring: Arc<KeyRing>) {
        self.ring.store(ring);
    }

    /// The open line of a checkpoint.
    pub(super) fn write<'a>(
        &self,
        now: SystemTime,
        heads: impl Iterator<Item = (&'a str, Head)>,
        prev: &Hash,
    ) -> Option<String> {
        let mut text = format!(
            r#"{{"at":"{}","kind":"checkpoint","logs":{{"#,
            Stamp::of(now).as_str()
        );
        for (at, (log, head)) in heads.filter(|(_, head)| head.seq > 0).enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let hash = hex_text(&head.hash);
            let seq = head.seq;
            text.push_str(&format!(
                r#"{comma}"{log}":{{"seq":{seq},"hash":"{hash}"}}"#
            ));
        }
        text.push_str(&format!(r#"}},"prev":"{}""#, hex_text(prev)));
        let ring = self.ring.load();
        let signature = ring.sign_bytes(&[PURPOSE, text.as_bytes()].concat())?;
        text.push_str(r#","key":"#);
        quoted(&mut text, ring.signing()?);
        text.push_str(&format!(r#","signature":"{signature}""#));
        Some(text)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signer").field(&self.ring.load()).finish()
    }
}

// === impl Keys ===

impl Keys {
    /// The Ed25519 keys of a JWK set.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn read(set: &Value) -> Result<Self, String> {
        let keys = set
            .get("keys")
            .and_then(Value::as_array)
            .ok_or("it is no JWK set")?;
        let mut found = BTreeMap::new();
        for key in keys {
            let text = |name: &str| key.get(name).and_then(Value::as_str);
            let (Some("Ed25519"), Some(id), Some(public)) = (text("crv"), text("kid"), text("x"))
            else {
                continue;
            };
            // A key that goes by its thumbprint signs tokens for servers, and never records.
            if key.as_object().and_then(thumbprint).as_deref() == Some(id) {
                continue;
            }
            let public = URL_SAFE_NO_PAD
                .decode(public)
                .map_err(|_| format!("key `{id}` is not in base64url"))?;
            found.insert(id.to_owned(), public);
        }
        match found.is_empty() {
            true => Err("it has no Ed25519 key".to_owned()),
            false => Ok(Self(found)),
        }
    }
}

// === impl Checkpoint ===

impl Checkpoint {
    /// Reads a checkpoint without asking whether it is genuine; lines of other kinds are none.
    pub(crate) fn read(line: &[u8]) -> Option<Self> {
        let said: Value = serde_json::from_slice(line).ok()?;
        let text = |name: &str| said.get(name).and_then(Value::as_str);
        if text("kind") != Some("checkpoint") {
            return None;
        }
        let logs = said.get("logs")?.as_object()?.iter();
        let head = |(log, said): (&String, &Value)| {
            let seq = said.get("seq")?.as_u64()?;
            let hash = unhex(said.get("hash")?.as_str()?)?;
            Some((log.clone(), Head { seq, hash }))
        };
        Some(Self {
            logs: logs.map(head).collect::<Option<_>>()?,
            prev: unhex(text("prev")?)?,
            hash: unhex(text("hash")?)?,
        })
    }

    /// Reads a checkpoint and proves that one of these keys has signed it.
    ///
    /// # Errors
    ///
    /// Why it proves nothing.
    pub(crate) fn prove(line: &[u8], keys: &Keys) -> Result<Self, String> {
        let read = Self::read(line).ok_or("it is no checkpoint")?;
        let said: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let text = |name: &str| said.get(name).and_then(Value::as_str).unwrap_or_default();
        let id = text("key");
        let public = keys
            .0
            .get(id)
            .ok_or_else(|| format!("key `{id}`, which signed it, is not among those given"))?;
        let forged = || "its signature is not the gateway's".to_owned();
        let signed = memchr::memmem::find(line, KEY.as_bytes())
            .and_then(|at| line.get(..at))
            .ok_or_else(forged)?;
        let signature = URL_SAFE_NO_PAD
            .decode(text("signature"))
            .map_err(|_| forged())?;
        UnparsedPublicKey::new(&ED25519, public)
            .verify(&[PURPOSE, signed].concat(), &signature)
            .map_err(|_| forged())?;
        Ok(read)
    }

    /// The hash before the first checkpoint.
    pub(crate) const NONE: Hash = ZERO;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    fn ring(secret: u8) -> Arc<KeyRing> {
        Arc::new(KeyRing::new([("k1", [secret; 32].as_slice())]).unwrap())
    }

    #[test]
    fn a_checkpoint_is_proven_by_its_key_only() {
        let signer = Signer::new(ring(1)).unwrap();
        let head = Head {
            seq: 7,
            hash: [9; 32],
        };
        let heads = [("calls", head), ("secrets", Head::START)];
        let mut line = signer
            .write(UNIX_EPOCH, heads.into_iter(), &[3; 32])
            .unwrap()
            .into_bytes();
        Head::START.clone().end(&mut line, 0);
        line.pop();
        let keys = Keys::read(&ring(1).published()).unwrap();
        let read = Checkpoint::prove(&line, &keys).unwrap();
        assert_eq!(read.logs, [("calls".to_owned(), head)]);
        assert_eq!(read.prev, [3; 32]);
        let others = Keys::read(&ring(2).published()).unwrap();
        assert!(Checkpoint::prove(&line, &others).is_err(), "another's");
        assert!(Checkpoint::prove(&line, &Keys::default()).is_err());
        let signed = memchr::memmem::find(&line, b",\"seq\":1").unwrap();
        for at in 0..signed {
            let mut bent = line.clone();
            bent[at] ^= 1;
            assert!(Checkpoint::prove(&bent, &keys).is_err(), "{at}");
        }
    }

    #[test]
    fn a_hop_token_is_no_checkpoint() {
        let token = ring(1).sign("t", &Value::Null).unwrap();
        assert!(!PURPOSE.starts_with(token.as_bytes().get(..1).unwrap()));
        let signed = token.rsplit_once('.').unwrap().0;
        assert!(!signed.as_bytes().starts_with(PURPOSE), "{signed}");
    }

    #[test]
    fn a_key_of_tokens_proves_no_checkpoint() {
        let ring = ring(1);
        let keys = ring.signing_keys().unwrap();
        let tokens = serde_json::json!({ "keys": [keys[0].public()] });
        assert!(Keys::read(&tokens).is_err());
    }

    #[test]
    fn sets_without_keys_are_refused() {
        for set in [serde_json::json!({}), serde_json::json!({ "keys": [] })] {
            assert!(Keys::read(&set).is_err());
        }
    }
}
