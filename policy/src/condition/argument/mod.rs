//! `args`: conditions of one argument each, by its path.
//!
//! `args."filter.repo"` is the member `repo` of the member `filter` of the arguments, and `*` every item of a list or
//! every member of an object. A member whose name contains a dot cannot be named; `*` reaches it.

mod decimal;
mod keys;
pub(crate) mod path;
mod read;
mod test;
#[cfg(test)]
mod tests;
mod within;

use super::Truth;
use crate::diagnostic::Diagnostic;
use crate::document::Entry;
use crate::json::{Json, Kind};
use path::{Path, Segment};
use test::Test;

pub(crate) use keys::{ARGUMENT, PATH};

/// What one argument must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    path: Path,
    presence: Presence,
    tests: Vec<Test>,
}

/// What is said of an argument's being there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// Nothing: without it, nobody can tell.
    Unsaid,
    /// It must be there.
    Present,
    /// It must not.
    Absent,
}

// === impl Argument ===

impl Argument {
    /// Reads `args."path" = { … }`; what does not fit [`PATH`] and [`ARGUMENT`] has been reported already.
    pub(crate) fn read(
        path: &str,
        entry: &Entry,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let (presence, tests) = read::read(entry, diagnostics)?;
        Some(Self {
            path: Path::new(path).ok()?,
            presence,
            tests,
        })
    }

    /// As written.
    pub fn path(&self) -> &str {
        self.path.as_str()
    }

    /// Whether surely no call satisfies both: they speak of one value, and it cannot be both.
    pub(crate) fn excludes(&self, other: &Self) -> bool {
        let one = self.path == other.path && !self.path.segments().contains(&Segment::Each);
        let absent = |one: &Self| one.presence == Presence::Absent;
        let tests = || {
            let others = &other.tests;
            self.tests
                .iter()
                .flat_map(move |one| others.iter().map(move |other| (one, other)))
        };
        one && (absent(self) != absent(other) || tests().any(|(one, other)| one.excludes(other)))
    }

    /// Whether the arguments of a call are so.
    pub fn truth(&self, arguments: Option<Json<'_>>) -> Truth {
        match arguments {
            Some(arguments) => self.below(arguments, self.path.segments()),
            None => self.missing(),
        }
    }

    /// Of a value and the rest of the path. What is no object has no member, but a server may make one of it (of a
    /// string that holds JSON, for one): so a value of another type on the way is not the same as none.
    fn below(&self, json: Json<'_>, segments: &[Segment]) -> Truth {
        match (segments.split_first(), json.kind()) {
            (None, Some(_)) => self.there(json),
            (Some((Segment::Member(name), rest)), Some(Kind::Object)) => {
                match json.sole_member(name) {
                    Ok(Some(json)) => self.below(json, rest),
                    Ok(None) => self.missing(),
                    Err(_) => Truth::Maybe,
                }
            }
            (Some((Segment::Each, rest)), Some(Kind::List)) => {
                self.each(json.items().map(|json| self.below(json, rest)))
            }
            (Some((Segment::Each, rest)), Some(Kind::Object)) => {
                self.each(json.members().map(|(_, json)| self.below(json, rest)))
            }
            _ => Truth::Maybe,
        }
    }

    /// Of several. Where they differ, a harmless one must neither satisfy an allow nor spare from a deny.
    fn each(&self, mut truths: impl Iterator<Item = Truth>) -> Truth {
        let Some(first) = truths.next() else {
            return self.missing();
        };
        match truths.all(|truth| truth == first) {
            true => first,
            false => Truth::Maybe,
        }
    }

    fn missing(&self) -> Truth {
        match self.presence {
            Presence::Unsaid => Truth::Maybe,
            Presence::Present => Truth::No,
            Presence::Absent => Truth::Yes,
        }
    }

    fn there(&self, json: Json<'_>) -> Truth {
        if self.presence == Presence::Absent {
            return Truth::No;
        }
        let truths = self.tests.iter().map(|test| test.truth(json));
        truths.fold(Truth::Yes, |all, truth| all & truth)
    }
}
