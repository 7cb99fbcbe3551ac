//! Follows the structure of an answer as its chunks pass: fast through what nobody asks about, exact where the names
//! that stages look for stand.
//!
//! It does not validate: what it passes over goes to the caller's own parser. It knows where each watched value begins
//! and ends, wherever the chunks are cut.

use super::seek;

/// A member of an answer's outer levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Name {
    Jsonrpc,
    Id,
    Method,
    Result,
    Error,
    Code,
    IsError,
    ResultType,
    RequestState,
    TaskId,
    Task,
    Tasks,
    Meta,
    Related,
    #[default]
    Other,
}

/// What following came upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The chunk is at its end.
    More,
    /// A member of the envelope begins its value here.
    Begins(Name),
    /// A watched value begins at this offset of the chunk; its raw bytes gather in the token.
    Opens(Name, usize),
    /// The watched value has ended before this offset.
    Closes(Name, usize),
    /// Something that cannot follow.
    Astray,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Between words.
    Between,
    /// In a string nobody asks about; true after a backslash.
    Skip(bool),
    /// In a key; true after a backslash.
    Key(bool),
    /// In a watched string; true after a backslash.
    Take(Name, bool),
    /// In a watched number or literal.
    Word(Name),
}

/// Levels whose keys are read: envelope, result, `_meta` and tasks, and what is in them.
const LEVELS: usize = 4;
/// A key longer than this is none of ours, even with every letter escaped.
const KEY_MOST: usize = 256;

/// Where in the structure the chunks have come to.
#[derive(Debug)]
pub(super) struct Tracker {
    mode: Mode,
    depth: usize,
    /// Which of the outer levels are objects, and what their current members are.
    levels: [(bool, Name); LEVELS],
    /// Whether the next string of the current level is a key.
    key_next: bool,
    closed: bool,
    token: Vec<u8>,
}

// === impl Tracker ===

impl Tracker {
    pub(super) fn new() -> Self {
        Self {
            mode: Mode::Between,
            depth: 0,
            levels: [(false, Name::Other); LEVELS],
            key_next: false,
            closed: false,
            token: Vec::new(),
        }
    }

    /// Whether the outermost value has ended.
    pub(super) fn closed(&self) -> bool {
        self.closed && self.mode == Mode::Between
    }

    /// The raw bytes of the watched value that has ended last.
    pub(super) fn token(&self) -> &[u8] {
        &self.token
    }

    /// Goes on from offset `at` of the chunk to the next thing worth telling.
    pub(super) fn step(&mut self, chunk: &[u8], at: &mut usize) -> Step {
        while *at < chunk.len() {
            let step = match self.mode {
                Mode::Between => self.between(chunk, at),
                Mode::Skip(escaped) => {
                    self.mode = match string(chunk, at, escaped) {
                        Text::Ends => Mode::Between,
                        Text::Goes(escaped) => Mode::Skip(escaped),
                    };
                    None
                }
                Mode::Key(escaped) => self.key(chunk, at, escaped),
                Mode::Take(name, escaped) => self.take(chunk, at, name, escaped),
                Mode::Word(name) => self.word(chunk, at, name),
            };
            if let Some(step) = step {
                return step;
            }
        }
        Step::More
    }

    fn between(&mut self, chunk: &[u8], at: &mut usize) -> Option<Step> {
        let start = *at;
        let byte = chunk.get(start).copied().unwrap_or_default();
        if self.closed && !byte.is_ascii_whitespace() {
            return Some(Step::Astray);
        }
        if self.depth > LEVELS {
            self.deep(chunk, at);
            return None;
        }
        *at += 1;
        match byte {
            b'"' if self.key_next => {
                self.token.clear();
                self.mode = Mode::Key(false);
                None
            }
            b'"' => match self.watched() {
                None => {
                    self.mode = Mode::Skip(false);
                    self.begins()
                }
                Some(name) => {
                    self.token.clear();
                    self.token.push(byte);
                    self.mode = Mode::Take(name, false);
                    Some(Step::Opens(name, start))
                }
            },
            b'{' | b'[' => {
                let begins = self.begins();
                self.depth += 1;
                if let Some(level) = self.levels.get_mut(self.depth - 1) {
                    *level = (byte == b'{', Name::Other);
                }
                self.key_next = byte == b'{' && self.depth <= LEVELS;
                begins
            }
            b'}' | b']' => self.close(byte == b'}'),
            b',' => {
                self.key_next = self.level().is_some_and(|(is_object, _)| is_object);
                None
            }
            b':' | b' ' | b'\t' | b'\n' | b'\r' => None,
            _ => match self.watched() {
                Some(name) => {
                    self.token.clear();
                    self.token.push(byte);
                    self.mode = Mode::Word(name);
                    Some(Step::Opens(name, start))
                }
                None => None,
            },
        }
    }

    /// Below the levels whose keys are read only brackets and strings matter.
    fn deep(&mut self, chunk: &[u8], at: &mut usize) {
        while let Some(byte) = chunk.get(*at) {
            *at += 1;
            match byte {
                b'"' => match string(chunk, at, false) {
                    Text::Ends => {}
                    Text::Goes(escaped) => {
                        self.mode = Mode::Skip(escaped);
                        return;
                    }
                },
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth <= LEVELS {
                        self.key_next = false;
                        return;
                    }
                }
                _ => {}
            }
        }
    }

    fn close(&mut self, is_object: bool) -> Option<Step> {
        self.key_next = false;
        if self.level().is_none_or(|(opened, _)| opened != is_object) {
            return Some(Step::Astray);
        }
        self.depth -= 1;
        self.closed = self.depth == 0;
        None
    }

    fn key(&mut self, chunk: &[u8], at: &mut usize, escaped: bool) -> Option<Step> {
        let start = *at;
        let text = string(chunk, at, escaped);
        let part = chunk.get(start..*at).unwrap_or_default();
        if self.token.len() <= KEY_MOST {
            self.token
                .extend_from_slice(part.get(..part.len().min(KEY_MOST + 2)).unwrap_or_default());
        }
        match text {
            Text::Goes(escaped) => self.mode = Mode::Key(escaped),
            Text::Ends => {
                let name = name(&self.token);
                if let Some(level) = self
                    .depth
                    .checked_sub(1)
                    .and_then(|top| self.levels.get_mut(top))
                {
                    level.1 = name;
                }
                self.key_next = false;
                self.mode = Mode::Between;
            }
        }
        None
    }

    fn take(&mut self, chunk: &[u8], at: &mut usize, name: Name, escaped: bool) -> Option<Step> {
        let start = *at;
        let text = string(chunk, at, escaped);
        self.token
            .extend_from_slice(chunk.get(start..*at).unwrap_or_default());
        match text {
            Text::Goes(escaped) => {
                self.mode = Mode::Take(name, escaped);
                None
            }
            Text::Ends => {
                self.mode = Mode::Between;
                Some(Step::Closes(name, *at))
            }
        }
    }

    fn word(&mut self, chunk: &[u8], at: &mut usize, name: Name) -> Option<Step> {
        let rest = chunk.get(*at..).unwrap_or_default();
        let ends = rest
            .iter()
            .position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'));
        let length = ends.unwrap_or(rest.len());
        // A word longer than any number is nobody's id; what does not fit makes it differ all the same.
        if self.token.len() <= KEY_MOST {
            self.token
                .extend_from_slice(rest.get(..length.min(KEY_MOST + 2)).unwrap_or_default());
        }
        *at += length;
        ends.is_some().then(|| {
            self.mode = Mode::Between;
            Step::Closes(name, *at)
        })
    }

    fn level(&self) -> Option<(bool, Name)> {
        self.depth
            .checked_sub(1)
            .and_then(|top| self.levels.get(top))
            .copied()
    }

    /// Tells of the envelope's members whose values are not watched themselves.
    fn begins(&self) -> Option<Step> {
        match (self.depth, self.level()) {
            (1, Some((true, name))) if name != Name::Other => Some(Step::Begins(name)),
            _ => None,
        }
    }

    /// The watched value that begins here, if one does.
    fn watched(&self) -> Option<Name> {
        let name = |at: usize| {
            self.levels
                .get(at)
                .filter(|(is_object, _)| *is_object)
                .map(|(_, name)| *name)
        };
        let in_answer = matches!(name(0), Some(Name::Result));
        let own = match (self.depth, name(self.depth.checked_sub(1)?)?) {
            (1, own @ (Name::Jsonrpc | Name::Id | Name::Method)) => own,
            (2, Name::Code) if name(0) == Some(Name::Error) => Name::Code,
            (2, own @ (Name::IsError | Name::ResultType | Name::RequestState | Name::TaskId))
                if in_answer =>
            {
                own
            }
            (3, Name::TaskId) if in_answer && name(1) == Some(Name::Task) => Name::TaskId,
            (4, Name::TaskId)
                if in_answer && name(1) == Some(Name::Meta) && name(2) == Some(Name::Related) =>
            {
                Name::TaskId
            }
            (4, Name::TaskId) if in_answer && name(1) == Some(Name::Tasks) && name(2).is_none() => {
                Name::TaskId
            }
            _ => return None,
        };
        Some(own)
    }
}

enum Text {
    Ends,
    /// The chunk ended first; true after a backslash.
    Goes(bool),
}

/// Goes to the end of a string, or of the chunk.
fn string(chunk: &[u8], at: &mut usize, escaped: bool) -> Text {
    if escaped {
        *at += 1;
    }
    while let Some(found) = seek::quote_or_escape(chunk, *at) {
        *at = found + 1;
        if chunk.get(found) == Some(&b'"') {
            return Text::Ends;
        }
        if *at >= chunk.len() {
            return Text::Goes(true);
        }
        *at += 1;
    }
    *at = chunk.len();
    Text::Goes(false)
}

/// The name of a key, from its raw text with the closing quote.
fn name(token: &[u8]) -> Name {
    let unescaped;
    let mut key = token.strip_suffix(b"\"").unwrap_or(token);
    if memchr::memchr(b'\\', key).is_some() {
        unescaped = super::text::unescape(&[b"\"", token].concat()).into_owned();
        key = unescaped.as_bytes();
    }
    match key {
        b"jsonrpc" => Name::Jsonrpc,
        b"id" => Name::Id,
        b"method" => Name::Method,
        b"result" => Name::Result,
        b"error" => Name::Error,
        b"code" => Name::Code,
        b"isError" => Name::IsError,
        b"resultType" => Name::ResultType,
        b"requestState" => Name::RequestState,
        b"taskId" => Name::TaskId,
        b"task" => Name::Task,
        b"tasks" => Name::Tasks,
        b"_meta" => Name::Meta,
        b"io.modelcontextprotocol/related-task" => Name::Related,
        _ => Name::Other,
    }
}
