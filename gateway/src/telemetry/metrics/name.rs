//! Names from outside as labels: a bounded set of them, so that nobody can make `/metrics` grow.

use dashmap::DashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

/// What all further names are called.
pub(crate) const OTHER: &str = "_OTHER";
/// The most distinct names of one set, for the life of the process.
const MOST: u16 = 1_000;
/// The longest name: no server needs more, and a thousand of these are still small.
const LONGEST: usize = 128;

/// A set of names.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: DashMap<Box<str>, u16>,
    texts: DashMap<u16, Arc<str>>,
    admitted: AtomicU16,
}

/// A name of a set: its number, or 0 for every name outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Name(pub(super) u16);

// === impl Names ===

impl Names {
    /// The name, if it was admitted.
    pub(super) fn find(&self, text: &str) -> Name {
        Name(self.numbers.get(text).map_or(0, |number| *number))
    }

    /// The name, which is admitted if there is room.
    pub(super) fn admit(&self, text: &str) -> Name {
        let known = self.find(text);
        if known != Name(0) || text.len() > LONGEST {
            return known;
        }
        let entry = self.numbers.entry(text.into());
        let number = match entry {
            dashmap::Entry::Occupied(known) => return Name(*known.get()),
            dashmap::Entry::Vacant(place) => {
                let taken =
                    self.admitted
                        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                            (count < MOST).then(|| count.saturating_add(1))
                        });
                let Ok(before) = taken else {
                    return Name(0);
                };
                let number = before.saturating_add(1);
                self.texts.insert(number, text.into());
                place.insert(number);
                number
            }
        };
        Name(number)
    }

    /// What a name is called.
    pub(super) fn text(&self, name: Name) -> String {
        match self.texts.get(&name.0) {
            Some(text) => text.to_string(),
            None => OTHER.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_names_and_no_more() {
        let names = Names::default();
        for number in 0..5_000 {
            let name = names.admit(&format!("tool-{number}"));
            let wanted = if number < 1_000 {
                format!("tool-{number}")
            } else {
                OTHER.to_owned()
            };
            assert_eq!(names.text(name), wanted);
        }
        assert_eq!(names.numbers.len(), 1_000);
        assert_eq!(names.find("tool-7"), names.admit("tool-7"));
        assert_eq!(names.find("tool-4999"), Name(0));
    }

    #[test]
    fn a_name_nobody_needs_is_another() {
        let names = Names::default();
        assert_eq!(names.admit(&"x".repeat(129)), Name(0));
        assert!(names.numbers.is_empty());
    }
}
