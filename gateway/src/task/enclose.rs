//! What this gateway gives a store to keep for all gateways with the same keys: sealed, and bound to the name it stands
//! under, so that a store that lies can hold something back but not put one thing in another's place.

use super::seal::KeyRing;
use aws_lc_rs::aead::{Aad, NONCE_LEN, Nonce};
use aws_lc_rs::rand;

/// Before the name in what is authenticated: no handle begins with it.
const TAG: u8 = 16;

impl KeyRing {
    /// Seals what stands under a name. None when the system has no randomness.
    pub(crate) fn enclose(&self, name: &[u8], content: &[u8]) -> Option<Vec<u8>> {
        let key = self.keys.first()?;
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).ok()?;
        let mut sealed = content.to_vec();
        key.aead
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(bound_to(name)),
                &mut sealed,
            )
            .ok()?;
        let id = key.id.as_bytes();
        let length = u8::try_from(id.len()).ok()?;
        Some([&[length], id, &nonce, &sealed].concat())
    }

    /// Opens what stands under a name; none where none of these keys has sealed it for that name.
    pub(crate) fn disclose(&self, name: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (length, rest) = sealed.split_first()?;
        let (id, rest) = rest.split_at_checked(usize::from(*length))?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let key = self.keys.iter().find(|key| key.id.as_bytes() == id)?;
        let mut sealed = sealed.to_vec();
        let opened = key
            .aead
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(bound_to(name)),
                &mut sealed,
            )
            .ok()?;
        Some(opened.to_vec())
    }
}

fn bound_to(name: &[u8]) -> Vec<u8> {
    [&[TAG], name].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_enclosed_opens_under_its_name_and_with_its_key_alone() {
        let ring = |secret: u8| KeyRing::new([("k1", [secret; 32].as_slice())]).unwrap();
        let sealed = ring(1).enclose(b"one", b"content").unwrap();
        assert!(!sealed.windows(7).any(|part| part == b"content"));
        assert_eq!(
            ring(1).disclose(b"one", &sealed).as_deref(),
            Some(b"content".as_slice())
        );
        assert_eq!(ring(1).disclose(b"two", &sealed), None);
        assert_eq!(ring(2).disclose(b"one", &sealed), None);
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert_eq!(ring(1).disclose(b"one", &bent), None, "{at}");
            assert_eq!(ring(1).disclose(b"one", &sealed[..at]), None, "{at}");
        }
        let renewed = [("k2", [2; 32].as_slice()), ("k1", [1; 32].as_slice())];
        let both = KeyRing::new(renewed).unwrap();
        assert!(both.disclose(b"one", &sealed).is_some());
    }
}
