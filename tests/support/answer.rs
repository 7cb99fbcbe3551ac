//! What comes back: an answer while it arrives, and a whole one.

use crate::json;
use crate::sse::{Event, Events};
use crate::wire::{Framing, Head, Wire};

/// An answer whose head has come.
#[derive(Debug)]
pub struct Answer {
    /// Status and headers.
    pub head: Head,
    wire: Wire,
    framing: Framing,
    events: Events,
}

/// A whole answer.
#[derive(Clone)]
pub struct Whole {
    /// Status line and headers.
    pub head: Head,
    /// Every byte.
    pub body: Vec<u8>,
}

// === impl Answer ===

impl Answer {
    /// Reads the head of an answer.
    pub async fn read(mut wire: Wire) -> Self {
        let head = wire
            .head()
            .await
            .expect("an answer")
            .expect("an answer, not an end");
        let framing = head.framing(true);
        Self {
            head,
            wire,
            framing,
            events: Events::default(),
        }
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The rest of it.
    pub async fn whole(mut self) -> Whole {
        let body = self.wire.body(self.framing).await.expect("a whole body");
        Whole {
            head: self.head,
            body,
        }
    }

    /// The next bytes as they come; `None` at the proper end.
    pub async fn piece(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        self.wire.piece(&mut self.framing).await
    }

    /// The next event or comment; `None` when the stream has ended, properly or not.
    pub async fn frame(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.take() {
                return Some(event);
            }
            let piece = self.piece().await.ok()??;
            self.events.feed(&piece);
        }
    }

    /// The next event that is more than a comment.
    pub async fn event(&mut self) -> Option<Event> {
        let next = async {
            loop {
                match self.frame().await {
                    Some(event) if event.is_comment() => {}
                    other => return other,
                }
            }
        };
        // Keep-alive comments must not keep a test alive.
        tokio::time::timeout(crate::PATIENCE, next)
            .await
            .expect("an event, or an end")
    }

    /// The next event's message; panics when there is none.
    pub async fn message(&mut self) -> serde_json::Value {
        loop {
            let event = self.event().await.expect("a further event");
            if event.data.as_deref().is_some_and(|data| !data.is_empty()) {
                return event.json();
            }
        }
    }

    /// Asserts that nothing but comments comes for a while.
    pub async fn silent(&mut self) {
        let event = tokio::time::timeout(crate::MOMENT, self.event()).await;
        assert!(event.is_err(), "unexpected: {event:?}");
    }
}

// === impl Whole ===

impl std::fmt::Debug for Whole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start: String = self.text().chars().take(2000).collect();
        write!(f, "{:?} {start}", self.head)
    }
}

impl Whole {
    /// The status.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The message as it came: the body, or the last message of an event stream.
    pub fn message(&self) -> String {
        let stream = self
            .head
            .get("content-type")
            .is_some_and(|media| media.starts_with("text/event-stream"));
        if !stream {
            return self.text();
        }
        let mut data = self.events().into_iter().filter_map(|event| event.data);
        data.rfind(|data| !data.is_empty()).unwrap_or_default()
    }

    /// Every event of an event stream.
    pub fn events(&self) -> Vec<Event> {
        Events::all(&self.body)
    }

    /// The message, parsed.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.message()).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The result's bytes.
    pub fn result(&self) -> String {
        let message = self.message();
        json::raw(message.as_bytes(), &["result"]).unwrap_or_else(|| panic!("no result: {self:?}"))
    }

    /// The error's code; `None` when there is no error.
    pub fn code(&self) -> Option<i64> {
        serde_json::from_str::<serde_json::Value>(&self.message()).ok()?["error"]["code"].as_i64()
    }

    /// The text of a tool's first content block.
    pub fn said(&self) -> String {
        self.json()["result"]["content"][0]["text"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}
