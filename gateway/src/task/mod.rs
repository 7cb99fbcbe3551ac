//! Stage 3, which task, which session, which chain: finds what this request belongs to and opens the handles it brings
//! back.
//!
//! A call's task is the first of: the one it names; the one its hop token opens under the task of the agent that called
//! it; that of its legacy session; its principal's implicit one. Trace ids never choose a task.

mod bound;
mod chain;
mod desk;
mod handles;
mod kept;
pub(crate) mod keys;
mod labels;
mod own;
pub(crate) mod seal;
mod session;
mod sign;
pub(crate) mod state;
mod table;
mod work;

pub(crate) use bound::{Bound, BoundSession};
pub(crate) use chain::{Carrying, Chains, Hop};
pub(crate) use desk::{Unopened, Wish, spoken_for};
pub(crate) use handles::digest;
pub(crate) use session::{Session, Sessions};
pub(crate) use table::Table;
pub(crate) use work::Task;
pub(crate) use work::{Cause, Held, Terms};

use crate::ask::{Ask, Asked, Context};
use crate::config::Deadlines;
use crate::identity::now;
use crate::pipeline::{HeadFault, Refusal};
use crate::snapshot::Snapshot;
use adapters::wire::revision::{Era, Revision};
use http::{HeaderMap, HeaderValue};
use seal::{Kind, Owner};
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
    /// [`Refusal::TaskUnknown`] and [`Refusal::ChainUnknown`] for what is not the caller's to bring.
    pub(crate) fn bind(&self, asked: Asked) -> Result<Bound, Refusal> {
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
        let parent = self.parent(&asked, now())?;
        let task = self.task(&asked, parent.as_ref(), session.as_ref())?;
        let opened = (opened, last_event);
        Ok(Bound::new(asked, task, parent, session, opened))
    }

    /// Begins the memory of the session that an `initialize` was just given.
    pub(crate) fn begin(&self, owner: Owner<'_>, upstream_id: &HeaderValue) -> Arc<Session> {
        self.sessions.of(&key(owner, Some(upstream_id)))
    }

    /// Which revision the session of this request negotiated, where this process saw it.
    ///
    /// # Errors
    ///
    /// [`Refusal::SessionUnknown`].
    pub(crate) fn negotiated(&self, context: &Context) -> Result<Option<Revision>, Refusal> {
        self.session(context)
            .map(|session| session.memory.revision())
    }

    /// Forgets a session that has ended, and ends its task.
    pub(crate) fn forget(&self, session: &BoundSession) {
        if let Some(task) = self.table.session(&session.memory.print(&session.key)) {
            self.table.end(&task, Cause::SessionOver, now());
        }
        self.sessions.forget(&session.key);
    }

    /// Lets go of sessions nobody uses any more; returns how many are left.
    pub(crate) fn sweep_sessions(&self) -> usize {
        self.sessions.sweep()
    }

    /// Ends the tasks of every principal that may no longer call under this snapshot, and sets its bounds.
    pub(crate) fn review(&self, snapshot: &Snapshot) {
        let now = now();
        self.table.bound(snapshot.config.gateway.bounds.tasks);
        let registry = &snapshot.registry;
        let withdrawn = |task: &Task| {
            let agent = &task.principal.agent;
            let unproven =
                !task.source.is_empty() && !registry.still_is(agent, &task.source, &task.name);
            let mut agents = task.chain.iter().chain([agent]);
            unproven || !agents.all(|agent| registry.may_act(agent, now))
        };
        self.table.withdraw(withdrawn, now);
    }

    /// The task this request belongs to, held until its answer's last byte.
    fn task(
        &self,
        asked: &Asked,
        parent: Option<&Hop>,
        session: Option<&BoundSession>,
    ) -> Result<(Held, bool), Refusal> {
        let context = asked.context();
        let now = now();
        let terms = Terms::of(&context.snapshot.config.gateway.deadlines);
        let caller = &context.caller;
        let parent = parent.map(|hop| &hop.task);
        let task = match (
            asked.said().and_then(|said| said.task.as_deref()),
            parent,
            session,
        ) {
            (Some(id), parent, _) => self.named(id, parent, context, now)?,
            (None, Some(parent), _) => self.table.own(caller, Some(parent), &terms, now),
            (None, None, Some(session)) if session.upstream_id.is_some() => {
                let print = session.memory.print(&session.key);
                self.table.of_session(print, caller, &terms, now)
            }
            (None, None, _) => self.table.own(caller, None, &terms, now),
        };
        if !task.is_of(&caller.proof) {
            return Err(Refusal::TaskUnknown);
        }
        let agent = &context.principal().agent;
        if task.chain().is_empty() && context.snapshot.registry.requires_chain(agent) {
            return Err(Refusal::ChainMissing);
        }
        let first = task.call(&caller.proof, now);
        Ok((task, first))
    }

    /// A task that is open and the caller's own. One that grew from another's is good with that one's hop token only.
    fn named(
        &self,
        id: &str,
        parent: Option<&Arc<Task>>,
        context: &Context,
        now: u64,
    ) -> Result<Held, Refusal> {
        let held = Uuid::try_parse(id)
            .ok()
            .and_then(|id| self.table.named(id, now));
        let own = |task: &Held| {
            let chain = task.parent == parent.map(|parent| parent.id);
            **task.principal() == **context.principal() && chain
        };
        held.filter(own).ok_or(Refusal::TaskUnknown)
    }

    /// The call by which an agent called this one, where the request proves it.
    fn parent(&self, asked: &Asked, now: u64) -> Result<Option<Hop>, Refusal> {
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
        token
            .map(|token| self.follow(token, &context.snapshot, &context.principal().agent, now))
            .transpose()
    }

    /// The call a hop token came with.
    ///
    /// # Errors
    ///
    /// [`Refusal::ChainUnknown`].
    pub(crate) fn follow(
        &self,
        token: &str,
        snapshot: &Snapshot,
        agent: &str,
        now: u64,
    ) -> Result<Hop, Refusal> {
        self.chains
            .follow(&snapshot.keys, snapshot.public(), (token, agent), now)
            .map_err(Refusal::ChainUnknown)
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
