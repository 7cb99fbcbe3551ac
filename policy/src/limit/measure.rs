//! What a granted call is held against, gathered from the rules and envelopes that speak of it.

use std::sync::Arc;

use super::{Budget, Limit};
use crate::model::{AgentName, Envelope, Rule};

/// One limit that applies to a call, and where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The table it stands in.
    pub source: Source,
    /// Its place in the list of that table.
    pub number: usize,
    /// The limit.
    pub limit: Arc<Limit>,
}

/// The table a limit stands in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// A rule, by its name.
    Rule(Arc<str>),
    /// The envelope of an agent, by its name.
    Envelope(Arc<str>),
}

/// What a call is held against. Where nothing is said it holds no memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measure {
    /// Those of rules in order of name, then those of envelopes in order of the chain.
    limits: Vec<Applied>,
    budgets: Vec<(Arc<str>, Arc<Budget>)>,
    cost: u64,
}

// === impl Measure ===

impl Measure {
    /// Of a call that costs this.
    pub(crate) fn new(cost: u64) -> Self {
        Self {
            cost,
            ..Self::default()
        }
    }

    /// With the limits of the rules that let it pass, in whatever order they come.
    pub(crate) fn rules(&mut self, mut rules: Vec<&Rule>) {
        rules.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        for rule in rules {
            let limits = rule.limits.iter().enumerate();
            self.limits.extend(limits.map(|(number, limit)| Applied {
                source: Source::Rule(rule.name.shared()),
                number,
                limit: Arc::clone(limit),
            }));
        }
    }

    /// With what the envelope of one agent says; those of a chain in its order, each once.
    pub(crate) fn envelope(&mut self, agent: &AgentName, envelope: &Envelope) {
        let limits = envelope.limits.iter().enumerate();
        self.limits.extend(limits.map(|(number, limit)| Applied {
            source: Source::Envelope(agent.shared()),
            number,
            limit: Arc::clone(limit),
        }));
        let budget = envelope.budget.as_ref();
        self.budgets
            .extend(budget.map(|budget| (agent.shared(), Arc::clone(budget))));
    }

    /// Of one thing under two names: what is said of either holds.
    pub(crate) fn and(mut self, other: Self) -> Self {
        for one in other.limits {
            if !self.limits.contains(&one) {
                self.limits.push(one);
            }
        }
        self.limits
            .sort_by(|one, other| match (&one.source, &other.source) {
                (Source::Rule(a), Source::Rule(b)) => (a, one.number).cmp(&(b, other.number)),
                (Source::Rule(_), Source::Envelope(_)) => std::cmp::Ordering::Less,
                (Source::Envelope(_), Source::Rule(_)) => std::cmp::Ordering::Greater,
                // Both are of one chain, and stand in its order.
                (Source::Envelope(_), Source::Envelope(_)) => std::cmp::Ordering::Equal,
            });
        self.cost = self.cost.max(other.cost);
        self
    }

    /// Every limit that applies; all hold.
    pub fn limits(&self) -> &[Applied] {
        &self.limits
    }

    /// Every budget that applies, by the agent whose envelope has it; all hold.
    pub fn budgets(&self) -> &[(Arc<str>, Arc<Budget>)] {
        &self.budgets
    }

    /// What the call costs.
    pub fn cost(&self) -> u64 {
        self.cost
    }
}
