//! Between a socket and hyper: passes checked bytes on, in the buffer hyper gave where a head came in one piece.
//!
//! At a violation in a head hyper gets a request of ours in its place, one no client can send (TRACE never passes
//! the check), so that the refusal is answered in its turn, behind what was pipelined before it. A violation inside
//! a body breaks that body. Nothing behind either is passed on.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::Reason;
use super::track::{Fault, Track};

/// A connection whose reads are strict HTTP/1.
#[derive(Debug)]
pub(crate) struct Filter<T> {
    io: T,
    track: Track,
    mode: Mode,
    /// The beginning of a head (or the verdict) waiting to be passed on.
    held: Vec<u8>,
    /// How many of `held` may go.
    ready: usize,
    /// How long a head may take.
    patience: Duration,
    /// Runs while a head is awaited that has begun, or is the first.
    waiting: Option<Pin<Box<Sleep>>>,
    /// What was thrown away behind a verdict.
    discarded: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    /// The verdict is in `held` or has gone.
    Judged,
    /// The body being read cannot go on.
    Broken(Reason),
}

/// Read when a head is unfinished, and behind a verdict.
const PIECE: usize = 4096;

/// So much is read and thrown away behind a verdict, or of a body that was answered unread.
const DISCARD_MAX: usize = 1024 * 1024;

/// How long a closed connection waits for the client to have read the answer.
const LINGER: Duration = Duration::from_secs(1);

// === impl Filter ===

impl<T: AsyncRead + AsyncWrite + Unpin> Filter<T> {
    pub(crate) fn new(io: T, patience: Duration) -> Self {
        Self {
            io,
            track: Track::default(),
            mode: Mode::Open,
            held: Vec::new(),
            ready: 0,
            patience,
            waiting: Some(Box::pin(sleep(patience))),
            discarded: 0,
        }
    }

    /// Straight into the caller's buffer; only the beginning of an unfinished head is taken back.
    fn read_through(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        let new = buf.filled().get(before..).unwrap_or_default();
        let passed = self.track.feed(new);
        if passed.count == new.len() {
            self.waiting = None;
            return Poll::Ready(Ok(()));
        }
        let kept = new.get(passed.count..).unwrap_or_default();
        self.held.extend_from_slice(kept);
        buf.set_filled(before.saturating_add(passed.count));
        self.settle(0, passed.fault);
        if passed.count == 0 {
            // Nothing for the caller yet; an empty read would say that the connection has ended.
            if self.waiting.is_none() {
                self.rearm();
            }
            return self.poll_on(cx, buf);
        }
        self.rearm();
        Poll::Ready(Ok(()))
    }

    /// Adds to the unfinished head.
    fn read_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut piece = [0; PIECE];
        let mut buf = ReadBuf::new(&mut piece);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf))?;
        let count = buf.filled().len();
        self.held.extend_from_slice(buf.filled());
        let passed = self.track.feed(&self.held);
        self.settle(passed.count, passed.fault);
        if self.held.len() == self.ready {
            self.waiting = None;
        } else if passed.count > 0 {
            self.rearm();
        }
        Poll::Ready(Ok(count))
    }

    /// Sets what of `held` may go, and what follows it.
    fn settle(&mut self, passed: usize, fault: Option<Fault>) {
        self.ready = passed;
        match fault {
            None => {}
            Some(Fault::Head(reason)) => self.judge(reason),
            Some(Fault::Body(reason)) => {
                self.held.truncate(passed);
                self.mode = Mode::Broken(reason);
            }
        }
    }

    fn judge(&mut self, reason: Reason) {
        self.held.truncate(self.ready);
        let verdict = format!(
            "TRACE /{} HTTP/1.1\r\nhost: -\r\nconnection: close\r\n\r\n",
            reason.name()
        );
        self.held.extend_from_slice(verdict.as_bytes());
        self.ready = self.held.len();
        self.mode = Mode::Judged;
        self.waiting = None;
    }

    /// A head has begun: its time runs from here.
    fn rearm(&mut self) {
        self.waiting = (self.mode == Mode::Open).then(|| Box::pin(sleep(self.patience)));
    }

    fn is_overdue(&mut self, cx: &mut Context<'_>) -> bool {
        self.waiting
            .as_mut()
            .is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready())
    }

    /// Reads and forgets. Ready when there will be no more.
    fn discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut piece = [0; PIECE];
        loop {
            let mut buf = ReadBuf::new(&mut piece);
            let read = ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf));
            self.discarded = self.discarded.saturating_add(buf.filled().len());
            if read.is_err() || buf.filled().is_empty() || self.discarded > DISCARD_MAX {
                return Poll::Ready(());
            }
        }
    }

    fn poll_on(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.ready > 0 {
                let count = self.ready.min(buf.remaining());
                buf.put_slice(self.held.get(..count).unwrap_or_default());
                self.held.drain(..count);
                self.ready = self.ready.saturating_sub(count);
                return Poll::Ready(Ok(()));
            }
            match self.mode {
                Mode::Open => {}
                Mode::Judged => {
                    // Never an end: hyper would take it for a client that left before its answer.
                    let _ended = self.discard(cx);
                    return Poll::Pending;
                }
                Mode::Broken(reason) => {
                    let fault = io::Error::new(io::ErrorKind::InvalidData, reason.name());
                    return Poll::Ready(Err(fault));
                }
            }
            let read = if self.held.is_empty() {
                self.held.shrink_to(0);
                self.read_through(cx, buf).map_ok(|()| 0)
            } else {
                self.read_more(cx)
            };
            match read {
                // More of a head has come, or its end.
                Poll::Ready(Ok(more)) if more > 0 => {}
                Poll::Ready(outcome) => return Poll::Ready(outcome.map(|_done| ())),
                Poll::Pending if !self.is_overdue(cx) => return Poll::Pending,
                Poll::Pending if self.held.is_empty() => return Poll::Ready(Ok(())),
                Poll::Pending => self.judge(Reason::Slow),
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Filter<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().poll_on(cx, buf)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Filter<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
        // Closing on what the client still sends would reset the connection, and the answer with it.
        let is_done = self.mode == Mode::Open && self.track.is_between();
        if is_done || self.discard(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        self.waiting.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        if self.is_overdue(cx) {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }
}
