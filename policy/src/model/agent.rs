//! Agents and their envelopes.

use std::sync::Arc;

use super::{Effects, Label, Matcher, Pattern};
use crate::diagnostic::Span;
use crate::limit::{Budget, Limit};

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
    /// The most it may ever do.
    pub envelope: Envelope,
    /// Where its name is written.
    pub span: Span,
}

/// `envelope = { … }`: the most an agent may ever do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What it may call.
    pub tools: Vec<Pattern>,
    /// What that may do.
    pub effects: Effects,
    /// The highest label of what it may touch.
    pub clearance: Label,
    /// The most agents in a chain it is part of, itself counted.
    pub hops: usize,
    /// The longest life of a lease, in seconds.
    pub life: Option<u64>,
    /// How often it may call, and how many calls may be open at once; all hold.
    pub limits: Vec<Arc<Limit>>,
    /// How much it may use.
    pub budget: Option<Arc<Budget>>,
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

// === impl Lifecycle ===

impl Lifecycle {
    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Retired => "retired",
        }
    }
}
