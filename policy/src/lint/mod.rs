//! What is allowed but unwise. One lint per file: its documentation and one function.

mod broad_allow;
mod no_expiry;
mod no_owner;
#[cfg(test)]
mod tests;
mod unreachable_allow;

use crate::diagnostic::{Diagnostic, Span};
use crate::document::{Document, Table};
use crate::model::{Policy, Rule};

/// One lint.
#[derive(Debug, Clone, Copy)]
pub struct Lint {
    /// Its name, that of the warnings it gives.
    pub name: &'static str,
    /// What it looks for and why.
    pub docs: &'static str,
    run: fn(&Document, &Policy) -> Vec<Diagnostic>,
}

/// Every lint.
pub const LINTS: &[Lint] = &[
    Lint {
        name: "allows-everything",
        docs: broad_allow::DOCS,
        run: broad_allow::run,
    },
    Lint {
        name: "no-expiry",
        docs: no_expiry::DOCS,
        run: no_expiry::run,
    },
    Lint {
        name: "no-owner",
        docs: no_owner::DOCS,
        run: no_owner::run,
    },
    Lint {
        name: "unreachable",
        docs: unreachable_allow::DOCS,
        run: unreachable_allow::run,
    },
];

/// The warnings of a document that has no errors.
pub fn lint(document: &Document, policy: &Policy) -> Vec<Diagnostic> {
    LINTS
        .iter()
        .flat_map(|lint| (lint.run)(document, policy))
        .collect()
}

/// Each rule with the table it was read from.
fn rules<'a>(
    document: &'a Document,
    policy: &'a Policy,
) -> impl Iterator<Item = (&'a Rule, &'a Table, Span)> {
    document.root.items("rules").iter().filter_map(|row| {
        let table = row.table()?;
        let name = table.text("name")?;
        let rule = policy
            .rules()
            .iter()
            .find(|rule| rule.name.as_str() == name)?;
        Some((
            rule,
            table,
            table.value("name").map_or(row.span, |value| value.span),
        ))
    })
}

/// Where an agent's name is written, for agents without a key.
fn without(document: &Document, key: &str) -> Vec<(String, Span)> {
    let agents = document
        .root
        .table("agents")
        .into_iter()
        .flat_map(Table::iter);
    let lacking = agents.filter(|(_, entry)| {
        entry
            .value
            .table()
            .is_some_and(|table| table.get(key).is_none())
    });
    lacking
        .map(|(name, entry)| (name.to_owned(), entry.key))
        .collect()
}
