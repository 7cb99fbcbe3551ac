//! One call among all, by its id.

use super::{Damage, Decided, Event, Lines, Past, Who};
use std::path::Path;
use std::rc::Rc;

/// What the records say of one call.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What was decided, and what was asked.
    pub(crate) past: Option<Past>,
    /// Why it ended before anything was decided, or what else its end says.
    pub(crate) end: Option<Box<str>>,
    /// Whether any record speaks of it.
    pub(crate) known: bool,
    /// What could not be read of those that may.
    pub(crate) damage: Damage,
}

/// Looks for a call below `folder`, the `audit` of a `data_dir`.
///
/// # Errors
///
/// Why there is nothing to read.
pub(crate) fn find(folder: &Path, id: &str) -> Result<Found, String> {
    let mut calls = Lines::of(folder, "calls")?.containing(id);
    let mut decisions = Lines::of(folder, "decisions")?.containing(id);
    let (mut who, mut decided, mut found) = (None, None, Found::default());
    for line in calls.by_ref() {
        if line.text("call").as_deref() != Some(id) {
            continue;
        }
        found.known = true;
        who = who.or_else(|| Who::read(&line));
        if line.kind() == "outcome" {
            let words = ["ending", "refused", "reason"].map(|name| line.text(name));
            let words: Vec<_> = words.into_iter().flatten().collect();
            found.end = Some(words.join(", ").into());
        }
    }
    for line in decisions.by_ref() {
        let named = line.text("call").as_deref() == Some(id) && line.kind() == "decision";
        if let Some(one) = named.then(|| Decided::read(&line)).flatten() {
            found.known = true;
            decided = decided.or(Some(one).filter(|one| one.event == Event::Call));
        }
    }
    found.past = who.zip(decided).map(|(who, decided)| Past {
        decided,
        who: Rc::new(who),
    });
    found.damage = calls.into_damage().and(decisions.into_damage());
    Ok(found)
}
