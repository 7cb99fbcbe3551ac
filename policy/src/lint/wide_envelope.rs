//! An envelope that holds what no rule allows.

use super::unreached_agent::{allowed, reached};
use super::{View, envelope};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::Pattern;

pub(super) const DOCS: &str = "A pattern of an envelope of which no rule allows the agent anything: the envelope is \
    wider than the work, and the next rule may reach into it unnoticed.";

pub(super) fn run(view: &View<'_>) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    // Of an agent that reaches nothing one warning is enough.
    for (name, _, entry) in view
        .agents()
        .filter(|(name, agent, _)| reached(view, name, agent))
    {
        for item in envelope(entry) {
            let written = item.text().filter(|text| !text.starts_with('@'));
            let Some(pattern) = written.and_then(|text| Pattern::new(text).ok()) else {
                continue;
            };
            if !allowed(view, name, &pattern) {
                let message = format!(
                    "no rule allows agent `{name}` anything of `{}`",
                    pattern.as_str()
                );
                warnings.push(
                    Diagnostic::warning(Code::WideEnvelope, item.span, message)
                        .help("take it out of the envelope until a rule needs it"),
                );
            }
        }
    }
    warnings
}
