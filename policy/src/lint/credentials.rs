//! Two allows that may meet in one call and cannot agree on its credential.

use std::collections::BTreeMap;

use super::View;
use crate::diagnostic::{Code, Diagnostic};
use crate::lease::{Terms, disagree};
use crate::model::{AgentName, Pattern, Rule};

pub(super) const DOCS: &str = "Two allows that may match one call and name different credentials, or scopes of which \
    neither list holds all of the other: such a call is refused.";

pub(super) fn run(view: &View<'_>) -> Vec<Diagnostic> {
    // Rules that say the same never disagree: each kind of saying is held against the others only.
    let mut kinds: Vec<(&Terms, Vec<&Rule>)> = Vec::new();
    let mut places: BTreeMap<(Option<&str>, Vec<&str>), usize> = BTreeMap::new();
    for (rule, _) in view.rules().filter(|(rule, _)| says(rule)) {
        let kind = *places.entry(key(&rule.terms)).or_insert(kinds.len());
        match kinds.get_mut(kind) {
            Some((_, rules)) => rules.push(rule),
            None => kinds.push((&rule.terms, vec![rule])),
        }
    }
    let mut warnings = Vec::new();
    for (at, (terms, rules)) in kinds.iter().enumerate() {
        let before: Vec<_> = kinds.iter().take(at).collect();
        let against = || before.iter().filter(|(other, _)| disagree(terms, other));
        for rule in rules {
            let mut others = against().flat_map(|(_, others)| others);
            if let Some(other) = others.find(|other| may_meet(view, rule, other)) {
                warnings.push(warning(rule, other));
            }
        }
    }
    warnings
}

fn says(rule: &Rule) -> bool {
    rule.terms.credential.is_some() || rule.terms.scope.is_some()
}

/// What decides whether terms agree.
fn key(terms: &Terms) -> (Option<&str>, Vec<&str>) {
    let scope = terms.scope.iter().flat_map(|scope| scope.iter());
    let scope = scope.map(crate::lease::ScopeTemplate::as_str).collect();
    (terms.credential.as_deref(), scope)
}

fn warning(rule: &Rule, other: &Rule) -> Diagnostic {
    let credential = |rule: &Rule| rule.terms.credential.clone();
    let (what, key) = match (credential(rule), credential(other)) {
        (Some(one), Some(other)) if one != other => ("name different credentials", "credential"),
        _ => ("ask for scopes that do not nest", "scope"),
    };
    let message = format!(
        "rules `{}` and `{}` may allow one call, and {what}: it is refused",
        other.name, rule.name
    );
    Diagnostic::warning(Code::CredentialConflict, rule.spans.of(key), message)
        .also(other.spans.of(key), "the other")
        .help("narrow one of them, or let both say the same")
}

/// Whether one call may match both. It may say so where `when`, users or hours keep them apart.
fn may_meet(view: &View<'_>, one: &Rule, other: &Rule) -> bool {
    let either = |one: &[AgentName], other: &[AgentName]| {
        one.iter().any(|name| other.binary_search(name).is_ok())
    };
    let agents = one.agents.as_deref().zip(other.agents.as_deref());
    let effects = one.effects.zip(other.effects);
    let egress = one.egress.zip(other.egress);
    let mut args = one.args.iter();
    agents.is_none_or(|(one, other)| either(one, other))
        && effects.is_none_or(|(one, other)| one.iter().any(|effect| other.holds(effect)))
        && egress.is_none_or(|(one, other)| one == other)
        && !args.any(|one| other.args.iter().any(|other| one.excludes(other)))
        && tools(view, one.tools.as_deref(), other.tools.as_deref())
}

fn tools(view: &View<'_>, one: Option<&[Pattern]>, other: Option<&[Pattern]>) -> bool {
    let Some((one, other)) = one.zip(other) else {
        return true;
    };
    let mut pairs = one
        .iter()
        .flat_map(|one| other.iter().map(move |other| (one, other)));
    pairs.any(|(one, other)| {
        let servers = one.server().zip(other.server());
        servers.is_none_or(|(one, other)| one == other) && view.reach.meet(one, other)
    })
}
