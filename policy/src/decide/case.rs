//! One request laid out for decision: who acts, on what, and which rules speak of it.

use super::lease::Obstacle;
use super::matching::Asked;
use super::{Asking, Decision, Denial, Grant, Reason};
use crate::compile::Index;
use crate::condition::Facts;
use crate::limit::Measure;
use crate::model::{Agent, Class, Kind, Now, Policy, Request, Rule, Server, Target, Verdict};
use std::sync::Arc;

/// A request of agents and a server that are known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) policy: &'a Policy,
    pub(super) request: &'a Request<'a>,
    pub(super) server: &'a Server,
    pub(super) facts: Facts<'a>,
    /// The rules that count.
    pub(super) index: &'a Index,
}

/// What rules say of it, each the first by name.
#[derive(Debug, Default)]
struct Findings<'a> {
    allow: Option<&'a Rule>,
    /// Allows only who holds more scopes.
    lacking: Option<&'a Rule>,
    deny: Option<&'a Rule>,
    asks: Vec<&'a Rule>,
    /// Those that allow and say with what.
    terms: Vec<&'a Rule>,
    /// Those that allow or ask and limit.
    limits: Vec<&'a Rule>,
    /// What matched beside them, up to [`TOLD`].
    others: Vec<&'a Rule>,
}

/// How many rules a decision names beside those that made it: enough to explain it, few enough for every record.
const TOLD: usize = 15;

// === impl Case ===

impl<'a> Case<'a> {
    /// Lays the request out.
    ///
    /// # Errors
    ///
    /// What keeps it from being weighed at all.
    pub(super) fn new(
        policy: &'a Policy,
        request: &'a Request<'a>,
        now: Now,
    ) -> Result<Self, Reason> {
        let mut most = usize::MAX;
        let mut acting = None;
        for name in agents_of(request) {
            let agent = policy.agents.get(name).ok_or(Reason::UnknownAgent)?;
            most = most.min(agent.envelope.hops);
            acting = Some(agent);
        }
        let agent: &Agent = acting.ok_or(Reason::UnknownAgent)?;
        if request.chain.len() >= most {
            return Err(Reason::Depth { most });
        }
        let server = policy.servers.get(request.server);
        let server = server.ok_or(Reason::UnknownServer)?;
        Ok(Self {
            policy,
            request,
            server,
            facts: Facts {
                request,
                agent,
                class: server.class(request.target),
                now,
            },
            index: &policy.index,
        })
    }

    /// The decision.
    pub(super) fn decide(&self) -> Decision {
        if self.request.target == Target::Server {
            return self.open();
        }
        if !self.enveloped() {
            return self.deny(Reason::Envelope, Box::default());
        }
        let mut findings = self.weigh(Asked::Call);
        if let Some(rule) = findings.deny {
            return self.denied(rule, &findings);
        }
        let lease = self.lease(std::mem::take(&mut findings.terms));
        let limits = std::mem::take(&mut findings.limits);
        match (findings.allow, findings.lacking) {
            (Some(rule), _) => match lease {
                Err(obstacle) => self.blocked(obstacle, &findings),
                // Nobody is asked about what cannot happen.
                Ok(_) if !findings.asks.is_empty() => Decision::Ask(Asking::new(
                    &findings.asks,
                    self.measure(limits),
                    findings.others(None),
                )),
                Ok(lease) => Decision::Allow(Grant::new(
                    rule,
                    lease,
                    self.measure(limits),
                    findings.others(Some(rule)),
                )),
            },
            (None, Some(rule)) => {
                let reason = Reason::Scopes {
                    name: rule.name.shared(),
                    scopes: rule.requires.clone(),
                };
                self.deny(reason, findings.others(Some(rule)))
            }
            (None, None) => self.deny(Reason::NoAllow, findings.others(None)),
        }
    }

    /// Whether the caller may learn that the target exists.
    pub(super) fn visible(&self) -> bool {
        if self.request.target == Target::Server {
            return self.reaching().is_some();
        }
        self.enveloped() && self.listed()
    }

    /// The same of a thing that is inside every envelope.
    fn listed(&self) -> bool {
        let findings = self.weigh(Asked::List);
        findings.deny.is_none() && findings.allow.or(findings.lacking).is_some()
    }

    /// The agent that acts.
    pub(super) fn agent(&self) -> &'a str {
        self.request.agent
    }

    /// Requests that only open or describe are allowed to who can reach anything there.
    fn open(&self) -> Decision {
        match self.reaching() {
            Some(rule) => Decision::Allow(Grant::new(
                rule,
                self.opening(),
                self.measure(Vec::new()),
                Box::default(),
            )),
            None if self.touches() => self.deny(Reason::NoAllow, Box::default()),
            None => self.deny(Reason::Envelope, Box::default()),
        }
    }

    /// By a rule. One that denies every call hides the thing as well; the others need not be asked.
    fn denied(&self, rule: &Rule, findings: &Findings<'_>) -> Decision {
        let hides = rule.matches(rule.rest(&self.facts, Asked::List), Asked::List);
        Decision::Deny(Denial {
            message: rule.public().cloned(),
            reason: Reason::Rule {
                name: rule.name.shared(),
            },
            visible: !hides && self.listed(),
            others: findings.others(Some(rule)),
        })
    }

    /// By rules that allow it, but not with a credential anybody could name.
    fn blocked(&self, obstacle: Obstacle<'_>, findings: &Findings<'_>) -> Decision {
        Decision::Deny(Denial {
            reason: obstacle.reason,
            visible: self.listed(),
            message: Some(obstacle.message),
            others: findings.others(Some(obstacle.rule)),
        })
    }

    fn deny(&self, reason: Reason, others: Box<[Arc<str>]>) -> Decision {
        let nearly = matches!(reason, Reason::NoAllow).then(|| self.nearly());
        let message = nearly.flatten().and_then(Rule::public);
        let inside = !matches!(reason, Reason::Envelope) && self.request.target != Target::Server;
        Decision::Deny(Denial {
            message: message.cloned(),
            reason,
            visible: inside && self.listed(),
            others,
        })
    }

    /// The allow, by name the first, that only what the call says or the hour keeps from matching, and that has
    /// something to say about it.
    fn nearly(&self) -> Option<&'a Rule> {
        let mut first: Option<&Rule> = None;
        self.each(Asked::List, |rule| {
            let speaks = rule.allows() && rule.message.is_some();
            if speaks && first.is_none_or(|other| rule.name < other.name) {
                first = Some(rule);
            }
        });
        first
    }

    fn weigh(&self, asked: Asked) -> Findings<'a> {
        let mut findings = Findings::default();
        self.each(asked, |rule| {
            let found = match &rule.verdict {
                Verdict::Allow if holds(self.request.scopes, &rule.requires) => {
                    let says = (!rule.terms.is_empty()).then_some(rule);
                    findings.terms.extend(says);
                    findings.limits.extend(limiting(rule));
                    &mut findings.allow
                }
                Verdict::Allow => &mut findings.lacking,
                Verdict::Deny(_) => &mut findings.deny,
                Verdict::Ask(_) => {
                    findings.limits.extend(limiting(rule));
                    return findings.asks.push(rule);
                }
            };
            let beside = match found {
                Some(other) if rule.name < other.name => found.replace(rule),
                Some(_) => Some(rule),
                None => found.replace(rule),
            };
            findings
                .others
                .extend(beside.filter(|_| findings.others.len() < TOLD));
        });
        findings
    }

    /// Every rule that matches.
    fn each(&self, asked: Asked, mut found: impl FnMut(&'a Rule)) {
        let Request { server, target, .. } = *self.request;
        self.index.matching(self.agent(), server, target, |number| {
            let Some(rule) = self.policy.rules.get(number) else {
                return;
            };
            if rule.matches(rule.rest(&self.facts, asked), asked) {
                found(rule);
            }
        });
    }

    /// Every agent whose envelope counts, the one that acts last.
    pub(super) fn agents(&self) -> impl Iterator<Item = &'a Agent> {
        let agents = &self.policy.agents;
        agents_of(self.request).filter_map(|name| agents.get(name))
    }

    /// What the call is held against: the limits of these rules, and what the envelope of every agent says.
    fn measure(&self, rules: Vec<&Rule>) -> Measure {
        let mut measure = Measure::new(self.facts.class.cost);
        measure.rules(rules);
        for (place, name) in agents_of(self.request).enumerate() {
            let Some((name, agent)) = self.policy.agents.get_key_value(name) else {
                continue;
            };
            let envelope = &agent.envelope;
            if envelope.limits.is_empty() && envelope.budget.is_none() {
                continue;
            }
            // An agent that is in the chain twice is limited once.
            let mut before = agents_of(self.request).take(place);
            if before.all(|other| other != name.as_str()) {
                measure.envelope(name, envelope);
            }
        }
        measure
    }

    /// Whether the envelope of every agent holds the target.
    pub(super) fn enveloped(&self) -> bool {
        let Request { server, target, .. } = *self.request;
        let Class { effect, label, .. } = self.facts.class;
        agents_of(self.request).all(|name| {
            let envelope = self.policy.agents.get(name).map(|agent| &agent.envelope);
            envelope.is_some_and(|one| one.effects.holds(effect) && label <= one.clearance)
                && self.policy.index.enveloped(name, server, target)
        })
    }

    /// Whether the envelope of every agent holds anything of the server.
    pub(super) fn touches(&self) -> bool {
        agents_of(self.request).all(|name| {
            let agent = self.policy.agents.get(name);
            agent.is_some_and(|agent| self.within(agent).next().is_some())
        })
    }

    /// The patterns of an envelope that may hold something of the server.
    pub(super) fn within<'b>(
        &self,
        agent: &'b Agent,
    ) -> impl Iterator<Item = &'b crate::model::Pattern> + use<'a, 'b> {
        let (server, name) = (self.server, self.request.server);
        let envelope = &agent.envelope;
        let possible = move |kind: Kind| {
            let (effects, label) = server.extent(kind);
            label <= envelope.clearance && effects.iter().any(|one| envelope.effects.holds(one))
        };
        envelope
            .tools
            .iter()
            .filter(move |pattern| pattern.touches(name) && possible(pattern.kind()))
    }
}

// === impl Findings ===

impl Findings<'_> {
    /// What matched beside the rule that decided, or beside those that ask.
    fn others(&self, decided: Option<&Rule>) -> Box<[Arc<str>]> {
        let firsts = [self.allow, self.lacking, self.deny].into_iter().flatten();
        let asks = self.asks.iter().copied().filter(|_| decided.is_some());
        let beside = firsts.chain(asks).chain(self.others.iter().copied());
        let other = |rule: &&Rule| decided.is_none_or(|decided| decided.name != rule.name);
        beside
            .filter(other)
            .take(TOLD)
            .map(|rule| rule.name.shared())
            .collect()
    }
}

/// Every agent whose envelope counts, the one that acts last.
fn agents_of<'a>(request: &Request<'a>) -> impl Iterator<Item = &'a str> {
    let chain = request.chain.iter().map(|agent| &**agent);
    chain.chain([request.agent])
}

fn limiting(rule: &Rule) -> Option<&Rule> {
    (!rule.limits.is_empty()).then_some(rule)
}

fn holds(scopes: &[Box<str>], required: &[Box<str>]) -> bool {
    required.iter().all(|scope| scopes.contains(scope))
}
