//! What a streaming answer is while it passes: a plain body or events, polled by the answer's body.

use super::events::Events;
use super::plain::Plain;
use crate::audit::{Ending, Listed};
use crate::pipeline::{Cut, Refusal};
use bytes::Bytes;
use http_body::SizeHint;
use std::task::{Context, Poll};

/// A streaming answer.
#[derive(Debug)]
pub(crate) enum Relay {
    /// One JSON-RPC answer, released before its end.
    Plain(Box<Plain>),
    /// Server-sent events.
    Events(Box<Events>),
}

/// How a relay ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) ending: Ending,
    /// What the operator reads where it did not end well.
    pub(crate) reason: Option<String>,
    /// Messages the caller was not shown.
    pub(crate) withheld: u64,
    /// What the answer was cut by, where it is a list.
    pub(crate) listed: Option<Listed>,
}

// === impl Relay ===

impl Relay {
    /// The next chunk; an error cuts the connection.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        match self {
            Self::Plain(plain) => plain.poll(context),
            Self::Events(events) => events.poll(context),
        }
    }

    /// Whether the final answer was in the chunk given last.
    pub(crate) fn has_answered(&self) -> bool {
        match self {
            Self::Plain(plain) => plain.has_answered(),
            Self::Events(events) => events.has_answered(),
        }
    }

    /// What is said in place of a final answer that may not be given; none where nothing can be said any more.
    pub(crate) fn instead(&mut self, refusal: &Refusal) -> Option<Bytes> {
        match self {
            Self::Plain(_) => None,
            Self::Events(events) => events.instead(refusal),
        }
    }

    /// How it ended, or would if nothing more came.
    pub(crate) fn end(&self) -> End {
        match self {
            Self::Plain(plain) => plain.end(),
            Self::Events(events) => events.end(),
        }
    }

    /// How long the body will be, where that is known.
    pub(crate) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Plain(plain) => plain.size_hint(),
            Self::Events(_) => SizeHint::default(),
        }
    }
}
