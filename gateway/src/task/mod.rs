//! Stage 3, which task, which session, which chain: finds what this request belongs to and opens the handles it brings
//! back.
//!
//! A call's task is the first of: the one it names; the one its hop token opens under the task of the agent that called
//! it; that of its legacy session; its principal's implicit one. Trace ids never choose a task.

mod bound;
mod chain;
mod desk;
mod enclose;
mod end;
mod handles;
mod keeper;
mod kept;
pub(crate) mod keys;
mod labels;
mod outbox;
mod place;
pub(crate) mod seal;
mod session;
mod sessions;
mod shared;
mod sign;
mod spread;
pub(crate) mod state;
mod table;
#[cfg(test)]
mod tests;
mod upkeep;
mod work;

pub(crate) use bound::{Bound, BoundSession};
pub(crate) use chain::{Carrying, Chains, Hop};
pub(crate) use desk::{Unopened, Wish, spoken_for};
pub(crate) use end::Cause;
pub(crate) use handles::digest;
pub(crate) use keeper::Keeper;
pub(crate) use outbox::Outbox;
pub(crate) use session::Session;
pub(crate) use table::Table;
pub(crate) use work::{Held, Task, Terms};

use crate::ask::{Ask, Asked, Context};
use crate::config::Deadlines;
use crate::identity::{Caller, now};
use crate::pipeline::{HeadFault, Refusal};
use crate::snapshot::Snapshot;
use adapters::wire::revision::Era;
use http::{HeaderMap, HeaderValue};
use place::{Own, Place};
use seal::{Kind, Owner};
use sessions::Sessions;
use shared::Wanted;
use std::sync::Arc;
use uuid::Uuid;

/// Tasks, chains and sessions of this process.
#[derive(Debug)]
pub(crate) struct Tasks {
    pub(crate) table: Table,
    pub(crate) chains: Arc<Chains>,
    sessions: Sessions,
}

/// The header that brings a hop token.
pub(crate) const HOP: &str = "txn-token";

// === impl Tasks ===

impl Tasks {
    /// The tasks of a table; no session is remembered yet.
    pub(crate) fn new(table: Table) -> Self {
        Self {
            table,
            chains: Arc::default(),
            sessions: Sessions::default(),
        }
    }

    /// Finds the task and session of a request, and opens what it brings back.
    ///
    /// # Errors
    ///
    /// [`Refusal::SessionUnknown`] and [`Refusal::HandleUnknown`] for what was not sealed here for this caller,
    /// [`Refusal::TaskUnknown`] and [`Refusal::ChainUnknown`] for what is not the caller's to bring; [`Refusal::Unshared`]
    /// where only other gateways could tell.
    ///
    /// It waits where other gateways may know what this one does not, and not otherwise.
    pub(crate) async fn bind(&self, asked: Asked) -> Result<Bound, Refusal> {
        let session = match asked.era() {
            Era::Legacy => Some(self.session(asked.context())?),
            // A modern request has no session; a session id it brings is ignored.
            Era::Modern => None,
        };
        let ends_nothing = session
            .as_ref()
            .is_some_and(|session| session.upstream_id.is_none());
        if ends_nothing && matches!(asked.ask(), Ask::End) {
            return Err(Refusal::Invalid("DELETE ends a session, and none is named"));
        }
        let last_event = last_event(&asked, session.as_ref())?;
        let mut opened = handles::open(&asked)?;
        if let (Some(_), Some(session)) = (&last_event, &session) {
            opened.resumed = session.memory.streamed();
        }
        let parent = self.parent(&asked, now()).await?;
        let task = self.task(&asked, parent.as_ref(), session.as_ref());
        let task = task.await?;
        let opened = (opened, last_event);
        Ok(Bound::new(asked, task, parent, session, opened))
    }

    /// Ends what is due, where no other gateway need be asked; returns how many are left.
    pub(crate) fn sweep(&self, now: u64) -> usize {
        match self.fleet() {
            // The pulse sweeps them.
            Some(_) => self.table.many(),
            None => self.table.sweep(now),
        }
    }

    /// Lets go of sessions nobody uses any more; returns how many are left.
    pub(crate) fn sweep_sessions(&self) -> usize {
        self.sessions.sweep()
    }

    /// Ends the tasks of every principal that may no longer call under this snapshot, and sets its bounds.
    pub(crate) fn review(&self, snapshot: &Snapshot) {
        let now = now();
        self.table.bound(snapshot.config.gateway.bounds.tasks);
        if let Some(fleet) = self.fleet() {
            fleet.follow(&snapshot.keys);
        }
        let registry = &snapshot.registry;
        let withdrawn = |task: &Task| {
            let agent = &task.principal.agent;
            let unproven =
                !task.source.is_empty() && !registry.still_is(agent, &task.source, &task.name);
            unproven || !task.agents().all(|agent| registry.may_act(agent, now))
        };
        self.table.withdraw(withdrawn, now);
    }

    /// The task this request belongs to, held until its answer's last byte.
    async fn task(
        &self,
        asked: &Asked,
        parent: Option<&Hop>,
        session: Option<&BoundSession>,
    ) -> Result<(Held, bool), Refusal> {
        let context = asked.context();
        let now = now();
        let caller = &context.caller;
        let parent = parent.map(|hop| &hop.task);
        let task = match asked.said().and_then(|said| said.task.as_deref()) {
            Some(id) => self.named(id, parent, context, now).await?,
            None => {
                let place = place(caller, parent, session);
                match self.table.standing(&place, now) {
                    Some(held) => held,
                    None => {
                        let terms = &Terms::of(&context.snapshot.config.gateway.deadlines);
                        let wanted = Wanted {
                            place,
                            caller,
                            parent,
                            terms,
                        };
                        self.open_at(wanted, now).await?
                    }
                }
            }
        };
        if !task.is_of(&caller.proof) {
            return Err(Refusal::TaskUnknown);
        }
        let agent = &context.principal().agent;
        if task.chain().is_empty() && context.snapshot.registry.requires_chain(agent) {
            return Err(Refusal::ChainMissing);
        }
        task.chain()
            .iter()
            .try_for_each(|agent| self.admit(agent))?;
        let policy = &context.snapshot.config.policy;
        self.hear_labels(&task, policy).await?;
        let first = task.call(&caller.proof, now);
        Ok((task, first))
    }

    /// A task that is open and the caller's own. One that grew from another's is good with that one's hop token only.
    async fn named(
        &self,
        id: &str,
        parent: Option<&Arc<Task>>,
        context: &Context,
        now: u64,
    ) -> Result<Held, Refusal> {
        let id = Uuid::try_parse(id).map_err(|_| Refusal::TaskUnknown)?;
        let task = self.recall(id, now).await?;
        let held = task.and_then(|task| self.table.hold(&task, now));
        let own = |task: &Held| {
            let chain = task.parent == parent.map(|parent| parent.id);
            **task.principal() == **context.principal() && chain
        };
        held.filter(own).ok_or(Refusal::TaskUnknown)
    }

    /// The call by which an agent called this one, where the request proves it.
    async fn parent(&self, asked: &Asked, now: u64) -> Result<Option<Hop>, Refusal> {
        let context = asked.context();
        let header = hop_header(&context.headers)?;
        let body = asked.said().and_then(|said| said.hop.as_deref());
        let token = match (header, body) {
            (Some(header), Some(body)) if header != body => {
                let what = "`Txn-Token` and `_meta[\"dev.hopgate/hop\"]` differ";
                return Err(Refusal::HeaderMismatch(what.to_owned()));
            }
            (header, body) => header.or(body),
        };
        let Some(token) = token else { return Ok(None) };
        let agent = &context.principal().agent;
        let hop = self.follow(token, &context.snapshot, agent, now);
        hop.await.map(Some)
    }

    fn session(&self, context: &Context) -> Result<BoundSession, Refusal> {
        let owner = Owner {
            principal: context.principal(),
            server: &context.name,
        };
        let upstream_id = match context.headers.get("mcp-session-id") {
            None => None,
            Some(sealed) => {
                let sealed = sealed.to_str().map_err(|_| Refusal::SessionUnknown)?;
                let opened = context.snapshot.keys.open(owner, Kind::Session, sealed);
                let opened = opened.ok_or(Refusal::SessionUnknown)?;
                Some(
                    HeaderValue::from_maybe_shared(bytes::Bytes::from(opened))
                        .map_err(|_| Refusal::SessionUnknown)?,
                )
            }
        };
        let key = key(owner, upstream_id.as_ref());
        Ok(BoundSession {
            memory: self.sessions.of(&key),
            upstream_id,
            key: Arc::from(key),
        })
    }
}

/// The hop token in a request's headers.
///
/// # Errors
///
/// More than one, one that is no text.
pub(crate) fn hop_header(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(HOP).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(Refusal::Head(HeadFault::Repeated(HOP))),
        (Some(value), None) => value
            .to_str()
            .map(Some)
            .map_err(|_| Refusal::ChainUnknown("the hop token cannot be read")),
    }
}

/// Where a call's task stands that names none.
fn place(caller: &Caller, parent: Option<&Arc<Task>>, session: Option<&BoundSession>) -> Place {
    match (parent, session) {
        (None, Some(session)) if session.upstream_id.is_some() => {
            Place::Session(session.memory.print(&session.key))
        }
        _ => Place::Own(Own {
            principal: Arc::clone(&caller.principal),
            parent: parent.map(|parent| parent.id),
            actors: Arc::clone(&caller.proof.actors),
        }),
    }
}

/// Where a session's memory is kept: its owner's parts and the server's id, none of which can hold the separator.
fn key(owner: Owner<'_>, upstream_id: Option<&HeaderValue>) -> Vec<u8> {
    let id = upstream_id.map(HeaderValue::as_bytes).unwrap_or_default();
    let [agent, subject, user] = owner.principal.parts();
    [agent, subject, user, owner.server.as_bytes(), id].join(&0)
}

/// Event ids are the server's own within a session; without one they were sealed on their way out.
fn last_event(
    asked: &Asked,
    session: Option<&BoundSession>,
) -> Result<Option<HeaderValue>, Refusal> {
    let context = asked.context();
    let (Some(value), Some(session)) = (context.headers.get("last-event-id"), session) else {
        return Ok(None);
    };
    if session.upstream_id.is_some() {
        return Ok(Some(value.clone()));
    }
    let owner = Owner {
        principal: context.principal(),
        server: &context.name,
    };
    let opened = value
        .to_str()
        .ok()
        .and_then(|text| context.snapshot.keys.open(owner, Kind::Event, text));
    let opened = opened.ok_or(Refusal::SessionUnknown)?;
    HeaderValue::from_maybe_shared(bytes::Bytes::from(opened))
        .map(Some)
        .map_err(|_| Refusal::SessionUnknown)
}

// === impl Terms ===

impl Terms {
    /// What the configuration says of every task.
    pub(crate) fn of(deadlines: &Deadlines) -> Self {
        Self {
            purpose: None,
            life: deadlines.task,
            idle: deadlines.idle,
        }
    }
}
