//! Answers of a server, read only as far as needed: to the id, past the handles that must be sealed, to the end.
//!
//! What is known to be the answer passes as it comes; until then it is held. Chunks are handed on, not copied.

use super::message::{Message, read};
use super::scan::{self, Bounds, Flaw};
use super::track::{Name, Step, Tracker};
use super::{splice, text};
use bytes::Bytes;

/// A handle that a client will bring back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handle {
    /// `result.requestState`.
    RequestState,
    /// An MCP task id.
    Task,
}

/// How an answer is read.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The most that is held.
    pub limit: usize,
    /// Whether it is held to its end in any case, and then read strictly.
    pub whole: bool,
}

/// What an answer says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// A JSON-RPC error.
    pub is_error: bool,
    /// A tool result that says it failed.
    pub tool_error: bool,
}

/// Why bytes are not the answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerFlaw {
    /// More had to be held than is allowed.
    TooLarge,
    /// It ended within.
    Truncated,
    /// The id of another request, or none.
    Id,
    /// Not JSON, or no JSON-RPC answer.
    Shape,
}

/// What a server said on a stream.
#[derive(Debug)]
pub enum Heard {
    /// A response, with the raw id it answers.
    Answer {
        /// The raw id.
        id: Bytes,
    },
    /// A request or a notification.
    Message(Box<Message>),
}

/// Reads the body of one answer.
#[derive(Debug)]
pub struct Reader {
    tracker: Tracker,
    expected: Box<[u8]>,
    options: Options,
    error_without_id: bool,
    held: Vec<Bytes>,
    size: usize,
    released: bool,
    seen: Seen,
    facts: Facts,
    /// Whether a value that is being sealed spans chunks: its bytes do not pass.
    sealing: bool,
}

#[derive(Debug, Default)]
struct Seen {
    jsonrpc: bool,
    id: Option<Given>,
    result: bool,
    error: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    Expected,
    Null,
}

/// Whether two raw ids are the same id of the same type.
#[must_use]
pub fn same_id(one: &[u8], other: &[u8]) -> bool {
    one == other
        || (one.first() == Some(&b'"')
            && other.first() == Some(&b'"')
            && text::unescape(one) == text::unescape(other))
}

/// Tells a response from what a server sends unasked; the latter is read strictly and whole.
///
/// # Errors
///
/// What is neither.
pub fn hear(data: &Bytes, bounds: &Bounds) -> Result<Heard, Flaw> {
    let mut tracker = Tracker::new();
    let (mut at, mut id, mut answers) = (0, None, false);
    loop {
        match tracker.step(data, &mut at) {
            Step::Begins(Name::Result | Name::Error) => answers = true,
            Step::Opens(Name::Method, _) => {
                return read(data, bounds).map(|message| Heard::Message(Box::new(message)));
            }
            Step::Closes(Name::Id, _) => id = Some(Bytes::copy_from_slice(tracker.token())),
            Step::More | Step::Astray => break,
            _ => {}
        }
        if answers && let Some(id) = id {
            return Ok(Heard::Answer { id });
        }
    }
    Err(Flaw::shape("neither request nor response"))
}

// === impl Reader ===

impl Reader {
    /// A reader of the answer to the request with this raw id.
    #[must_use]
    pub fn new(expected: &[u8], options: Options) -> Self {
        Self {
            tracker: Tracker::new(),
            expected: Box::from(expected),
            options,
            error_without_id: false,
            held: Vec::new(),
            size: 0,
            released: false,
            seen: Seen::default(),
            facts: Facts::default(),
            sealing: false,
        }
    }

    /// Takes an error without an id for an answer too: a server that could not read the id has none to give.
    pub fn allow_error_without_id(&mut self) {
        self.error_without_id = true;
    }

    /// Whether what comes passes at once.
    #[must_use]
    pub fn released(&self) -> bool {
        self.released
    }

    /// Takes the next chunk; what may pass is put into `out`, handles sealed.
    ///
    /// # Errors
    ///
    /// What makes it no answer.
    pub fn feed(
        &mut self,
        chunk: Bytes,
        seal: &mut dyn FnMut(Handle, &str) -> String,
        out: &mut Vec<Bytes>,
    ) -> Result<(), AnswerFlaw> {
        self.size += chunk.len();
        let (mut at, mut passed) = (0, 0);
        loop {
            match self.tracker.step(&chunk, &mut at) {
                Step::More => break,
                Step::Astray => return Err(AnswerFlaw::Shape),
                Step::Begins(name) => self.begins(name)?,
                Step::Opens(name, from) => {
                    if handle(name).is_some() && chunk.get(from) == Some(&b'"') {
                        self.held.push(chunk.slice(passed..from));
                        self.sealing = true;
                    }
                }
                Step::Closes(name, to) => {
                    if let Some(handle) = handle(name).filter(|_| self.sealing) {
                        let own = text::unescape(self.tracker.token()).into_owned();
                        self.held
                            .push(Bytes::from(text::quote(&seal(handle, &own))));
                        self.sealing = false;
                        passed = to;
                    } else {
                        self.closes(name)?;
                    }
                }
            }
        }
        if !self.sealing {
            let rest = if passed == 0 {
                chunk
            } else {
                chunk.slice(passed..)
            };
            self.held.push(rest);
        }
        // Of an answer that passes only the value being watched is kept.
        let kept = if self.released {
            self.tracker.token().len()
        } else {
            self.size
        };
        if kept > self.options.limit {
            return Err(AnswerFlaw::TooLarge);
        }
        if self.released {
            out.append(&mut self.held);
        }
        Ok(())
    }

    /// Ends the answer; what was held passes.
    ///
    /// # Errors
    ///
    /// What makes it no answer.
    pub fn finish(mut self, out: &mut Vec<Bytes>) -> Result<Facts, AnswerFlaw> {
        if !self.tracker.closed() {
            return Err(AnswerFlaw::Truncated);
        }
        if !self.seen.jsonrpc || self.seen.result == self.seen.error {
            return Err(AnswerFlaw::Shape);
        }
        let mute = self.error_without_id && self.seen.error;
        match self.seen.id {
            Some(Given::Expected) => {}
            Some(Given::Null) | None if mute => {}
            _ => return Err(AnswerFlaw::Id),
        }
        if self.options.whole || self.seen.error {
            let whole = splice::join(self.held);
            scan::strict(&whole).map_err(|_| AnswerFlaw::Shape)?;
            out.push(whole);
        } else {
            out.append(&mut self.held);
        }
        Ok(self.facts)
    }

    fn begins(&mut self, name: Name) -> Result<(), AnswerFlaw> {
        let twice = match name {
            Name::Result => std::mem::replace(&mut self.seen.result, true),
            Name::Error => std::mem::replace(&mut self.seen.error, true),
            // A structured id is nobody's, and an answer has no method.
            Name::Id | Name::Method | Name::Jsonrpc => return Err(AnswerFlaw::Shape),
            _ => false,
        };
        if twice || (self.seen.result && self.seen.error) {
            return Err(AnswerFlaw::Shape);
        }
        self.facts.is_error |= name == Name::Error;
        if name == Name::Result && !self.options.whole && self.seen.id == Some(Given::Expected) {
            self.released = true;
        }
        Ok(())
    }

    fn closes(&mut self, name: Name) -> Result<(), AnswerFlaw> {
        let token = self.tracker.token();
        match name {
            Name::Jsonrpc if token == b"\"2.0\"" && !self.seen.jsonrpc => self.seen.jsonrpc = true,
            Name::Jsonrpc | Name::Method => return Err(AnswerFlaw::Shape),
            Name::Id => {
                let given = if same_id(&self.expected, token) {
                    Given::Expected
                } else if token == b"null" {
                    Given::Null
                } else {
                    return Err(AnswerFlaw::Id);
                };
                if self.seen.id.replace(given).is_some() {
                    return Err(AnswerFlaw::Shape);
                }
            }
            Name::IsError => self.facts.tool_error |= token == b"true",
            _ => {}
        }
        Ok(())
    }
}

fn handle(name: Name) -> Option<Handle> {
    match name {
        Name::RequestState => Some(Handle::RequestState),
        Name::TaskId => Some(Handle::Task),
        _ => None,
    }
}

// === impl AnswerFlaw ===

impl AnswerFlaw {
    /// In the operator's words.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLarge => "larger than `bounds.answer`",
            Self::Truncated => "broke off",
            Self::Id => "carries the id of another request, or none",
            Self::Shape => "is no JSON-RPC answer",
        }
    }
}
