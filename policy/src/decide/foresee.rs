//! What can be said of a decision while nobody knows the arguments: of a recorded call that kept only their digest.
//!
//! It may leave open what a clever reading of the rules would settle, never settle what arguments could change.

use std::sync::Arc;

use super::case::Case;
use super::{Outcome, decide};
use crate::condition::Truth;
use crate::model::{Now, Policy, Request, Rule, Target, Verdict};

/// What is known of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Foreseen {
    /// Whatever the arguments are, and whether there are any, this is decided.
    Sure {
        /// The outcome.
        outcome: Outcome,
        /// A rule of it, where one surely decides.
        rule: Option<Arc<str>>,
    },
    /// It depends on the arguments, by these rules, in order of name.
    Open(Vec<Arc<str>>),
}

/// The rules that speak of a request, each kind in order of name.
#[derive(Debug, Default)]
struct Weighed<'a> {
    /// They match whatever the arguments are.
    sure: Voices<'a>,
    /// They match some arguments, as far as anybody knows.
    open: Voices<'a>,
}

#[derive(Debug, Default)]
struct Voices<'a> {
    allow: Vec<&'a Rule>,
    /// Allow only who holds more scopes.
    lacking: Vec<&'a Rule>,
    ask: Vec<&'a Rule>,
    deny: Vec<&'a Rule>,
}

/// What is decided of a request whatever its arguments are; those it holds are not looked at.
pub fn foresee(policy: &Policy, request: &Request<'_>, now: Now) -> Foreseen {
    let request = &Request {
        arguments: None,
        ..*request
    };
    // Nothing else brings arguments.
    if !matches!(request.target, Target::Tool(_) | Target::Prompt(_)) {
        let decision = decide(policy, request, now);
        return sure(Outcome::of(&decision), decision.rule().cloned());
    }
    match Case::new(policy, request, now) {
        Ok(case) if case.enveloped() => weigh(&case).foreseen(&case),
        _ => sure(Outcome::Deny, None),
    }
}

fn sure(outcome: Outcome, rule: Option<Arc<str>>) -> Foreseen {
    Foreseen::Sure { outcome, rule }
}

fn weigh<'a>(case: &Case<'a>) -> Weighed<'a> {
    let mut weighed = Weighed::default();
    let request = case.request;
    let mut met = |number: usize| {
        let Some(rule) = case.policy.rules.get(number) else {
            return;
        };
        let truth = rule.unread(&case.facts);
        let voices = match (&rule.verdict, truth, rule.reads_arguments()) {
            (_, Truth::No, _) | (Verdict::Allow, Truth::Maybe, _) => return,
            (_, _, false) => &mut weighed.sure,
            (_, _, true) => &mut weighed.open,
        };
        let scopes = rule.requires.iter();
        let kind = match &rule.verdict {
            Verdict::Allow if scopes.into_iter().all(|one| request.scopes.contains(one)) => {
                &mut voices.allow
            }
            Verdict::Allow => &mut voices.lacking,
            Verdict::Ask(_) => &mut voices.ask,
            Verdict::Deny(_) => &mut voices.deny,
        };
        kind.push(rule);
    };
    case.index
        .matching(case.agent(), request.server, request.target, &mut met);
    weighed
}

/// What is known of the lease an allowed call goes out with.
enum Terms<'a> {
    /// There is one, whatever the arguments are.
    Settled,
    /// There is none, whatever they are, by this rule.
    Refused(&'a Rule),
    /// It depends on them.
    Open,
}

/// The first by name.
fn first(rules: &[&Rule]) -> Option<Arc<str>> {
    let rule = rules.iter().min_by(|a, b| a.name.cmp(&b.name));
    rule.map(|rule| rule.name.shared())
}

// === impl Weighed ===

impl<'a> Weighed<'a> {
    fn foreseen(&self, case: &Case<'a>) -> Foreseen {
        let Self { sure: known, open } = self;
        if !known.deny.is_empty() {
            return sure(Outcome::Deny, first(&known.deny));
        }
        if known.allow.is_empty() && open.allow.is_empty() {
            return sure(Outcome::Deny, first(&known.lacking));
        }
        let lease = self.lease(case);
        if let Terms::Refused(rule) = &lease {
            return sure(Outcome::Deny, Some(rule.name.shared()));
        }
        let settled = matches!(lease, Terms::Settled);
        if settled && open.deny.is_empty() && !known.allow.is_empty() {
            if !known.ask.is_empty() {
                return sure(Outcome::Ask, first(&known.ask));
            }
            if open.ask.is_empty() {
                return sure(Outcome::Allow, first(&known.allow));
            }
        }
        let asks = open.ask.iter().filter(|_| known.ask.is_empty());
        let allows = open.allow.iter().filter(|_| known.allow.is_empty());
        let all = open.deny.iter().chain(asks).chain(allows);
        let speaking = known.allow.iter().chain(&open.allow);
        let says = |rule: &&&Rule| !settled && !rule.terms.is_empty();
        let all = all.chain(speaking.filter(says));
        let mut names: Vec<Arc<str>> = all.map(|rule| rule.name.shared()).collect();
        names.sort();
        names.dedup();
        Foreseen::Open(names)
    }

    /// What arguments can say of the lease: their values where a scope is made of them, and further rules that allow.
    fn lease(&self, case: &Case<'a>) -> Terms<'a> {
        let saying = |rules: &[&'a Rule]| -> Vec<&'a Rule> {
            let rules = rules.iter().copied();
            rules.filter(|rule| !rule.terms.is_empty()).collect()
        };
        let (sure, open) = (saying(&self.sure.allow), saying(&self.open.allow));
        let all = [sure.as_slice(), &open].concat();
        // Of those that may allow it, any may be the one whose scope is asked for.
        let reads = sure.iter().any(|rule| rule.terms.reads_arguments())
            || open.iter().any(|rule| !rule.terms.is_fixed());
        match (case.lease(sure), case.lease(all)) {
            (Err(obstacle), _) if obstacle.lasts() => Terms::Refused(obstacle.rule),
            (Err(obstacle), _) if !reads && open.is_empty() => Terms::Refused(obstacle.rule),
            (Ok(_), Ok(_)) if !reads => Terms::Settled,
            _ => Terms::Open,
        }
    }
}
