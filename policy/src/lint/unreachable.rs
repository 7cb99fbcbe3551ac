//! A rule, or a pattern of one, that can never match.

use super::View;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::document::Table;
use crate::model::{Effects, Kind, Pattern, Rule};

pub(super) const DOCS: &str = "A rule, or a pattern of one, that can never match: its agents or its pattern stand for \
    nothing that is configured, nothing it means does what its `effects` say, or, of an allow, everything it means lies \
    outside the envelope of every agent it speaks of, with their `effects` and `clearance`.";

pub(super) fn run(view: &View<'_>) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    for (rule, table) in view.rules() {
        if rule.agents.as_ref().is_some_and(|agents| agents.is_empty()) {
            let message = format!(
                "no agent is meant by it: rule `{}` can never match",
                rule.name
            );
            warnings.push(warning(rule.spans.of("agents"), message, "name an agent"));
            continue;
        }
        let found = match &rule.tools {
            Some(_) => patterns(view, rule, table),
            None => everything(view, rule).into_iter().collect(),
        };
        warnings.extend(found);
    }
    warnings
}

/// Patterns of the rule; of a group no single one, only all of the rule's together.
fn patterns(view: &View<'_>, rule: &Rule, table: &Table) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    for item in table.items("tools") {
        let written = item.text().filter(|text| !text.starts_with('@'));
        let pattern = written.and_then(|text| Pattern::new(text).ok());
        if let Some((why, help)) = pattern.and_then(|pattern| never(view, rule, &pattern)) {
            let text = written.unwrap_or_default();
            let message = format!("`{text}` {why}: rule `{}` can never match by it", rule.name);
            warnings.push(warning(item.span, message, help));
        }
    }
    let all = rule.tools.iter().flatten();
    let mut reasons = all.map(|pattern| never(view, rule, pattern));
    let first = reasons.next().flatten();
    if let Some((why, help)) =
        first.filter(|_| warnings.is_empty() && reasons.all(|one| one.is_some()))
    {
        let message = format!("what it names {why}: rule `{}` can never match", rule.name);
        warnings.push(warning(rule.spans.of("tools"), message, help));
    }
    warnings
}

/// A rule that speaks of everything.
fn everything(view: &View<'_>, rule: &Rule) -> Option<Diagnostic> {
    let every = Pattern::new("**").ok()?;
    // Without servers nothing matches, and that is no fault of the rule.
    view.policy.servers().next()?;
    let (why, help) = never(view, rule, &every)?;
    let message = format!("everything {why}: rule `{}` can never match", rule.name);
    Some(warning(rule.spans.rule, message, help))
}

/// Why the rule can never match by the pattern, and how to mend it.
fn never(view: &View<'_>, rule: &Rule, pattern: &Pattern) -> Option<(&'static str, &'static str)> {
    if view.reach.touched(pattern).is_empty() {
        return Some((
            "matches no configured server",
            "add the server or remove the pattern",
        ));
    }
    let wanted = |effects: Effects| {
        rule.effects
            .is_none_or(|own| own.iter().any(|one| effects.holds(one)))
    };
    if !wanted(view.reach.effects(pattern)) {
        return Some((
            "does nothing that `effects` names",
            "classify it in `[servers.NAME.tools]`, or change `effects`",
        ));
    }
    if !rule.allows() {
        return None;
    }
    let agents = view.concerned(rule);
    let mut inside = agents.iter().flat_map(|agent| &agent.envelope.tools);
    if !inside.any(|envelope| view.reach.meet(pattern, envelope)) {
        return Some((
            "lies outside every envelope",
            "widen an agent's envelope or remove the pattern",
        ));
    }
    // A server whose tools nobody has classified is told of by itself.
    let mut servers = view.reach.touched(pattern).into_iter();
    let known = |server| {
        view.policy
            .server(server)
            .is_some_and(|one| !one.tools.is_empty())
    };
    if matches!(pattern.kind(), Kind::Tool | Kind::All) && !servers.any(known) {
        return None;
    }
    let none = |effects: Effects| effects == Effects::default();
    if agents
        .iter()
        .all(|agent| none(view.reach.within(agent, rule, pattern)))
    {
        return Some((
            "has effects or a label that no envelope holds",
            "classify it in `[servers.NAME.tools]`, or widen `effects` or `clearance` of an envelope",
        ));
    }
    None
}

fn warning(span: Span, message: String, help: &str) -> Diagnostic {
    Diagnostic::warning(Code::Unreachable, span, message).help(help)
}
