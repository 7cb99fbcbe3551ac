//! Searches an answer for the credential its call went out with, before anybody reads a byte of it.
//!
//! A server that sends the credential back, by mistake or to show it to whoever asked, is believed nothing more: the
//! answer is refused, the lease revoked, the server flagged. A call without a credential passes as if this were not here.

use super::Call;
use crate::credentials::Attached;
use crate::pipeline::UpstreamFault;
use adapters::upstream::ReplyBody;
use adapters::wire::echo::{Found, Patterns, SHORTEST, Sieve};
use bytes::Bytes;
use http::HeaderMap;
use http_body::Body as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How much of a body nobody reads is searched.
const UNREAD: usize = 64 * 1024;
/// And for how long the refusal waits for it.
const PATIENCE: Duration = Duration::from_secs(1);

/// The body of an answer, searched.
#[derive(Debug)]
pub(super) struct Searched {
    /// None once it has ended.
    body: Option<ReplyBody>,
    sieve: Option<Sieve>,
}

/// Whether a header of the answer holds the credential of the call.
pub(super) fn holds(call: &Call, headers: &HeaderMap) -> bool {
    call.patterns().is_some_and(|patterns| {
        let values = headers.values().map(|value| value.as_bytes());
        let mut long = values.filter(|value| value.len() >= SHORTEST);
        long.any(|value| patterns.find(value))
    })
}

// === impl Searched ===

impl Searched {
    /// The body of this call's answer.
    pub(super) fn new(call: &Call, body: ReplyBody) -> Self {
        Self {
            body: Some(body),
            sieve: call.patterns().cloned().map(Sieve::new),
        }
    }

    /// The next bytes that hold no credential, nor the beginning of one. Trailers are searched, and never passed on.
    pub(super) fn poll(
        &mut self,
        call: &Call,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, UpstreamFault>>> {
        while let Some(body) = &mut self.body {
            let frame = match ready!(Pin::new(body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Some(Err(UpstreamFault::Exchange(error)))),
                None => {
                    self.body = None;
                    break;
                }
            };
            match (frame.into_data(), &mut self.sieve) {
                (Ok(chunk), None) => return Poll::Ready(Some(Ok(chunk))),
                (Ok(chunk), Some(sieve)) => match sieve.push(chunk) {
                    Ok(clean) if clean.is_empty() => {}
                    Ok(clean) => return Poll::Ready(Some(Ok(clean))),
                    Err(Found) => return Poll::Ready(Some(Err(call.betrayed()))),
                },
                (Err(frame), _) => {
                    if frame
                        .trailers_ref()
                        .is_some_and(|trailers| holds(call, trailers))
                    {
                        return Poll::Ready(Some(Err(call.betrayed())));
                    }
                }
            }
        }
        let held = self.sieve.take().and_then(Sieve::finish);
        Poll::Ready(held.map(Ok))
    }

    /// The same, waiting for it.
    pub(super) async fn next(&mut self, call: &Call) -> Option<Result<Bytes, UpstreamFault>> {
        poll_fn(|context| self.poll(call, context)).await
    }

    /// Searches what nobody will read of an answer that is of no use; why it then is of none.
    pub(super) async fn unread(&mut self, call: &Call, fault: UpstreamFault) -> UpstreamFault {
        if self.sieve.is_none() || matches!(fault, UpstreamFault::Echo) {
            return fault;
        }
        let until = call.deadline.min(Instant::now() + PATIENCE);
        let search = async {
            let mut size = 0;
            while size < UNREAD
                && let Some(next) = self.next(call).await
            {
                size += next?.len();
            }
            Ok(())
        };
        match timeout_at(until, search).await {
            Ok(Err(UpstreamFault::Echo)) => UpstreamFault::Echo,
            _ => fault,
        }
    }
}

// === impl Call ===

impl Call {
    fn patterns(&self) -> Option<&Arc<Patterns>> {
        self.attached.as_ref()?.patterns()
    }

    /// The server sent the credential of this call back.
    pub(super) fn betrayed(&self) -> UpstreamFault {
        let name = &self.authorized.bound().asked().context().name;
        self.authorized.server().health.echoed();
        tracing::error!(server = %name, "the server sent back the credential it was called with; the lease is revoked");
        if let Some(attached) = &self.attached {
            Attached::betrayed(attached);
        }
        UpstreamFault::Echo
    }
}
