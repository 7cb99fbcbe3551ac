//! The one decision function: calls, lists and server-initiated requests all ask it.
//!
//! Deny by default; a deny outweighs every allow; the order of rules never matters.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::model::{Policy, Request, Rule, Target, Touched, Verdict};

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
    /// Allows only who holds more scopes.
    lacking: Option<&'a Rule>,
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
        (
            Findings {
                lacking: Some(rule),
                ..
            },
            _,
        ) => denial(Reason::Scopes {
            name: rule.name.shared(),
            scopes: rule.requires.clone(),
        }),
        _ => denial(Reason::NoAllow),
    }
}

/// Whether the caller may learn that the target exists.
pub fn visible(policy: &Policy, request: &Request<'_>) -> bool {
    unknown(policy, request).is_none() && Findings::of(policy, request).listed()
}

/// The scopes every caller of a server needs, whatever it calls there: what a first token should ask for.
pub fn base_scopes<'a>(policy: &'a Policy, server: &str) -> Vec<&'a str> {
    let touches = |rule: &&Rule| {
        let tools = rule.tools.as_deref();
        let touched = tools.is_none_or(|tools| tools.iter().any(|tool| tool.touches(server)));
        rule.verdict == Verdict::Allow && touched
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

/// Whether the agent can reach anything of the server.
pub fn reaches(policy: &Policy, agent: &str, server: &str) -> bool {
    visible(
        policy,
        &Request {
            agent,
            user: None,
            chain: &[],
            scopes: &[],
            task: Touched::default(),
            server,
            target: Target::Server,
            arguments: None,
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
        let mut agents = acting(request);
        if target == Target::Server {
            return Self {
                envelope: agents.all(|agent| policy.index.touches(agent, server)),
                allow: policy
                    .index
                    .reaching(agent, server)
                    .and_then(|rule| policy.rules.get(rule)),
                lacking: None,
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
                Verdict::Allow if holds(request.scopes, &rule.requires) => &mut findings.allow,
                Verdict::Allow => &mut findings.lacking,
                Verdict::Deny(_) => &mut findings.deny,
            };
            // The first by name, so that records do not depend on the order of the file.
            if found.is_none_or(|other| rule.name < other.name) {
                *found = Some(rule);
            }
        });
        findings
    }

    /// Whether the target is shown in lists. A caller that lacks a scope sees what it could ask for with it.
    fn listed(&self) -> bool {
        let allowed = self.allow.or(self.lacking).is_some();
        self.envelope && allowed && self.deny.is_none()
    }
}

/// Every agent whose envelope counts.
fn acting<'a>(request: &Request<'a>) -> impl Iterator<Item = &'a str> {
    let chain = request.chain.iter().map(|agent| &**agent);
    chain.chain([request.agent])
}

fn holds(scopes: &[Box<str>], required: &[Box<str>]) -> bool {
    required.iter().all(|scope| scopes.contains(scope))
}

/// What keeps the request from being weighed at all.
fn unknown(policy: &Policy, request: &Request<'_>) -> Option<Reason> {
    let mut most = usize::MAX;
    for agent in acting(request) {
        match policy.agents.get(agent) {
            Some(agent) => most = most.min(agent.hops),
            None => return Some(Reason::UnknownAgent),
        }
    }
    if request.chain.len() >= most {
        return Some(Reason::Depth { most });
    }
    (!policy.servers.contains(request.server)).then_some(Reason::UnknownServer)
}
