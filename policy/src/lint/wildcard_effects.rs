//! A wildcard that allows tools which change or destroy something.

use super::View;
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{Effect, Effects, Pattern, Rule};

pub(super) const DOCS: &str = "A rule without `effects` that allows, by a pattern with `*`, tools which `write`, \
    `persist` or `destroy` (so they are classified, and an envelope holds it): a tool added to the server tomorrow is \
    allowed too.";

pub(super) fn run(view: &View<'_>) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    let rules = view
        .rules()
        .filter(|(rule, _)| rule.allows() && rule.effects.is_none());
    for (rule, table) in rules {
        let items = table.items("tools").iter();
        for item in items.filter(|item| item.text().is_some_and(|text| text.contains('*'))) {
            let Some(pattern) = item.text().and_then(|text| Pattern::new(text).ok()) else {
                continue;
            };
            let grave = grave(view, rule, &pattern);
            if !grave.is_empty() {
                let message = format!(
                    "`{}` allows whatever of it does `{}`",
                    pattern.as_str(),
                    grave.join("`, `")
                );
                warnings.push(
                    Diagnostic::warning(Code::WildcardEffects, item.span, message).help(
                        "name the tools, or say in the rule's `effects` what it is meant to allow",
                    ),
                );
            }
        }
    }
    warnings
}

/// What the rule allows by the pattern beside reading.
fn grave(view: &View<'_>, rule: &Rule, pattern: &Pattern) -> Vec<&'static str> {
    // Of a server whose tools nobody has classified that alone is told.
    let mut servers = view.reach.touched(pattern).into_iter();
    let known = |name| {
        view.policy
            .server(name)
            .is_some_and(|one| !one.tools.is_empty())
    };
    if !servers.any(known) {
        return Vec::new();
    }
    // Most patterns mean nothing grave; then no envelope needs to be looked at.
    let changes = |effects: Effects| effects.iter().any(|effect| effect != Effect::Read);
    if !changes(view.reach.effects(pattern)) {
        return Vec::new();
    }
    let agents = view.concerned(rule);
    let effects = agents
        .iter()
        .flat_map(|agent| view.reach.within(agent, rule, pattern).iter());
    let effects: Effects = effects.collect();
    let changing = effects.iter().filter(|effect| *effect != Effect::Read);
    changing.map(Effect::name).collect()
}
