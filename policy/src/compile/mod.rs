//! Turns a document into a policy; whatever is wrong becomes a diagnostic, never a looser policy.

mod agent;
mod group;
mod index;
mod instant;
mod rule;
mod server;
#[cfg(test)]
mod tests;
mod trie;

use std::collections::HashMap;

use crate::cases;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::document::{Document, Entry, Table};
use crate::keys;
use crate::model::{Agent, AgentName, Matcher, Policy, Server, ServerName};
use crate::shape;
use group::Groups;

pub use index::Index;
pub(crate) use instant::{instant, seconds};

type Agents = HashMap<AgentName, Agent>;
type Servers = HashMap<ServerName, Server>;

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
    let groups = Groups::new(root);
    let servers: Servers = named(root, "servers")
        .filter_map(|(name, entry)| {
            let server = server::read(entry.value.table(), &mut diagnostics);
            Some((ServerName::new(name)?, server))
        })
        .collect();
    let agents: Agents = named(root, "agents")
        .filter_map(|(name, entry)| {
            let name = AgentName::new(name)?;
            let agent = agent::read(entry, &groups, &servers, &mut diagnostics)?;
            Some((name, agent))
        })
        .collect();
    apart(&agents, &mut diagnostics);
    let mut reading = rule::Reading {
        groups,
        agents: &agents,
        servers: &servers,
        diagnostics: &mut diagnostics,
        audiences: HashMap::new(),
    };
    let rules = reading.rules(root.items("rules"));
    let policy = Policy::new(agents, servers, rules);
    diagnostics.extend(cases::read(document, &policy).1);
    (policy, diagnostics)
}

/// One caller must never be two agents.
fn apart(agents: &Agents, diagnostics: &mut Vec<Diagnostic>) {
    let mut matchers: Vec<(&AgentName, &Matcher)> = agents
        .iter()
        .flat_map(|(name, agent)| agent.identity.iter().map(move |one| (name, one)))
        .collect();
    matchers.sort_by_key(|(_, matcher)| matcher.span);
    // Of those that are no patterns only equal ones can meet: each with each would be too many.
    let mut literal: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut patterns: Vec<usize> = Vec::new();
    for (at, (name, matcher)) in matchers.iter().enumerate() {
        let meets = |(other, one): &&(&AgentName, &Matcher)| {
            other != name && one.who.overlaps(&matcher.who)
        };
        let own = matcher.who.literal();
        let same = match own {
            None => matchers.iter().take(at).find(meets),
            Some(text) => {
                let equal = literal.get(text).into_iter().flatten();
                let before = equal.chain(&patterns);
                before.filter_map(|at| matchers.get(*at)).find(meets)
            }
        };
        if let Some((other, first)) = same {
            let message = format!("one caller could be both `{other}` and `{name}`");
            diagnostics.push(
                Diagnostic::error(Code::Conflict, matcher.span, message)
                    .also(first.span, "matches the same")
                    .help("narrow one of them, or tell them apart by a claim"),
            );
        }
        match own {
            Some(text) => literal.entry(text).or_default().push(at),
            None => patterns.push(at),
        }
    }
}

fn named<'a>(root: &'a Table, key: &str) -> impl Iterator<Item = (&'a str, &'a Entry)> {
    root.table(key).into_iter().flat_map(Table::iter)
}

/// After so many mistakes nobody is told what may have been meant: looking for it costs a walk over all names.
const SUGGESTIONS_MOST: usize = 100;

/// Among how many names the one that was meant is looked for.
fn suggested(diagnostics: &[Diagnostic]) -> usize {
    match diagnostics.len() < SUGGESTIONS_MOST {
        true => usize::MAX,
        false => 0,
    }
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
