//! The compiled policy.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{AgentName, Matcher, Pattern, RuleName, ServerName};
use crate::compile::Index;
use crate::diagnostic::Span;

/// Everything `decide` reads.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    pub(crate) agents: HashMap<AgentName, Agent>,
    pub(crate) servers: HashSet<ServerName>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) index: Index,
}

/// `[agents.NAME]`.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Who answers for it.
    pub owner: Option<String>,
    /// What it is for.
    pub purpose: Option<String>,
    /// Where in its life it is.
    pub state: Lifecycle,
    /// First instant it may no longer act, in seconds since the epoch.
    pub expires: Option<i64>,
    /// The identities it answers to.
    pub identity: Vec<Matcher>,
    /// Whether it may act only within the chain of another.
    pub requires_chain: bool,
    /// The most it may ever call.
    pub envelope: Vec<Pattern>,
    /// The most agents in a chain it is part of, itself counted.
    pub hops: usize,
    /// Where its name is written.
    pub span: Span,
}

/// An agent's `state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// Written down, not yet let in.
    Proposed,
    /// May act.
    Active,
    /// May not act for now.
    Suspended,
    /// Will not act again.
    Retired,
}

/// `[[rules]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Unique.
    pub name: RuleName,
    /// Whom it speaks of; `None`: every agent.
    pub agents: Option<Vec<AgentName>>,
    /// What it speaks of; `None`: everything.
    pub tools: Option<Vec<Pattern>>,
    /// OAuth scopes the caller's token must hold for the rule to allow.
    pub requires: Vec<Box<str>>,
    /// What it says.
    pub verdict: Verdict,
}

/// What a rule says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// `allow = true`.
    Allow,
    /// `deny = "message"`, and the message.
    Deny(Arc<str>),
}

// === impl Policy ===

impl Policy {
    /// Compiles agents, servers and rules that are already valid.
    pub fn new(
        agents: HashMap<AgentName, Agent>,
        servers: HashSet<ServerName>,
        rules: Vec<Rule>,
    ) -> Self {
        let index = Index::new(&agents, &servers, &rules);
        Self {
            agents,
            servers,
            rules,
            index,
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
        self.servers.iter()
    }

    /// The rules as written.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}
