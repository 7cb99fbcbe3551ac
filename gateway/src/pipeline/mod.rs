//! The way of a call. Read this file first.
//!
//! ```text
//! Inbound ─identify→ Identified ─read→ Asked ─bind→ Bound ─decide→ Authorized ─admit→ Admitted
//!         who                   what         session       policy             limits
//!                     ─attach→ Credentialed ─intend→ Recorded ─send→ Forwarded
//!                     credential             record           upstream
//! ```
//!
//! Each stage consumes the product of the one before and returns a product only it can build, so leaving a stage out
//! does not compile. Every early end is a [`Refusal`]; `reply.rs` is the one table of what the caller then sees.

mod batch;
mod body;
mod inbound;
mod refusal;
mod reply;
mod trail;

pub use body::{Body, Cut};
pub use inbound::{Inbound, Peer};
pub use refusal::{BodyFault, Denial, HeadFault, Refusal, UpstreamFault};
pub(crate) use reply::Asker;
pub(crate) use trail::{Evidence, Trail};

pub use crate::audit::Record;

use crate::ask::{Asked, Mirrors, Reading};
use crate::audit::{CallId, Ledger};
use crate::forward::{Forward, Forwarded};
use crate::identity::Identified;
use crate::limit::Limits;
use crate::live::Live;
use crate::snapshot::Snapshot;
use crate::task::Tasks;
use crate::{ask, authorize, credentials, identity};
use http::{HeaderName, Response};
use std::sync::Arc;

/// The stages and what they remember between calls.
#[derive(Debug)]
pub struct Pipeline {
    pub(crate) live: Arc<Live<Snapshot>>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) mirrors: Mirrors,
    pub(crate) limits: Limits,
    pub(crate) forward: Forward,
}

/// Names the call in every answer: `hopgate` knows the rest under this id.
const CALL: HeaderName = HeaderName::from_static("hopgate-call");

impl Pipeline {
    /// Handles one request and records every call in it, whatever happens.
    pub async fn handle(&self, inbound: Inbound) -> Response<Body> {
        let call = CallId::new();
        let snapshot = self.live.current();
        let mut trail = self.open(call, &snapshot, &inbound.server);
        let mut response = match self.read(inbound, snapshot, &mut trail).await {
            Ok(Reading::One(asked)) => self.answer(asked, trail).await,
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
        let identified: Identified = trail.step(identity::identify(inbound, snapshot))?;
        trail.step(ask::read(identified, &self.mirrors).await)
    }

    /// Answers one call.
    async fn answer(&self, asked: Asked, mut trail: Trail) -> Response<Body> {
        let asker = asked.said().map(Asker::of).unwrap_or_default();
        match self.run(asked, &mut trail).await {
            Ok(forwarded) => forwarded.into_response(trail),
            Err(refusal) => refuse(&refusal, &asker, trail),
        }
    }

    /// The way of one call, from what is asked to what the server answers.
    async fn run(&self, asked: Asked, trail: &mut Trail) -> Result<Forwarded, Refusal> {
        let bound = trail.step(self.tasks.bind(asked))?;
        let authorized = trail.step(authorize::decide(bound))?;
        let admitted = trail.step(self.limits.admit(authorized))?;
        let credentialed = trail.step(credentials::attach(admitted))?;
        let recorded = trail.step(self.ledger.intend(credentialed))?;
        trail.step(self.forward.send(recorded).await)
    }

    fn open(&self, call: CallId, snapshot: &Snapshot, server: &Arc<str>) -> Trail {
        let digest = Arc::clone(&snapshot.config.digest);
        Trail::open(Record::begin(call, digest, Arc::clone(server)), Arc::clone(&self.ledger))
    }
}

/// Ends a call early: the record first, then what the caller sees of it.
fn refuse(refusal: &Refusal, asker: &Asker, mut trail: Trail) -> Response<Body> {
    trail.amend(|record| record.refuse(refusal));
    let ending = refusal.ending();
    trail.close(ending);
    reply::refuse(refusal, asker)
}
