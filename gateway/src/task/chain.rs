//! Hop tokens: how an agent that was called proves which chain its own next call belongs to.
//!
//! A token is good for any number of calls by the agent it names while the call that carried it is open. Which calls
//! are open is remembered here, so a token whose call has ended is worth nothing, whatever its `exp` says.

use super::seal::KeyRing;
use super::work::Task;
use crate::audit::CallId;
use crate::telemetry::trace::TraceContext;
use aws_lc_rs::digest::{SHA256, digest};
use dashmap::DashMap;
use serde_json::{Value, json};
use std::sync::Arc;
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

/// A call that carries a hop token; the token dies with it.
#[derive(Debug)]
pub(crate) struct Carrying {
    token: Box<str>,
    print: [u8; 32],
    chains: Arc<Chains>,
}

/// The type of a hop token.
const KIND: &str = "txntoken+jwt";

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
        })
    }

    /// The call a token came with, for the agent that presents it.
    ///
    /// # Errors
    ///
    /// Why the token is not good, for the operator.
    pub(crate) fn follow(
        &self,
        ring: &KeyRing,
        public: &str,
        (token, agent): (&str, &str),
        now: u64,
    ) -> Result<Hop, &'static str> {
        if token.len() > LONGEST {
            return Err("the hop token is too long");
        }
        let print = print(token).ok_or("the hop token cannot be read")?;
        let carried = self.carried.get(&print).map(|carried| carried.clone());
        let Some(carried) = carried else {
            return Err(fault(ring, public, (token, agent), now));
        };
        if *carried.agent != *agent {
            return Err("the hop token was given to another agent");
        }
        if !ring.has(&carried.key) {
            return Err("the hop token's key has been withdrawn");
        }
        if now >= carried.expires {
            return Err("the hop token has expired");
        }
        if carried.hop.task.end().is_some() {
            return Err("the task of the hop token's call has ended");
        }
        Ok(carried.hop)
    }
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
        Some(end) if now < end => "the call that carried the hop token has ended",
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
    }
}
