//! Why: what every rule says of a request, and of each that does not speak the first key that keeps it from it.

use super::case::Case;
use super::matching::{Asked, Key};
use super::{Decision, decide};
use crate::condition::Truth;
use crate::diagnostic::Span;
use crate::model::{Mode, Now, Policy, Request, Rule, Target};

/// A decision and what led to it.
#[derive(Debug)]
pub struct Explanation<'a> {
    /// The decision.
    pub decision: Decision,
    /// Agents whose envelope does not hold it, and the key of the envelope that does not.
    pub outside: Vec<(&'a str, &'static str, Span)>,
    /// Every rule in order of name.
    pub rules: Vec<Told<'a>>,
}

/// What became of one rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Told<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it is written.
    pub span: Span,
    /// `allow`, `ask` or `deny`.
    pub says: &'static str,
    /// Whether it is only counted.
    pub shadow: bool,
    /// What kept it from speaking; `None`: it spoke.
    pub silent: Option<Silent<'a>>,
    /// The key that could not be told, where a rule that narrows speaks for that reason alone.
    pub unsure: Option<Key>,
}

/// The first key that did not hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Silent<'a> {
    /// The key.
    pub key: Key,
    /// Of `args`, which.
    pub argument: Option<&'a str>,
    /// Where its value is written.
    pub span: Span,
    /// Whether it could not be told, rather than did not hold.
    pub unsure: bool,
}

/// The decision and what led to it. Of requests that only open or describe no rule speaks by itself.
pub fn explain<'a>(policy: &'a Policy, request: &'a Request<'a>, now: Now) -> Explanation<'a> {
    let decision = decide(policy, request, now);
    let Ok(case) = Case::new(policy, request, now) else {
        return Explanation {
            decision,
            outside: Vec::new(),
            rules: Vec::new(),
        };
    };
    let rules = policy.rules().iter();
    let rules = rules.filter(|_| request.target != Target::Server);
    let told = rules.map(|rule| told(rule, &case)).collect();
    let outside = outside(&case);
    Explanation {
        decision,
        outside,
        rules: told,
    }
}

fn told<'a>(rule: &'a Rule, case: &Case<'_>) -> Told<'a> {
    let keys = Key::ALL.map(|key| (key, rule.key(key, &case.facts, Asked::Call)));
    let stops = |truth: Truth| !rule.matches(truth, Asked::Call);
    let silent = keys.into_iter().find(|(_, truth)| stops(*truth));
    let unsure = keys.into_iter().find(|(_, truth)| *truth == Truth::Maybe);
    Told {
        name: rule.name.as_str(),
        span: rule.spans.rule,
        says: rule.verdict.name(),
        shadow: rule.mode == Mode::Shadow,
        silent: silent.map(|(key, truth)| Silent {
            key,
            argument: argument(rule, key, case, &stops),
            span: rule.spans.of(key.name()),
            unsure: truth == Truth::Maybe,
        }),
        unsure: unsure.filter(|_| silent.is_none()).map(|(key, _)| key),
    }
}

fn argument<'a>(
    rule: &'a Rule,
    key: Key,
    case: &Case<'_>,
    stops: &impl Fn(Truth) -> bool,
) -> Option<&'a str> {
    let arguments = case.request.arguments;
    let mut args = rule.args.iter().filter(|_| key == Key::Args);
    let first = args.find(|one| stops(one.truth(arguments)))?;
    Some(first.path())
}

fn outside<'a>(case: &Case<'a>) -> Vec<(&'a str, &'static str, Span)> {
    let (class, server, target) = (case.facts.class, case.request.server, case.request.target);
    let mut found = Vec::new();
    if target == Target::Server {
        return found;
    }
    let chain = case.request.chain.iter().map(|agent| &**agent);
    for name in chain.chain([case.request.agent]) {
        let Some(agent) = case.policy.agents.get(name) else {
            continue;
        };
        let envelope = &agent.envelope;
        let tools = envelope.tools.iter();
        let key = if !tools.into_iter().any(|one| one.matches(server, target)) {
            "tools"
        } else if !envelope.effects.holds(class.effect) {
            "effects"
        } else if class.label > envelope.clearance {
            "clearance"
        } else {
            continue;
        };
        found.push((name, key, agent.span));
    }
    found
}
