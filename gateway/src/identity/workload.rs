//! Workloads that prove themselves by the certificate of their connection: X.509-SVIDs.
//!
//! The handshake has proven the key and nothing else; the chain is judged here, for each request, so that a rotated
//! bundle or a withdrawn agent reaches connections that are open.

use super::registry::Subject;
use super::sources::Mesh;
use super::{Caller, Fault, Principal, Proof, Resource, now};
use crate::pipeline::Refusal;
use crate::snapshot::Snapshot;
use adapters::identity::spiffe::{self, SpiffeId};
use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::{CertificateDer, UnixTime};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// The certificates a connection was opened with.
#[derive(Debug)]
pub struct Shown {
    chain: Vec<CertificateDer<'static>>,
    print: OnceLock<[u8; 32]>,
    /// Who that was, under which snapshot and which state of the bundles.
    judged: Mutex<Option<Judged>>,
}

#[derive(Debug, Clone)]
struct Judged {
    snapshot: u64,
    bundles: u64,
    caller: Caller,
}

// === impl Shown ===

impl Shown {
    /// The chain of a handshake, the client's own certificate first.
    #[must_use]
    pub fn new(chain: Vec<CertificateDer<'static>>) -> Self {
        Self {
            chain,
            print: OnceLock::new(),
            judged: Mutex::default(),
        }
    }

    /// SHA-256 of the client's own certificate.
    pub(super) fn print(&self) -> Option<[u8; 32]> {
        let own = self.chain.first()?;
        Some(*self.print.get_or_init(|| {
            let mut print = [0; 32];
            print.copy_from_slice(digest(&SHA256, own).as_ref());
            print
        }))
    }
}

/// Proves which workload a connection's certificate is of.
///
/// # Errors
///
/// A chain that no trust domain here vouches for, a workload that is no agent.
pub(super) fn prove(
    shown: &Shown,
    snapshot: &Snapshot,
    resource: Resource<'_>,
) -> Result<Caller, Refusal> {
    let now = now();
    let lock = || shown.judged.lock().unwrap_or_else(PoisonError::into_inner);
    let bundles = snapshot
        .sources
        .meshes
        .values()
        .map(|mesh| mesh.source.epoch())
        .sum();
    let judged = lock().clone();
    if let Some(judged) =
        judged.filter(|one| one.snapshot == snapshot.epoch && one.bundles == bundles)
    {
        // An SVID that has expired meanwhile is judged again, for the right reason.
        if judged.caller.proof.expires.is_none_or(|end| now < end) {
            return Ok(judged.caller);
        }
    }
    let caller = judge(shown, snapshot, resource, now)?;
    *lock() = Some(Judged {
        snapshot: snapshot.epoch,
        bundles,
        caller: caller.clone(),
    });
    Ok(caller)
}

fn judge(
    shown: &Shown,
    snapshot: &Snapshot,
    resource: Resource<'_>,
    now: u64,
) -> Result<Caller, Refusal> {
    let instant = UnixTime::since_unix_epoch(Duration::from_secs(now));
    let mut why =
        "a certificate was shown, and no identity of kind `spiffe` is configured".to_owned();
    for mesh in snapshot.sources.meshes.values() {
        match spiffe::verify(&shown.chain, &mesh.source, instant) {
            Ok(svid) => {
                return caller(
                    mesh,
                    &svid.id,
                    snapshot,
                    (Some(svid.expires), svid.expires),
                    now,
                );
            }
            Err(fault) => why = format!("the certificate: {fault}"),
        }
    }
    Err(Fault::bad(why).refuse(snapshot, resource))
}

/// The caller that a workload is.
pub(super) fn caller(
    mesh: &Mesh,
    id: &SpiffeId,
    snapshot: &Snapshot,
    (made, expires): (Option<u64>, u64),
    now: u64,
) -> Result<Caller, Refusal> {
    let none = serde_json::Map::new();
    let subject = Subject {
        source: &mesh.name,
        workload: true,
        name: id.as_str(),
        claims: &none,
    };
    let (agent, end) = snapshot.registry.agent(subject, now)?;
    Ok(Caller {
        principal: Arc::new(Principal {
            agent,
            subject: Arc::from(id.as_str()),
            user: None,
        }),
        proof: Arc::new(Proof {
            source: Arc::clone(&mesh.name),
            name: Box::from(id.as_str()),
            expires: [end, Some(expires)].into_iter().flatten().min(),
            agent_until: end,
            made,
            ..Proof::default()
        }),
    })
}
