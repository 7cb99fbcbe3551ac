//! Rules by whom and what they speak of, so that a decision looks at those that may concern it and at no others.

use std::collections::HashMap;

use super::trie::Trie;
use crate::model::{Agent, AgentName, Kind, Pattern, Rule, Target};

/// What a decision looks up.
#[derive(Debug, Clone, Default)]
pub struct Index {
    envelopes: HashMap<AgentName, Shelf>,
    /// Which shelves hold rules for an agent.
    agents: HashMap<AgentName, Vec<usize>>,
    shelves: Vec<Shelf>,
    /// Rules for every agent.
    all: Shelf,
}

/// Patterns by the server they name.
#[derive(Debug, Clone, Default)]
struct Shelf {
    servers: HashMap<Box<str>, Bucket>,
    /// Patterns that name no server.
    anywhere: Trie,
    /// Rules with such a pattern, or with none: these speak of everything.
    wide: Vec<usize>,
    unbounded: Vec<usize>,
}

/// Patterns of one server.
#[derive(Debug, Clone, Default)]
struct Bucket {
    tools: HashMap<Box<str>, Vec<usize>>,
    others: Trie,
    /// Every rule with a pattern here.
    rules: Vec<usize>,
}

// === impl Index ===

impl Index {
    /// Indexes what is valid already.
    pub(crate) fn new(
        agents: &HashMap<AgentName, Agent>,
        rules: &[Rule],
        wanted: impl Fn(&Rule) -> bool,
    ) -> Self {
        let mut index = Self::default();
        for (name, agent) in agents {
            let mut shelf = Shelf::default();
            for pattern in &agent.envelope.tools {
                shelf.put(pattern, 0);
            }
            index.envelopes.insert(name.clone(), shelf);
        }
        // Rules with the same list of agents share a shelf: a rule for a thousand of them is kept once. Which list it is
        // its place tells; to compare a thousand names for each rule would cost more than all else.
        let mut audiences: HashMap<*const AgentName, usize> = HashMap::new();
        for (number, rule) in rules.iter().enumerate().filter(|(_, rule)| wanted(rule)) {
            let Some(named) = &rule.agents else {
                index.all.put_rule(rule, number);
                continue;
            };
            let shelf = *audiences.entry(named.as_ptr()).or_insert_with(|| {
                let fresh = index.shelves.len();
                index.shelves.push(Shelf::default());
                for agent in named.iter() {
                    index.agents.entry(agent.clone()).or_default().push(fresh);
                }
                fresh
            });
            if let Some(shelf) = index.shelves.get_mut(shelf) {
                shelf.put_rule(rule, number);
            }
        }
        index
    }

    /// Whether a pattern of the agent's envelope matches.
    pub(crate) fn enveloped(&self, agent: &str, server: &str, target: Target<'_>) -> bool {
        let mut found = false;
        if let Some(shelf) = self.envelopes.get(agent) {
            shelf.matching(server, target, &mut |_| found = true);
        }
        found
    }

    /// Calls back with every rule that speaks of agent and target; with one more than once, if several of its
    /// patterns match.
    pub(crate) fn matching(
        &self,
        agent: &str,
        server: &str,
        target: Target<'_>,
        mut found: impl FnMut(usize),
    ) {
        for shelf in self.shelves(agent) {
            shelf.matching(server, target, &mut found);
        }
    }

    /// Every rule that speaks of the agent and of anything on the server, and perhaps some that do not.
    pub(crate) fn touching(&self, agent: &str, server: &str) -> impl Iterator<Item = usize> {
        self.shelves(agent).flat_map(move |shelf| {
            let there = shelf.servers.get(server).map(|bucket| &bucket.rules);
            let all = there.into_iter().chain([&shelf.wide, &shelf.unbounded]);
            all.flatten().copied()
        })
    }

    fn shelves(&self, agent: &str) -> impl Iterator<Item = &Shelf> {
        let own = self.agents.get(agent).into_iter().flatten();
        let own = own.filter_map(|shelf| self.shelves.get(*shelf));
        own.chain([&self.all])
    }
}

// === impl Shelf ===

impl Shelf {
    fn put_rule(&mut self, rule: &Rule, number: usize) {
        match &rule.tools {
            None => self.unbounded.push(number),
            Some(patterns) => patterns
                .iter()
                .for_each(|pattern| self.put(pattern, number)),
        }
    }

    fn put(&mut self, pattern: &Pattern, rule: usize) {
        let Some(server) = pattern.server() else {
            self.anywhere.put(pattern, rule);
            if self.wide.last() != Some(&rule) {
                self.wide.push(rule);
            }
            return;
        };
        let bucket = self.servers.entry(server.into()).or_default();
        if bucket.rules.last() != Some(&rule) {
            bucket.rules.push(rule);
        }
        match pattern
            .exact_name()
            .filter(|_| pattern.kind() == Kind::Tool)
        {
            Some(tool) => bucket.tools.entry(tool.into()).or_default().push(rule),
            None => bucket.others.put(pattern, rule),
        }
    }

    fn matching(&self, server: &str, target: Target<'_>, found: &mut impl FnMut(usize)) {
        let Some((_, name)) = Kind::of(target) else {
            return;
        };
        if let Some(bucket) = self.servers.get(server) {
            if let Target::Tool(name) = target {
                let exact = bucket.tools.get(name).into_iter().flatten();
                exact.for_each(|rule| found(*rule));
            }
            bucket.others.matching(server, target, name, found);
        }
        self.anywhere.matching(server, target, name, found);
        self.unbounded.iter().for_each(|rule| found(*rule));
    }
}
