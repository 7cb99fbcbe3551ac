//! Sealed handles: what a server mints and a client must bring back, readable only here and only for its owner.
//!
//! A handle is `KEY.BASE64URL(nonce, AEAD(expiry, bytes))` with AES-256-GCM-SIV. The principal, the server, the kind of
//! handle and what it is bound to are authenticated but not carried: somebody else's handle does not open. Task ids
//! are sealed with a fixed nonce and no expiry, because a client compares them: the same id must look the same in
//! every message (the SIV mode is made for that; it tells equal from unequal and nothing else).

use crate::identity::Principal;
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac;
use aws_lc_rs::rand;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// How long a handle opens: sessions outlive their tasks, but not for ever.
const LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What kind of handle is sealed, and what else it is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind<'a> {
    /// `Mcp-Session-Id`.
    Session,
    /// An event id of a stream without a session.
    Event,
    /// `requestState`, bound to a digest of the method and its params.
    State(&'a [u8]),
    /// An MCP task id.
    Task,
    /// What takes a lease back, bound to the lease's id.
    Lease(&'a [u8]),
}

/// Whose handle it is, and of which server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner<'a> {
    pub(crate) principal: &'a Principal,
    pub(crate) server: &'a str,
}

/// The keys that seal and open handles: the first seals, all open.
pub(crate) struct KeyRing {
    pub(super) keys: Vec<Key>,
}

/// What is derived from one secret.
pub(super) struct Key {
    pub(super) id: String,
    pub(super) aead: LessSafeKey,
    /// Signs what others verify.
    pub(super) signer: Arc<Ed25519KeyPair>,
    /// Marks what records may not hold.
    marker: hmac::Key,
}

// === impl KeyRing ===

impl KeyRing {
    /// Derives the sealing keys from the gateway's 32-byte secrets, by purpose.
    ///
    /// # Errors
    ///
    /// A key that is not 32 bytes, or an empty ring.
    pub(crate) fn new<'a>(
        secrets: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, String> {
        let keys: Vec<Key> = secrets
            .into_iter()
            .map(|(id, secret)| Key::derive(id, secret))
            .collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err("the key ring is empty".to_owned());
        }
        Ok(Self { keys })
    }

    /// Seals a handle for its owner.
    ///
    /// Returns `None` when the system has no randomness: no handle is better than a weak one.
    pub(crate) fn seal(&self, owner: Owner<'_>, kind: Kind<'_>, handle: &[u8]) -> Option<String> {
        let key = self.keys.first()?;
        let mut nonce = [0; NONCE_LEN];
        let mut expiry = u64::MAX;
        if kind != Kind::Task {
            rand::fill(&mut nonce).ok()?;
            expiry = now().checked_add(LIFE.as_secs())?;
        }
        let mut sealed = Vec::with_capacity(handle.len() + 40);
        sealed.extend_from_slice(&expiry.to_be_bytes());
        sealed.extend_from_slice(handle);
        let aad = Aad::from(associated(owner, kind));
        key.aead
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .ok()?;
        if kind != Kind::Task {
            sealed.splice(..0, nonce);
        }
        let mut text = String::with_capacity(key.id.len() + 1 + sealed.len().div_ceil(3) * 4);
        text.push_str(&key.id);
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(&sealed, &mut text);
        Some(text)
    }

    /// What tells secrets from one another and says nothing else of them, to whoever has not this key.
    pub(crate) fn fingerprint<'a>(&self, secrets: impl Iterator<Item = &'a [u8]>) -> String {
        let Some(key) = self.keys.first() else {
            return String::new();
        };
        let mut mark = hmac::Context::with_key(&key.marker);
        for secret in secrets {
            mark.update(&(secret.len() as u64).to_be_bytes());
            mark.update(secret);
        }
        let mark = mark.sign();
        let mut text = String::with_capacity(32);
        for byte in mark.as_ref().iter().take(16) {
            let _ = std::fmt::Write::write_fmt(&mut text, format_args!("{byte:02x}"));
        }
        text
    }

    /// Opens a handle its owner brings back; `None` for every other string.
    pub(crate) fn open(&self, owner: Owner<'_>, kind: Kind<'_>, text: &str) -> Option<Vec<u8>> {
        let (id, body) = text.rsplit_once('.')?;
        let key = self.keys.iter().find(|key| key.id == id)?;
        let mut sealed = URL_SAFE_NO_PAD.decode(body).ok()?;
        let mut nonce = [0; NONCE_LEN];
        if kind != Kind::Task {
            nonce.copy_from_slice(sealed.get(..NONCE_LEN)?);
            sealed.drain(..NONCE_LEN);
        }
        let aad = Aad::from(associated(owner, kind));
        let opened = key
            .aead
            .open_in_place(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .ok()?;
        let (expiry, handle) = opened.split_first_chunk()?;
        (u64::from_be_bytes(*expiry) > now()).then(|| handle.to_vec())
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|key| &key.id))
            .finish()
    }
}

// === impl Key ===

impl Key {
    fn derive(id: &str, secret: &[u8]) -> Result<Self, String> {
        if secret.len() != 32 {
            return Err(format!("key `{id}` is {} bytes, not 32", secret.len()));
        }
        let fault = |_| format!("key `{id}` cannot be derived");
        let own = Salt::new(HKDF_SHA256, b"hopgate").extract(secret);
        let derive = |purpose: &[u8]| {
            let mut bytes = Zeroizing::new([0; 32]);
            own.expand(&[purpose], Length)
                .and_then(|okm| okm.fill(&mut *bytes))
                .map_err(fault)?;
            Ok::<_, String>(bytes)
        };
        let aead = UnboundKey::new(&AES_256_GCM_SIV, &*derive(b"seal 1")?)
            .map(LessSafeKey::new)
            .map_err(fault)?;
        let signer = Ed25519KeyPair::from_seed_unchecked(&*derive(b"sign 1")?)
            .map_err(|_| format!("key `{id}` cannot sign"))?;
        let marker = hmac::Key::new(hmac::HMAC_SHA256, &*derive(b"mark 1")?);
        Ok(Self {
            id: id.to_owned(),
            aead,
            signer: Arc::new(signer),
            marker,
        })
    }
}

/// The length of a derived key.
struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        32
    }
}

/// What is authenticated beside the handle: each part with its length before it, so no two readings agree.
fn associated(owner: Owner<'_>, kind: Kind<'_>) -> Vec<u8> {
    let (tag, bound): (u8, &[u8]) = match kind {
        Kind::Session => (1, b""),
        Kind::Event => (2, b""),
        Kind::State(digest) => (3, digest),
        Kind::Task => (4, b""),
        Kind::Lease(id) => (5, id),
    };
    let [agent, subject, user] = owner.principal.parts();
    let parts = [agent, subject, user, owner.server.as_bytes(), bound];
    let mut data = Vec::with_capacity(1 + parts.iter().map(|part| part.len() + 8).sum::<usize>());
    data.push(tag);
    for part in parts {
        data.extend_from_slice(&(part.len() as u64).to_be_bytes());
        data.extend_from_slice(part);
    }
    data
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(u64::MAX, |age| age.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(agent: &str) -> Principal {
        Principal {
            agent: Arc::from(agent),
            subject: Arc::from("local"),
            user: None,
        }
    }

    fn ring(secret: u8) -> KeyRing {
        KeyRing::new([("k1", [secret; 32].as_slice())]).unwrap()
    }

    #[test]
    fn a_handle_opens_for_its_owner_only() {
        let (ada, bob) = (principal("ada"), principal("bob"));
        let ring = ring(1);
        let owner = Owner {
            principal: &ada,
            server: "notes",
        };
        for kind in [
            Kind::Session,
            Kind::Event,
            Kind::State(b"digest"),
            Kind::Task,
        ] {
            let sealed = ring.seal(owner, kind, b"abc").unwrap();
            assert_eq!(
                ring.open(owner, kind, &sealed).as_deref(),
                Some(b"abc".as_slice())
            );
            assert_eq!(
                ring.open(
                    Owner {
                        principal: &bob,
                        ..owner
                    },
                    kind,
                    &sealed
                ),
                None
            );
            assert_eq!(
                ring.open(
                    Owner {
                        server: "other",
                        ..owner
                    },
                    kind,
                    &sealed
                ),
                None
            );
            assert_eq!(
                super::KeyRing::open(&self::ring(2), owner, kind, &sealed),
                None
            );
            for at in 0..sealed.len() {
                let mut bent = sealed.clone().into_bytes();
                bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
                assert_eq!(
                    ring.open(owner, kind, &String::from_utf8(bent).unwrap()),
                    None,
                    "{at}"
                );
            }
        }
    }

    #[test]
    fn kinds_and_bindings_do_not_mix() {
        let ada = principal("ada");
        let owner = Owner {
            principal: &ada,
            server: "notes",
        };
        let ring = ring(1);
        let session = ring.seal(owner, Kind::Session, b"abc").unwrap();
        assert_eq!(ring.open(owner, Kind::Event, &session), None);
        let state = ring.seal(owner, Kind::State(b"one"), b"abc").unwrap();
        assert_eq!(ring.open(owner, Kind::State(b"two"), &state), None);
    }

    #[test]
    fn equal_task_ids_look_equal_and_sessions_do_not() {
        let ada = principal("ada");
        let owner = Owner {
            principal: &ada,
            server: "notes",
        };
        let ring = ring(1);
        assert_eq!(
            ring.seal(owner, Kind::Task, b"t"),
            ring.seal(owner, Kind::Task, b"t")
        );
        assert_ne!(
            ring.seal(owner, Kind::Session, b"s"),
            ring.seal(owner, Kind::Session, b"s")
        );
    }

    #[test]
    fn an_old_key_still_opens_and_the_first_seals() {
        let ada = principal("ada");
        let owner = Owner {
            principal: &ada,
            server: "notes",
        };
        let sealed = ring(1).seal(owner, Kind::Session, b"abc").unwrap();
        let both = KeyRing::new([("k2", [2; 32].as_slice()), ("k1", [1; 32].as_slice())]).unwrap();
        assert!(both.open(owner, Kind::Session, &sealed).is_some());
        assert!(
            both.seal(owner, Kind::Session, b"abc")
                .unwrap()
                .starts_with("k2.")
        );
    }

    #[test]
    fn a_short_key_is_refused() {
        assert!(KeyRing::new([("k1", [1; 16].as_slice())]).is_err());
        assert!(KeyRing::new([]).is_err());
    }
}
