//! A rule or an envelope that allows everything.

use super::rules;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Document, Table};
use crate::model::{Policy, Verdict};

pub(super) const DOCS: &str = "`**` in an envelope, or a rule that allows everything to every agent: \
    whatever is configured next is allowed too.";

pub(super) fn run(document: &Document, policy: &Policy) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    for (rule, table, span) in rules(document, policy) {
        let everything = match &rule.tools {
            None => rule.agents.is_none(),
            Some(tools) => tools.iter().any(|tool| tool.as_str() == "**"),
        };
        if rule.verdict == Verdict::Allow && everything {
            let span = table.value("tools").map_or(span, |tools| tools.span);
            let message = format!("rule `{}` allows everything everywhere", rule.name);
            warnings.push(
                Diagnostic::warning(Code::AllowsEverything, span, message)
                    .help("name servers or tools"),
            );
        }
    }
    for (name, entry) in document
        .root
        .table("agents")
        .into_iter()
        .flat_map(Table::iter)
    {
        let envelope = entry
            .value
            .table()
            .and_then(|agent| agent.table("envelope"));
        for item in envelope
            .map(|envelope| envelope.items("tools"))
            .unwrap_or_default()
        {
            if item.text() == Some("**") {
                let message = format!("the envelope of agent `{name}` holds everything everywhere");
                warnings.push(
                    Diagnostic::warning(Code::AllowsEverything, item.span, message)
                        .help("name servers or tools"),
                );
            }
        }
    }
    warnings
}
