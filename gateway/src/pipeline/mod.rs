//! The way of a call. Read this file first.
//!
//! ```text
//! Inbound ─identify→ Identified ─read→ Read ─check→ Asked ─bind→ Bound ─authorize→ Authorized
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
mod spans;
mod trace;
mod trail;
mod visit;

pub use body::{Body, Cut};
pub use inbound::{Inbound, Peer};
pub use refusal::{Denial, HeadFault, Refusal, UpstreamFault};
pub(crate) use reply::{Asker, message};
pub(crate) use spans::over;
pub(crate) use trace::{Outgoing, Step};
pub(crate) use trail::{Evidence, Trail};

pub use crate::audit::Record;

use crate::ask::{Read, Reading};
use crate::audit::CallId;
use crate::forward::{Content, Forward, Forwarded, Shared};
use crate::identity::{Hearing, Identified, Tokens};
use crate::listener::{Door, Edge, Visit};
use crate::snapshot::Snapshot;
use crate::telemetry::Tracer;
use crate::{ask, authorize, credentials, identity};
use http::{HeaderName, Response};
use std::net::IpAddr;
use std::sync::Arc;

/// The stages and what they remember between calls.
#[derive(Debug)]
pub struct Pipeline {
    shared: Shared,
    tokens: Tokens,
    forward: Forward,
    tracer: Arc<Tracer>,
}

/// Names the call in every answer: `hopgate` knows the rest under this id.
const CALL: HeaderName = HeaderName::from_static("hopgate-call");

impl Pipeline {
    /// The stages over what they share.
    pub(crate) fn new(shared: Shared, tracer: Arc<Tracer>) -> Self {
        let forward = Forward::new(shared.clone());
        Self {
            shared,
            tokens: Tokens::default(),
            forward,
            tracer,
        }
    }

    /// Handles one request and records every call in it, whatever happens.
    pub async fn handle(&self, inbound: Inbound) -> Response<Body> {
        let call = CallId::new();
        let snapshot = self.shared.live.snapshot();
        let address = inbound.peer.address.ip();
        let mut trail = self.open(call, &snapshot, &inbound.server, address);
        trail.came(&inbound.head);
        let mut response = match self.read(inbound, snapshot, &mut trail).await {
            Ok(Reading::One(read)) => self.answer(read, trail).await,
            Ok(Reading::Batch(items)) => batch::answer(self, items, (call, address), trail).await,
            Err(refusal) => refuse(&refusal, &Asker::default(), trail).await,
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
        trail.place()?;
        let identified = identity::identify(inbound, snapshot, self.hearing()).await;
        let identified: Identified = trail.step(identified)?;
        self.shared.tasks.admit(identified.agent())?;
        trail.step(ask::read(identified).await)
    }

    /// Answers one call.
    async fn answer(&self, read: Read, mut trail: Trail) -> Response<Body> {
        let asker = read.asker();
        match self.run(read, &mut trail).await {
            Ok(forwarded) => deliver(forwarded, &asker, trail).await,
            Err(refusal) => refuse(&refusal, &asker, trail).await,
        }
    }

    /// The way of one call, from what is asked to what the server answers.
    async fn run(&self, read: Read, trail: &mut Trail) -> Result<Forwarded, Refusal> {
        trail.hear(&read);
        let asked = trail.step(ask::check(read, &self.shared.mirrors))?;
        let bound = trail.step(self.shared.tasks.bind(asked).await)?;
        trail.stand(&bound);
        let judged = trail.judge(authorize::judge(&bound));
        let authorized = authorize::authorize(bound, judged, &self.shared.tasks).await;
        let authorized = trail.step(authorized)?;
        let admitted = self.shared.limits.admit(authorized).await;
        let admitted = trail.step(admitted)?;
        let credentialed = credentials::attach(admitted, trail.call(), &self.shared.leases).await;
        let credentialed = trail.step(credentialed)?;
        let ready = trail.step(self.forward.ready(credentialed))?;
        let recorded = trail.intend(ready).await?;
        let outgoing = trail.send();
        trail.step(self.forward.send(recorded, outgoing).await)
    }

    fn hearing(&self) -> Hearing<'_> {
        Hearing {
            tokens: &self.tokens,
            ledger: &self.shared.ledger,
        }
    }

    fn open(&self, call: CallId, snapshot: &Snapshot, server: &Arc<str>, address: IpAddr) -> Trail {
        let digest = Arc::clone(&snapshot.config.digest);
        Trail::open(
            Record::begin(call, digest, Arc::clone(server), address),
            Arc::clone(&self.shared.ledger),
            &self.tracer,
        )
    }
}

/// Gives a call its answer: the record first, then what the caller sees of it.
async fn deliver(forwarded: Forwarded, asker: &Asker, mut trail: Trail) -> Response<Body> {
    let (head, content) = forwarded.into_parts();
    trail.amend(|record| record.status = Some(head.status.as_u16()));
    let body = match content {
        Content::Whole(whole) => {
            let body = Body::chunks(whole.chunks);
            trail.amend(|record| {
                record.bytes_out = body.length();
                record.list(whole.listed);
            });
            match trail.close(whole.ending).await {
                Ok(()) => body,
                Err(refusal) => return reply::refuse(&refusal, asker),
            }
        }
        Content::Relay(relay) => match trail.opened().await {
            Ok(()) => Body::relay(relay, trail),
            Err(refusal) => return refuse(&refusal, asker, trail).await,
        },
    };
    Response::from_parts(head, body)
}

/// Ends a call early: the record first, then what the caller sees of it.
async fn refuse(refusal: &Refusal, asker: &Asker, mut trail: Trail) -> Response<Body> {
    let answer = reply::refuse(refusal, asker);
    trail.amend(|record| {
        record.refuse(refusal);
        record.status = Some(answer.status().as_u16());
    });
    match trail.close(refusal.ending()).await {
        Ok(()) => answer,
        Err(unrecorded) => reply::refuse(&unrecorded, asker),
    }
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
        visit::answer(self, visit).await
    }
}
