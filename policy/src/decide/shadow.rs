//! What rules in `mode = "shadow"` would change.

use std::sync::Arc;

use super::case::Case;
use super::{Decision, Outcome};
use crate::model::{Mode, Now, Policy, Request};

/// What would have been decided, were the rules that are only counted enforced too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// The outcome.
    pub outcome: Outcome,
    /// The rule of it, where one names it.
    pub rule: Option<Arc<str>>,
}

/// The outcome under the rules that are only counted as well; `None` where there are none of them.
pub fn shadow(policy: &Policy, request: &Request<'_>, now: Now) -> Option<Shadow> {
    let index = policy.shadow.as_deref()?;
    let case = Case::new(policy, request, now).ok()?;
    let decision = Case { index, ..case }.decide();
    let rule = decision.rule().map(Arc::clone);
    let counted = |name: &str| {
        let mut rules = policy.rules.iter();
        rules.any(|rule| rule.mode == Mode::Shadow && rule.name.as_str() == name)
    };
    Some(Shadow {
        outcome: Outcome::of(&decision),
        rule: rule.filter(|name| counted(name)),
    })
}

// === impl Outcome ===

impl Outcome {
    /// The outcome of a decision.
    pub fn of(decision: &Decision) -> Self {
        match decision {
            Decision::Allow(_) => Self::Allow,
            Decision::Ask(_) => Self::Ask,
            Decision::Deny(_) => Self::Deny,
        }
    }

    /// The outcome of that name.
    pub fn parse(text: &str) -> Option<Self> {
        let mut all = [Self::Allow, Self::Ask, Self::Deny].into_iter();
        all.find(|one| one.name() == text)
    }

    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }
}
