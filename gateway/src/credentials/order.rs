//! What a call needs to go out with: which credential, for whom, for how long, and good for what.

use super::source::Source;
use crate::audit::CallId;
use crate::authorize::Authorized;
use crate::config::{Choice, Identity, Per, Upstream, stands_for};
use crate::identity::{Principal, now};
use crate::pipeline::Refusal;
use crate::snapshot::{Server, Snapshot};
use crate::task::Task;
use adapters::credential::{Order, Whom};
use adapters::secret::Secret;
use aws_lc_rs::digest::{SHA256, digest};
use policy::lease::NONE;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use url::Url;
use uuid::Uuid;

/// What tells one lease from every other: nothing in it is ever shared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// The credential, as configured at that time.
    source: u64,
    /// The server, as configured at that time.
    server: u64,
    pub(super) holder: Holder,
    scope: Box<[String]>,
    /// The longest life that rules and envelopes allow.
    most: u64,
    /// A digest of the token its caller came with, where what is minted depends on it.
    proof: Option<[u8; 32]>,
}

/// Whom a lease serves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Holder {
    /// The calls of a task.
    Task(Uuid),
    /// The calls of a principal, through the same chain.
    Principal(Arc<Principal>, Arc<[Arc<str>]>),
    /// One call.
    Call,
}

/// What a call needs, with all that a mint may ask about.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) source: Arc<Source>,
    pub(super) server: Arc<Server>,
    pub(super) url: Url,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) task: Arc<Task>,
    pub(super) scope: Box<[String]>,
    pub(super) proof: Option<Secret>,
    pub(super) call: CallId,
    /// When it has ended whatever happens.
    until: u64,
    name: Arc<str>,
}

/// What a call needs, as far as every call must know.
#[derive(Debug)]
pub(super) struct Need<'a> {
    authorized: &'a Authorized,
    pub(super) source: &'a Arc<Source>,
    url: &'a Url,
    scope: Box<[String]>,
    most: u64,
}

/// Where a bearer's token begins.
const BEARER: &str = "bearer ";

/// What a snapshot knows, by its numbers.
#[derive(Debug)]
pub(super) struct Known {
    sources: HashSet<u64>,
    servers: HashSet<u64>,
}

// === impl Known ===

impl Known {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let sources = snapshot.credentials.values();
        let servers = snapshot.servers.values();
        Self {
            sources: sources.map(|source| source.number).collect(),
            servers: servers.map(|server| server.number).collect(),
        }
    }
}

// === impl Key ===

impl Key {
    /// Whether it speaks of what a snapshot knows.
    pub(super) fn is_of(&self, known: &Known) -> bool {
        known.sources.contains(&self.source) && known.servers.contains(&self.server)
    }
}

// === impl Need ===

impl<'a> Need<'a> {
    /// What an authorized call needs; none for one that goes out without a credential.
    ///
    /// # Errors
    ///
    /// [`Refusal::Uncredentialed`] where it can have none.
    pub(super) fn of(authorized: &'a Authorized) -> Result<Option<Self>, Refusal> {
        let server = authorized.server();
        let grant = authorized.grant();
        let own = match &server.settings.credential {
            Choice::Named(name) => Some(name),
            Choice::Unsaid | Choice::None => None,
        };
        let chosen = grant.credential().or(own);
        let Some(name) = chosen.filter(|name| ***name != *NONE) else {
            return Ok(None);
        };
        let snapshot = &authorized.bound().asked().context().snapshot;
        let Some(source) = snapshot.credentials.get(name) else {
            return Err(Refusal::uncredentialed("it is not configured"));
        };
        let Upstream::Http(http) = &server.settings.upstream else {
            return Err(Refusal::uncredentialed("a built-in server takes none"));
        };
        Ok(Some(Self {
            authorized,
            source,
            url: &http.url,
            scope: scope(&source.settings.scope, grant.scope())?,
            most: grant.life().unwrap_or(u64::MAX),
        }))
    }

    /// What tells its lease from every other.
    pub(super) fn key(&self) -> Key {
        let bound = self.authorized.bound();
        Key {
            source: self.source.number,
            server: self.authorized.server().number,
            holder: match self.source.settings.per {
                Per::Task => Holder::Task(bound.task().id()),
                Per::Agent => Holder::Principal(
                    Arc::clone(bound.task().principal()),
                    Arc::clone(bound.task().chain()),
                ),
                Per::Call => Holder::Call,
            },
            scope: self.scope.clone(),
            most: self.most,
            proof: self.proof(),
        }
    }

    /// Two tokens of one principal may be good for different things, and so is what is got for them.
    fn proof(&self) -> Option<[u8; 32]> {
        if !self.source.issuer.uses_proof() {
            return None;
        }
        let proof = token(&self.authorized.bound().asked().context().headers)?;
        digest(&SHA256, proof.expose()).as_ref().try_into().ok()
    }

    /// All that a mint may ask about.
    ///
    /// # Errors
    ///
    /// [`Refusal::Uncredentialed`] where no time is left for it.
    pub(super) fn wanted(self, call: CallId) -> Result<Wanted, Refusal> {
        let bound = self.authorized.bound();
        let context = bound.asked().context();
        let life = self.source.settings.ttl.as_secs().min(self.most);
        let proof = context.caller.proof.expires.unwrap_or(u64::MAX);
        let until = now().saturating_add(life).min(bound.task().deadline());
        let until = until.min(proof);
        if until <= now() {
            return Err(Refusal::uncredentialed("no time is left for one"));
        }
        // A static key is the gateway's to know, and nobody else's.
        let identity = context
            .snapshot
            .config
            .identities
            .get(&context.caller.proof.source);
        let keyed = matches!(identity, Some(Identity::Key(_)));
        Ok(Wanted {
            source: Arc::clone(self.source),
            server: Arc::clone(self.authorized.server()),
            url: self.url.clone(),
            snapshot: Arc::clone(&context.snapshot),
            task: Arc::clone(bound.task()),
            proof: token(&context.headers).filter(|_| !keyed),
            name: Arc::clone(&context.name),
            scope: self.scope,
            until,
            call,
        })
    }
}

// === impl Wanted ===

impl Wanted {
    /// When it has ended whatever happens, seconds since the epoch.
    pub(super) fn until(&self) -> u64 {
        self.until
    }

    /// How long it may live from now on.
    pub(super) fn life(&self) -> Duration {
        Duration::from_secs(self.until.saturating_sub(now()))
    }

    /// The server's name.
    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What its issuer is asked.
    pub(super) fn order(&self, label: String) -> Order {
        let principal = self.task.principal();
        Order {
            label: label.into(),
            life: self.life(),
            scope: self.scope.to_vec(),
            resource: Some(self.url.clone()),
            proof: self.proof.clone(),
            whom: Whom {
                agent: Arc::clone(&principal.agent),
                subject: Arc::clone(&principal.subject),
                user: principal.user.clone(),
                chain: Arc::clone(self.task.chain()),
                task: self.task.id().simple().to_string(),
                txn: self.task.txn().simple().to_string(),
                server: Arc::clone(&self.name),
            },
        }
    }
}

/// What a lease is asked for: what rules say, within what the credential says; where they say nothing, that itself.
fn scope(widest: &[String], wanted: Option<&[String]>) -> Result<Box<[String]>, Refusal> {
    let within = |scope: &str| widest.iter().any(|one| stands_for(one, scope));
    match wanted {
        Some(wanted) if widest.is_empty() => Ok(wanted.into()),
        Some(wanted) => match wanted.iter().find(|scope| !within(scope)) {
            None => Ok(wanted.into()),
            Some(_) => Err(Refusal::uncredentialed(
                "a rule asks for a scope that the credential does not have",
            )),
        },
        None if widest.iter().any(|scope| scope.contains('*')) => Err(Refusal::uncredentialed(
            "no rule says which scope of those that the credential may have",
        )),
        None => Ok(widest.into()),
    }
}

/// The token its caller came with.
fn token(headers: &http::HeaderMap) -> Option<Secret> {
    let value = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_at_checked(BEARER.len())?;
    scheme
        .eq_ignore_ascii_case(BEARER)
        .then(|| Secret::from(token.trim()))
}
