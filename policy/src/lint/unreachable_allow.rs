//! An allow that no envelope leaves room for.

use super::rules;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::Document;
use crate::model::{Pattern, Policy, ServerName, Verdict};

pub(super) const DOCS: &str = "A pattern of an allow rule that lies outside the envelope of every agent the rule \
    speaks of, or that matches no configured server: it can never allow anything.";

pub(super) fn run(document: &Document, policy: &Policy) -> Vec<Diagnostic> {
    let servers: Vec<&str> = policy.servers().map(ServerName::as_str).collect();
    let mut warnings = Vec::new();
    for (rule, table, _) in rules(document, policy) {
        let envelopes = policy
            .agents()
            .filter(|(name, _)| rule.concerns(name.as_str()));
        let envelopes: Vec<&Pattern> = envelopes
            .flat_map(|(_, agent)| &agent.envelope.tools)
            .collect();
        for item in table.items("tools") {
            let Some(pattern) = item.text().and_then(|text| Pattern::new(text).ok()) else {
                continue;
            };

            let why = if !servers.iter().any(|server| pattern.touches(server)) {
                "matches no configured server"
            } else if rule.verdict == Verdict::Allow
                && !servers.iter().any(|server| {
                    envelopes
                        .iter()
                        .any(|envelope| pattern.overlaps(envelope, server))
                })
            {
                "lies outside every envelope"
            } else {
                continue;
            };
            let message = format!(
                "`{}` {why}: rule `{}` can never match by it",
                pattern.as_str(),
                rule.name
            );
            let help = "widen an agent's envelope or remove the pattern";
            warnings.push(Diagnostic::warning(Code::Unreachable, item.span, message).help(help));
        }
    }
    warnings
}
