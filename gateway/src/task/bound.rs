//! A request whose task, chain and session are known, and what its handles open to.

use super::chain::Hop;
use super::handles::Opened;
use super::seal::Owner;
use super::session::Session;
use super::work::{Held, Task};
use crate::ask::Asked;
use crate::pipeline::{Evidence, Record};
use crate::telemetry::trace::TraceContext;
use adapters::wire::Method;
use adapters::wire::splice::Edit;
use http::HeaderValue;
use std::sync::Arc;

/// A request whose task and session are known. Made only by [`Tasks::bind`].
#[derive(Debug)]
pub(crate) struct Bound {
    asked: Asked,
    /// Not idle while the request lives.
    task: Held,
    /// The call whose hop token it brought.
    hop: Option<Hop>,
    /// Whether it is the first call of its task.
    first: bool,
    /// Where the call stands whose `requestState` it brings back.
    resumed: Option<TraceContext>,
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
    pub(super) key: Arc<[u8]>,
}

// === impl Bound ===

impl Bound {
    /// A request and what it belongs to, as [`super::Tasks::bind`] has found it.
    pub(super) fn new(
        asked: Asked,
        (task, first): (Held, bool),
        hop: Option<Hop>,
        session: Option<BoundSession>,
        (opened, last_event): (Opened, Option<HeaderValue>),
    ) -> Self {
        Self {
            asked,
            task,
            hop,
            first,
            resumed: opened.resumed,
            session,
            edits: opened.edits,
            opened_name: opened.name,
            last_event,
        }
    }

    /// What is asked.
    pub(crate) fn asked(&self) -> &Asked {
        &self.asked
    }

    /// The task it belongs to.
    pub(crate) fn task(&self) -> &Arc<Task> {
        &self.task
    }

    /// The call whose hop token it brought.
    pub(crate) fn hop(&self) -> Option<&Hop> {
        self.hop.as_ref()
    }

    /// Whether it is the first call of its task.
    pub(crate) fn is_first(&self) -> bool {
        self.first
    }

    /// Where the call stands that this one takes up again.
    pub(crate) fn resumed(&self) -> Option<&TraceContext> {
        self.resumed.as_ref()
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
            principal: context.principal(),
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
        record.task = Some(Arc::clone(&self.task));
        record.parent = self.hop.as_ref().map(|hop| hop.call);
        if record.revision.is_none() {
            let session = self.session.as_ref();
            record.revision = session.and_then(|session| session.memory.revision());
        }
    }
}
