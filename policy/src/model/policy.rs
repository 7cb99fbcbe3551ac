//! The compiled policy.

use std::collections::HashMap;

use super::{Agent, AgentName, Mode, Rule, Server, ServerName};
use crate::compile::Index;

/// Everything `decide` reads.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    pub(crate) agents: HashMap<AgentName, Agent>,
    pub(crate) servers: HashMap<ServerName, Server>,
    pub(crate) rules: Vec<Rule>,
    /// Of the rules that are enforced.
    pub(crate) index: Index,
    /// Of those and the ones that are only counted, where there are any.
    pub(crate) shadow: Option<Box<Index>>,
}

// === impl Policy ===

impl Policy {
    /// Compiles agents, servers and rules that are already valid.
    pub fn new(
        agents: HashMap<AgentName, Agent>,
        servers: HashMap<ServerName, Server>,
        mut rules: Vec<Rule>,
    ) -> Self {
        // In order of name, so that nothing depends on the order of the file.
        rules.sort_by(|a, b| a.name.cmp(&b.name));
        let enforced = |rule: &Rule| rule.mode == Mode::Enforced;
        let index = Index::new(&agents, &rules, enforced);
        let shadow =
            (!rules.iter().all(enforced)).then(|| Box::new(Index::new(&agents, &rules, |_| true)));
        Self {
            agents,
            servers,
            rules,
            index,
            shadow,
        }
    }

    /// The agents, in no order.
    pub fn agents(&self) -> impl Iterator<Item = (&AgentName, &Agent)> {
        self.agents.iter()
    }

    /// One agent.
    pub fn agent(&self, name: &str) -> Option<&Agent> {
        self.agents.get(name)
    }

    /// The servers, in no order.
    pub fn servers(&self) -> impl Iterator<Item = &ServerName> {
        self.servers.keys()
    }

    /// One server.
    pub fn server(&self, name: &str) -> Option<&Server> {
        self.servers.get(name)
    }

    /// The rules in order of name.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}
