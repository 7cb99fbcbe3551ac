//! The way of a call. Read this file first.
//!
//! ```text
//! Inbound ─identify→ Identified ─read→ Read ─check→ Asked ─bind→ Bound ─decide→ Authorized
//!         who                   what        rules      task, chain     policy
//!                     ─admit→ Admitted ─attach→ Credentialed ─intend→ Recorded ─send→ Forwarded
//!                     places            credential             record           upstream
//! ```
//!
//! Each stage consumes the product of the one before and returns a product only it can build, so leaving a stage out
//! does not compile. Every early end is a [`Refusal`]; `reply.rs` is the one table of what the caller then sees.

mod batch;
mod body;
pub mod inbound;
mod refusal;
mod reply;
mod trail;
mod visit;

pub use body::{Body, Cut};
pub use inbound::{Inbound, Peer};
pub use refusal::{Denial, HeadFault, Refusal, UpstreamFault};
pub(crate) use reply::{Asker, message};
pub(crate) use trail::{Evidence, Trail};

pub use crate::audit::Record;

use crate::ask::{Read, Reading};
use crate::audit::{CallId, Ledger};
use crate::forward::{Forward, Forwarded, Shared};
use crate::identity::{Identified, Tokens};
use crate::listener::{Door, Edge, Visit};
use crate::snapshot::Snapshot;
use crate::{ask, authorize, credentials, identity};
use http::{HeaderName, Response};
use std::sync::Arc;

/// The stages and what they remember between calls.
#[derive(Debug)]
pub struct Pipeline {
    ledger: Arc<Ledger>,
    shared: Shared,
    tokens: Tokens,
    forward: Forward,
}

/// Names the call in every answer: `hopgate` knows the rest under this id.
const CALL: HeaderName = HeaderName::from_static("hopgate-call");

impl Pipeline {
    /// The stages over what they share.
    pub(crate) fn new(ledger: Arc<Ledger>, shared: Shared) -> Self {
        let forward = Forward::new(shared.clone());
        Self {
            ledger,
            shared,
            tokens: Tokens::default(),
            forward,
        }
    }

    /// Handles one request and records every call in it, whatever happens.
    pub async fn handle(&self, inbound: Inbound) -> Response<Body> {
        let call = CallId::new();
        let snapshot = self.shared.live.snapshot();
        let mut trail = self.open(call, &snapshot, &inbound.server);
        let mut response = match self.read(inbound, snapshot, &mut trail).await {
            Ok(Reading::One(read)) => self.answer(read, trail).await,
            Ok(Reading::Batch(items)) => batch::answer(self, items, trail).await,
            Err(refusal) => refuse(&refusal, &Asker::default(), trail),
        };
        if let Some(id) = call.header() {
            response.headers_mut().insert(CALL, id);
        }
        response
    }

    /// The first two stages: they stand before it is known whether one call or many are asked.
    async fn read(
        &self,
        inbound: Inbound,
        snapshot: Arc<Snapshot>,
        trail: &mut Trail,
    ) -> Result<Reading, Refusal> {
        let identified = identity::identify(inbound, snapshot, &self.tokens).await;
        let identified: Identified = trail.step(identified)?;
        trail.step(ask::read(identified).await)
    }

    /// Answers one call.
    async fn answer(&self, read: Read, mut trail: Trail) -> Response<Body> {
        let asker = read.asker();
        match self.run(read, &mut trail).await {
            Ok(forwarded) => forwarded.into_response(trail),
            Err(refusal) => refuse(&refusal, &asker, trail),
        }
    }

    /// The way of one call, from what is asked to what the server answers.
    async fn run(&self, read: Read, trail: &mut Trail) -> Result<Forwarded, Refusal> {
        let asked = trail.step(ask::check(read, &self.shared.mirrors))?;
        let bound = trail.step(self.shared.tasks.bind(asked))?;
        trail.amend(|record| record.shadow = authorize::shadow(&bound));
        let authorized = trail.step(authorize::decide(bound, &self.shared.tasks).await)?;
        let admitted = trail.step(self.shared.limits.admit(authorized))?;
        let credentialed = trail.step(credentials::attach(admitted))?;
        let recorded = trail.step(self.ledger.intend(credentialed))?;
        trail.step(self.forward.send(recorded).await)
    }

    fn open(&self, call: CallId, snapshot: &Snapshot, server: &Arc<str>) -> Trail {
        let digest = Arc::clone(&snapshot.config.digest);
        Trail::open(
            Record::begin(call, digest, Arc::clone(server)),
            Arc::clone(&self.ledger),
        )
    }
}

/// Ends a call early: the record first, then what the caller sees of it.
fn refuse(refusal: &Refusal, asker: &Asker, mut trail: Trail) -> Response<Body> {
    trail.amend(|record| record.refuse(refusal));
    let ending = refusal.ending();
    trail.close(ending);
    reply::refuse(refusal, asker)
}

impl Door for Pipeline {
    type Body = Body;

    fn edge(&self) -> Arc<Edge> {
        Arc::clone(&self.shared.live.look().edge)
    }

    async fn call(&self, inbound: Inbound) -> Response<Body> {
        self.handle(inbound).await
    }

    async fn visit(&self, visit: Visit) -> Response<Body> {
        visit::answer(&self.shared, &self.tokens, visit).await
    }
}
