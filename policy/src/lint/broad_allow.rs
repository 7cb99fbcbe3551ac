//! A rule or an envelope that allows everything.

use super::{View, envelope};
use crate::diagnostic::{Code, Diagnostic};

pub(super) const DOCS: &str = "`**` in an envelope, or a rule that allows everything to every agent: \
    whatever is configured next is allowed too.";

pub(super) fn run(view: &View<'_>) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    let mut warn = |span, message| {
        warnings.push(
            Diagnostic::warning(Code::AllowsEverything, span, message)
                .help("name servers or tools"),
        );
    };
    for (rule, _) in view.rules().filter(|(rule, _)| rule.allows()) {
        let everything = match &rule.tools {
            None => rule.agents.is_none(),
            Some(tools) => tools.iter().any(|tool| tool.as_str() == "**"),
        };
        if everything {
            let message = format!("rule `{}` allows everything everywhere", rule.name);
            warn(rule.spans.of("tools"), message);
        }
    }
    for (name, entry) in view.tables_of("agents") {
        let items = envelope(entry).iter();
        for item in items.filter(|item| item.text() == Some("**")) {
            let message = format!("the envelope of agent `{name}` holds everything everywhere");
            warn(item.span, message);
        }
    }
    warnings
}
