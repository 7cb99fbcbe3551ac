//! Stage 1, who is calling: from the head of a request alone, before its body is read.
//!
//! A proof that fails never falls back to the next kind: `Authorization` decides, then the client certificate,
//! then `local`. This version verifies `local` only, so a request that brings a token is unproven.

use crate::config::{Agent, Identity};
use crate::pipeline::{Evidence, Inbound, Record, Refusal};
use crate::snapshot::Snapshot;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A verified caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    /// The registered agent.
    pub agent: Arc<str>,
    /// The exact subject that was proven, stable across tokens and connections.
    pub subject: Arc<str>,
}

/// A request whose caller is proven. Made only by [`identify`].
#[derive(Debug)]
pub(crate) struct Identified {
    inbound: Inbound,
    snapshot: Arc<Snapshot>,
    principal: Arc<Principal>,
}

/// Proves who sends this request.
///
/// # Errors
///
/// [`Refusal::Unproven`] without a good proof, [`Refusal::AgentUnavailable`] where the proof is good but of nobody
/// who may call.
pub(crate) fn identify(inbound: Inbound, snapshot: Arc<Snapshot>) -> Result<Identified, Refusal> {
    if inbound
        .head
        .headers
        .contains_key(http::header::AUTHORIZATION)
    {
        return Err(Refusal::Unproven(
            "a token was sent, and no identity here verifies tokens",
        ));
    }
    if !snapshot
        .config
        .identities
        .values()
        .any(|kind| *kind == Identity::Local)
    {
        return Err(Refusal::Unproven(
            "no proof was sent, and no identity of kind `local` is configured",
        ));
    }
    if !inbound.peer.address.ip().to_canonical().is_loopback() {
        return Err(Refusal::Unproven("`local` needs a loopback connection"));
    }
    if is_proxied(&inbound.head.headers) {
        return Err(Refusal::Unproven(
            "a request that came through a proxy is never local",
        ));
    }
    let agent = snapshot.config.agents.iter().find(|(_, agent)| agent.local);
    let Some((settings, principal)) =
        agent.and_then(|(name, settings)| Some((settings, snapshot.principals.local(name)?)))
    else {
        return Err(Refusal::AgentUnavailable(
            "no agent has the identity `local`",
        ));
    };
    available(settings)?;
    Ok(Identified {
        inbound,
        snapshot,
        principal,
    })
}

/// Whether a proxy stood between the caller and us, by the marks it left.
fn is_proxied(headers: &http::HeaderMap) -> bool {
    headers.keys().any(|name| {
        let name = name.as_str();
        matches!(name, "forwarded" | "via" | "x-real-ip") || name.starts_with("x-forwarded-")
    })
}

fn available(agent: &Agent) -> Result<(), Refusal> {
    if !agent.active {
        return Err(Refusal::AgentUnavailable("the agent is not active"));
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(i64::MAX, |age| {
            i64::try_from(age.as_secs()).unwrap_or(i64::MAX)
        });
    match agent.expires {
        Some(end) if now >= end => Err(Refusal::AgentUnavailable("the agent has expired")),
        _ => Ok(()),
    }
}

// === impl Identified ===

impl Identified {
    /// Takes the proven parts apart, for the stage that reads the body.
    pub(crate) fn into_parts(self) -> (Inbound, Arc<Snapshot>, Arc<Principal>) {
        (self.inbound, self.snapshot, self.principal)
    }
}

impl Evidence for Identified {
    fn note(&self, record: &mut Record) {
        record.principal = Some(Arc::clone(&self.principal));
    }
}
