//! Relays a plain answer: held until it is known to be the answer to this request, then let through.
//!
//! A small answer is taken whole, so that its record precedes its first byte; a large one passes as it comes.

use super::answer::{self, ending, fault, finish, options};
use super::echo::Searched;
use super::{Call, Content, End, Relay, Shared, Whole, seals};
use crate::audit::Ending;
use crate::pipeline::{Cut, UpstreamFault};
use crate::telemetry::fault::Fault;
use adapters::wire::answer::{Facts, Reader};
use adapters::wire::{Class, Member, splice};
use bytes::Bytes;
use http::StatusCode;
use http_body::SizeHint;
use std::collections::VecDeque;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::time::{Sleep, sleep_until, timeout_at};
use tokio_util::sync::WaitForCancellationFutureOwned;

/// An answer up to this size is taken whole even when it could already pass.
const HELD: usize = 128 * 1024;
/// An error that answers no request is small.
const ERROR_BYTES: usize = 64 * 1024;

/// A large answer on its way to the caller.
#[derive(Debug)]
pub(crate) struct Plain {
    call: Call,
    body: Searched,
    reader: Option<Reader>,
    digest: Option<[u8; 32]>,
    out: VecDeque<Bytes>,
    timer: Pin<Box<Sleep>>,
    /// Until the task ends.
    over: Pin<Box<WaitForCancellationFutureOwned>>,
    facts: Option<Facts>,
    reason: Option<String>,
}

/// Reads an answer until it may pass.
///
/// # Errors
///
/// The call and what makes the body no answer to it.
pub(super) async fn read(
    call: Call,
    status: StatusCode,
    mut body: Searched,
    shared: &Shared,
) -> Result<Content, (Call, UpstreamFault)> {
    let method = call.method();
    let mut reader = Reader::new(call.id().unwrap_or_default(), options(&call, method));
    if status.is_client_error() {
        reader.allow_error_without_id();
    }
    let digest = seals::digest(&call);
    let mut out = Vec::new();
    let mut size = 0;
    loop {
        let chunk = match timeout_at(call.deadline, body.next(&call)).await {
            Ok(Some(Ok(chunk))) => chunk,
            Ok(Some(Err(fault))) => return Err((call, fault)),
            Ok(None) => break,
            Err(_) => return Err((call, UpstreamFault::Late)),
        };
        size += chunk.len();
        let mut seal = |handle, own: &str| {
            seals::seal(
                &call,
                digest.as_ref().map(<[u8; 32]>::as_slice),
                handle,
                own,
            )
        };
        if let Err(flaw) = reader.feed(chunk, &mut seal, &mut out) {
            let fault = body.unread(&call, fault(flaw)).await;
            return Err((call, fault));
        }
        if size > HELD && reader.released() {
            let plain = Plain::new(call, body, (reader, digest), out);
            return Ok(Content::Relay(Relay::Plain(Box::new(plain))));
        }
    }
    let facts = match reader.finish(&mut out) {
        Ok(facts) => facts,
        Err(flaw) => return Err((call, fault(flaw))),
    };
    let ending = match facts.is_error {
        true => match error(&call, &splice::join(out.clone())) {
            Some(fault) => Ending::ServerError(fault),
            None => return Err((call, UpstreamFault::Answer("holds an error that is none"))),
        },
        false => ending(&facts),
    };
    call.closed();
    if options(&call, method).whole {
        let read = finish(&call, shared, method, (splice::join(out), ending));
        return Ok(Content::Whole(Whole {
            chunks: vec![read.bytes],
            ending: read.ending,
            listed: read.listed,
        }));
    }
    Ok(Content::whole(out, ending))
}

/// Reads a JSON-RPC error that answers no request: what a server says to a notification or a GET it refuses.
///
/// # Errors
///
/// What makes the body no such error.
pub(super) async fn read_error(call: &Call, mut body: Searched) -> Result<Content, UpstreamFault> {
    let mut chunks = Vec::new();
    let mut size = 0;
    let body = loop {
        match timeout_at(call.deadline, body.next(call)).await {
            Ok(Some(chunk)) => chunks.push(chunk?),
            Ok(None) => break splice::join(chunks),
            Err(_) => return Err(UpstreamFault::Late),
        }
        size += chunks.last().map_or(0, Bytes::len);
        if size > ERROR_BYTES {
            return Err(UpstreamFault::TooLarge);
        }
    };
    match error(call, &body) {
        Some(fault) => Ok(Content::whole(vec![body], Ending::ServerError(fault))),
        None => Err(UpstreamFault::Answer("is no JSON-RPC error")),
    }
}

/// The JSON-RPC error that a body is, whole and strictly.
pub(super) fn error(call: &Call, body: &[u8]) -> Option<Fault> {
    let bounds = &call
        .authorized
        .bound()
        .asked()
        .context()
        .snapshot
        .scan_bounds;
    let message = adapters::wire::read(body, bounds).ok()?;
    let code = message.slice(Member::ErrorCode, body);
    let code = code.and_then(|raw| std::str::from_utf8(raw).ok()?.parse().ok());
    (message.class() == Class::Error).then(|| code.map_or(Fault::Other, Fault::Code))
}

// === impl Plain ===

impl Plain {
    fn new(
        call: Call,
        body: Searched,
        (reader, digest): (Reader, Option<[u8; 32]>),
        out: Vec<Bytes>,
    ) -> Self {
        let over = call.authorized.bound().task().over().clone();
        Self {
            timer: Box::pin(sleep_until(call.deadline)),
            over: Box::pin(over.cancelled_owned()),
            call,
            body,
            reader: Some(reader),
            digest,
            out: out.into(),
            facts: None,
            reason: None,
        }
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        loop {
            // The last chunk is given only when it is known to be the last: the outcome is recorded before it.
            if (self.out.len() > 1 || self.reader.is_none())
                && let Some(chunk) = self.out.pop_front()
            {
                return Poll::Ready(Some(Ok(chunk)));
            }
            let Some(reader) = &mut self.reader else {
                return Poll::Ready(None);
            };
            let chunk = match self.body.poll(&self.call, context) {
                Poll::Ready(chunk) => chunk,
                Poll::Pending => {
                    if self.over.as_mut().poll(context).is_ready() {
                        return self.cut("the task ended before its answer".to_owned());
                    }
                    ready!(std::future::Future::poll(self.timer.as_mut(), context));
                    return self.cut("the call's deadline passed".to_owned());
                }
            };
            let mut out = Vec::new();
            let step = match chunk {
                Some(Ok(chunk)) => {
                    let (call, digest) = (&self.call, self.digest.as_ref());
                    let mut seal = |handle, own: &str| {
                        seals::seal(call, digest.map(<[u8; 32]>::as_slice), handle, own)
                    };
                    reader
                        .feed(chunk, &mut seal, &mut out)
                        .map_err(|flaw| flaw.reason().to_owned())
                }
                Some(Err(fault)) => Err(fault.to_string()),
                None => self.finish(&mut out),
            };
            if let Err(reason) = step {
                return self.cut(reason);
            }
            self.out
                .extend(out.into_iter().filter(|chunk| !chunk.is_empty()));
        }
    }

    /// Whether the chunk given last was the last.
    pub(super) fn has_answered(&self) -> bool {
        self.facts.is_some() && self.out.is_empty()
    }

    pub(super) fn end(&self) -> End {
        let ending = match (&self.facts, &self.reason) {
            (Some(facts), _) => answer::ending(facts),
            (None, Some(_)) => Ending::Broken,
            (None, None) => Ending::Abandoned,
        };
        End {
            ending,
            reason: self.reason.clone(),
            withheld: 0,
            listed: None,
        }
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }

    fn finish(&mut self, out: &mut Vec<Bytes>) -> Result<(), String> {
        let Some(reader) = self.reader.take() else {
            return Ok(());
        };
        self.facts = Some(
            reader
                .finish(out)
                .map_err(|flaw| flaw.reason().to_owned())?,
        );
        self.call.closed();
        Ok(())
    }

    fn cut(&mut self, reason: String) -> Poll<Option<Result<Bytes, Cut>>> {
        self.reader = None;
        self.out.clear();
        self.reason = Some(reason);
        self.call.closed();
        Poll::Ready(Some(Err(Cut)))
    }
}
