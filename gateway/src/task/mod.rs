//! Stage 3, which task, which session: finds what this request belongs to and opens the handles it brings back.
//!
//! A task is one principal's unit of work. This version knows the implicit one: one for each agent and subject, begun
//! by its first call and ended by idleness.

mod handles;
pub(crate) mod keys;
pub(crate) mod seal;
mod session;

pub(crate) use handles::digest;
pub(crate) use session::{Session, Sessions};

use crate::ask::{Ask, Asked, Context};
use crate::identity::Principal;
use crate::pipeline::{Evidence, Record, Refusal};
use adapters::wire::Method;
use adapters::wire::revision::{Era, Revision};
use adapters::wire::splice::Edit;
use http::HeaderValue;
use seal::{Kind, Owner};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// An implicit task ends when its principal has been silent for this long.
const IDLE: Duration = Duration::from_secs(5 * 60);

/// A request whose task and session are known. Made only by [`Tasks::bind`].
#[derive(Debug)]
pub(crate) struct Bound {
    asked: Asked,
    task: Uuid,
    session: Option<BoundSession>,
    edits: Vec<Edit>,
    /// `Mcp-Name` for the server, where it repeats a handle.
    opened_name: Option<String>,
    /// `Last-Event-ID` for the server.
    last_event: Option<HeaderValue>,
}

/// The legacy session of a request.
#[derive(Debug, Clone)]
pub(crate) struct BoundSession {
    /// What this process remembers of it.
    pub(crate) memory: Arc<Session>,
    /// The server's own id; none for a server that gave none.
    pub(crate) upstream_id: Option<HeaderValue>,
    key: Arc<[u8]>,
}

/// Tasks and sessions of this process.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    sessions: Sessions,
    implicit: Mutex<HashMap<Arc<Principal>, Implicit>>,
}

#[derive(Debug)]
struct Implicit {
    id: Uuid,
    used: Instant,
}

// === impl Tasks ===

impl Tasks {
    /// Finds the task and session of a request, and opens what it brings back.
    ///
    /// # Errors
    ///
    /// [`Refusal::SessionUnknown`] and [`Refusal::HandleUnknown`] for what was not sealed here for this caller.
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
        let opened = handles::open(&asked)?;
        let task = self.implicit(&asked.context().principal);
        Ok(Bound {
            asked,
            task,
            session,
            edits: opened.edits,
            opened_name: opened.name,
            last_event,
        })
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

    /// Forgets a session that has ended.
    pub(crate) fn forget(&self, session: &BoundSession) {
        self.sessions.forget(&session.key);
    }

    /// Lets go of what nobody uses any more; returns how many sessions are left.
    pub(crate) fn sweep(&self) -> usize {
        let mut implicit = self.implicit.lock().unwrap_or_else(PoisonError::into_inner);
        implicit.retain(|_, task| task.used.elapsed() < IDLE);
        drop(implicit);
        self.sessions.sweep()
    }

    fn session(&self, context: &Context) -> Result<BoundSession, Refusal> {
        let owner = Owner {
            principal: &context.principal,
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

    fn implicit(&self, principal: &Arc<Principal>) -> Uuid {
        let mut implicit = self.implicit.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match implicit.get_mut(principal) {
            Some(task) if now.duration_since(task.used) < IDLE => {
                task.used = now;
                task.id
            }
            _ => {
                let id = Uuid::now_v7();
                implicit.insert(Arc::clone(principal), Implicit { id, used: now });
                id
            }
        }
    }
}

/// Where a session's memory is kept: its owner's parts and the server's id, none of which can hold the separator.
fn key(owner: Owner<'_>, upstream_id: Option<&HeaderValue>) -> Vec<u8> {
    let id = upstream_id.map(HeaderValue::as_bytes).unwrap_or_default();
    [
        owner.principal.agent.as_bytes(),
        owner.principal.subject.as_bytes(),
        owner.server.as_bytes(),
        id,
    ]
    .join(&0)
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
        principal: &context.principal,
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

// === impl Bound ===

impl Bound {
    /// What is asked.
    pub(crate) fn asked(&self) -> &Asked {
        &self.asked
    }

    /// The legacy session, where the request belongs to that era.
    pub(crate) fn session(&self) -> Option<&BoundSession> {
        self.session.as_ref()
    }

    /// What opening its handles changes in the body.
    pub(crate) fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// `Mcp-Name` for the server, where it repeats a handle.
    pub(crate) fn opened_name(&self) -> Option<&str> {
        self.opened_name.as_deref()
    }

    /// `Last-Event-ID` for the server.
    pub(crate) fn last_event(&self) -> Option<&HeaderValue> {
        self.last_event.as_ref()
    }

    /// Whose handles the answer's must be sealed for.
    pub(crate) fn owner(&self) -> Owner<'_> {
        let context = self.asked.context();
        Owner {
            principal: &context.principal,
            server: &context.name,
        }
    }

    /// Whether the request opens a legacy session.
    pub(crate) fn initializes(&self) -> bool {
        self.asked
            .said()
            .is_some_and(|said| said.method == Some(Method::Initialize))
    }
}

impl Evidence for Bound {
    fn note(&self, record: &mut Record) {
        record.task = Some(self.task);
    }
}
