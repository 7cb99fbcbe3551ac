//! Hop tokens: how an agent that was called proves which chain its own next call belongs to.
//!
//! A token is good for any number of calls by the agent it names while the call that carried it is open. Which calls
//! are open is remembered here, and put where other gateways find it, so a token whose call has ended is worth nothing,
//! whatever its `exp` says.

use super::Tasks;
use super::seal::KeyRing;
use super::shared::away;
use super::work::Task;
use crate::audit::CallId;
use crate::fleet::{Fleet, name};
use crate::pipeline::Refusal;
use crate::snapshot::Snapshot;
use crate::telemetry::trace::TraceContext;
use aws_lc_rs::digest::{SHA256, digest};
use dashmap::DashMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The hop tokens of calls that are open.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    carried: DashMap<[u8; 32], Carried>,
}

/// A call that brings a hop token to the agent it calls, and the task it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Hop {
    pub(crate) task: Arc<Task>,
    pub(crate) call: CallId,
    /// Where the call stands in its trace: what the agent does next belongs there.
    pub(crate) trace: Option<TraceContext>,
}

/// What a token stands for while its call is open.
#[derive(Debug, Clone)]
struct Carried {
    hop: Hop,
    /// The only agent it serves.
    agent: Arc<str>,
    key: Box<str>,
    expires: u64,
}

/// The same in words other gateways understand.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    task: Uuid,
    call: CallId,
    /// As a header says it, and the state beside it.
    trace: Option<(String, Option<Box<str>>)>,
    agent: Arc<str>,
    key: Box<str>,
    expires: u64,
}

/// A call that carries a hop token; the token dies with it.
#[derive(Debug)]
pub(crate) struct Carrying {
    token: Box<str>,
    print: [u8; 32],
    chains: Arc<Chains>,
    /// Where other gateways find what it stands for.
    fleet: Option<Arc<Fleet>>,
}

/// The type of a hop token.
const KIND: &str = "txntoken+jwt";

/// A good token, of a call that is not open here.
const OVER: &str = "the call that carried the hop token has ended";

/// The longest a hop token may be; ours are a tenth of it.
const LONGEST: usize = 16 * 1024;

// === impl Chains ===

impl Chains {
    /// A token for the agent that is called, good until `expires` at the latest. None where nothing can be signed.
    pub(crate) fn carry(
        self: &Arc<Self>,
        ring: &KeyRing,
        public: &str,
        (hop, agent): (Hop, &Arc<str>),
        (now, expires): (u64, u64),
    ) -> Option<Carrying> {
        let task = &hop.task;
        let claims = json!({
            "iss": public,
            "aud": public,
            "sub": **agent,
            "txn": task.txn().simple().to_string(),
            "trace": trace(&hop),
            "jti": Uuid::now_v7().simple().to_string(),
            "iat": now,
            "exp": expires,
            "act": actors(task),
        });
        let token = ring.sign(KIND, &claims)?;
        let print = print(&token)?;
        let carried = Carried {
            hop,
            agent: Arc::clone(agent),
            key: Box::from(ring.signing()?),
            expires,
        };
        self.carried.insert(print, carried);
        Some(Carrying {
            token: token.into(),
            print,
            chains: Arc::clone(self),
            fleet: None,
        })
    }

    /// What a token stands for while the call that carries it is open here.
    fn known(&self, print: &[u8; 32]) -> Option<Carried> {
        self.carried.get(print).map(|carried| carried.clone())
    }
}

impl Tasks {
    /// The call a token came with, for the agent that presents it.
    ///
    /// # Errors
    ///
    /// [`Refusal::ChainUnknown`]; [`Refusal::Unshared`] where only other gateways could tell.
    pub(crate) async fn follow(
        &self,
        token: &str,
        snapshot: &Snapshot,
        agent: &str,
        now: u64,
    ) -> Result<Hop, Refusal> {
        let (ring, unknown) = (&snapshot.keys, Refusal::ChainUnknown);
        if token.len() > LONGEST {
            return Err(unknown("the hop token is too long"));
        }
        let print = print(token).ok_or(unknown("the hop token cannot be read"))?;
        let carried = match self.chains.known(&print) {
            Some(carried) => carried,
            None => {
                let fault = fault(ring, snapshot.public(), (token, agent), now);
                let elsewhere = match fault {
                    OVER => self.elsewhere(&print, now).await?,
                    _ => None,
                };
                elsewhere.ok_or(unknown(fault))?
            }
        };
        carried.good(ring, agent, now).map_err(unknown)?;
        Ok(carried.hop)
    }

    /// What a token stands for whose call is open at another gateway.
    async fn elsewhere(&self, print: &[u8; 32], now: u64) -> Result<Option<Carried>, Refusal> {
        let Some(fleet) = self.fleet() else {
            return Ok(None);
        };
        let text = fleet.get(&entry(print)).await.map_err(away)?;
        let told = text.and_then(|text| serde_json::from_slice::<Told>(&text).ok());
        let Some(told) = told else { return Ok(None) };
        let task = self.recall(told.task, now).await?;
        Ok(task.map(|task| told.carried(task)))
    }

    /// Puts what a call's token stands for where the other gateways find it, for as long as the call is open.
    pub(crate) async fn spread(&self, carrying: &mut Carrying, now: u64) {
        if let Some((fleet, carried)) = self.fleet().zip(self.chains.known(&carrying.print)) {
            carrying.fleet = Some(Arc::clone(fleet));
            tell(fleet, &carrying.print, &carried, now).await;
        }
    }

    /// The same of every call that is open here: the store has forgotten.
    pub(super) async fn spread_again(&self, fleet: &Fleet, now: u64) {
        let all = self.chains.carried.iter();
        let all: Vec<_> = all.map(|one| (*one.key(), one.value().clone())).collect();
        for (print, carried) in all {
            tell(fleet, &print, &carried, now).await;
            // It may have ended meanwhile, and would have been removed before it was there.
            if self.chains.known(&print).is_none() {
                fleet.store.remove(&entry(&print));
            }
        }
    }
}

// === impl Carried ===

impl Carried {
    /// Whether the token is good for this agent.
    ///
    /// # Errors
    ///
    /// Why not, for the operator.
    fn good(&self, ring: &KeyRing, agent: &str, now: u64) -> Result<(), &'static str> {
        if *self.agent != *agent {
            return Err("the hop token was given to another agent");
        }
        if !ring.has(&self.key) {
            return Err("the hop token's key has been withdrawn");
        }
        if now >= self.expires {
            return Err("the hop token has expired");
        }
        if self.hop.task.end().is_some() {
            return Err("the task of the hop token's call has ended");
        }
        Ok(())
    }
}

// === impl Told ===

impl Told {
    fn of(carried: &Carried) -> Self {
        let trace = carried.hop.trace.as_ref();
        Self {
            task: carried.hop.task.id(),
            call: carried.hop.call,
            trace: trace.map(|trace| {
                let parent = trace.traceparent().as_str().to_owned();
                (parent, trace.state.as_deref().map(Box::from))
            }),
            agent: Arc::clone(&carried.agent),
            key: carried.key.clone(),
            expires: carried.expires,
        }
    }

    fn carried(self, task: Arc<Task>) -> Carried {
        let trace = self.trace.as_ref();
        let trace = trace.and_then(|(parent, state)| TraceContext::parse(parent, state.as_deref()));
        Carried {
            hop: Hop {
                task,
                call: self.call,
                trace,
            },
            agent: self.agent,
            key: self.key,
            expires: self.expires,
        }
    }
}

/// Puts what a token stands for where other gateways find it. What cannot be put there is good at this gateway alone.
async fn tell(fleet: &Fleet, print: &[u8; 32], carried: &Carried, now: u64) {
    let life = Duration::from_secs(carried.expires.saturating_sub(now).max(1));
    // Nothing in it can fail to be written.
    let text = serde_json::to_vec(&Told::of(carried)).unwrap_or_default();
    fleet.put(&entry(print), &text, life).await;
}

/// The name of what a token stands for.
fn entry(print: &[u8; 32]) -> [u8; 32] {
    name([b"hop".as_slice(), print])
}

/// What is wrong with a token that no open call carries.
fn fault(ring: &KeyRing, public: &str, (token, agent): (&str, &str), now: u64) -> &'static str {
    let claims = match ring.verify(KIND, token) {
        Ok(claims) => claims,
        Err("its key is not in the ring") => return "the hop token is of a key that is not ours",
        Err(_) => return "the hop token is not one this gateway signed",
    };
    let says = |name: &str| claims.get(name).and_then(Value::as_str);
    if says("iss") != Some(public) || says("aud") != Some(public) {
        return "the hop token is another gateway's";
    }
    if says("sub") != Some(agent) {
        return "the hop token was given to another agent";
    }
    match claims.get("exp").and_then(Value::as_u64) {
        Some(end) if now < end => OVER,
        _ => "the hop token has expired",
    }
}

/// The chain as nested actors, the newest outermost.
fn actors(task: &Task) -> Value {
    let agents = task.chain().iter().chain([&task.principal().agent]);
    agents.fold(Value::Null, |before, agent| match before {
        Value::Null => json!({ "sub": **agent }),
        before => json!({ "sub": **agent, "act": before }),
    })
}

/// The trace the chain goes on in.
fn trace(hop: &Hop) -> String {
    match &hop.trace {
        Some(context) => context.trace_id.to_string(),
        None => hop.task.trace().simple().to_string(),
    }
}

fn print(token: &str) -> Option<[u8; 32]> {
    digest(&SHA256, token.as_bytes()).as_ref().try_into().ok()
}

// === impl Carrying ===

impl Carrying {
    /// The token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }
}

impl Drop for Carrying {
    fn drop(&mut self) {
        self.chains.carried.remove(&self.print);
        if let Some(fleet) = &self.fleet {
            fleet.store.remove(&entry(&self.print));
        }
    }
}
