//! Lets a stream through as far as no secret can begin in it: of one that is found, no byte has left.

use super::{Found, Patterns};
use bytes::{Bytes, BytesMut};
use std::sync::Arc;

/// A stream on its way past the patterns.
#[derive(Debug)]
pub struct Sieve {
    patterns: Arc<Patterns>,
    /// What may be the beginning of a secret: never as much as the longest form of one.
    held: Bytes,
}

// === impl Sieve ===

impl Sieve {
    /// A stream from its beginning.
    #[must_use]
    pub fn new(patterns: Arc<Patterns>) -> Self {
        Self {
            patterns,
            held: Bytes::new(),
        }
    }

    /// Takes the next chunk; what may leave. Nothing is copied where nothing was held.
    ///
    /// # Errors
    ///
    /// [`Found`]; the stream must end then, and what is held is dropped.
    pub fn push(&mut self, chunk: Bytes) -> Result<Bytes, Found> {
        let held = std::mem::take(&mut self.held);
        let mut text = if held.is_empty() {
            chunk
        } else {
            let mut joined = BytesMut::with_capacity(held.len() + chunk.len());
            joined.extend_from_slice(&held);
            joined.extend_from_slice(&chunk);
            joined.freeze()
        };
        self.held = text.split_off(self.patterns.clear(&text)?);
        Ok(text)
    }

    /// The end of the stream: what is held was the beginning of nothing.
    #[must_use]
    pub fn finish(self) -> Option<Bytes> {
        Some(self.held).filter(|held| !held.is_empty())
    }
}
