//! JSON read in place: the arguments of a call are looked at where they are, never copied into a tree.
//!
//! Whoever hands a text over has validated it; of any other text nothing here can be found, and nothing panics.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

/// One value inside a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<'a>(&'a [u8]);

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A string.
    Text,
    /// `[…]`.
    List,
    /// `{…}`.
    Object,
}

/// A member whose name could be taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unclear;

/// The values of a list, or the members of an object, one after the other.
#[derive(Debug, Clone)]
struct Walk<'a> {
    rest: &'a [u8],
}

// === impl Json ===

impl<'a> Json<'a> {
    /// The value a text is.
    pub fn new(text: &'a [u8]) -> Self {
        Self(text.trim_ascii())
    }

    /// As written.
    pub fn raw(self) -> &'a [u8] {
        self.0
    }

    /// What it is; `None` of a text that is no value.
    pub fn kind(self) -> Option<Kind> {
        Some(match self.0.first()? {
            b'n' => Kind::Null,
            b't' | b'f' => Kind::Bool,
            b'"' => Kind::Text,
            b'[' => Kind::List,
            b'{' => Kind::Object,
            b'-' | b'0'..=b'9' => Kind::Number,
            _ => return None,
        })
    }

    /// The value of a member, by its name.
    pub fn member(self, name: &str) -> Option<Self> {
        let mut members = self.members();
        members.find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The same, where no other member's name differs from it in the case of letters only: of two such, one reader takes
    /// the one and another the other.
    ///
    /// # Errors
    ///
    /// [`Unclear`].
    pub fn sole_member(self, name: &str) -> Result<Option<Self>, Unclear> {
        let mut found = None;
        for (key, value) in self.members() {
            if key == name {
                found = found.or(Some(value));
            } else if alike(&key, name) {
                return Err(Unclear);
            }
        }
        Ok(found)
    }

    /// The members of an object, in order; none of anything else.
    pub fn members(self) -> impl Iterator<Item = (Cow<'a, str>, Self)> {
        let mut walk = Walk::of(self, Kind::Object);
        std::iter::from_fn(move || {
            let key = walk.value()?;
            walk.rest = walk.rest.trim_ascii_start().strip_prefix(b":")?;
            let value = walk.value()?;
            Some((key.text()?, value))
        })
    }

    /// The items of a list, in order; none of anything else.
    pub fn items(self) -> impl Iterator<Item = Self> {
        let mut walk = Walk::of(self, Kind::List);
        std::iter::from_fn(move || walk.value())
    }

    /// The text of a string.
    pub fn text(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        if inner.contains(&b'\\') {
            serde_json::from_slice(self.0).ok().map(Cow::Owned)
        } else {
            std::str::from_utf8(inner).ok().map(Cow::Borrowed)
        }
    }

    /// A number as written.
    pub fn number(self) -> Option<&'a str> {
        let is_number = self.kind() == Some(Kind::Number);
        std::str::from_utf8(self.0).ok().filter(|_| is_number)
    }

    /// `true` or `false`.
    pub fn bool(self) -> Option<bool> {
        match self.0 {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }
}

// === impl Walk ===

impl<'a> Walk<'a> {
    /// What is inside a container of this kind.
    fn of(json: Json<'a>, kind: Kind) -> Self {
        let inner = match json.0 {
            [b'{', inner @ .., b'}'] if kind == Kind::Object => inner,
            [b'[', inner @ .., b']'] if kind == Kind::List => inner,
            _ => &[],
        };
        Self { rest: inner }
    }

    /// The next value, with the comma before it.
    fn value(&mut self) -> Option<Json<'a>> {
        let rest = self.rest.trim_ascii_start();
        let rest = rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start();
        let (value, rest) = rest.split_at_checked(length(rest)?)?;
        self.rest = rest;
        Some(Json(value))
    }
}

/// Whether two names differ in the case of letters only.
fn alike(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    // Some letters meet only in capitals, such as the long s.
    let folded = |name: &str| name.to_uppercase().to_lowercase();
    folded(one) == folded(other)
}

/// How many bytes the value at the beginning of a text has. Containers are left behind by counting, not by recursion.
fn length(text: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        match text.get(at)? {
            b'"' => at += string(text.get(at..)?)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if depth > 0 => at += 1,
            _ => at += scalar(text.get(at..)?)?,
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// How many bytes the string at the beginning of a text has.
fn string(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// How many bytes the number or word at the beginning of a text has.
fn scalar(text: &[u8]) -> Option<usize> {
    let ends = |byte: &u8| {
        matches!(
            byte,
            b',' | b':' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n'
        )
    };
    let length = text.iter().position(ends).unwrap_or(text.len());
    (length > 0).then_some(length)
}
