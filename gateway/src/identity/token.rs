//! Proofs in `Authorization`: static keys, tokens of an issuer, JWT-SVIDs; and what some of them are bound to.
//!
//! A token that was verified lately is known again by its digest: then only what depends on this request and this
//! instant is looked at.

use super::claims::meaning;
use super::registry::Subject;
use super::sources::{Issuer, Mesh, Signer};
use super::{Caller, Fault, Hearing, Principal, Proof, Proven, Resource, in_time, now};
use crate::config::Binding;
use crate::pipeline::{Peer, Refusal};
use crate::snapshot::Snapshot;
use adapters::identity::dpop::{self, Replays};
use adapters::identity::jwt::{self, Claims};
use adapters::identity::spiffe::SpiffeId;
use aws_lc_rs::digest::{SHA256, digest};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use quick_cache::sync::Cache;
use std::sync::Arc;

/// What verifies tokens, and the tokens it knows.
#[derive(Debug)]
pub(crate) struct Tokens {
    known: Cache<[u8; 32], Arc<Known>>,
    replays: Replays,
}

/// A token as it was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Presented<'a> {
    token: &'a str,
    /// Under the scheme `DPoP`.
    bound: bool,
}

/// What a token is sent with.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) head: &'a Parts,
    pub(super) peer: &'a Peer,
    pub(super) resource: Resource<'a>,
    pub(super) snapshot: &'a Snapshot,
}

/// A verified token.
#[derive(Debug)]
struct Known {
    /// The snapshot under which its agent was found.
    epoch: u64,
    /// Whose keys verified it, and in which state they were.
    keys: Option<(Signer, u64)>,
    /// The last second at which it is known without being looked at again.
    until: u64,
    audience: Box<[String]>,
    /// Audiences its identity accepts beside the resource.
    accepted: bool,
    key: Option<Box<str>>,
    certificate: Option<[u8; 32]>,
    require: Option<Binding>,
    caller: Caller,
}

/// Tokens known at once; the least used make room.
const KNOWN_MOST: usize = 50_000;
/// A key that was withdrawn is noticed after this many seconds at the latest.
const KNOWN_FOR: u64 = 60;
/// Proofs of keys remembered at once; when none can be forgotten, no further one is believed.
const REPLAYS_MOST: usize = 200_000;
/// How long after it was made a proof of a key could be sent again.
const REPLAY_WINDOW: u64 = 5 * 60 + 1;

/// The token of a request.
///
/// # Errors
///
/// What cannot be a token of ours.
pub(super) fn presented(headers: &HeaderMap) -> Result<Option<Presented<'_>>, Fault> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, more) = (values.next(), values.next());
    if more.is_some() {
        return Err(Fault::bad("`Authorization` came more than once"));
    }
    let Some(value) = value else {
        return Ok(None);
    };
    let text = value
        .to_str()
        .map_err(|_| Fault::bad("`Authorization` is no plain text"))?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    let bound = scheme.eq_ignore_ascii_case("DPoP");
    if !bound && !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(Fault::bad(
            "the scheme of `Authorization` is neither Bearer nor DPoP",
        ));
    }
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Fault::bad("`Authorization` holds no token"));
    }
    Ok(Some(Presented { token, bound }))
}

// === impl Tokens ===

impl Default for Tokens {
    fn default() -> Self {
        Self {
            known: Cache::new(KNOWN_MOST),
            replays: Replays::new(REPLAYS_MOST),
        }
    }
}

impl Hearing<'_> {
    /// Proves who sends a token.
    pub(super) async fn prove(
        self,
        presented: Presented<'_>,
        request: &Request<'_>,
    ) -> Result<Proven, Refusal> {
        let unproven = |fault: Fault| fault.refuse(request.snapshot, request.resource);
        let mut print = [0; 32];
        print.copy_from_slice(digest(&SHA256, presented.token.as_bytes()).as_ref());
        let now = now();
        if let Some(caller) = request
            .snapshot
            .registry
            .key(&print)
            .filter(|_| !presented.bound)
        {
            let caller = caller.clone()?;
            in_time(&caller, now)?;
            return Ok(Proven {
                caller,
                content: None,
            });
        }
        let known = self.tokens.known.get(&print);
        // One that must be looked at again was good all the same.
        let lasts = |known: &Arc<Known>| known.caller.proof.expires.is_none_or(|end| now < end);
        let good = known.as_ref().is_some_and(lasts);
        let known = known.filter(|known| known.stands(request.snapshot, now));
        let known = match known {
            Some(known) => known,
            // Who is known goes on being served, whoever else sends rubbish from the same address.
            None if !good && self.ledger.floods(request.peer.address.ip()) => {
                return Err(Refusal::Flooding);
            }
            None => {
                let known = Arc::new(verify(presented.token, request, now).await?);
                self.tokens.known.insert(print, Arc::clone(&known));
                known
            }
        };
        let public = request.snapshot.public();
        let meant = |audience: &String| request.resource.accepts(public, audience);
        if !known.accepted && !known.audience.iter().any(meant) {
            return Err(unproven(Fault::bad("the token is for another audience")));
        }
        in_time(&known.caller, now)?;
        let content = self
            .tokens
            .bound(&known, presented, request, now)
            .map_err(unproven)?;
        Ok(Proven {
            caller: known.caller.clone(),
            content,
        })
    }
}

impl Tokens {
    /// Holds a token against what it is bound to; returns the only body its key has signed for, if it says so.
    fn bound(
        &self,
        known: &Known,
        presented: Presented<'_>,
        request: &Request<'_>,
        now: u64,
    ) -> Result<Option<[u8; 32]>, Fault> {
        if let Some(wanted) = &known.certificate {
            let shown = request.peer.shown.as_ref().and_then(|shown| shown.print());
            if shown.as_ref() != Some(wanted) {
                return Err(Fault::bad("the token is bound to another certificate"));
            }
        } else if known.require == Some(Binding::Certificate) {
            return Err(Fault::bad(
                "the token is bound to no certificate, and its identity requires it",
            ));
        }
        let Some(key) = &known.key else {
            return match (known.require, presented.bound) {
                (Some(Binding::Dpop), _) => Err(Fault::unbound(
                    "the token is bound to no key, and its identity requires it",
                )),
                (_, true) => Err(Fault::unbound(
                    "the scheme is DPoP, and the token is bound to no key",
                )),
                _ => Ok(None),
            };
        };
        if !presented.bound {
            return Err(Fault::unbound(
                "the token is bound to a key, and the scheme is not DPoP",
            ));
        }
        let mut proofs = request.head.headers.get_all("dpop").iter();
        let (Some(proof), None) = (proofs.next().map(HeaderValue::to_str), proofs.next()) else {
            return Err(Fault::unbound(
                "there is not exactly one proof of the token's key",
            ));
        };
        let proof = proof.map_err(|_| Fault::unbound("the proof of the key is no text"))?;
        let url = url(request);
        let proof = dpop::check(
            proof,
            request.head.method.as_str(),
            &url,
            presented.token,
            now,
        )
        .map_err(|why| Fault::unbound(format!("the proof of the key: {why}")))?;
        if *proof.thumbprint != **key {
            return Err(Fault::unbound("the proof is of another key"));
        }
        self.replays
            .first(
                &proof.thumbprint,
                &proof.id,
                now,
                proof.issued.saturating_add(REPLAY_WINDOW),
            )
            .map_err(|why| Fault::unbound(format!("the proof of the key: {why}")))?;
        Ok(proof.content)
    }
}

// === impl Known ===

impl Known {
    /// Whether nothing has happened since that could make it another's, or nobody's.
    fn stands(&self, snapshot: &Snapshot, now: u64) -> bool {
        let same = |(signer, state): &(Signer, u64)| signer.state() == *state;
        self.epoch == snapshot.epoch && now <= self.until && self.keys.as_ref().is_none_or(same)
    }
}

/// The URL a request was sent to, as agents know it.
fn url(request: &Request<'_>) -> String {
    request.snapshot.public().to_owned() + request.head.uri.path()
}

/// Verifies a token that is not known.
async fn verify(token: &str, request: &Request<'_>, now: u64) -> Result<Known, Refusal> {
    let unproven = |fault: Fault| fault.refuse(request.snapshot, request.resource);
    let sources = &request.snapshot.sources;
    let unverified =
        jwt::read(token).map_err(|why| unproven(Fault::bad(format!("the token: {why}"))))?;
    if let Some(issuer) = unverified
        .issuer()
        .and_then(|issuer| sources.issuer(issuer))
    {
        let state = issuer.keys.generation();
        let key = issuer
            .keys
            .key(unverified.kid(), unverified.algorithm())
            .await;
        let key = key.map_err(|why| unproven(Fault::bad(format!("the token's key: {why}"))))?;
        let claims = unverified
            .verify(&issuer.rules, &key, now)
            .map_err(|why| unproven(Fault::bad(format!("the token: {why}"))))?;
        let known = of_issuer(issuer, &claims, request, now)?;
        let keys = Some((Signer::Issuer(Arc::clone(issuer)), state));
        return Ok(Known { keys, ..known });
    }
    let id = unverified
        .subject()
        .and_then(|subject| subject.parse::<SpiffeId>().ok());
    let mesh = id.as_ref().and_then(|id| sources.mesh(id.trust_domain()));
    let (Some(id), Some(mesh)) = (&id, mesh) else {
        return Err(unproven(Fault::bad(
            "the token is of an issuer that is not configured",
        )));
    };
    let state = mesh.source.epoch();
    let keys = mesh.keys(id.trust_domain());
    let key = keys
        .as_ref()
        .and_then(|keys| keys.key(unverified.kid(), unverified.algorithm()));
    let Some(key) = key else {
        let why = "the trust domain has no such key, or its bundle is not known yet";
        return Err(unproven(Fault::bad(why)));
    };
    let claims = unverified
        .verify(&mesh.rules(), key, now)
        .map_err(|why| unproven(Fault::bad(format!("the JWT-SVID: {why}"))))?;
    let known = of_mesh(mesh, id, &claims, request, now)?;
    let keys = Some((Signer::Mesh(Arc::clone(mesh)), state));
    Ok(Known { keys, ..known })
}

/// Who the bearer of an issuer's token is.
fn of_issuer(
    issuer: &Issuer,
    claims: &Claims,
    request: &Request<'_>,
    now: u64,
) -> Result<Known, Refusal> {
    let registry = &request.snapshot.registry;
    let settings = &issuer.settings;
    let meaning = meaning(claims, settings)
        .map_err(|fault| fault.refuse(request.snapshot, request.resource))?;
    let subject = |name| Subject {
        source: &issuer.name,
        workload: false,
        name,
        claims: &claims.all,
    };
    let (agent, end) = registry.agent(subject(&meaning.agent), now)?;
    let mut actors = Vec::with_capacity(meaning.actors.len());
    let mut until = end;
    for actor in &meaning.actors {
        let (actor, end) = registry.agent(subject(actor), now)?;
        until = [until, end].into_iter().flatten().min();
        actors.push(actor);
    }
    let principal = Principal {
        agent,
        subject: Arc::from(format!("{}|{}", settings.issuer, meaning.agent)),
        user: meaning.user.map(Arc::from),
    };
    let accepted = claims
        .audience
        .iter()
        .any(|one| settings.audience.contains(one));
    Ok(Known {
        require: settings.require,
        ..known(
            claims,
            accepted,
            request,
            now,
            Caller {
                principal: Arc::new(principal),
                proof: Arc::new(Proof {
                    source: Arc::clone(&issuer.name),
                    name: meaning.agent.into(),
                    expires: [until, Some(claims.expires)].into_iter().flatten().min(),
                    agent_until: until,
                    scopes: claims
                        .scopes
                        .iter()
                        .map(|scope| Box::from(scope.as_str()))
                        .collect(),
                    actors: actors.into(),
                    made: claims.issued,
                }),
            },
        )
    })
}

/// Which workload the bearer of a JWT-SVID is.
fn of_mesh(
    mesh: &Mesh,
    id: &SpiffeId,
    claims: &Claims,
    request: &Request<'_>,
    now: u64,
) -> Result<Known, Refusal> {
    let accepted = claims
        .audience
        .iter()
        .any(|one| mesh.settings.audience.contains(one));
    let made = claims.issued.or(Some(claims.expires));
    let caller = super::workload::caller(mesh, id, request.snapshot, (made, claims.expires), now)?;
    Ok(known(claims, accepted, request, now, caller))
}

fn known(
    claims: &Claims,
    accepted: bool,
    request: &Request<'_>,
    now: u64,
    caller: Caller,
) -> Known {
    let bound = claims.confirmation.as_ref();
    Known {
        epoch: request.snapshot.epoch,
        keys: None,
        until: claims.expires.min(now.saturating_add(KNOWN_FOR)),
        audience: claims.audience.clone().into(),
        accepted,
        key: bound.and_then(|bound| bound.key.as_deref()).map(Box::from),
        certificate: bound.and_then(|bound| bound.certificate),
        require: None,
        caller,
    }
}
