//! A lease as the journal keeps it: whose it is, where it may go, and what it takes to take it back. Never the credential.

use crate::identity::Principal;
use crate::task::seal::{KeyRing, Kind, Owner};
use adapters::credential::Handle;
use adapters::secret::Secret;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// A lease as the journal keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Its id; the label its issuer knows it by is made of it.
    pub(crate) id: Uuid,
    /// The credential it is one of.
    pub(crate) credential: Arc<str>,
    /// Who issued it: what a credential of that name is asked of later may be somebody else.
    #[serde(default)]
    pub(super) backend: String,
    /// The server it is for.
    pub(crate) server: Arc<str>,
    /// The only place it may go: scheme, host and port.
    pub(crate) origin: Arc<str>,
    /// Whose it is.
    pub(crate) agent: Arc<str>,
    pub(crate) subject: Arc<str>,
    pub(crate) user: Option<Arc<str>>,
    /// The agents before, oldest first.
    pub(crate) chain: Arc<[Arc<str>]>,
    /// The task it was minted in.
    pub(crate) task: Uuid,
    /// When it was ordered, seconds since the epoch.
    pub(crate) began: u64,
    /// From when on it is no longer good, whatever happens; moved by renewal.
    pub(crate) until: u64,
    /// What it asked for.
    pub(crate) scope: Box<[String]>,
    /// Sealed: what all that was minted for it can be found by.
    root: Option<String>,
    /// Sealed: what it takes to take it back; none while it is not known to be minted.
    handle: Option<String>,
    /// Whether it is known to be minted.
    pub(crate) minted: bool,
}

/// What an entry is made of.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) credential: &'a Arc<str>,
    pub(super) backend: String,
    pub(super) server: &'a Arc<str>,
    pub(super) origin: Arc<str>,
    pub(super) principal: &'a Principal,
    pub(super) chain: &'a Arc<[Arc<str>]>,
    pub(super) task: Uuid,
    pub(super) scope: Box<[String]>,
    pub(super) began: u64,
    pub(super) until: u64,
}

// === impl Entry ===

impl Entry {
    /// A lease nobody has minted yet.
    pub(super) fn new(facts: Facts<'_>) -> Self {
        Self {
            id: Uuid::now_v7(),
            credential: Arc::clone(facts.credential),
            backend: facts.backend,
            server: Arc::clone(facts.server),
            origin: facts.origin,
            agent: Arc::clone(&facts.principal.agent),
            subject: Arc::clone(&facts.principal.subject),
            user: facts.principal.user.clone(),
            chain: Arc::clone(facts.chain),
            task: facts.task,
            began: facts.began,
            until: facts.until,
            scope: facts.scope,
            root: None,
            handle: None,
            minted: false,
        }
    }

    /// As its issuer knows it.
    pub(crate) fn label(&self) -> String {
        format!("hopgate-{}", self.id.simple())
    }

    /// Notes under which root it will be minted. Nothing may be minted that cannot be written down.
    pub(super) fn rooted(&mut self, root: Option<&Handle>, keys: &KeyRing) -> Result<(), String> {
        self.root = self.sealed(root, keys)?;
        Ok(())
    }

    /// Notes that it is minted, and what takes it back.
    pub(super) fn minted(
        &mut self,
        handle: Option<&Handle>,
        until: u64,
        keys: &KeyRing,
    ) -> Result<(), String> {
        self.until = until;
        self.minted = true;
        self.handle = self.sealed(handle, keys)?;
        Ok(())
    }

    /// Root and handle, as far as these keys open them.
    pub(super) fn open(&self, keys: &KeyRing) -> (Option<Handle>, Option<Handle>) {
        let open = |text: &Option<String>| {
            let opened = keys.open(self.owner(&self.principal()), self.kind(), text.as_ref()?)?;
            Some(Handle(Secret::new(opened)))
        };
        (open(&self.root), open(&self.handle))
    }

    /// Whether it holds something that these keys do not open.
    pub(super) fn is_locked(&self, keys: &KeyRing) -> bool {
        let (root, handle) = self.open(keys);
        root.is_some() != self.root.is_some() || handle.is_some() != self.handle.is_some()
    }

    pub(super) fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Whose it is.
    pub(super) fn principal(&self) -> Principal {
        Principal {
            agent: Arc::clone(&self.agent),
            subject: Arc::clone(&self.subject),
            user: self.user.clone(),
        }
    }

    fn sealed(&self, handle: Option<&Handle>, keys: &KeyRing) -> Result<Option<String>, String> {
        let Some(Handle(handle)) = handle else {
            return Ok(None);
        };
        let sealed = keys.seal(self.owner(&self.principal()), self.kind(), handle.expose());
        let why = || "the system has no randomness".to_owned();
        sealed.map(Some).ok_or_else(why)
    }

    fn owner<'a>(&'a self, principal: &'a Principal) -> Owner<'a> {
        Owner {
            principal,
            server: &self.server,
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Lease(self.id.as_bytes())
    }
}
