//! `[[tests]]`: calls, and what must be decided of them.

mod call;
mod json;
mod read;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::decide::{Decision, Explanation, Outcome, Reason, explain};
use crate::diagnostic::Span;
use crate::model::{Lifecycle, Now, Policy, Request};

pub use call::{Call, Subject};
pub use read::{at, read};

/// One test.
#[derive(Debug, Clone)]
pub struct Case {
    /// What is tested.
    pub name: Box<str>,
    /// The call.
    pub call: Call,
    /// When, where the test says so.
    pub at: Option<Now>,
    /// What must be decided.
    pub expected: Expected,
    /// Where its name is written.
    pub span: Span,
}

/// What must be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The outcome.
    pub outcome: Outcome,
    /// A rule that must have decided.
    pub rule: Option<Box<str>>,
    /// Where it is written.
    pub span: Span,
}

/// What became of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Whether it was decided as expected.
    pub passed: bool,
    /// What was decided.
    pub outcome: Outcome,
    /// The rule that decided, where one did.
    pub rule: Option<Arc<str>>,
    /// The instant it was asked about.
    pub now: Now,
}

/// Runs the tests, one answer each; one that names no instant is asked about this one.
pub fn run(policy: &Policy, cases: &[Case], now: Now) -> Vec<Ran> {
    let each = cases.iter();
    each.map(|case| ran(policy, case, case.at.unwrap_or(now)))
        .collect()
}

/// Why an agent of the request is not let in, whatever the rules say.
pub fn barred(policy: &Policy, request: &Request<'_>, now: Now) -> Option<String> {
    let chain = request.chain.iter().map(|name| &**name);
    let unfit = chain.chain([request.agent]).find_map(|name| {
        let agent = policy.agent(name)?;
        if agent.state != Lifecycle::Active {
            Some(format!("agent `{name}` is {}", agent.state.name()))
        } else if agent.expires.is_some_and(|end| end <= now.0) {
            Some(format!("agent `{name}` has expired"))
        } else {
            None
        }
    });
    let alone = || {
        let acting = policy.agent(request.agent)?;
        let alone = acting.requires_chain && request.chain.is_empty();
        alone.then(|| format!("agent `{}` acts only within a chain", request.agent))
    };
    unfit.or_else(alone)
}

fn ran(policy: &Policy, case: &Case, now: Now) -> Ran {
    let request = case.call.request();
    if barred(policy, &request, now).is_some() {
        let Expected { outcome, rule, .. } = &case.expected;
        return Ran {
            passed: *outcome == Outcome::Deny && rule.is_none(),
            outcome: Outcome::Deny,
            rule: None,
            now,
        };
    }
    let explanation = explain(policy, &request, now);
    let outcome = Outcome::of(&explanation.decision);
    let by_it = |name: &str| decided(&explanation, outcome, name);
    Ran {
        passed: outcome == case.expected.outcome && case.expected.rule.as_deref().is_none_or(by_it),
        outcome,
        rule: explanation.decision.rule().map(Arc::clone),
        now,
    }
}

/// Whether the rule is one of those that led to the outcome: where several do, the decision names only the first.
fn decided(explanation: &Explanation<'_>, outcome: Outcome, name: &str) -> bool {
    let by_rule = match &explanation.decision {
        Decision::Deny(denial) => matches!(denial.reason(), Reason::Rule { .. }),
        Decision::Allow(_) | Decision::Ask(_) => true,
    };
    let mut rules = explanation.rules.iter();
    by_rule
        && rules.any(|told| {
            told.name == name
                && told.says == outcome.name()
                && !told.shadow
                && told.silent.is_none()
        })
}
