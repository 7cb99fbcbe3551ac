//! Rules by agent, server and name, so that a decision looks at few of them.

use std::collections::{HashMap, HashSet};

use super::reach;
use crate::model::{Agent, AgentName, Kind, Pattern, Rule, ServerName, Target};

/// What a decision looks up.
#[derive(Debug, Clone, Default)]
pub struct Index {
    envelopes: HashMap<AgentName, Shelf>,
    rules: HashMap<AgentName, Shelf>,
    rules_for_all: Shelf,
    /// Servers an agent's envelope touches, and the rule by which it reaches anything there.
    reach: HashMap<AgentName, HashMap<ServerName, Option<usize>>>,
}

/// Patterns by the server they name.
#[derive(Debug, Clone, Default)]
struct Shelf {
    servers: HashMap<Box<str>, Bucket>,
    anywhere: Vec<Entry>,
}

/// Patterns of one server.
#[derive(Debug, Clone, Default)]
struct Bucket {
    tools: HashMap<Box<str>, Vec<usize>>,
    others: Vec<Entry>,
}

/// One pattern of one rule (of an envelope: of nobody's, 0).
#[derive(Debug, Clone)]
struct Entry {
    /// `None`: everything everywhere.
    pattern: Option<Pattern>,
    rule: usize,
}

// === impl Index ===

impl Index {
    /// Indexes what is valid already.
    pub(crate) fn new(
        agents: &HashMap<AgentName, Agent>,
        servers: &HashSet<ServerName>,
        rules: &[Rule],
    ) -> Self {
        let mut index = Self::default();
        for (name, agent) in agents {
            let shelf = index.envelopes.entry(name.clone()).or_default();
            agent
                .envelope
                .iter()
                .for_each(|pattern| shelf.put(Some(pattern), 0));
        }
        for (number, rule) in rules.iter().enumerate() {
            match &rule.agents {
                None => index.rules_for_all.put_rule(rule, number),
                Some(agents) => {
                    for agent in agents {
                        index
                            .rules
                            .entry(agent.clone())
                            .or_default()
                            .put_rule(rule, number);
                    }
                }
            }
        }
        index.reach = reach::reach(agents, servers, rules);
        index
    }

    /// Whether the agent's envelope holds the target.
    pub(crate) fn enveloped(&self, agent: &str, server: &str, target: Target<'_>) -> bool {
        let mut found = false;
        if let Some(shelf) = self.envelopes.get(agent) {
            shelf.matching(server, target, |_| found = true);
        }
        found
    }

    /// Calls back with every rule that matches; with one more than once, if several of its patterns do.
    pub(crate) fn matching(
        &self,
        agent: &str,
        server: &str,
        target: Target<'_>,
        mut found: impl FnMut(usize),
    ) {
        if let Some(shelf) = self.rules.get(agent) {
            shelf.matching(server, target, &mut found);
        }
        self.rules_for_all.matching(server, target, found);
    }

    /// Whether the agent's envelope holds anything of the server.
    pub(crate) fn touches(&self, agent: &str, server: &str) -> bool {
        self.reach
            .get(agent)
            .is_some_and(|servers| servers.contains_key(server))
    }

    /// The rule by which the agent reaches anything of the server.
    pub(crate) fn reaching(&self, agent: &str, server: &str) -> Option<usize> {
        self.reach.get(agent)?.get(server).copied().flatten()
    }
}

// === impl Shelf ===

impl Shelf {
    fn put_rule(&mut self, rule: &Rule, number: usize) {
        match &rule.tools {
            None => self.put(None, number),
            Some(patterns) => patterns
                .iter()
                .for_each(|pattern| self.put(Some(pattern), number)),
        }
    }

    fn put(&mut self, pattern: Option<&Pattern>, rule: usize) {
        let entry = Entry {
            pattern: pattern.cloned(),
            rule,
        };
        let Some(server) = pattern.and_then(Pattern::server) else {
            self.anywhere.push(entry);
            return;
        };
        let bucket = self.servers.entry(server.into()).or_default();
        match pattern
            .filter(|pattern| pattern.kind() == Kind::Tool)
            .and_then(Pattern::exact_name)
        {
            Some(tool) => bucket.tools.entry(tool.into()).or_default().push(rule),
            None => bucket.others.push(entry),
        }
    }

    fn matching(&self, server: &str, target: Target<'_>, mut found: impl FnMut(usize)) {
        if let Some(bucket) = self.servers.get(server) {
            if let Target::Tool(name) = target {
                bucket
                    .tools
                    .get(name)
                    .into_iter()
                    .flatten()
                    .for_each(|rule| found(*rule));
            }
            bucket
                .others
                .iter()
                .filter(|entry| entry.matches(server, target))
                .for_each(|entry| found(entry.rule));
        }
        self.anywhere
            .iter()
            .filter(|entry| entry.matches(server, target))
            .for_each(|entry| found(entry.rule));
    }
}

// === impl Entry ===

impl Entry {
    fn matches(&self, server: &str, target: Target<'_>) -> bool {
        self.pattern
            .as_ref()
            .is_none_or(|pattern| pattern.matches(server, target))
    }
}
