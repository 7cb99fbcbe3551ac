//! What is allowed but unwise. One lint per file: its documentation and one function.

mod approval;
mod broad_allow;
mod contradiction;
mod cover;
mod credentials;
mod expired;
mod no_expiry;
mod no_owner;
mod optional_argument;
mod shadowed;
#[cfg(test)]
mod tests;
mod unclassified;
mod unreachable;
mod unreached_agent;
mod unused_group;
mod wide_envelope;
mod wildcard_effects;

use std::collections::BTreeMap;

use crate::access::reach::Reach;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::document::{Document, Entry, Table, Value};
use crate::model::{Agent, Mode, Now, Policy, Rule};

/// One lint.
#[derive(Debug, Clone, Copy)]
pub struct Lint {
    /// That of the warnings it gives.
    pub code: Code,
    /// What it looks for and why.
    pub docs: &'static str,
    run: fn(&View<'_>) -> Vec<Diagnostic>,
}

/// What lints look at.
#[derive(Debug)]
struct View<'a> {
    document: &'a Document,
    policy: &'a Policy,
    now: Now,
    reach: Reach<'a>,
    /// The table each rule was read from, by its name.
    tables: BTreeMap<&'a str, &'a Table>,
}

/// Every lint.
pub const LINTS: &[Lint] = &[
    Lint {
        code: Code::AllowsEverything,
        docs: broad_allow::DOCS,
        run: broad_allow::run,
    },
    Lint {
        code: Code::Contradiction,
        docs: contradiction::DOCS,
        run: contradiction::run,
    },
    Lint {
        code: Code::CredentialConflict,
        docs: credentials::DOCS,
        run: credentials::run,
    },
    Lint {
        code: Code::Expired,
        docs: expired::DOCS,
        run: expired::run,
    },
    Lint {
        code: Code::NoExpiry,
        docs: no_expiry::DOCS,
        run: no_expiry::run,
    },
    Lint {
        code: Code::NoOwner,
        docs: no_owner::DOCS,
        run: no_owner::run,
    },
    Lint {
        code: Code::NotInThisVersion,
        docs: approval::DOCS,
        run: approval::run,
    },
    Lint {
        code: Code::OptionalArgument,
        docs: optional_argument::DOCS,
        run: optional_argument::run,
    },
    Lint {
        code: Code::Shadowed,
        docs: shadowed::DOCS,
        run: shadowed::run,
    },
    Lint {
        code: Code::Unclassified,
        docs: unclassified::DOCS,
        run: unclassified::run,
    },
    Lint {
        code: Code::Unreachable,
        docs: unreachable::DOCS,
        run: unreachable::run,
    },
    Lint {
        code: Code::UnreachedAgent,
        docs: unreached_agent::DOCS,
        run: unreached_agent::run,
    },
    Lint {
        code: Code::UnusedGroup,
        docs: unused_group::DOCS,
        run: unused_group::run,
    },
    Lint {
        code: Code::WideEnvelope,
        docs: wide_envelope::DOCS,
        run: wide_envelope::run,
    },
    Lint {
        code: Code::WildcardEffects,
        docs: wildcard_effects::DOCS,
        run: wildcard_effects::run,
    },
];

/// The warnings of a document that has no errors; some depend on the instant.
pub fn lint(document: &Document, policy: &Policy, now: Now) -> Vec<Diagnostic> {
    let view = View::new(document, policy, now);
    LINTS.iter().flat_map(|lint| (lint.run)(&view)).collect()
}

// === impl View ===

impl<'a> View<'a> {
    fn new(document: &'a Document, policy: &'a Policy, now: Now) -> Self {
        let rows = document.root.items("rules").iter();
        let tables = rows.filter_map(|row| row.table()?.text("name").zip(row.table()));
        Self {
            document,
            policy,
            now,
            reach: Reach::new(policy),
            tables: tables.collect(),
        }
    }

    /// The rules that are enforced, each with the table it was read from.
    fn rules(&self) -> impl Iterator<Item = (&'a Rule, &'a Table)> {
        let rules = self.policy.rules().iter();
        let enforced = rules.filter(|rule| rule.mode == Mode::Enforced);
        enforced.filter_map(|rule| Some((rule, *self.tables.get(rule.name.as_str())?)))
    }

    /// The agents that are active, each with its name and the entry it was read from.
    fn agents(&self) -> impl Iterator<Item = (&'a str, &'a Agent, &'a Entry)> {
        let agents = self.tables_of("agents");
        agents.filter_map(|(name, entry)| {
            let agent = self.policy.agent(name)?;
            let active = agent.state == crate::model::Lifecycle::Active;
            active.then_some((name, agent, entry))
        })
    }

    /// The entries of a table of the root.
    fn tables_of(&self, key: &str) -> impl Iterator<Item = (&'a str, &'a Entry)> {
        let table = self.document.root.table(key);
        table.into_iter().flat_map(Table::iter)
    }

    /// The agents a rule speaks of.
    fn concerned<'b>(&self, rule: &'b Rule) -> Vec<&'a Agent>
    where
        'a: 'b,
    {
        match &rule.agents {
            Some(names) => {
                let agents = names.iter();
                agents
                    .filter_map(|name| self.policy.agent(name.as_str()))
                    .collect()
            }
            None => self.policy.agents().map(|(_, agent)| agent).collect(),
        }
    }
}

/// The patterns an agent's envelope is written with.
fn envelope(agent: &Entry) -> &[Value] {
    let agent = agent.value.table();
    let envelope = agent.and_then(|agent| agent.table("envelope"));
    envelope.map_or(&[], |envelope| envelope.items("tools"))
}

/// Where agents' names are written that lack a key.
fn without(view: &View<'_>, key: &str) -> Vec<(String, Span)> {
    let agents = view.tables_of("agents");
    let lacking = agents.filter(|(_, entry)| {
        let table = entry.value.table();
        table.is_some_and(|table| table.get(key).is_none())
    });
    lacking
        .map(|(name, entry)| (name.to_owned(), entry.key))
        .collect()
}
