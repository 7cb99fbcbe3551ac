//! The one decision function: calls, lists and server-initiated requests all ask it.
//!
//! Deny by default; deny outweighs ask, ask outweighs allow; the order of rules never matters.

mod case;
mod explain;
mod foresee;
mod lease;
mod matching;
mod reach;
mod shadow;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::lease::Lease;
use crate::limit::{Applied, Budget, Measure};
use crate::model::{Ask, Mode, Now, Policy, Request, Rule, Target, Verdict, uri};
use case::Case;

pub use explain::{Explanation, Silent, Told, explain};
pub use foresee::{Foreseen, foresee};
pub use matching::Key;
pub use shadow::{Shadow, shadow};

/// The answer.
#[derive(Debug)]
pub enum Decision {
    /// It may happen, and this proves it.
    Allow(Grant),
    /// It may happen when people say so.
    Ask(Asking),
    /// It may not.
    Deny(Denial),
}

/// The answer in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It may happen.
    Allow,
    /// It may happen when people say so.
    Ask,
    /// It may not.
    Deny,
}

/// Proof of an allow: only [`decide`] makes one, and it serves one call.
#[derive(Debug, PartialEq, Eq)]
pub struct Grant {
    rule: Arc<str>,
    lease: Lease,
    measure: Measure,
    others: Box<[Arc<str>]>,
}

/// Who must be asked.
#[derive(Debug, PartialEq, Eq)]
pub struct Asking {
    /// In order of name, at least one.
    asks: Vec<(Arc<str>, Ask)>,
    measure: Measure,
    message: Option<Arc<str>>,
    others: Box<[Arc<str>]>,
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    reason: Reason,
    visible: bool,
    message: Option<Arc<str>>,
    others: Box<[Arc<str>]>,
}

/// What refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// An agent of the chain, or the one that acts, is not registered.
    UnknownAgent,
    /// No server of that name is configured.
    UnknownServer,
    /// The chain has more agents than the envelope of one of them allows.
    Depth {
        /// The smallest `hops` of the chain.
        most: usize,
    },
    /// A rule would allow it to a caller whose token holds more scopes.
    Scopes {
        /// The rule (by name the first, where several would).
        name: Arc<str>,
        /// All that it asks for.
        scopes: Vec<Box<str>>,
    },
    /// It is outside the envelope of the agent that acts, or of one in its chain.
    Envelope,
    /// No rule allows it.
    NoAllow,
    /// Rules that allow it name different credentials, or scopes that do not nest: a mistake in the policy.
    Credentials {
        /// Two of them, the first by name first.
        rules: [Arc<str>; 2],
    },
    /// A rule that allows it asks for a scope that cannot be made of what the call brings.
    Lease {
        /// The rule.
        name: Arc<str>,
        /// What is missing or not safe, as the scope names it.
        value: Box<str>,
    },
    /// A rule denies it.
    Rule {
        /// The rule (by name the first, where several do).
        name: Arc<str>,
    },
}

/// Whether the request may happen, and by or against which rule.
pub fn decide(policy: &Policy, request: &Request<'_>, now: Now) -> Decision {
    let decision = as_written(policy, request, now);
    if matches!(decision, Decision::Deny(_)) {
        return decision;
    }
    // A resource is refused under every way to write it, or under none.
    match alias(request.target) {
        Some(uri) => {
            let target = Target::Resource(&uri);
            let other = as_written(policy, &Request { target, ..*request }, now);
            match (decision, other) {
                (Decision::Allow(one), Decision::Allow(other)) => one.alike(other),
                // It asks a person, whichever way it is written.
                (Decision::Ask(one), Decision::Allow(other)) => one.with(other.measure),
                (Decision::Allow(one), Decision::Ask(other)) => other.with(one.measure),
                (Decision::Ask(one), Decision::Ask(other)) => other.with(one.measure),
                (_, other) => other,
            }
        }
        None => decision,
    }
}

/// The plainest way to write a resource's URI, where it is written otherwise.
fn alias(target: Target<'_>) -> Option<String> {
    match target {
        Target::Resource(uri) => uri::plain(uri),
        _ => None,
    }
}

fn as_written(policy: &Policy, request: &Request<'_>, now: Now) -> Decision {
    match Case::new(policy, request, now) {
        Ok(case) => case.decide(),
        Err(reason) => Decision::Deny(Denial {
            reason,
            visible: false,
            message: None,
            others: Box::default(),
        }),
    }
}

/// Whether the caller may learn that the target exists: what only a call could say, or the hour, is left open.
pub fn visible(policy: &Policy, request: &Request<'_>) -> bool {
    let seen =
        |request: &Request<'_>| Case::new(policy, request, Now(0)).is_ok_and(|case| case.visible());
    let plain = |uri: String| {
        let target = Target::Resource(&uri);
        seen(&Request { target, ..*request })
    };
    seen(request) && alias(request.target).is_none_or(plain)
}

/// The scopes every caller of a server needs, whatever it calls there: what a first token should ask for.
pub fn base_scopes<'a>(policy: &'a Policy, server: &str) -> Vec<&'a str> {
    let touches = |rule: &&Rule| {
        let tools = rule.tools.as_deref();
        let touched = tools.is_none_or(|tools| tools.iter().any(|tool| tool.touches(server)));
        rule.verdict == Verdict::Allow && rule.mode == Mode::Enforced && touched
    };
    let mut rules = policy.rules.iter().filter(touches);
    let mut common: Vec<&str> = match rules.next() {
        Some(rule) => rule.requires.iter().map(|scope| &**scope).collect(),
        None => return Vec::new(),
    };
    for rule in rules {
        common.retain(|scope| rule.requires.iter().any(|own| **own == **scope));
    }
    common
}

// === impl Decision ===

impl Decision {
    /// The rule that decided, where one did.
    pub fn rule(&self) -> Option<&Arc<str>> {
        match self {
            Self::Allow(grant) => Some(&grant.rule),
            Self::Ask(asking) => asking.rules().next(),
            Self::Deny(denial) => match &denial.reason {
                Reason::Rule { name } | Reason::Scopes { name, .. } => Some(name),
                Reason::Credentials { rules: [name, _] } | Reason::Lease { name, .. } => Some(name),
                _ => None,
            },
        }
    }

    /// Every rule that spoke, those that decided first; of very many, the first few.
    pub fn rules(&self) -> impl Iterator<Item = &Arc<str>> {
        let (asks, others): (&[_], _) = match self {
            Self::Allow(grant) => (&[], &grant.others),
            Self::Ask(asking) => (&asking.asks, &asking.others),
            Self::Deny(denial) => (&[], &denial.others),
        };
        let decided = self.rule().filter(|_| asks.is_empty());
        let asks = asks.iter().map(|(name, _)| name);
        decided.into_iter().chain(asks).chain(others.iter())
    }

    /// What the call is held against once it may happen.
    pub fn measure(&self) -> Option<&Measure> {
        match self {
            Self::Allow(grant) => Some(&grant.measure),
            Self::Ask(asking) => Some(&asking.measure),
            Self::Deny(_) => None,
        }
    }
}

// === impl Grant ===

impl Grant {
    fn new(rule: &Rule, lease: Lease, measure: Measure, others: Box<[Arc<str>]>) -> Self {
        Self {
            rule: rule.name.shared(),
            lease,
            measure,
            others,
        }
    }

    /// One grant of two for the same thing under two names; which credential is meant must not depend on the name.
    fn alike(self, other: Self) -> Decision {
        if !self.lease.agrees(&other.lease) {
            let mut rules = [self.rule, other.rule];
            rules.sort_unstable();
            return Decision::Deny(Denial::contradiction(rules, self.others));
        }
        let life = self.lease.life.into_iter().chain(other.lease.life).min();
        let lease = Lease { life, ..self.lease };
        let measure = self.measure.and(other.measure);
        Decision::Allow(Self {
            lease,
            measure,
            ..self
        })
    }

    /// The rule that granted (by name the first, where several do).
    pub fn rule(&self) -> &Arc<str> {
        &self.rule
    }

    /// The credential the call goes out with, `none` for none at all; without a choice, the server's own.
    pub fn credential(&self) -> Option<&Arc<str>> {
        self.lease.credential.as_ref()
    }

    /// What it is asked for; without a choice, what the credential says. Safe to be sent as it is.
    pub fn scope(&self) -> Option<&[String]> {
        self.lease.scope.as_deref()
    }

    /// The longest it may live, in seconds.
    pub fn life(&self) -> Option<u64> {
        self.lease.life
    }

    /// Every limit that applies; all hold. Those of rules in order of name, then those of envelopes in order of the
    /// chain.
    pub fn limits(&self) -> &[Applied] {
        self.measure.limits()
    }

    /// Every budget that applies, by the agent whose envelope has it, in order of the chain; all hold.
    pub fn budgets(&self) -> &[(Arc<str>, Arc<Budget>)] {
        self.measure.budgets()
    }

    /// What the call takes of budgets of `cost`; nothing where it only opens or describes.
    pub fn cost(&self) -> u64 {
        self.measure.cost()
    }
}

// === impl Asking ===

impl Asking {
    fn new(rules: &[&Rule], measure: Measure, others: Box<[Arc<str>]>) -> Self {
        let mut rules = rules.to_vec();
        rules.sort_by(|a, b| a.name.cmp(&b.name));
        rules.dedup_by(|a, b| a.name == b.name);
        let asks = rules.iter().filter_map(|rule| match &rule.verdict {
            Verdict::Ask(ask) => Some((rule.name.shared(), ask.clone())),
            Verdict::Allow | Verdict::Deny(_) => None,
        });
        Self {
            asks: asks.collect(),
            measure,
            message: rules.iter().find_map(|rule| rule.public()).cloned(),
            others,
        }
    }

    /// The same, held against what is said of another way to write it as well.
    fn with(self, measure: Measure) -> Decision {
        Decision::Ask(Self {
            measure: self.measure.and(measure),
            ..self
        })
    }

    /// The rules that ask, in order of name.
    pub fn rules(&self) -> impl Iterator<Item = &Arc<str>> {
        self.asks.iter().map(|(name, _)| name)
    }

    /// What each of them asks.
    pub fn asks(&self) -> impl Iterator<Item = &Ask> {
        self.asks.iter().map(|(_, ask)| ask)
    }

    /// What the caller may be told.
    pub fn message(&self) -> Option<&Arc<str>> {
        self.message.as_ref()
    }
}

// === impl Reason ===

impl Reason {
    /// A short, bounded name for records.
    pub fn name(&self) -> &'static str {
        match self {
            Self::UnknownAgent => "unknown_agent",
            Self::UnknownServer => "unknown_server",
            Self::Depth { .. } => "depth",
            Self::Scopes { .. } => "scopes",
            Self::Envelope => "envelope",
            Self::NoAllow => "no_allow",
            Self::Credentials { .. } => "credentials",
            Self::Lease { .. } => "lease",
            Self::Rule { .. } => "rule",
        }
    }
}

// === impl Denial ===

impl Denial {
    /// What refused; for the operator.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// Whether the caller may learn that the target exists. If not, the answer is that of an unknown one.
    pub fn visible(&self) -> bool {
        self.visible
    }

    /// What the caller may be told, if it may learn that the target exists.
    pub fn message(&self) -> Option<&Arc<str>> {
        self.message.as_ref()
    }
}
