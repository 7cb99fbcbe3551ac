//! Server-sent events: an incremental decoder that yields the same events however the stream is cut, and the form in
//! which they are sent on.
//!
//! An event that already has the plain form is handed on as the very bytes it came in. Any other (carriage returns,
//! unknown fields, a byte order mark) is written anew, so that no reader finds more events in it than we did.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use std::fmt;
use std::ops::Range;

/// What a stream is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// An event.
    Event(Event),
    /// A comment, ready to be sent on.
    Comment(Bytes),
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// As it came, where that is the plain form.
    raw: Option<Bytes>,
    id: Option<Bytes>,
    kind: Option<Bytes>,
    retry: Option<Bytes>,
    /// The lines of its data joined; none where no line was data.
    data: Option<Bytes>,
}

/// Why a stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SseFlaw {
    /// One event is larger than the bound.
    TooLarge,
}

/// Turns chunks into frames.
#[derive(Debug)]
pub struct Decoder {
    /// What came and was not read yet, as it came.
    pending: Bytes,
    /// The same where an event spans chunks: it grows, so that no drip makes it quadratic. Empty or `pending` is.
    grown: BytesMut,
    /// Up to where no end of a block was found.
    searched: usize,
    limit: usize,
    begun: bool,
    /// Whether the last block ended in a carriage return: a line feed that follows belongs to it.
    returned: bool,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

// === impl Decoder ===

impl Decoder {
    /// A decoder of events up to `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            pending: Bytes::new(),
            grown: BytesMut::new(),
            searched: 0,
            limit,
            begun: false,
            returned: false,
        }
    }

    /// Takes the next chunk. A chunk that holds whole events is not copied.
    pub fn feed(&mut self, chunk: Bytes) {
        if self.pending.is_empty() && self.grown.is_empty() {
            self.pending = chunk;
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        self.grown.extend_from_slice(&pending);
        self.grown.extend_from_slice(&chunk);
    }

    /// The next frame, if it is there whole.
    ///
    /// # Errors
    ///
    /// [`SseFlaw`]; the stream must end then.
    #[expect(
        clippy::should_implement_trait,
        reason = "it can fail, and more may be fed after its end"
    )]
    pub fn next(&mut self) -> Result<Option<Frame>, SseFlaw> {
        self.skip_mark();
        self.skip_line_feed();
        loop {
            let Some((block, rest)) = self.block() else {
                return if self.text().len() > self.limit {
                    Err(SseFlaw::TooLarge)
                } else {
                    Ok(None)
                };
            };
            if block > self.limit {
                return Err(SseFlaw::TooLarge);
            }
            if !self.grown.is_empty() {
                self.pending = std::mem::take(&mut self.grown).freeze();
            }
            let whole = self.pending.split_to(rest);
            self.searched = 0;
            self.returned = self.pending.is_empty() && whole.last() == Some(&b'\r');
            if let Some(frame) = frame(&whole, block) {
                return Ok(Some(frame));
            }
        }
    }

    fn text(&self) -> &[u8] {
        if self.grown.is_empty() {
            &self.pending
        } else {
            &self.grown
        }
    }

    fn skip_mark(&mut self) {
        let text = self.text();
        if self.begun || (text.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(text)) {
            return;
        }
        let rest = text
            .strip_prefix(BYTE_ORDER_MARK)
            .map(Bytes::copy_from_slice);
        self.begun = true;
        if let Some(rest) = rest {
            self.grown.clear();
            self.pending = rest;
        }
    }

    fn skip_line_feed(&mut self) {
        if self.returned && !self.pending.is_empty() {
            self.returned = false;
            if self.pending.first() == Some(&b'\n') {
                self.pending.advance(1);
            }
        }
    }

    /// Where the first block ends: up to and with its last line's end, and behind the empty line that closes it. A
    /// comment that stands first is a block of its own, so that it is sent on without waiting.
    fn block(&mut self) -> Option<(usize, usize)> {
        if !self.begun {
            return None;
        }
        loop {
            let (start, text) = (self.searched, self.text());
            // An event that ends in a carriage return waits for nothing: it may be the last.
            if text.get(start..) == Some(b"\r") {
                return Some((start, start + 1));
            }
            let (end, next) = line(text, start)?;
            if end == start {
                return Some((start, next));
            }
            if start == 0 && text.first() == Some(&b':') {
                return Some((next, next));
            }
            self.searched = next;
        }
    }
}

/// The end of the line that begins at `start`, and where the next one begins. A carriage return at the end of what is
/// there may be half of a line's end.
fn line(text: &[u8], start: usize) -> Option<(usize, usize)> {
    let end = start + memchr::memchr2(b'\n', b'\r', text.get(start..)?)?;
    match (text.get(end), text.get(end + 1)) {
        (Some(b'\r'), None) => None,
        (Some(b'\r'), Some(b'\n')) => Some((end, end + 2)),
        _ => Some((end, end + 1)),
    }
}

/// Reads the block at the start of `whole`; nothing where it holds no field we know.
fn frame(whole: &Bytes, block: usize) -> Option<Frame> {
    let block = &whole.slice(..block);
    if block.first() == Some(&b':') {
        let (end, _) = line(block, 0)?;
        let mut comment = BytesMut::with_capacity(end + 2);
        comment.extend_from_slice(block.get(..end)?);
        comment.extend_from_slice(b"\n\n");
        return Some(Frame::Comment(comment.freeze()));
    }
    let mut event = Event::default();
    let mut plain = memchr::memchr(b'\r', whole).is_none();
    let mut start = 0;
    let mut joined = BytesMut::new();
    while let Some((end, next)) = line_of(block, start) {
        plain &= event.field(block, start..end, &mut joined);
        start = next;
    }
    if !joined.is_empty() {
        event.data = Some(joined.freeze());
    }
    let says_something =
        event.id.is_some() || event.kind.is_some() || event.retry.is_some() || event.data.is_some();
    if !says_something {
        return None;
    }
    if plain {
        event.raw = Some(whole.clone());
    }
    Some(Frame::Event(event))
}

fn line_of(block: &[u8], start: usize) -> Option<(usize, usize)> {
    if start >= block.len() {
        return None;
    }
    Some(line(block, start).unwrap_or_else(|| {
        let end = block.strip_suffix(b"\r").map_or(block.len(), <[u8]>::len);
        (end.max(start), block.len())
    }))
}

/// A message as an event without a name.
#[must_use]
pub fn event(data: &[u8]) -> Bytes {
    Event {
        data: Some(Bytes::copy_from_slice(data)),
        ..Event::default()
    }
    .into_bytes()
}

// === impl Event ===

impl Event {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> Option<&[u8]> {
        self.id.as_deref()
    }

    /// Its data; empty where it only tells an id or a delay.
    #[must_use]
    pub fn data(&self) -> &Bytes {
        static NONE: Bytes = Bytes::new();
        self.data.as_ref().unwrap_or(&NONE)
    }

    /// Whether it is of the kind that carries messages.
    #[must_use]
    pub fn is_message(&self) -> bool {
        self.kind
            .as_deref()
            .is_none_or(|kind| kind.is_empty() || kind == b"message")
    }

    /// The event with another id.
    #[must_use]
    pub fn with_id(self, id: &[u8]) -> Self {
        Self {
            raw: None,
            id: Some(Bytes::copy_from_slice(id)),
            ..self
        }
    }

    /// The event with other data, as it is sent on.
    #[must_use]
    pub fn with_data(self, data: &[u8]) -> Bytes {
        Self {
            raw: None,
            data: Some(Bytes::copy_from_slice(data)),
            ..self
        }
        .into_bytes()
    }

    /// Its id and delay alone: a reader takes note of them and hears nothing.
    #[must_use]
    pub fn id_alone(&self) -> Option<Bytes> {
        if self.id.is_none() && self.retry.is_none() {
            return None;
        }
        let silent = Self {
            raw: None,
            kind: None,
            data: None,
            ..self.clone()
        };
        Some(silent.into_bytes())
    }

    /// As it is sent on.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        if let Some(raw) = self.raw {
            return raw;
        }
        let length = self.data.as_ref().map_or(0, Bytes::len);
        let mut out = BytesMut::with_capacity(length + 64);
        for (name, value) in [
            ("event", &self.kind),
            ("id", &self.id),
            ("retry", &self.retry),
        ] {
            if let Some(value) = value {
                field(&mut out, name, value);
            }
        }
        if let Some(data) = &self.data {
            // A carriage return would end the line as well, and begin what we did not say.
            for line in data.split(|byte| matches!(byte, b'\n' | b'\r')) {
                field(&mut out, "data", line);
            }
        }
        out.put_u8(b'\n');
        out.freeze()
    }

    /// Reads one line; false where it has no place in the plain form.
    fn field(&mut self, block: &Bytes, line: Range<usize>, joined: &mut BytesMut) -> bool {
        let Range { start, end } = line;
        let line = block.get(line).unwrap_or_default();
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let mut value = (start + colon + 1).min(end);
        if block.get(value) == Some(&b' ') && value < end {
            value += 1;
        }
        let value = block.slice(value..end);
        match line.get(..colon) {
            Some(b"data") => match &self.data {
                None => self.data = Some(value),
                Some(first) => {
                    if joined.is_empty() {
                        joined.extend_from_slice(first);
                    }
                    joined.put_u8(b'\n');
                    joined.extend_from_slice(&value);
                }
            },
            Some(b"event") => self.kind = Some(value),
            Some(b"id") if memchr::memchr(0, &value).is_none() => self.id = Some(value),
            Some(b"retry") if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                self.retry = Some(value)
            }
            _ => return false,
        }
        true
    }
}

fn field(out: &mut BytesMut, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.put_u8(b'\n');
}

impl fmt::Display for SseFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("an event is larger than `bounds.event`"),
        }
    }
}

impl std::error::Error for SseFlaw {}

#[cfg(test)]
mod tests;
