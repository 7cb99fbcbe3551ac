//! The body of an answer: nothing, bytes in hand, or a relay that carries the call's trail to its last byte.

use super::refusal::Refusal;
use super::trail::Trail;
use crate::audit::{Delivery, Ending};
use crate::forward::Relay;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The body of an answer.
#[derive(Debug)]
pub struct Body {
    content: Content,
}

#[derive(Debug)]
enum Content {
    Empty,
    Whole(Bytes),
    /// Several pieces in hand.
    Chunks(VecDeque<Bytes>),
    /// One body after another.
    Series(VecDeque<Body>),
    /// Boxed: ten thousand idle streams are ten thousand of these.
    Relay(Box<Relayed>),
}

#[derive(Debug)]
struct Relayed {
    relay: Relay,
    trail: Option<Trail>,
    /// The final answer while its outcome is being recorded.
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    chunk: Bytes,
    delivery: Delivery,
}

/// The answer cannot be completed: the connection is cut, so that nobody takes a part for the whole.
#[derive(Debug)]
pub struct Cut;

// === impl Body ===

impl Body {
    /// No bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            content: Content::Empty,
        }
    }

    /// Bytes in hand.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Self {
        let content = if bytes.is_empty() {
            Content::Empty
        } else {
            Content::Whole(bytes)
        };
        Self { content }
    }

    /// Pieces in hand.
    pub(crate) fn chunks(mut chunks: Vec<Bytes>) -> Self {
        chunks.retain(|chunk| !chunk.is_empty());
        if chunks.len() <= 1 {
            return Self::whole(chunks.pop().unwrap_or_default());
        }
        Self {
            content: Content::Chunks(chunks.into()),
        }
    }

    /// One body after another.
    pub(crate) fn series(bodies: impl IntoIterator<Item = Self>) -> Self {
        Self {
            content: Content::Series(bodies.into_iter().collect()),
        }
    }

    /// The bytes in hand.
    pub(crate) fn length(&self) -> u64 {
        match &self.content {
            Content::Empty | Content::Relay(_) | Content::Series(_) => 0,
            Content::Whole(bytes) => bytes.len() as u64,
            Content::Chunks(chunks) => chunks.iter().map(|chunk| chunk.len() as u64).sum(),
        }
    }

    fn poll_series(
        &mut self,
        mut bodies: VecDeque<Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        use http_body::Body as _;
        while let Some(body) = bodies.front_mut() {
            match Pin::new(body).poll_frame(context) {
                Poll::Ready(None) => drop(bodies.pop_front()),
                polled => {
                    self.content = Content::Series(bodies);
                    return polled;
                }
            }
        }
        Poll::Ready(None)
    }

    /// A relay; the trail closes with it.
    pub(crate) fn relay(relay: Relay, trail: Trail) -> Self {
        Self {
            content: Content::Relay(Box::new(Relayed {
                relay,
                trail: Some(trail),
                held: None,
            })),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match std::mem::replace(&mut self.content, Content::Empty) {
            Content::Empty => Poll::Ready(None),
            Content::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Content::Chunks(mut chunks) => {
                let chunk = chunks.pop_front();
                self.content = if chunks.is_empty() {
                    Content::Empty
                } else {
                    Content::Chunks(chunks)
                };
                Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
            }
            Content::Series(bodies) => self.poll_series(bodies, context),
            Content::Relay(mut relayed) => {
                let polled = relayed.poll(context);
                if !matches!(polled, Poll::Ready(None | Some(Err(Cut)))) {
                    self.content = Content::Relay(relayed);
                }
                polled.map(|frame| frame.map(|chunk| chunk.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Empty => SizeHint::with_exact(0),
            Content::Whole(_) | Content::Chunks(_) => SizeHint::with_exact(self.length()),
            Content::Series(_) => SizeHint::default(),
            Content::Relay(relayed) => relayed.relay.size_hint(),
        }
    }
}

// === impl Relayed ===

impl Relayed {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        if self.held.is_some() {
            return self.poll_held(context);
        }
        let polled = ready!(self.relay.poll(context));
        let Some(trail) = &mut self.trail else {
            return Poll::Ready(polled);
        };
        match polled {
            Some(Ok(chunk)) => {
                trail.amend(|record| record.bytes_out += chunk.len() as u64);
                if !self.relay.has_answered() {
                    return Poll::Ready(Some(Ok(chunk)));
                }
                match self.close() {
                    Some(delivery) => self.held = Some(Held { chunk, delivery }),
                    None => return Poll::Ready(Some(Ok(chunk))),
                }
                self.poll_held(context)
            }
            ended => {
                // No answer is in it: nothing waits for its record.
                drop(self.close());
                Poll::Ready(ended)
            }
        }
    }

    /// The final answer, once its outcome is recorded; else that it cannot be given.
    fn poll_held(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        let Some(held) = &mut self.held else {
            return Poll::Ready(None);
        };
        let recorded = ready!(Pin::new(&mut held.delivery).poll(context));
        let answer = self.held.take().map(|held| held.chunk);
        Poll::Ready(match recorded {
            Ok(()) => answer.map(Ok),
            Err(_) => match self.relay.instead(&Refusal::Unrecorded) {
                Some(said) => Some(Ok(said)),
                None => Some(Err(Cut)),
            },
        })
    }

    fn close(&mut self) -> Option<Delivery> {
        let mut trail = self.trail.take()?;
        let end = self.relay.end();
        trail.amend(|record| {
            record.list(end.listed);
            record.withheld += end.withheld;
            if record.reason.is_none() {
                record.reason = end.reason;
            }
        });
        trail.finish(end.ending)
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        // A caller that left after the final answer had passed got what it asked for.
        if self.relay.end().ending == Ending::Answered {
            drop(self.close());
        }
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer was cut")
    }
}

impl std::error::Error for Cut {}
