//! An agent that no rule allows anything.

use super::{View, envelope};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{Agent, Pattern};

pub(super) const DOCS: &str = "An active agent whose envelope holds something, and that no rule allows anything: it is \
    let in, and everything it asks for is refused.";

pub(super) fn run(view: &View<'_>) -> Vec<Diagnostic> {
    let agents = view.agents();
    let idle = agents
        .filter(|(name, agent, entry)| !envelope(entry).is_empty() && !reached(view, name, agent));
    idle.map(|(name, _, entry)| {
        let message = format!("no rule allows agent `{name}` anything");
        Diagnostic::warning(Code::UnreachedAgent, entry.key, message)
            .help("add a rule that allows, or set `state = \"proposed\"`")
    })
    .collect()
}

/// Whether some rule that allows means anything in the agent's envelope.
pub(super) fn reached(view: &View<'_>, name: &str, agent: &Agent) -> bool {
    agent
        .envelope
        .tools
        .iter()
        .any(|envelope| allowed(view, name, envelope))
}

/// Whether some rule that allows means anything that a pattern of the agent's envelope means.
pub(super) fn allowed(view: &View<'_>, name: &str, envelope: &Pattern) -> bool {
    view.reach.touched(envelope).into_iter().any(|server| {
        let mut rules = view.policy.index.touching(name, server);
        rules.any(|number| {
            let rule = view.policy.rules().get(number);
            rule.filter(|rule| rule.allows()).is_some_and(|rule| {
                let tools = rule.tools.as_ref();
                tools.is_none_or(|tools| tools.iter().any(|tool| tool.overlaps(envelope, server)))
            })
        })
    })
}
