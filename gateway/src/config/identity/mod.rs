//! `[identities.X]` and the part of `[agents.X]` that identity needs, as types.

mod keys;

pub(super) use keys::{IDENTITY, of_kind};

use super::InboundTls;
use ipnet::IpNet;
use policy::model::Lifecycle;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// `[identities.X]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Loopback only, for the first run.
    Local,
    /// Bearer tokens of an OpenID Connect or OAuth issuer.
    Oidc(Box<Oidc>),
    /// Workloads of a SPIFFE trust domain.
    Spiffe(Box<Spiffe>),
    /// Static keys, known only by their hash.
    Key(Vec<StaticKey>),
}

/// `kind = "oidc"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oidc {
    /// Exactly what `iss` must say.
    pub issuer: String,
    /// The same as a URL.
    pub url: Url,
    /// Where its keys are, where discovery shall not say so.
    pub jwks: Option<Url>,
    /// Accepted beside each endpoint's own URI.
    pub audience: Vec<String>,
    /// The signatures it may use.
    pub algorithms: Vec<String>,
    /// The longest life a token may have.
    pub max_life: Duration,
    /// How long the last good keys are used when the issuer does not answer.
    pub stale: Duration,
    /// The claim that names the agent; without it `sub`, or the outermost actor.
    pub agent: Option<String>,
    /// The claim that names the user the agent acts for.
    pub user: Option<String>,
    /// Whether the actors in `act` are believed to be a chain.
    pub delegation: bool,
    /// What every token must be bound to.
    pub require: Option<Binding>,
    /// Roots added to the system's and the gateway's.
    pub ca: Vec<PathBuf>,
    /// What the gateway shows the issuer.
    pub client_cert: Option<InboundTls>,
    /// Networks the issuer may be in.
    pub allow_private: Vec<IpNet>,
}

/// What binds a token to who was given it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// A key, proven with each request (RFC 9449).
    Dpop,
    /// The certificate of the connection (RFC 8705).
    Certificate,
}

/// `kind = "spiffe"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spiffe {
    /// Whose workloads.
    pub trust_domain: String,
    /// Other trust domains that are believed.
    pub federates: Vec<String>,
    /// Where bundles and the gateway's own SVID come from.
    pub from: SpiffeFrom,
    /// Accepted in JWT-SVIDs beside each endpoint's own URI.
    pub audience: Vec<String>,
    /// The longest life a JWT-SVID may have.
    pub max_life: Duration,
}

/// Where bundles and the gateway's own SVID come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpiffeFrom {
    /// The Workload API at this socket.
    WorkloadApi(String),
    /// Files, re-read on change.
    Files {
        /// The bundle of the trust domain.
        bundle: PathBuf,
        /// The gateway's own SVID.
        svid: Option<InboundTls>,
    },
}

/// One static key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticKey {
    /// The subject it proves.
    pub id: String,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
}

/// `[agents.X]` as identity sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Who proves to be this agent.
    pub identity: Vec<policy::model::Matcher>,
    /// Lifecycle: only an active agent may call.
    pub state: Lifecycle,
    /// First instant it may no longer call, seconds since the epoch.
    pub expires: Option<i64>,
    /// Whether it may act only within another's chain.
    pub requires_chain: bool,
    /// Who answers for it.
    pub owner: Option<String>,
    /// What it is for.
    pub purpose: Option<String>,
}

// === impl Agent ===

impl Agent {
    /// Why it may not call at this instant, if it may not.
    #[must_use]
    pub fn unavailable(&self, now: u64) -> Option<&'static str> {
        let over = |end: i64| u64::try_from(end).map_or(true, |end| now >= end);
        match self.state {
            Lifecycle::Proposed => Some("the agent is proposed, not active"),
            Lifecycle::Suspended => Some("the agent is suspended"),
            Lifecycle::Retired => Some("the agent is retired"),
            Lifecycle::Active if self.expires.is_some_and(over) => Some("the agent has expired"),
            Lifecycle::Active => None,
        }
    }
}
