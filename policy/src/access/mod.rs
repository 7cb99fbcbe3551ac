//! Who can reach what, by which rule: the configuration read from the other end.
//!
//! It says what may be possible, not what a certain call gets: that is what `explain` is for.

pub(crate) mod reach;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::cases::Subject;
use crate::lease::ScopeTemplate;
use crate::model::{
    Agent, Effects, Lifecycle, Mode, Now, Pattern, Policy, Rule, ServerName, Verdict,
};
use reach::Reach;

/// What is asked about; `None`: all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// One agent.
    pub agent: Option<&'a str>,
    /// One server.
    pub server: Option<&'a str>,
    /// One thing that can be called.
    pub subject: Option<&'a Subject>,
}

/// One way for an agent to reach something.
#[derive(Debug, Clone)]
pub struct Way<'a> {
    /// The agent.
    pub agent: &'a str,
    /// What it reaches: all that every one of these patterns matches, of the rule, and of the envelope where that is
    /// narrower.
    pub tools: Vec<&'a str>,
    /// What that may do.
    pub effects: Effects,
    /// The rule that allows it.
    pub rule: &'a Rule,
    /// The rules that ask about some of it.
    pub asks: Vec<&'a Rule>,
    /// The rules that deny some of it, or all of it now and then.
    pub denies: Vec<&'a Rule>,
}

/// The ways, in order of agent, rule and pattern. An agent that is not active, or has expired, has none.
pub fn access<'a>(policy: &'a Policy, wanted: Wanted<'_>, now: Now) -> Vec<Way<'a>> {
    let reach = Reach::new(policy);
    let mut agents: Vec<_> = policy.agents().collect();
    agents.sort_by_key(|(name, _)| *name);
    let mut ways = Vec::new();
    for (name, agent) in agents {
        let named = wanted.agent.is_none_or(|wanted| wanted == name.as_str());
        if named && may_act(agent, now) {
            let search = Search {
                policy,
                reach: &reach,
                name: name.as_str(),
                agent,
            };
            search.ways(wanted, &mut ways);
        }
    }
    ways
}

/// Whether the agent is let in.
pub fn may_act(agent: &Agent, now: Now) -> bool {
    let over = agent.expires.is_some_and(|end| end <= now.0);
    agent.state == Lifecycle::Active && !over
}

/// What an allow asks for beside agent and tool, in words.
pub fn conditions(rule: &Rule) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(users) = &rule.on_behalf_of {
        let users = users.iter();
        let users = users.map(|user| format!("{}:{}", user.source, user.subject.as_str()));
        words.push(format!("only for {}", users.collect::<Vec<_>>().join(", ")));
    }
    if let Some(egress) = rule.egress {
        words.push(format!("only where egress is {}", egress.name()));
    }
    if let Some(after) = rule.after {
        let label = after.label.map(|label| format!("label {}", label.name()));
        let untrusted = after.untrusted.map(|yes| format!("untrusted {yes}"));
        let touched: Vec<_> = label.into_iter().chain(untrusted).collect();
        words.push(format!("only after {}", touched.join(", ")));
    }
    if rule.during.is_some() {
        words.push("only during certain hours".to_owned());
    }
    let args = rule.args.iter();
    words.extend(args.map(|one| format!("with args.{}", one.path())));
    if let Some(when) = &rule.when {
        words.push(format!("when {}", when.as_str()));
    }
    if let Some(credential) = &rule.terms.credential {
        words.push(format!("credential {credential}"));
    }
    if let Some(scope) = &rule.terms.scope {
        let scope: Vec<_> = scope.iter().map(ScopeTemplate::as_str).collect();
        words.push(format!("credential scope {}", scope.join(" ")));
    }
    if let Some(seconds) = rule.terms.life {
        words.push(format!("credential for at most {seconds} s"));
    }
    if !rule.requires.is_empty() {
        words.push(format!("with scope {}", rule.requires.join(" ")));
    }
    words
}

/// The ways of one agent.
struct Search<'a, 'b> {
    policy: &'a Policy,
    reach: &'b Reach<'a>,
    name: &'a str,
    agent: &'a Agent,
}

/// Patterns that all must match, and the server they are looked at on.
#[derive(Debug, Clone)]
struct Spot<'a> {
    server: &'a str,
    patterns: Vec<&'a Pattern>,
}

// === impl Search ===

impl<'a> Search<'a, '_> {
    fn ways(&self, wanted: Wanted<'_>, ways: &mut Vec<Way<'a>>) {
        let subject = wanted.subject.map(Subject::pattern);
        let only = wanted.subject.map(Subject::server).or(wanted.server);
        let servers = self.policy.servers().map(ServerName::as_str);
        let mut found: BTreeMap<(usize, Vec<&str>), Effects> = BTreeMap::new();
        for server in servers.filter(|name| only.is_none_or(|only| only == *name)) {
            let numbers = self.policy.index.touching(self.name, server);
            for number in numbers.collect::<BTreeSet<_>>() {
                let rule = self.policy.rules.get(number).filter(|rule| rule.allows());
                for spot in rule.into_iter().flat_map(|rule| self.spots(rule, server)) {
                    let effects = rule.map(|rule| self.effects(rule, &spot, subject.as_ref()));
                    let effects = effects.unwrap_or_default();
                    if effects != Effects::default() && !self.denied(&spot, subject.as_ref()) {
                        let tools = spot.patterns.iter().map(|one| one.as_str()).collect();
                        let known = found.entry((number, tools)).or_default();
                        *known = known.iter().chain(effects.iter()).collect();
                    }
                }
            }
        }
        let found = found.into_iter().filter_map(|((number, tools), effects)| {
            let rule = self.policy.rules.get(number)?;
            Some(self.way(rule, tools, effects, subject.as_ref()))
        });
        ways.extend(found);
    }

    /// What a rule may allow inside the envelope, as narrow as one can say it.
    fn spots(&self, rule: &'a Rule, server: &'a str) -> Vec<Spot<'a>> {
        let inside = self.agent.envelope.tools.iter();
        let inside: Vec<&Pattern> = inside.filter(|one| one.touches(server)).collect();
        let Some(tools) = &rule.tools else {
            let spots = inside.into_iter();
            return spots
                .map(|one| Spot {
                    server,
                    patterns: vec![one],
                })
                .collect();
        };
        let pairs = tools
            .iter()
            .flat_map(|tool| inside.iter().map(move |one| (tool, *one)));
        let meeting = pairs.filter(|(tool, inside)| tool.overlaps(inside, server));
        let spots = meeting.map(|(tool, inside)| Spot {
            server,
            patterns: match (inside.covers(tool), tool.covers(inside)) {
                (true, _) => vec![tool],
                (false, true) => vec![inside],
                (false, false) => vec![tool, inside],
            },
        });
        spots.collect()
    }

    fn effects(&self, rule: &Rule, spot: &Spot<'a>, subject: Option<&Pattern>) -> Effects {
        let patterns: Vec<&Pattern> = spot.patterns.iter().copied().chain(subject).collect();
        self.reach.held(spot.server, self.agent, rule, &patterns)
    }

    /// Whether one deny surely covers all of it.
    fn denied(&self, spot: &Spot<'a>, subject: Option<&Pattern>) -> bool {
        let numbers = self.policy.index.touching(self.name, spot.server);
        let mut rules = numbers.filter_map(|number| self.policy.rules.get(number));
        rules.any(|rule| {
            let mut meant = spot.patterns.iter().copied().chain(subject);
            let tools = rule.tools.as_ref();
            rule.denies_always()
                && tools
                    .is_none_or(|tools| meant.any(|one| tools.iter().any(|tool| tool.covers(one))))
        })
    }

    fn way(
        &self,
        rule: &'a Rule,
        tools: Vec<&'a str>,
        effects: Effects,
        subject: Option<&Pattern>,
    ) -> Way<'a> {
        let mut patterns: Vec<Pattern> = tools
            .iter()
            .filter_map(|text| Pattern::new(text).ok())
            .collect();
        patterns.extend(subject.cloned());
        let rules = self.policy.rules.iter();
        let narrowing = rules.filter(|other| {
            let meets = |tool: &Pattern| patterns.iter().all(|one| self.reach.meet(one, tool));
            let tools = other.tools.as_ref();
            let of_these = |own: Effects| own.iter().any(|one| effects.holds(one));
            other.mode == Mode::Enforced
                && other.concerns(self.name)
                && tools.is_none_or(|tools| tools.iter().any(meets))
                && other.effects.is_none_or(of_these)
        });
        let narrowing: Vec<&Rule> = narrowing.collect();
        let saying = |wanted: fn(&Verdict) -> bool| {
            let rules = narrowing.iter().copied();
            rules.filter(|rule| wanted(&rule.verdict)).collect()
        };
        Way {
            agent: self.name,
            tools,
            effects,
            rule,
            asks: saying(|verdict| matches!(verdict, Verdict::Ask(_))),
            denies: saying(|verdict| matches!(verdict, Verdict::Deny(_))),
        }
    }
}
