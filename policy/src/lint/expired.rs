//! An agent whose time is over.

use super::View;
use crate::diagnostic::{Code, Diagnostic};

pub(super) const DOCS: &str =
    "An active agent whose `expires` has passed: every call of it is refused.";

pub(super) fn run(view: &View<'_>) -> Vec<Diagnostic> {
    let agents = view.agents();
    let over = agents.filter(|(_, agent, _)| agent.expires.is_some_and(|end| end <= view.now.0));
    over.map(|(name, agent, entry)| {
        let table = entry.value.table();
        let expires = table.and_then(|table| table.value("expires"));
        let span = expires.map_or(agent.span, |expires| expires.span);
        let message = format!("agent `{name}` has expired: it is let in no more");
        Diagnostic::warning(Code::Expired, span, message)
            .help("renew it, or set `state = \"retired\"`")
    })
    .collect()
}
