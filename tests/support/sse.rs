//! Server-sent events as a careful reader sees them.

/// One event, or a comment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// `id:`; `Some("")` when the field was there and empty.
    pub id: Option<String>,
    /// `event:`.
    pub event: Option<String>,
    /// `data:` lines joined; `None` when there was no such line.
    pub data: Option<String>,
    /// `retry:`.
    pub retry: Option<String>,
    /// Comment lines, without their colon.
    pub comments: Vec<String>,
}

/// Collects bytes and hands out whole events.
#[derive(Debug, Default)]
pub struct Events {
    buffer: Vec<u8>,
    after_return: bool,
}

// === impl Event ===

impl Event {
    /// The message inside.
    pub fn json(&self) -> serde_json::Value {
        let data = self.data.as_deref().unwrap_or_default();
        serde_json::from_str(data).unwrap_or_else(|_| panic!("no message in {self:?}"))
    }

    /// Only comments, nothing for a client to see.
    pub fn is_comment(&self) -> bool {
        Self {
            comments: Vec::new(),
            ..self.clone()
        } == Self::default()
    }

    fn parse(block: &str) -> Self {
        let mut event = Self::default();
        for line in block.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
            match field {
                "" => event.comments.push(value),
                "id" => event.id = Some(value),
                "event" => event.event = Some(value),
                "retry" => event.retry = Some(value),
                "data" => match &mut event.data {
                    Some(data) => *data = format!("{data}\n{value}"),
                    None => event.data = Some(value),
                },
                _ => {}
            }
        }
        event
    }
}

// === impl Events ===

impl Events {
    /// Adds bytes as they came; CR, LF and CRLF all end a line.
    pub fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'\n' if self.after_return => {}
                b'\n' | b'\r' => self.buffer.push(b'\n'),
                other => self.buffer.push(other),
            }
            self.after_return = byte == b'\r';
        }
    }

    /// The next whole event.
    pub fn take(&mut self) -> Option<Event> {
        let at = self.buffer.windows(2).position(|two| two == b"\n\n")?;
        let block: Vec<u8> = self.buffer.drain(..at + 2).collect();
        Some(Event::parse(std::str::from_utf8(&block).expect("UTF-8")))
    }

    /// Every event of a finished body.
    pub fn all(body: &[u8]) -> Vec<Event> {
        let mut events = Self::default();
        events.feed(body);
        std::iter::from_fn(|| events.take()).collect()
    }
}
