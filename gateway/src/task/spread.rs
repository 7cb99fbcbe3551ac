//! A legacy session whose requests reach several gateways. The sealed id opens everywhere; what one gateway has learnt of
//! the session and another will need is put where that one finds it.

use super::bound::BoundSession;
use super::seal::Owner;
use super::session::Session;
use super::{Tasks, key};
use crate::ask::Context;
use crate::fleet::{Fleet, Message, name};
use crate::identity::now;
use crate::pipeline::Refusal;
use crate::task::Cause;
use adapters::wire::Method;
use adapters::wire::revision::Revision;
use http::HeaderValue;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// A session's id opens for so long, and what it negotiated must be known as long.
const SESSION: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// A client is given so long to answer a server that asked it over another gateway.
const ANSWER: Duration = Duration::from_secs(60 * 60);

// === impl Tasks ===

impl Tasks {
    /// Begins the memory of the session that an `initialize` was just given.
    pub(crate) fn begin(&self, owner: Owner<'_>, upstream_id: &HeaderValue) -> Arc<Session> {
        let key = key(owner, Some(upstream_id));
        let session = self.sessions.of(&key);
        session.print(&key);
        session
    }

    /// Notes what the `initialize` of a session negotiated.
    pub(crate) fn negotiate(&self, session: &Session, revision: Revision) {
        session.negotiate(revision);
        let Some((fleet, print)) = self.fleet().zip(session.known_print()) else {
            return;
        };
        let fleet = Arc::clone(fleet);
        tokio::spawn(async move {
            let text = revision.as_str().as_bytes();
            // Without it only batches need the gateway that has seen the `initialize`.
            fleet.put(&negotiated(&print), text, SESSION).await
        });
    }

    /// Which revision the session of this request negotiated, where that is known.
    ///
    /// # Errors
    ///
    /// [`Refusal::SessionUnknown`].
    pub(crate) async fn negotiated(&self, context: &Context) -> Result<Option<Revision>, Refusal> {
        let session = self.session(context)?;
        self.learn(&session).await;
        Ok(session.memory.revision())
    }

    /// Learns what a session negotiated with another gateway.
    pub(super) async fn learn(&self, session: &BoundSession) {
        let (memory, fleet) = (&session.memory, self.fleet());
        let unknown = session.upstream_id.is_some() && memory.revision().is_none();
        let Some(fleet) = fleet.filter(|_| unknown) else {
            return;
        };
        if let Ok(Some(text)) = fleet.get(&negotiated(&memory.print(&session.key))).await
            && let Some(revision) = std::str::from_utf8(&text).ok().and_then(Revision::parse)
        {
            memory.learn(revision);
        }
    }

    /// Forgets a session that has ended, and ends its task.
    pub(crate) fn forget(&self, session: &BoundSession) {
        let place = super::Place::Session(session.memory.print(&session.key));
        if let Some(task) = self.table.at(&place) {
            self.table.end(&task, Cause::SessionOver, now());
        }
        self.sessions.forget(&session.key);
        self.say(Message::Over {
            session: session.key.to_vec(),
        });
    }

    /// A request of the server is being delivered to the client: it may not pass before the result is there, so that the
    /// client can answer over any gateway. None where there is only this one.
    pub(crate) fn asks(
        &self,
        session: &BoundSession,
        (id, progress): (&[u8], Option<&[u8]>),
        method: Option<Method>,
    ) -> Option<JoinHandle<()>> {
        session.memory.ask(id, progress, method);
        let fleet = Arc::clone(self.fleet()?);
        let (memory, id) = (Arc::clone(&session.memory), Box::<[u8]>::from(id));
        memory.print(&session.key);
        Some(tokio::spawn(async move {
            offer(&fleet, &memory, (&id, method)).await;
        }))
    }

    /// Puts again what clients are asked over this gateway: the store has forgotten. Until that is done only this gateway
    /// takes their answers.
    pub(super) async fn ask_again(&self, fleet: &Fleet) {
        for memory in self.sessions.all() {
            for (id, method) in memory.keep_to_itself() {
                offer(fleet, &memory, (&id, method)).await;
            }
        }
    }

    /// The client answers a request of the server: once for each request delivered, over whichever gateway; gives what
    /// was asked.
    pub(crate) async fn answered(
        &self,
        session: &BoundSession,
        id: &[u8],
    ) -> Option<Option<Method>> {
        let own = session.memory.answer(id);
        let Some(fleet) = self.fleet() else {
            return own.map(|own| own.method);
        };
        if let Some(own) = own.as_ref().filter(|own| !own.shared) {
            return Some(own.method);
        }
        match fleet
            .take_out(&asked(&session.memory.print(&session.key), id))
            .await
        {
            Ok(Some(method)) => {
                if own.is_none() {
                    self.say(Message::Answered {
                        session: session.key.to_vec(),
                        id: id.to_vec(),
                    });
                }
                Some(
                    std::str::from_utf8(&method)
                        .ok()
                        .and_then(Method::from_name),
                )
            }
            // Another gateway has had the answer.
            Ok(None) => None,
            Err(_) => own.map(|own| own.method),
        }
    }

    /// Another gateway has had the answer to a request of the server.
    pub(crate) fn hear_answer(&self, session: &[u8], id: &[u8]) {
        if let Some(session) = self.sessions.known(session) {
            session.answer(id);
        }
    }

    /// A session has ended at another gateway; its task is ended by itself.
    pub(crate) fn hear_over(&self, session: &[u8]) {
        self.sessions.forget(session);
    }

    fn say(&self, message: Message) {
        let Some(fleet) = self.fleet().cloned() else {
            return;
        };
        tokio::spawn(async move {
            if let Err(down) = fleet.say(&message).await {
                tracing::debug!("the other gateways are not told: {down}");
            }
        });
    }
}

/// Puts a request of the server where the other gateways find it. What cannot be put is answered over this gateway or not
/// at all.
async fn offer(fleet: &Fleet, memory: &Session, (id, method): (&[u8], Option<Method>)) {
    let Some(print) = memory.known_print() else {
        return;
    };
    let text = method.map_or("", Method::name).as_bytes();
    if fleet.put(&asked(&print, id), text, ANSWER).await {
        memory.share(id);
    }
}

/// Where it stands what a session negotiated.
fn negotiated(session: &[u8; 32]) -> [u8; 32] {
    name([b"negotiated".as_slice(), session])
}

/// Where it stands that the client was asked something.
fn asked(session: &[u8; 32], id: &[u8]) -> [u8; 32] {
    name([b"asked".as_slice(), session, id])
}
