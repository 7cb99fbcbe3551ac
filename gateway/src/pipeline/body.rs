//! The body of an answer: nothing, bytes in hand, or a relay that carries the call's trail to its last byte.

use super::trail::Trail;
use crate::audit::Ending;
use crate::forward::Relay;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The body of an answer.
#[derive(Debug)]
pub struct Body {
    content: Content,
}

#[derive(Debug)]
enum Content {
    Empty,
    Whole(Bytes),
    /// Boxed: ten thousand idle streams are ten thousand of these.
    Relay(Box<Relayed>),
}

#[derive(Debug)]
struct Relayed {
    relay: Relay,
    trail: Option<Trail>,
}

/// The answer cannot be completed: the connection is cut, so that nobody takes a part for the whole.
#[derive(Debug)]
pub struct Cut;

// === impl Body ===

impl Body {
    /// No bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self { content: Content::Empty }
    }

    /// Bytes in hand.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Self {
        let content = if bytes.is_empty() { Content::Empty } else { Content::Whole(bytes) };
        Self { content }
    }

    /// A relay; the trail closes with it.
    pub(crate) fn relay(relay: Relay, trail: Trail) -> Self {
        Self { content: Content::Relay(Box::new(Relayed { relay, trail: Some(trail) })) }
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
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Relay(relayed) => relayed.relay.size_hint(),
        }
    }
}

// === impl Relayed ===

impl Relayed {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        let polled = self.relay.poll(context);
        if let Poll::Ready(frame) = &polled
            && let Some(trail) = &mut self.trail
        {
            match frame {
                Some(Ok(chunk)) => trail.amend(|record| record.bytes_out += chunk.len() as u64),
                None => self.close(),
                Some(Err(_)) => self.close(),
            }
        }
        polled.map(|frame| frame.map(|chunk| chunk.map_err(|_| Cut)))
    }

    fn close(&mut self) {
        if let Some(mut trail) = self.trail.take() {
            let end = self.relay.end();
            trail.amend(|record| {
                record.withheld += end.withheld;
                if record.reason.is_none() {
                    record.reason = end.reason;
                }
            });
            trail.close(end.ending);
        }
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        // A caller that left after the final answer had passed got what it asked for.
        if self.relay.end().ending == Ending::Answered {
            self.close();
        }
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer was cut")
    }
}

impl std::error::Error for Cut {}
