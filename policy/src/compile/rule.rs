//! `[[rules]]`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{agent, unknown_name};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::document::{Table, Value};
use crate::model::{Agent, AgentName, Rule, RuleName, ServerName, Verdict};

/// The rules, as far as they can be read.
pub(super) fn read(
    rows: &[Value],
    agents: &HashMap<AgentName, Agent>,
    servers: &HashSet<ServerName>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Rule> {
    let mut names: HashMap<&str, Span> = HashMap::new();
    let mut rules = Vec::new();
    for row in rows {
        let Some(table) = row.table() else { continue };
        let name = table
            .value("name")
            .and_then(|value| Some((value.text()?, value.span)));
        if let Some((name, span)) = name
            && let Some(first) = names.insert(name, span)
        {
            diagnostics.push(
                Diagnostic::error(
                    Code::Duplicate,
                    span,
                    format!("two rules are named `{name}`"),
                )
                .labelled("again here")
                .also(first, "first here")
                .help("give each rule a name of its own"),
            );
        }
        let verdict = verdict(table, row.span, diagnostics);
        let tools = table
            .get("tools")
            .map(|_| agent::patterns(table.items("tools"), servers, diagnostics));
        let agents = table
            .get("agents")
            .map(|_| named(table.items("agents"), agents, diagnostics));
        if let (Some(name), Some(verdict)) = (table.text("name").and_then(RuleName::new), verdict) {
            rules.push(Rule {
                name,
                agents,
                tools,
                requires: requires(table, &verdict, diagnostics),
                verdict,
            });
        }
    }
    rules
}

/// The scopes an allow asks for. A deny that asked for scopes would spare those who lack them.
fn requires(table: &Table, verdict: &Verdict, diagnostics: &mut Vec<Diagnostic>) -> Vec<Box<str>> {
    if let (Some(entry), Verdict::Deny(_)) = (table.get("requires"), verdict) {
        diagnostics.push(
            Diagnostic::error(Code::Conflict, entry.key, "a deny requires no scopes")
                .help("put `requires` on the rule that allows"),
        );
    }
    let scopes = table.items("requires").iter().filter_map(Value::text);
    let mut scopes: Vec<Box<str>> = scopes.map(Box::from).collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}

fn verdict(table: &Table, span: Span, diagnostics: &mut Vec<Diagnostic>) -> Option<Verdict> {
    match (table.get("allow"), table.get("deny")) {
        (Some(_), None) => Some(Verdict::Allow),
        (None, Some(_)) => table
            .text("deny")
            .map(|message| Verdict::Deny(Arc::from(message))),
        (Some(allow), Some(deny)) => {
            diagnostics.push(
                Diagnostic::error(Code::Conflict, deny.key, "a rule either allows or denies")
                    .also(allow.key, "allows here")
                    .help("make two rules of it"),
            );
            None
        }
        // `ask` is a verdict too, and was refused by name already.
        (None, None) if table.get("ask").is_some() => None,
        (None, None) => {
            diagnostics.push(
                Diagnostic::error(
                    Code::MissingKey,
                    span,
                    "the rule says neither `allow` nor `deny`",
                )
                .help("add `allow = true` or `deny = \"why not\"`"),
            );
            None
        }
    }
}

fn named(
    items: &[Value],
    agents: &HashMap<AgentName, Agent>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<AgentName> {
    let mut names = Vec::new();
    for item in items {
        let Some(name) = item.text() else { continue };
        match agents.get_key_value(name) {
            Some((name, _)) => names.push(name.clone()),
            None => {
                let known = agents.keys().map(AgentName::as_str);
                diagnostics.push(unknown_name("agent", name, item.span, known));
            }
        }
    }
    names
}
