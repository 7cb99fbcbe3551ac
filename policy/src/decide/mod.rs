//! The one decision function: calls, lists and server-initiated requests all ask it.
//!
//! Deny by default; a deny outweighs every allow; the order of rules never matters.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::model::{Policy, Request, Rule, Target, Verdict};

/// The answer.
#[derive(Debug)]
pub enum Decision {
    /// It may happen, and this proves it.
    Allow(Grant),
    /// It may not.
    Deny(Denial),
}

/// Proof of an allow: only [`decide`] makes one, and it serves one call.
#[derive(Debug, PartialEq, Eq)]
pub struct Grant {
    rule: Arc<str>,
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    reason: Reason,
    visible: bool,
}

/// What refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// An agent of the chain, or the one that acts, is not registered.
    UnknownAgent,
    /// No server of that name is configured.
    UnknownServer,
    /// It is outside the envelope of the agent that acts, or of one in its chain.
    Envelope,
    /// No rule allows it.
    NoAllow,
    /// A rule denies it.
    Rule {
        /// The rule (by name the first, where several do).
        name: Arc<str>,
        /// What the caller may be told.
        message: Arc<str>,
    },
}

/// What the policy says of a target, before it is weighed.
#[derive(Debug, Default)]
struct Findings<'a> {
    envelope: bool,
    allow: Option<&'a Rule>,
    deny: Option<&'a Rule>,
}

/// Whether the request may happen, and by or against which rule.
pub fn decide(policy: &Policy, request: &Request<'_>) -> Decision {
    if let Some(reason) = unknown(policy, request) {
        return Decision::Deny(Denial {
            reason,
            visible: false,
        });
    }
    let findings = Findings::of(policy, request);
    let denial = |reason| {
        Decision::Deny(Denial {
            reason,
            visible: findings.listed(),
        })
    };
    match (
        &findings,
        findings.deny.map(|rule| (&rule.name, &rule.verdict)),
    ) {
        (
            Findings {
                envelope: false, ..
            },
            _,
        ) => denial(Reason::Envelope),
        (_, Some((name, Verdict::Deny(message)))) => denial(Reason::Rule {
            name: name.shared(),
            message: Arc::clone(message),
        }),
        (
            Findings {
                allow: Some(rule), ..
            },
            _,
        ) => Decision::Allow(Grant {
            rule: rule.name.shared(),
        }),
        _ => denial(Reason::NoAllow),
    }
}

/// Whether the caller may learn that the target exists.
pub fn visible(policy: &Policy, request: &Request<'_>) -> bool {
    unknown(policy, request).is_none() && Findings::of(policy, request).listed()
}

/// Whether the agent can reach anything of the server.
pub fn reaches(policy: &Policy, agent: &str, server: &str) -> bool {
    visible(
        policy,
        &Request {
            agent,
            chain: &[],
            server,
            target: Target::Server,
        },
    )
}

// === impl Grant ===

impl Grant {
    /// The rule that granted (by name the first, where several do).
    pub fn rule(&self) -> &Arc<str> {
        &self.rule
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
}

// === impl Findings ===

impl<'a> Findings<'a> {
    fn of(policy: &'a Policy, request: &Request<'_>) -> Self {
        let Request {
            agent,
            server,
            target,
            ..
        } = *request;
        let mut agents = request.chain.iter().copied().chain([agent]);
        if target == Target::Server {
            return Self {
                envelope: agents.all(|agent| policy.index.touches(agent, server)),
                allow: policy
                    .index
                    .reaching(agent, server)
                    .and_then(|rule| policy.rules.get(rule)),
                deny: None,
            };
        }
        let mut findings = Self {
            envelope: agents.all(|agent| policy.index.enveloped(agent, server, target)),
            ..Self::default()
        };
        policy.index.matching(agent, server, target, |number| {
            let Some(rule) = policy.rules.get(number) else {
                return;
            };
            let found = match rule.verdict {
                Verdict::Allow => &mut findings.allow,
                Verdict::Deny(_) => &mut findings.deny,
            };
            // The first by name, so that records do not depend on the order of the file.
            if found.is_none_or(|other| rule.name < other.name) {
                *found = Some(rule);
            }
        });
        findings
    }

    /// Whether the target is shown in lists. Nothing in a rule depends on arguments or state, so this is
    /// also what makes it callable.
    fn listed(&self) -> bool {
        self.envelope && self.allow.is_some() && self.deny.is_none()
    }
}

fn unknown(policy: &Policy, request: &Request<'_>) -> Option<Reason> {
    let mut agents = request.chain.iter().copied().chain([request.agent]);
    if !agents.all(|agent| policy.agents.contains_key(agent)) {
        return Some(Reason::UnknownAgent);
    }
    (!policy.servers.contains(request.server)).then_some(Reason::UnknownServer)
}
