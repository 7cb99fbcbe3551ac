//! Stage 8, send: the exchange with the server, and the relay of its answer.
//!
//! Nothing is sent twice. The answer's head is read here; its body is relayed as it comes, read no further than the
//! stages need.

mod answer;
mod echo;
mod era;
mod events;
mod head;
mod judge;
mod meta;
mod plain;
mod relay;
mod request;
mod seals;

pub(crate) use era::{Eras, Speaks};
pub(crate) use relay::{End, Relay};

use crate::ask::{Ask, Mirrors};
use crate::audit::{CallId, Ending, Ledger, Listed, Recorded};
use crate::authorize::Authorized;
use crate::credentials::{Attached, Credentialed, Leases, Step};
use crate::identity::now as seconds;
use crate::limit::{Admitted, Limits, Places};
use crate::live::Live;
use crate::pipeline::{Evidence, Outgoing, Record, Refusal, UpstreamFault};
use crate::snapshot::Snapshot;
use crate::task::{Carrying, Hop, Session, Tasks};
use adapters::upstream::{Exchange, ReplyBody, Upstream, UpstreamError};
use adapters::wire::revision::Era;
use adapters::wire::{Class, Method};
use bytes::Bytes;
use http::Response;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// A call whose server has answered. Made only by [`Forward::send`].
#[derive(Debug)]
pub(crate) struct Forwarded {
    head: http::response::Parts,
    content: Content,
}

/// What follows the head.
#[derive(Debug)]
pub(crate) enum Content {
    /// The whole body, in hand.
    Whole(Whole),
    /// The body as it comes.
    Relay(Relay),
}

/// An answer in hand.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) chunks: Vec<Bytes>,
    pub(crate) ending: Ending,
    /// What was cut, where it is a list.
    pub(crate) listed: Option<Listed>,
}

/// What relays share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    /// Messages of long streams are decided under the current snapshot.
    pub(crate) live: Arc<Live<Snapshot>>,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) mirrors: Arc<Mirrors>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) leases: Arc<Leases>,
    pub(crate) ledger: Arc<Ledger>,
    /// Streams end properly when the gateway shuts down.
    pub(crate) draining: CancellationToken,
}

/// An authorized call on its way: what the relays need of it until the last byte.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) number: CallId,
    pub(crate) authorized: Authorized,
    /// What it holds of limits.
    pub(crate) places: Places,
    /// The credential it goes out with.
    pub(crate) attached: Option<Attached>,
    pub(crate) deadline: Instant,
    /// The hop token it brings to a server that is an agent: good until this call has ended.
    pub(crate) carrying: Option<Carrying>,
    /// Where it stands in its trace, where traces are kept.
    pub(crate) outgoing: Option<Outgoing>,
    /// The session an `initialize` was just given.
    pub(crate) begun: Option<Arc<Session>>,
}

/// The stage.
#[derive(Debug)]
pub(crate) struct Forward {
    shared: Shared,
}

// === impl Forward ===

impl Forward {
    /// The stage over what relays share.
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared }
    }

    /// Lets a call go on that there is a point in sending: nothing is intended that will not be.
    ///
    /// # Errors
    ///
    /// [`Refusal::Draining`] for a stream; the refusals of an era the server does not speak.
    pub(crate) fn ready(&self, call: Credentialed) -> Result<Credentialed, Refusal> {
        let authorized = call.authorized();
        if self.shared.draining.is_cancelled() && authorized.opens_stream() {
            return Err(Refusal::Draining);
        }
        era_allows(authorized)?;
        Ok(call)
    }

    /// Sends a recorded call and reads the head of its answer.
    ///
    /// # Errors
    ///
    /// [`Refusal::UpstreamFailed`] and [`Refusal::TimedOut`]; the refusals of an era the server does not speak.
    pub(crate) async fn send(
        &self,
        recorded: Recorded,
        outgoing: Option<Outgoing>,
    ) -> Result<Forwarded, Refusal> {
        let id = recorded.call();
        let (admitted, attached) = recorded.into_credentialed().into_parts();
        let mut call = Call::new((id, outgoing), admitted, attached, &self.shared);
        if let Some(carrying) = &mut call.carrying {
            self.shared.tasks.spread(carrying, seconds()).await;
        }
        let exchange = request::exchange(&call);
        if call.attached.is_some() {
            Step::Used.done();
        }
        call.opened();
        let over = call.authorized.bound().task().over().clone();
        let answered = async {
            let exchanged = timeout_at(call.deadline, call.exchange(exchange)).await;
            let health = &call.authorized.server().health;
            let response = match exchanged {
                Ok(Ok(response)) => {
                    health.answered();
                    response
                }
                Ok(Err(error)) => {
                    health.failed();
                    call.closed();
                    return Err(Refusal::UpstreamFailed(UpstreamFault::Exchange(error)));
                }
                Err(_) => {
                    health.failed();
                    return Err(Refusal::TimedOut);
                }
            };
            head::read(call, response, &self.shared).await
        };
        tokio::select! {
            biased;
            answered = answered => answered,
            // Whatever the server was about to say, nobody may have it any more.
            () = over.cancelled() => Err(Refusal::TaskOver("the task ended before its server answered")),
        }
    }
}

/// A pair the operator, or an earlier answer, says cannot speak is told so without asking the server.
fn era_allows(call: &Authorized) -> Result<(), Refusal> {
    let asked = call.bound().asked();
    let eras = &call.server().eras;
    match (asked.era(), eras.known()) {
        (Era::Legacy, _) if asked.said().is_none() && eras.pinned() == Some(Speaks::Modern) => {
            Err(Refusal::VerbUnknown)
        }
        (Era::Modern, Some(Speaks::Legacy)) => Err(Refusal::ServerIsLegacy),
        (Era::Legacy, _) if call.bound().initializes() && eras.pinned() == Some(Speaks::Modern) => {
            Err(Refusal::ServerIsModern)
        }
        _ => Ok(()),
    }
}

/// A hop token for the agent that is called, no longer good than the call and its caller's proof.
fn carry(
    call: &Authorized,
    (hop, agent): (Hop, &Arc<str>),
    shared: &Shared,
    (now, limit): (u64, Duration),
) -> Option<Carrying> {
    let context = call.bound().asked().context();
    let snapshot = &context.snapshot;
    let proof = context.caller.proof.expires.unwrap_or(u64::MAX);
    let expires = now.saturating_add(limit.as_secs().max(1)).min(proof);
    shared.tasks.chains.carry(
        &snapshot.keys,
        snapshot.public(),
        (hop, agent),
        (now, expires),
    )
}

// === impl Call ===

impl Call {
    fn new(
        (id, outgoing): (CallId, Option<Outgoing>),
        admitted: Admitted,
        attached: Option<Attached>,
        shared: &Shared,
    ) -> Self {
        let (authorized, places) = admitted.into_parts();
        let (now, begun) = (Instant::now(), seconds());
        let server = authorized.server();
        let task = authorized.bound().task();
        let left = Duration::from_secs(task.deadline().saturating_sub(begun));
        let limit = server.settings.deadlines.call.min(left);
        let carrying = server.settings.agent.as_ref().and_then(|agent| {
            let hop = Hop {
                task: Arc::clone(authorized.bound().task()),
                call: id,
                trace: outgoing.as_ref().map(|outgoing| outgoing.context.clone()),
            };
            carry(&authorized, (hop, agent), shared, (begun, limit))
        });
        Self {
            number: id,
            deadline: now + limit,
            carrying,
            outgoing,
            places,
            attached,
            begun: None,
            authorized,
        }
    }

    /// The raw id this call's answer must carry; none for what gets no answer.
    pub(crate) fn id(&self) -> Option<&[u8]> {
        let said = self.authorized.bound().asked().said()?;
        (said.class() == Class::Request)
            .then(|| said.id())
            .flatten()
    }

    /// What stands behind its server: with a credential, over connections nobody else's calls are on.
    pub(crate) fn upstream(&self) -> &Arc<dyn Upstream> {
        let own = self.attached.as_ref().map(Attached::upstream);
        own.unwrap_or(&self.authorized.server().upstream)
    }

    /// The exchange with the credential of this call, where it has one.
    pub(crate) fn dress(&self, exchange: Exchange) -> Exchange {
        match &self.attached {
            Some(attached) => attached.dress(exchange),
            None => exchange,
        }
    }

    /// Where its own span stands, where it has one.
    pub(crate) fn traced(&self) -> Option<&Outgoing> {
        let outgoing = self.outgoing.as_ref();
        outgoing.filter(|outgoing| outgoing.context.sampled)
    }

    /// What it asks.
    pub(crate) fn method(&self) -> Option<Method> {
        self.authorized
            .bound()
            .asked()
            .said()
            .and_then(|said| said.method)
    }

    /// Whether it is the legacy GET stream.
    pub(crate) fn listens(&self) -> bool {
        matches!(self.authorized.bound().asked().ask(), Ask::Listen)
    }

    /// The exchange, in the order the session's requests came: a server may speak on the GET stream at once.
    async fn exchange(&self, exchange: Exchange) -> Result<Response<ReplyBody>, UpstreamError> {
        let upstream = self.upstream();
        let Some(session) = self.authorized.bound().session() else {
            return upstream.exchange(exchange).await;
        };
        if self.listens() {
            let _first = session.memory.opening().await;
            return upstream.exchange(exchange).await;
        }
        session.memory.in_order(self.method()).await;
        upstream.exchange(exchange).await
    }

    /// A legacy request stays open in its session until its final answer, whatever becomes of the connection.
    fn opened(&self) {
        if let (Some(session), Some(id)) = (self.authorized.bound().session(), self.id()) {
            session.memory.open(id, self.method());
        }
    }

    /// The final answer has passed, or none will come.
    pub(crate) fn closed(&self) {
        if let (Some(session), Some(id)) = (self.authorized.bound().session(), self.id()) {
            session.memory.close(id);
        }
    }
}

// === impl Forwarded ===

impl Forwarded {
    /// The answer, to be given once its record stands.
    pub(crate) fn into_parts(self) -> (http::response::Parts, Content) {
        (self.head, self.content)
    }
}

// === impl Content ===

impl Content {
    /// A body in hand that is no list.
    fn whole(chunks: Vec<Bytes>, ending: Ending) -> Self {
        Self::Whole(Whole {
            chunks,
            ending,
            listed: None,
        })
    }
}

impl Evidence for Forwarded {
    fn note(&self, _record: &mut Record) {}
}
