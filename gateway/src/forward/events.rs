//! Relays an event stream: event by event, each judged before it passes, with comments that keep it alive.
//!
//! Nothing is buffered but the one event being read, and nothing is read while the caller does not take what is there.
//! A message of a stream is decided under the snapshot of that moment; what it no longer allows is withheld, and a GET
//! or listen stream of a caller who may reach nothing any more is ended.

use super::echo::Searched;
use super::judge::{self, Judged};
use super::{Call, End, Shared};
use crate::audit::{Ending, Listed};
use crate::identity::now as seconds;
use crate::pipeline::{Asker, Cut, Refusal, UpstreamFault};
use crate::task::Cause;
use adapters::wire::revision::Era;
use adapters::wire::sse::{Decoder, Frame};
use bytes::Bytes;
use std::collections::VecDeque;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::WaitForCancellationFutureOwned;

/// Silence after which a comment shows that the stream lives: shorter than any intermediary's patience.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a clock that stands is set ahead each time it would have rung.
const STANDING: Duration = Duration::from_secs(1);

/// An event stream on its way to the caller.
#[derive(Debug)]
pub(crate) struct Events {
    pub(super) call: Call,
    pub(super) shared: Shared,
    body: Searched,
    decoder: Decoder,
    out: VecDeque<Bytes>,
    /// One timer for both: the next comment or the deadline, whichever is first.
    timer: Pin<Box<Sleep>>,
    quiet_since: Instant,
    /// Since when the server waits for its client, if it does: the call's clock stands meanwhile.
    pub(super) waiting: Option<Instant>,
    draining: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    /// Until the task ends: then nothing more passes, but a stream outlives its task's deadline.
    over: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    /// What other gateways must be told before anything more passes.
    pub(super) telling: VecDeque<JoinHandle<()>>,
    /// Whether the answer to the request has passed.
    pub(super) answered: Option<Ending>,
    /// Whether the client could resume this stream elsewhere.
    pub(super) resumable: bool,
    pub(super) withheld: u64,
    /// What the answer was cut by, where it is a list.
    pub(super) listed: Option<Listed>,
    reason: Option<String>,
    done: bool,
}

/// How long the caller's proof is good: a stream ends with it.
fn proven_for(call: &Call) -> Duration {
    let proof = &call.authorized.bound().asked().context().caller.proof;
    match proof.expires {
        Some(end) => Duration::from_secs(end.saturating_sub(seconds())),
        None => Duration::MAX,
    }
}

// === impl Events ===

impl Events {
    pub(super) fn new(mut call: Call, body: Searched, shared: Shared) -> Self {
        let settings = &call.authorized.server().settings.deadlines;
        let now = Instant::now();
        let over = call.authorized.bound().task().over().clone();
        if call.authorized.opens_stream() {
            call.deadline = now + settings.stream.min(proven_for(&call));
        }
        let limit = call
            .authorized
            .bound()
            .asked()
            .context()
            .snapshot
            .config
            .gateway
            .bounds
            .event;
        // A call in flight is finished when the gateway drains; a stream that only listens is ended.
        let draining = call
            .authorized
            .opens_stream()
            .then(|| Box::pin(shared.draining.clone().cancelled_owned()));
        Self {
            body,
            decoder: Decoder::new(limit),
            out: VecDeque::new(),
            timer: Box::pin(sleep_until((now + KEEP_ALIVE).min(call.deadline))),
            quiet_since: now,
            waiting: None,
            telling: VecDeque::new(),
            draining,
            over: Some(Box::pin(over.cancelled_owned())),
            answered: None,
            resumable: false,
            withheld: 0,
            listed: None,
            reason: None,
            done: false,
            call,
            shared,
        }
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        loop {
            while let Some(telling) = self.telling.front_mut() {
                // One that panicked has told nobody, and nobody waits for it.
                let _told = ready!(Pin::new(telling).poll(context));
                self.telling.pop_front();
            }
            if let Some(chunk) = self.out.pop_front() {
                return Poll::Ready(Some(Ok(chunk)));
            }
            if self.done {
                return Poll::Ready(None);
            }
            match self.decoder.next() {
                Ok(Some(frame)) => self.take(frame),
                Ok(None) => match self.body_or_time(context) {
                    Poll::Ready(()) => {}
                    Poll::Pending => return Poll::Pending,
                },
                Err(flaw) => self.broken(flaw.to_string()),
            }
        }
    }

    pub(super) fn end(&self) -> End {
        let ending = match (self.answered, &self.reason) {
            (Some(ending), _) => ending,
            (None, Some(_)) if self.call.deadline <= Instant::now() => Ending::TimedOut,
            (None, Some(_)) => Ending::Broken,
            (None, None) if self.call.id().is_none() || self.done => Ending::Answered,
            (None, None) => Ending::Abandoned,
        };
        End {
            ending,
            reason: self.reason.clone(),
            withheld: self.withheld,
            listed: self.listed,
        }
    }

    /// Whether the final answer was in the chunk given last.
    pub(super) fn has_answered(&self) -> bool {
        self.answered.is_some() && self.out.is_empty()
    }

    /// What is said in place of a final answer that may not be given.
    pub(super) fn instead(&mut self, refusal: &Refusal) -> Option<Bytes> {
        self.done = true;
        self.out.clear();
        self.fail(refusal);
        self.out.pop_front()
    }

    /// Reads on, or does what the time asks for.
    fn body_or_time(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self.body.poll(&self.call, context) {
            Poll::Ready(Some(Ok(chunk))) => {
                self.decoder.feed(chunk);
                self.quiet_since = Instant::now();
                return Poll::Ready(());
            }
            Poll::Ready(Some(Err(UpstreamFault::Echo))) => {
                self.echoed();
                return Poll::Ready(());
            }
            Poll::Ready(Some(Err(fault))) => {
                self.broken(fault.to_string());
                return Poll::Ready(());
            }
            Poll::Ready(None) => {
                self.broken("the stream ended before its answer".to_owned());
                return Poll::Ready(());
            }
            Poll::Pending => {}
        }
        if let Some(draining) = &mut self.draining
            && draining.as_mut().poll(context).is_ready()
        {
            self.done = true;
            return Poll::Ready(());
        }
        if let Some(over) = &mut self.over
            && over.as_mut().poll(context).is_ready()
        {
            self.over = None;
            self.task_over();
            return Poll::Ready(());
        }
        ready!(self.timer.as_mut().poll(context));
        self.ring();
        Poll::Ready(())
    }

    /// The timer rang: a comment is due, or the deadline has come.
    fn ring(&mut self) {
        let now = Instant::now();
        if now >= self.call.deadline && !self.clock_stands(now) {
            self.out_of_time();
            return;
        }
        if now.duration_since(self.quiet_since) >= KEEP_ALIVE {
            self.quiet_since = now;
            if self.call.authorized.opens_stream() && !judge::reaches(self) {
                self.done = true;
                return;
            }
            self.out.push_back(Bytes::from_static(b":\n\n"));
        }
        let next = (self.quiet_since + KEEP_ALIVE).min(self.call.deadline);
        self.timer.as_mut().reset(next);
    }

    /// While a server waits for its client, a call's clock stands; afterwards it goes on from where it was.
    fn clock_stands(&mut self, now: Instant) -> bool {
        let Some(since) = self.waiting else {
            return false;
        };
        let session = self.call.authorized.bound().session();
        if session.is_some_and(|session| session.memory.waits_for_client()) {
            self.call.deadline = now + STANDING;
        } else {
            self.waiting = None;
            self.call.deadline += now.duration_since(since);
        }
        true
    }

    fn take(&mut self, frame: Frame) {
        let event = match frame {
            Frame::Comment(comment) => {
                self.out.push_back(comment);
                return;
            }
            Frame::Event(event) => event,
        };
        if event.id().is_some() {
            self.resumable = true;
        }
        match judge::event(self, event) {
            Judged::Pass(bytes) => self.out.push_back(bytes),
            Judged::Final(bytes, ending) => {
                self.answered = Some(ending);
                self.call.closed();
                self.out.push_back(bytes);
            }
            Judged::Withhold(trace) => {
                self.withheld += 1;
                self.out.extend(trace);
            }
            Judged::End => self.done = true,
        }
    }

    /// The stream broke off. What was answered is answered; what the client can resume it will; for the rest the
    /// caller gets an error in place of the answer.
    fn broken(&mut self, why: String) {
        self.done = true;
        let legacy = self.call.authorized.bound().asked().era() == Era::Legacy;
        if self.answered.is_some() || self.call.id().is_none() {
            return;
        }
        self.reason = Some(why);
        if legacy && self.resumable {
            return;
        }
        self.call.closed();
        self.fail(&Refusal::UpstreamFailed(UpstreamFault::Answer("broke off")));
    }

    /// The server sent the credential back: nobody resumes this, and nothing more of it is believed.
    fn echoed(&mut self) {
        self.done = true;
        self.reason = Some(UpstreamFault::Echo.to_string());
        if self.answered.is_none() {
            self.call.closed();
            self.fail(&Refusal::UpstreamFailed(UpstreamFault::Echo));
        }
    }

    /// The task has ended. A deadline cancels calls; a stream without a lease lives on, until its own.
    fn task_over(&mut self) {
        let task = self.call.authorized.bound().task();
        let cause = task.end().map(|end| end.cause);
        let unleased = self.call.attached.is_none();
        if self.call.authorized.opens_stream() && unleased && cause == Some(Cause::Deadline) {
            return;
        }
        self.done = true;
        if self.answered.is_none() && !self.call.authorized.opens_stream() {
            let refusal = Refusal::TaskOver("the task ended before its answer");
            self.reason = Some(refusal.reason());
            self.call.closed();
            self.fail(&refusal);
        }
    }

    fn out_of_time(&mut self) {
        self.done = true;
        if self.answered.is_none() && !self.call.authorized.opens_stream() {
            self.reason = Some("the call's deadline passed".to_owned());
            self.call.closed();
            self.fail(&Refusal::TimedOut);
        }
    }

    /// A refusal in place of the answer, on a stream that has begun.
    fn fail(&mut self, refusal: &Refusal) {
        let asker = self
            .call
            .authorized
            .bound()
            .asked()
            .said()
            .map(Asker::of)
            .unwrap_or_default();
        if let Some(message) = crate::pipeline::message(refusal, &asker) {
            self.out.push_back(adapters::wire::sse::event(&message));
        }
    }
}
