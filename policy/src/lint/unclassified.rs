//! A tool nobody has classified.

use super::{View, envelope};
use crate::access::reach;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::Value;
use crate::model::{Kind, Pattern, Target};

pub(super) const DOCS: &str = "A tool that an allow or an envelope names and `[servers.NAME.tools]` does not classify, \
    or a server with allowed tools of which none is classified: what nobody has classified counts as `destroy`.";

pub(super) fn run(view: &View<'_>) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    for (name, entry) in view.tables_of("servers") {
        let table = entry.value.table();
        let tools = table.and_then(|table| table.table("tools"));
        if tools.is_none_or(|tools| tools.iter().next().is_none()) && allowed(view, name) {
            let message =
                format!("no tool of server `{name}` is classified: all count as `destroy`");
            warnings.push(
                Diagnostic::warning(Code::Unclassified, entry.key, message)
                    .help(format!("add `[servers.{name}.tools]` with `\"get_*\" = {{ effect = \"read\" }}` and the like")),
            );
        }
    }
    let rules = view.rules().filter(|(rule, _)| rule.allows());
    let mut items: Vec<&Value> = rules.flat_map(|(_, table)| table.items("tools")).collect();
    items.extend(view.agents().flat_map(|(_, _, entry)| envelope(entry)));
    warnings.extend(items.into_iter().filter_map(|item| exact(view, item)));
    warnings
}

/// Whether a rule allows tools of the server to an agent whose envelope holds some.
fn allowed(view: &View<'_>, server: &str) -> bool {
    let Some(tools) = Pattern::of(server, Kind::Tool, "**") else {
        return false;
    };
    view.agents().any(|(name, agent, _)| {
        let inside = agent.envelope.tools.iter();
        let mut inside = inside.filter(|inside| inside.overlaps(&tools, server));
        inside.any(|inside| match inside.kind() {
            Kind::All => super::unreached_agent::allowed(view, name, &tools),
            _ => super::unreached_agent::allowed(view, name, inside),
        })
    })
}

/// A tool that is named, on a server some of whose tools are classified.
fn exact(view: &View<'_>, item: &Value) -> Option<Diagnostic> {
    let pattern = Pattern::new(item.text()?).ok()?;
    let (server, Target::Tool(tool)) = (pattern.server()?, reach::target(&pattern)?) else {
        return None;
    };
    let shelf = &view.policy.server(server)?.tools;
    if shelf.is_empty() || shelf.knows(tool) {
        return None;
    }
    let message = format!("nobody has classified `{server}/{tool}`: it counts as `destroy`");
    let help = format!("add it to `[servers.{server}.tools]`, with its `effect`");
    Some(Diagnostic::warning(Code::Unclassified, item.span, message).help(help))
}
