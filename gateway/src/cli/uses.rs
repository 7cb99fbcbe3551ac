//! Which ways to reach something were used, by the records.

use crate::audit::reader::{Joined, Past, Reach};
use policy::access::Way;
use policy::cases::Subject;
use policy::model::Pattern;
use policy::{Outcome, Request};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

/// So many names are remembered of what was called by one way.
const NAMES_MOST: usize = 100;
/// So many of them are shown to people.
const NAMES_SHOWN: usize = 5;

/// What the records say of each of some ways.
#[derive(Debug)]
pub(super) struct Uses {
    /// In the order of the ways.
    each: Vec<Use>,
    reach: Reach,
    damage: Value,
}

/// What was called by one way.
#[derive(Debug, Default, Clone)]
pub(super) struct Use {
    calls: u64,
    last: Option<Box<str>>,
    names: BTreeSet<String>,
    /// There were more.
    more: bool,
}

/// A way, ready to be held against calls.
struct Track<'a> {
    way: &'a Way<'a>,
    patterns: Vec<Pattern>,
}

// === impl Uses ===

impl Uses {
    /// Counts what was allowed, by the agent and the rule of each way; of one thing only, where one is asked about.
    pub(super) fn count(mut joined: Joined, ways: &[Way<'_>], subject: Option<&Subject>) -> Self {
        let tracks: Vec<Track<'_>> = ways.iter().map(Track::new).collect();
        let mut of: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, way) in ways.iter().enumerate() {
            of.entry(way.agent).or_default().push(at);
        }
        let mut each = vec![Use::default(); ways.len()];
        for past in joined.by_ref() {
            if past.decided.outcome != Some(Outcome::Allow) {
                continue;
            }
            for at in of.get(&*past.who.agent).into_iter().flatten() {
                let track = tracks.get(*at);
                if track.is_some_and(|track| track.took(&past, subject))
                    && let Some(one) = each.get_mut(*at)
                {
                    one.note(&past);
                }
            }
        }
        let reach = joined.reach().clone();
        let damage = joined.into_damage();
        eprint!("{damage}");
        Self {
            each,
            reach,
            damage: damage.json(),
        }
    }

    /// Of the way at this place.
    pub(super) fn of(&self, at: usize) -> Option<&Use> {
        self.each.get(at)
    }

    /// How far the records reach, as data.
    pub(super) fn json(&self) -> Value {
        json!({ "since": self.reach.since, "until": self.reach.until, "damage": self.damage })
    }

    /// One line about a way.
    pub(super) fn line(&self, one: &Use) -> String {
        let since = self.reach.since.as_deref().unwrap_or("ever");
        let Some(last) = &one.last else {
            return format!("unused since {since}, where the records begin");
        };
        let mut line = format!("used {} times since {since}, last {last}: ", one.calls);
        let shown: Vec<_> = one.names.iter().take(NAMES_SHOWN).cloned().collect();
        line += &super::printable(&shown.join(", "));
        match one.names.len().saturating_sub(shown.len()) {
            0 => {}
            more => {
                let sign = if one.more { "at least " } else { "" };
                // A text that cannot be written to does not exist.
                let _ = write!(line, " and {sign}{more} more");
            }
        }
        line
    }
}

// === impl Use ===

impl Use {
    /// Whether there was none.
    pub(super) fn is_none(&self) -> bool {
        self.calls == 0
    }

    /// As data.
    pub(super) fn json(&self) -> Value {
        json!({ "calls": self.calls, "last": self.last, "tools": self.names, "more": self.more })
    }

    fn note(&mut self, past: &Past) {
        self.calls += 1;
        let at = Some(past.decided.at.clone());
        self.last = at.max(self.last.take());
        let name = past.subject();
        if self.names.len() < NAMES_MOST {
            self.names.insert(name);
        } else {
            self.more |= !self.names.contains(&name);
        }
    }
}

// === impl Track ===

impl<'a> Track<'a> {
    fn new(way: &'a Way<'a>) -> Self {
        let patterns = way.tools.iter().filter_map(|text| Pattern::new(text).ok());
        Self {
            way,
            patterns: patterns.collect(),
        }
    }

    /// Whether a call went this way.
    fn took(&self, past: &Past, subject: Option<&Subject>) -> bool {
        let rule = self.way.rule.name.as_str();
        let rules = &past.decided.rules;
        let matched = |request: &Request<'_>| {
            let meant = |one: &Pattern| one.matches(request.server, request.target);
            let asked =
                |one: &Subject| one.server() == request.server && one.target() == request.target;
            self.patterns.iter().all(meant) && subject.is_none_or(asked)
        };
        rules.iter().any(|name| **name == *rule) && past.requests().iter().any(matched)
    }
}
