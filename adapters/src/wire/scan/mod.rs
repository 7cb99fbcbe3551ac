//! The strict scanner: one pass over a request that admits exactly one JSON value with exactly one meaning.
//!
//! It does not recurse, and for ordinary messages it does not allocate. What it refuses, some parser somewhere reads
//! differently from another: duplicate members (compared unescaped), lone surrogates, numbers without end, depth
//! without end, look-alikes of the names that stages act on.

use super::member::{Member, Place};
use super::{Span, look_alike, text};
use std::borrow::Cow;

mod flaw;
mod keys;
mod lexis;

pub use flaw::{Flaw, FlawKind};
use keys::{Key, Keys, Object};

/// How large a message may be, beside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Nesting.
    pub depth: usize,
    /// Members of all objects together.
    pub members: usize,
    /// Characters of one number.
    pub number: usize,
}

/// What the scanner tells of the members it knows.
pub(super) trait Notes {
    /// A known member's value.
    fn note(&mut self, member: Member, span: Span);
}

/// Nesting nobody needs more of, whatever the configuration says.
const DEPTH_MOST: usize = 128;
/// What an answer may be, beside its bytes: its members bound the memory that finding duplicates takes.
const ANSWER: Bounds = Bounds {
    depth: DEPTH_MOST,
    members: 500_000,
    number: 1024,
};

#[derive(Debug, Clone, Copy, Default)]
struct Level {
    is_object: bool,
    place: Place,
    /// The member whose value is being read.
    member: Option<Member>,
    start: usize,
    /// Where this object's keys begin among all keys.
    keys: usize,
}

struct Scanner<'a, N> {
    text: &'a str,
    body: &'a [u8],
    at: usize,
    bounds: &'a Bounds,
    /// The innermost object or array that is open; at first what stands around the root.
    top: Level,
    /// Those around it.
    levels: [Level; DEPTH_MOST],
    depth: usize,
    members: usize,
    keys: Keys,
    notes: &'a mut N,
}

/// Scans one value at the start of `body`; what is noted stands in the envelope it opens.
///
/// # Errors
///
/// The first [`Flaw`].
pub(super) fn value(
    body: &[u8],
    bounds: &Bounds,
    root: Place,
    notes: &mut impl Notes,
) -> Result<(), Flaw> {
    let text = std::str::from_utf8(body)
        .map_err(|error| Flaw::at(FlawKind::Encoding, error.valid_up_to()))?;
    let mut scanner = Scanner {
        text,
        body,
        at: 0,
        bounds,
        top: Level {
            place: root,
            ..Level::default()
        },
        levels: [Level::default(); DEPTH_MOST],
        depth: 0,
        members: 0,
        keys: Keys::default(),
        notes,
    };
    scanner.run()
}

/// Scans an answer of which only the meaning must be certain.
///
/// # Errors
///
/// The first [`Flaw`].
pub(super) fn strict(answer: &[u8]) -> Result<(), Flaw> {
    value(answer, &ANSWER, Place::Other, &mut Unnoted)
}

/// Wants to know of no member.
pub(super) struct Unnoted;

impl Notes for Unnoted {
    fn note(&mut self, _member: Member, _span: Span) {}
}

// === impl Scanner ===

impl<N: Notes> Scanner<'_, N> {
    fn run(&mut self) -> Result<(), Flaw> {
        loop {
            self.space();
            let opened = self.open()?;
            if opened || !self.close()? {
                continue;
            }
            self.space();
            return if self.at == self.body.len() {
                Ok(())
            } else {
                self.flaw(FlawKind::Trailing)
            };
        }
    }

    /// Reads a scalar or opens a container; true where a first element or member is next.
    fn open(&mut self) -> Result<bool, Flaw> {
        let start = self.at;
        match self.peek() {
            Some(b'{') => {
                self.push(true)?;
                self.space();
                if self.peek() == Some(b'}') {
                    return Ok(false);
                }
                self.key()?;
                Ok(true)
            }
            Some(b'[') => {
                self.push(false)?;
                self.space();
                Ok(self.peek() != Some(b']'))
            }
            Some(b'"') => {
                self.string()?;
                self.noted(start);
                Ok(false)
            }
            Some(b'-' | b'0'..=b'9') => {
                let length = lexis::number(self.rest(), self.bounds.number);
                self.at += length.map_err(|kind| Flaw::at(kind, start))?;
                self.noted(start);
                Ok(false)
            }
            _ => {
                self.at += lexis::literal(self.rest()).ok_or(Flaw::at(FlawKind::Syntax, start))?;
                self.noted(start);
                Ok(false)
            }
        }
    }

    /// After a value: closes what ends here; true when the root has, false where another value is next.
    fn close(&mut self) -> Result<bool, Flaw> {
        loop {
            if self.depth == 0 {
                return Ok(true);
            }
            self.space();
            match (self.peek(), self.top.is_object) {
                (Some(b','), true) => {
                    self.at += 1;
                    self.space();
                    self.key()?;
                    return Ok(false);
                }
                (Some(b','), false) => {
                    self.at += 1;
                    return Ok(false);
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    self.at += 1;
                    self.depth -= 1;
                    let around = self.levels.get(self.depth).copied().unwrap_or_default();
                    let closed = std::mem::replace(&mut self.top, around);
                    self.keys.truncate(closed.keys);
                    self.noted(closed.start);
                }
                _ => return self.flaw(FlawKind::Syntax),
            }
        }
    }

    fn push(&mut self, is_object: bool) -> Result<(), Flaw> {
        let place = match (self.top.is_object, is_object) {
            (true, true) => Place::within(self.top.member),
            // The root, or an item of an array, where nothing has a meaning.
            (false, true) => self.top.place,
            (_, false) => Place::Other,
        };
        let flaw = Flaw::at(FlawKind::Depth, self.at);
        if self.depth >= self.bounds.depth {
            return Err(flaw);
        }
        let around = self.levels.get_mut(self.depth).ok_or(flaw)?;
        let top = Level {
            is_object,
            place,
            member: None,
            start: self.at,
            keys: self.keys.len(),
        };
        *around = std::mem::replace(&mut self.top, top);
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn key(&mut self) -> Result<(), Flaw> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return self.flaw(FlawKind::Syntax);
        }
        let escaped = self.string()?;
        let key = Key {
            span: Span::new(start, self.at),
            escaped,
        };
        let name = if escaped {
            text::unescape(key.span.of(self.body))
        } else {
            Cow::Borrowed(self.text.get(start + 1..self.at - 1).unwrap_or_default())
        };
        self.members += 1;
        if self.members > self.bounds.members {
            return Err(Flaw::at(FlawKind::Members, start));
        }
        let level = &mut self.top;
        let object = Object {
            first: level.keys,
            start: level.start,
        };
        if !self.keys.add(object, &name, key, self.body) {
            return Err(Flaw::at(FlawKind::Duplicate, start));
        }
        level.member = level.place.member(&name);
        if level.member.is_none() && look_alike::of_any(&name, || level.place.guarded()) {
            return Err(Flaw::at(FlawKind::LookAlike, start));
        }
        self.space();
        if self.peek() != Some(b':') {
            return self.flaw(FlawKind::Syntax);
        }
        self.at += 1;
        Ok(())
    }

    /// Reads a string; whether it holds escapes.
    fn string(&mut self) -> Result<bool, Flaw> {
        let (end, escaped) =
            lexis::string(self.body, self.at).map_err(|(kind, at)| Flaw::at(kind, at))?;
        self.at = end + 1;
        Ok(escaped)
    }

    /// Tells of the value that has just ended, if its member is one with a meaning.
    fn noted(&mut self, start: usize) {
        if let Some(member) = self.top.member {
            self.notes.note(member, Span::new(start, self.at));
        }
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    fn rest(&self) -> &[u8] {
        self.body.get(self.at..).unwrap_or_default()
    }

    fn flaw<T>(&self, kind: FlawKind) -> Result<T, Flaw> {
        Err(Flaw::at(kind, self.at))
    }
}
