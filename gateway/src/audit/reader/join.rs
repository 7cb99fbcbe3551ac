//! Decisions joined with who asked: both logs are read once, side by side, in the order of their instants.
//!
//! A call is held until a while after its end, for what is decided within it; a decision until its call comes along.
//! What is held is bounded: the oldest call goes first, and decisions that then find none are counted.

use super::{Damage, Decided, Line, Lines, Past, Who};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::rc::Rc;

/// The most bytes of records that are held.
const HELD_MOST: usize = 256 << 20;
/// What holding one takes beside its text.
const HELD_EACH: usize = 512;
/// Calls that are held after their end.
const ENDED_MOST: usize = 10_000;

/// Every decision of some records with what was asked; iterate.
#[derive(Debug)]
pub(crate) struct Joined {
    calls: Side,
    decisions: Side,
    /// By the id of the call; ids sort by age.
    held: BTreeMap<Box<str>, Held>,
    /// Those of them that have ended, oldest first.
    ended: VecDeque<Box<str>>,
    ready: VecDeque<Past>,
    bytes: usize,
    bytes_most: usize,
    reach: Reach,
    orphans: u64,
}

/// What the records speak of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reach {
    /// The first instant from which both logs speak.
    pub(crate) since: Option<Box<str>>,
    /// The last decision.
    pub(crate) until: Option<Box<str>>,
}

/// One log, and the record of it that is next.
#[derive(Debug)]
struct Side {
    lines: Lines,
    next: Option<Line>,
}

/// One call of which something is still expected.
#[derive(Debug, Default)]
struct Held {
    who: Option<Rc<Who>>,
    waiting: Vec<Decided>,
    bytes: usize,
}

// === impl Joined ===

impl Joined {
    /// The records below `folder`, the `audit` of a `data_dir`.
    ///
    /// # Errors
    ///
    /// Why there is nothing to read.
    pub(crate) fn open(folder: &Path) -> Result<Self, String> {
        let (calls, decisions) = (Side::of(folder, "calls")?, Side::of(folder, "decisions")?);
        let since = calls.first().max(decisions.first());
        Ok(Self {
            calls,
            decisions,
            held: BTreeMap::new(),
            ended: VecDeque::new(),
            ready: VecDeque::new(),
            bytes: 0,
            bytes_most: HELD_MOST,
            reach: Reach { since, until: None },
            orphans: 0,
        })
    }

    /// Holds no more than so much.
    #[cfg(test)]
    pub(super) fn within(self, bytes_most: usize) -> Self {
        Self { bytes_most, ..self }
    }

    /// What the records speak of, as far as they have been read.
    pub(crate) fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Decisions of which the records do not say who asked what; of all, when all is read.
    pub(crate) fn orphans(&self) -> u64 {
        self.orphans
    }

    /// What could not be read.
    pub(crate) fn into_damage(self) -> Damage {
        let calls = self.calls.lines.into_damage();
        calls.and(self.decisions.lines.into_damage())
    }

    /// Reads one record on, of the log that is behind.
    fn step(&mut self) -> bool {
        let behind = match (&self.calls.next, &self.decisions.next) {
            (Some(call), Some(decision)) => call.at() <= decision.at(),
            (call, _) => call.is_some(),
        };
        let side = match behind {
            true => &mut self.calls,
            false => &mut self.decisions,
        };
        let Some(line) = side.take() else {
            return false;
        };
        match behind {
            true => self.call(&line),
            false => self.decision(&line),
        }
        self.let_go();
        true
    }

    fn call(&mut self, line: &Line) {
        let kind = line.kind();
        let ends = kind == "outcome";
        let Some(id) = line.text("call").filter(|_| ends || kind == "intent") else {
            return;
        };
        let id: Box<str> = Box::from(&*id);
        if let Some(who) = Who::read(line) {
            let who = Rc::new(who);
            let bytes = line.len() + HELD_EACH;
            let held = self.held.entry(id.clone()).or_default();
            held.bytes += bytes;
            self.bytes += bytes;
            held.who = Some(Rc::clone(&who));
            let waiting = held.waiting.drain(..);
            let met = waiting.map(|decided| Past {
                decided,
                who: Rc::clone(&who),
            });
            self.ready.extend(met);
        }
        if ends && self.held.contains_key(&id) {
            self.ended.push_back(id);
        }
    }

    fn decision(&mut self, line: &Line) {
        if line.kind() != "decision" {
            return;
        }
        self.reach.until = Some(Box::from(&*line.at()));
        let Some(decided) = Decided::read(line) else {
            self.orphans += 1;
            return;
        };
        let held = self.held.entry(decided.call.clone()).or_default();
        match &held.who {
            Some(who) => self.ready.push_back(Past {
                decided,
                who: Rc::clone(who),
            }),
            None => {
                let bytes = line.len() + HELD_EACH;
                held.bytes += bytes;
                self.bytes += bytes;
                held.waiting.push(decided);
            }
        }
    }

    /// What has ended long ago, and the oldest of what is too much.
    fn let_go(&mut self) {
        while self.ended.len() > ENDED_MOST {
            let id = self.ended.pop_front();
            let gone = id.and_then(|id| self.held.remove(&id));
            self.forget(gone.as_ref());
        }
        while self.bytes > self.bytes_most {
            let gone = self.held.pop_first().map(|(_, held)| held);
            if gone.is_none() {
                break;
            }
            self.forget(gone.as_ref());
        }
    }

    fn forget(&mut self, held: Option<&Held>) {
        let Some(held) = held else {
            return;
        };
        self.bytes = self.bytes.saturating_sub(held.bytes);
        self.orphans += u64::try_from(held.waiting.len()).unwrap_or(u64::MAX);
    }
}

impl Iterator for Joined {
    type Item = Past;

    fn next(&mut self) -> Option<Past> {
        loop {
            if let Some(past) = self.ready.pop_front() {
                return Some(past);
            }
            if !self.step() {
                while let Some((_, held)) = self.held.pop_first() {
                    self.forget(Some(&held));
                }
                return None;
            }
        }
    }
}

// === impl Side ===

impl Side {
    fn of(folder: &Path, log: &str) -> Result<Self, String> {
        let mut lines = Lines::of(folder, log)?;
        let next = lines.next();
        Ok(Self { lines, next })
    }

    fn first(&self) -> Option<Box<str>> {
        let next = self.next.as_ref();
        next.map(|line| Box::from(&*line.at()))
    }

    fn take(&mut self) -> Option<Line> {
        let next = self.lines.next();
        std::mem::replace(&mut self.next, next)
    }
}
