//! What a credential, and the session it was minted in, are taken back by: the text of a handle.

use crate::credential::Handle;
use crate::secret::Secret;
use serde_json::{Map, Value};

/// What a handle says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Held {
    /// The session's accessor: it revokes, and is good for nothing else. None where an order has no session of its own.
    pub(super) accessor: Option<String>,
    /// The session itself, where nobody else could end it: a caller's.
    pub(super) token: Option<Secret>,
    /// What was minted in it.
    pub(super) what: What,
}

/// What was minted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum What {
    /// Nothing that is known.
    #[default]
    Nothing,
    /// A lease.
    Lease(String),
    /// A certificate, and where certificates of its authority are revoked.
    Certificate { serial: String, at: String },
}

// === impl Held ===

impl Held {
    /// As it is written down.
    pub(super) fn handle(&self) -> Handle {
        let mut members = Map::new();
        let mut put = |name: &str, value: &str| members.insert(name.to_owned(), value.into());
        if let Some(accessor) = &self.accessor {
            put("accessor", accessor);
        }
        if let Some(token) = self.token.as_ref().and_then(Secret::text) {
            put("token", token);
        }
        match &self.what {
            What::Nothing => {}
            What::Lease(id) => {
                put("lease", id);
            }
            What::Certificate { serial, at } => {
                put("serial", serial);
                put("at", at);
            }
        }
        Handle(Secret::from(Value::Object(members).to_string()))
    }

    /// As it was written down; none of another issuer's handle.
    pub(super) fn read(handle: &Handle) -> Option<Self> {
        let mut members: Map<String, Value> = serde_json::from_slice(handle.0.expose()).ok()?;
        let mut text = |name: &str| match members.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let what = match (text("lease"), text("serial"), text("at")) {
            (Some(id), ..) => What::Lease(id),
            (None, Some(serial), Some(at)) => What::Certificate { serial, at },
            _ => What::Nothing,
        };
        Some(Self {
            accessor: text("accessor"),
            token: text("token").map(Secret::from),
            what,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_says_what_was_held() {
        let certificate = What::Certificate {
            serial: "1a:2b".to_owned(),
            at: "pki/revoke".to_owned(),
        };
        for what in [What::Nothing, What::Lease("a/b".to_owned()), certificate] {
            let held = Held {
                accessor: Some("acc".to_owned()),
                token: Some("s.tok\"en".into()),
                what,
            };
            assert_eq!(Held::read(&held.handle()), Some(held));
        }
        let bare = Held::default();
        assert_eq!(Held::read(&bare.handle()), Some(bare));
        assert_eq!(Held::read(&Handle("s.token".into())), None);
    }
}
