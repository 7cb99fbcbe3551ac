//! Turns a document into a policy; whatever is wrong becomes a diagnostic, never a looser policy.

mod agent;
mod index;
mod reach;
mod rule;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::document::{Document, Entry, Table};
use crate::keys;
use crate::model::{Agent, AgentName, Matcher, Policy, ServerName};
use crate::shape;

pub use index::Index;
pub(crate) use reach::concerns;

/// The policy, with the mistakes in what this crate owns of the document. With an error among them the
/// policy must not be used.
pub fn compile(document: &Document) -> (Policy, Vec<Diagnostic>) {
    let root = &document.root;
    let mut diagnostics = Vec::new();
    for key in [keys::AGENTS, keys::RULES, keys::GROUPS, keys::TESTS] {
        if let Some(entry) = root.get(key.name) {
            diagnostics.extend(shape::check_entry(&key, entry));
        }
    }
    let servers = servers(root, &mut diagnostics);
    let agents: HashMap<AgentName, _> = named(root, "agents")
        .filter_map(|(name, entry)| {
            let name = AgentName::new(name)?;
            let agent = agent::read(entry, &servers, &mut diagnostics)?;
            Some((name, agent))
        })
        .collect();
    apart(&agents, &mut diagnostics);
    let rules = rule::read(root.items("rules"), &agents, &servers, &mut diagnostics);
    (Policy::new(agents, servers, rules), diagnostics)
}

/// One caller must never be two agents.
fn apart(agents: &HashMap<AgentName, Agent>, diagnostics: &mut Vec<Diagnostic>) {
    let mut matchers: Vec<(&AgentName, &Matcher)> = agents
        .iter()
        .flat_map(|(name, agent)| agent.identity.iter().map(move |one| (name, one)))
        .collect();
    matchers.sort_by_key(|(_, matcher)| matcher.span);
    for (at, (name, matcher)) in matchers.iter().enumerate() {
        let mut before = matchers.iter().take(at);
        let same = before.find(|(other, one)| other != name && one.who.overlaps(&matcher.who));
        if let Some((other, first)) = same {
            let message = format!("one caller could be both `{other}` and `{name}`");
            diagnostics.push(
                Diagnostic::error(Code::Conflict, matcher.span, message)
                    .also(first.span, "matches the same")
                    .help("narrow one of them, or tell them apart by a claim"),
            );
        }
    }
}

/// The servers' names; of their tables this crate owns a few keys only.
fn servers(root: &Table, diagnostics: &mut Vec<Diagnostic>) -> HashSet<ServerName> {
    let mut names = HashSet::new();
    for (name, entry) in named(root, "servers") {
        for key in keys::SERVER {
            if let Some(entry) = entry.value.table().and_then(|table| table.get(key.name)) {
                diagnostics.extend(shape::check_entry(key, entry));
            }
        }
        names.extend(ServerName::new(name));
    }
    names
}

fn named<'a>(root: &'a Table, key: &str) -> impl Iterator<Item = (&'a str, &'a Entry)> {
    root.table(key).into_iter().flat_map(Table::iter)
}

/// A name that nothing bears, with the nearest that something does.
fn unknown_name<'a>(
    what: &str,
    name: &str,
    span: Span,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Diagnostic {
    let message = format!("no {what} is named `{name}`");
    let one = Diagnostic::error(crate::diagnostic::Code::UnknownName, span, message);
    match shape::nearest(name, known) {
        Some(near) => one.help(format!("did you mean `{near}`?")),
        None => one.help(format!("add `[{what}s.{name}]` or name one that is there")),
    }
}
