//! Stage 1, who is calling: from the head of a request alone, before its body is read.
//!
//! A proof that fails never falls back to the next kind: `Authorization` decides, then the client certificate,
//! then `local`. Nothing in a URL, a body or a forwarded header ever says who calls.

mod challenge;
mod claims;
mod metadata;
mod registry;
mod resource;
pub(crate) mod sources;
mod token;
mod workload;

pub(crate) use challenge::{Challenge, insufficient_scope};
pub(crate) use metadata::{authorization_server, protected_resource};
pub(crate) use registry::Registry;
pub(crate) use resource::Resource;
pub(crate) use sources::Sources;
pub(crate) use token::Tokens;
pub(crate) use workload::Shown;

use crate::audit::Ledger;
use crate::pipeline::{Evidence, Inbound, Peer, Record, Refusal, Step};
use crate::snapshot::Snapshot;
use aws_lc_rs::digest::{SHA256, digest};
use http::request::Parts;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A verified caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    /// The registered agent.
    pub agent: Arc<str>,
    /// The exact subject that was proven, stable across tokens and connections.
    pub subject: Arc<str>,
    /// Whom the agent acts for.
    pub user: Option<Arc<str>>,
}

/// What a caller's proof says beside who it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Proof {
    /// The identity that verified it.
    pub(crate) source: Arc<str>,
    /// As what that identity knows the caller.
    pub(crate) name: Box<str>,
    /// First second at which it, or the agent, is no longer good.
    pub(crate) expires: Option<u64>,
    /// First second at which the agent, or one before it, may no longer act.
    pub(crate) agent_until: Option<u64>,
    /// OAuth scopes.
    pub(crate) scopes: Box<[Box<str>]>,
    /// Agents before the caller that a trusted issuer vouches for, oldest first.
    pub(crate) actors: Arc<[Arc<str>]>,
    /// When it was made, in seconds; none for what proves itself anew with each request.
    pub(crate) made: Option<u64>,
}

/// A principal and its proof.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) principal: Arc<Principal>,
    pub(crate) proof: Arc<Proof>,
}

/// A request whose caller is proven. Made only by [`identify`].
#[derive(Debug)]
pub(crate) struct Identified {
    inbound: Inbound,
    snapshot: Arc<Snapshot>,
    proven: Proven,
}

/// What hears a proof out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hearing<'a> {
    pub(crate) tokens: &'a Tokens,
    /// Knows which addresses are not worth hearing in this second.
    pub(crate) ledger: &'a Ledger,
}

/// Who calls, and what the body must then be.
#[derive(Debug)]
pub(crate) struct Proven {
    pub(crate) caller: Caller,
    /// SHA-256 of the only body the caller's key has signed for.
    pub(crate) content: Option<[u8; 32]>,
}

/// Proves who sends this request.
///
/// # Errors
///
/// [`Refusal::Unproven`] without a good proof, [`Refusal::AgentUnavailable`] where the proof is good but of nobody
/// who may call; [`Refusal::Flooding`] where it is not heard out.
pub(crate) async fn identify(
    inbound: Inbound,
    snapshot: Arc<Snapshot>,
    hearing: Hearing<'_>,
) -> Result<Identified, Refusal> {
    let resource = Resource::Endpoint(&inbound.server);
    let proven = prove(&inbound.head, &inbound.peer, resource, &snapshot, hearing).await?;
    Ok(Identified {
        inbound,
        snapshot,
        proven,
    })
}

/// Proves who sends a request for this resource.
///
/// # Errors
///
/// As [`identify`].
pub(crate) async fn prove(
    head: &Parts,
    peer: &Peer,
    resource: Resource<'_>,
    snapshot: &Snapshot,
    hearing: Hearing<'_>,
) -> Result<Proven, Refusal> {
    let proven = hear(head, peer, resource, snapshot, hearing).await;
    // Whatever it brought: nobody unknown is heard from an address that was refused so often in this second.
    proven.map_err(|refusal| match hearing.ledger.floods(peer.address.ip()) {
        true => Refusal::Flooding,
        false => refusal,
    })
}

async fn hear(
    head: &Parts,
    peer: &Peer,
    resource: Resource<'_>,
    snapshot: &Snapshot,
    hearing: Hearing<'_>,
) -> Result<Proven, Refusal> {
    let unproven = |why: Fault| why.refuse(snapshot, resource);
    let presented = token::presented(&head.headers).map_err(unproven)?;
    if let Some(presented) = presented {
        let request = token::Request {
            head,
            peer,
            resource,
            snapshot,
        };
        return hearing.prove(presented, &request).await;
    }
    let caller = match &peer.shown {
        Some(shown) => workload::prove(shown, snapshot, resource)?,
        None => local(head, peer, snapshot, resource)?,
    };
    Ok(Proven {
        caller,
        content: None,
    })
}

/// The caller from this machine.
fn local(
    head: &Parts,
    peer: &Peer,
    snapshot: &Snapshot,
    resource: Resource<'_>,
) -> Result<Caller, Refusal> {
    let unproven = |why: &'static str| Fault::absent(why).refuse(snapshot, resource);
    let Some(caller) = snapshot.registry.local() else {
        return Err(unproven(
            "no proof was sent, and no identity of kind `local` is configured",
        ));
    };
    if !peer.address.ip().to_canonical().is_loopback() {
        return Err(unproven("`local` needs a loopback connection"));
    }
    if is_proxied(&head.headers) {
        return Err(unproven(
            "a request that came through a proxy is never local",
        ));
    }
    let caller = caller.clone()?;
    in_time(&caller, now())?;
    Ok(caller)
}

/// Holds a body against the digest that the caller's key has signed.
///
/// # Errors
///
/// [`Refusal::Unproven`] for every other body.
pub(crate) fn same_body(
    wanted: [u8; 32],
    body: &[u8],
    snapshot: &Snapshot,
    resource: Resource<'_>,
) -> Result<(), Refusal> {
    if digest(&SHA256, body).as_ref() == wanted {
        return Ok(());
    }
    Err(Fault::unbound("the proof of the key is for another body").refuse(snapshot, resource))
}

/// Whether a proxy stood between the caller and us, by the marks it left.
fn is_proxied(headers: &http::HeaderMap) -> bool {
    headers.keys().any(|name| {
        let name = name.as_str();
        matches!(name, "forwarded" | "via" | "x-real-ip") || name.starts_with("x-forwarded-")
    })
}

/// An agent may expire between two requests with one proof.
fn in_time(caller: &Caller, now: u64) -> Result<(), Refusal> {
    match caller.proof.agent_until {
        Some(end) if now >= end => Err(Refusal::AgentUnavailable(Cow::Borrowed(
            "the agent has expired",
        ))),
        _ => Ok(()),
    }
}

/// Seconds since the epoch; a clock before it is at the end of time, where nothing is good any more.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(u64::MAX, |age| age.as_secs())
}

/// What is wrong with a proof.
#[derive(Debug)]
pub(crate) struct Fault {
    /// For the operator.
    why: Cow<'static, str>,
    /// What kind of fault the caller is told of.
    kind: challenge::Kind,
}

// === impl Principal ===

impl Principal {
    /// What tells it from every other; none of the parts holds a control character.
    pub(crate) fn parts(&self) -> [&[u8]; 3] {
        [
            self.agent.as_bytes(),
            self.subject.as_bytes(),
            self.user.as_deref().unwrap_or_default().as_bytes(),
        ]
    }
}

// === impl Fault ===

impl Fault {
    /// None was sent.
    fn absent(why: impl Into<Cow<'static, str>>) -> Self {
        Self {
            why: why.into(),
            kind: challenge::Kind::Absent,
        }
    }

    /// A bad one was sent.
    fn bad(why: impl Into<Cow<'static, str>>) -> Self {
        Self {
            why: why.into(),
            kind: challenge::Kind::Token,
        }
    }

    /// A good one lacks the proof of its key, or that one is bad.
    fn unbound(why: impl Into<Cow<'static, str>>) -> Self {
        Self {
            why: why.into(),
            kind: challenge::Kind::Dpop,
        }
    }

    fn refuse(self, snapshot: &Snapshot, resource: Resource<'_>) -> Refusal {
        Refusal::Unproven(
            self.why,
            Box::new(Challenge::new(snapshot, resource, self.kind)),
        )
    }
}

// === impl Identified ===

impl Identified {
    /// The agent that calls.
    pub(crate) fn agent(&self) -> &str {
        &self.proven.caller.principal.agent
    }

    /// Takes the proven parts apart, for the stage that reads the body.
    pub(crate) fn into_parts(self) -> (Inbound, Arc<Snapshot>, Proven) {
        (self.inbound, self.snapshot, self.proven)
    }
}

impl Evidence for Identified {
    const STEP: Option<Step> = Some(Step::Identify);

    fn note(&self, record: &mut Record) {
        record.identify(&self.proven.caller);
    }
}
