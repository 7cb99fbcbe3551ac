//! A policy in plain lists, and questions about it. Everything is text or a rank; nothing is compiled.

use crate::condition::{Conditions, Given};
use std::collections::BTreeSet;

/// What a tool does, the gravest last.
pub(crate) const EFFECTS: [&str; 4] = ["read", "write", "persist", "destroy"];
/// What data is worth, the highest last.
pub(crate) const LABELS: [&str; 4] = ["public", "internal", "confidential", "restricted"];
/// Where what is sent goes, the gravest last.
pub(crate) const EGRESS: [&str; 2] = ["internal", "external"];

/// A whole policy.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    pub(crate) agents: Vec<Agent>,
    pub(crate) servers: Vec<Server>,
    pub(crate) groups: Vec<Group>,
    pub(crate) rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) name: String,
    pub(crate) tools: Vec<String>,
    /// Ranks; what is absent has the defaults of an envelope.
    pub(crate) effects: Option<Vec<usize>>,
    pub(crate) clearance: Option<usize>,
    pub(crate) hops: Option<usize>,
    /// `credential_ttl`.
    pub(crate) life: Option<u64>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) own: Said,
    /// Of tools, of resources, of prompts: by name or pattern.
    pub(crate) things: [Vec<(String, Said)>; 3],
}

/// What is said of one thing, in ranks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Said {
    pub(crate) effect: Option<usize>,
    pub(crate) label: Option<usize>,
    pub(crate) egress: Option<usize>,
    pub(crate) untrusted: Option<bool>,
}

#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) agents: Vec<String>,
    pub(crate) tools: Vec<String>,
    pub(crate) users: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) agents: Option<Vec<String>>,
    pub(crate) users: Option<Vec<String>>,
    pub(crate) tools: Option<Vec<String>>,
    pub(crate) effects: Option<Vec<usize>>,
    pub(crate) egress: Option<usize>,
    pub(crate) after: Option<After>,
    pub(crate) conditions: Conditions,
    pub(crate) says: Says,
    pub(crate) requires: Vec<String>,
    pub(crate) lease: Lease,
    pub(crate) message: Option<String>,
    pub(crate) shadow: bool,
}

/// With what a call goes out: as rules say it, or as it is granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) credential: Option<String>,
    pub(crate) scope: Option<BTreeSet<String>>,
    pub(crate) life: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct After {
    pub(crate) label: Option<usize>,
    pub(crate) untrusted: Option<bool>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Says {
    Allow,
    Ask,
    Deny(String),
}

/// One question.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) agent: String,
    pub(crate) user: Option<(String, String)>,
    pub(crate) chain: Vec<String>,
    pub(crate) scopes: Vec<String>,
    /// What the task has touched.
    pub(crate) label: usize,
    pub(crate) untrusted: bool,
    pub(crate) server: String,
    pub(crate) thing: Thing,
    pub(crate) arguments: Option<Vec<(&'static str, Given)>>,
    /// Seconds since the epoch.
    pub(crate) now: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Thing {
    Tool(String),
    Resource(String),
    Prompt(String),
    Client(String),
}

/// All that is answered, by the engine or by the judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    /// What refused; empty where nothing did.
    pub(crate) reason: &'static str,
    /// The rule that decided.
    pub(crate) rule: Option<String>,
    /// Every rule that asks.
    pub(crate) asks: Vec<String>,
    /// What the caller may be told.
    pub(crate) message: Option<String>,
    /// Of an allow.
    pub(crate) lease: Lease,
    pub(crate) visible: bool,
}

/// In order of how much it allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Deny,
    Ask,
    Allow,
}

// === impl World ===

impl World {
    pub(crate) fn agent(&self, name: &str) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.name == name)
    }

    /// Whether something holds of an item of a list, its groups opened.
    pub(crate) fn any(
        &self,
        list: &[String],
        members: fn(&Group) -> &[String],
        holds: &dyn Fn(&str) -> bool,
    ) -> bool {
        list.iter().any(|item| match item.strip_prefix('@') {
            None => holds(item),
            Some(name) => {
                let group = self.groups.iter().find(|group| group.name == name);
                self.any(members(group.unwrap()), members, holds)
            }
        })
    }
}

// === impl Question ===

impl Question {
    /// The value of an argument.
    pub(crate) fn given(&self, name: &str) -> Option<&Given> {
        let given = self.arguments.as_ref()?.iter();
        given
            .filter(|(own, _)| *own == name)
            .map(|(_, value)| value)
            .next()
    }
}

// === impl Thing ===

impl Thing {
    /// The kind, and the name as it is written behind a server.
    pub(crate) fn written(&self) -> (&'static str, String) {
        match self {
            Self::Tool(name) => ("", name.clone()),
            Self::Resource(uri) => ("resource:", format!("resource:{uri}")),
            Self::Prompt(name) => ("prompt:", format!("prompt:{name}")),
            Self::Client(kind) => ("client:", format!("client:{kind}")),
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Tool(name) | Self::Resource(name) | Self::Prompt(name) | Self::Client(name) => {
                name
            }
        }
    }
}
