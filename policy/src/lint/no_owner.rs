//! An agent nobody answers for.

use super::{View, without};
use crate::diagnostic::{Code, Diagnostic};

pub(super) const DOCS: &str =
    "An agent without `owner`: when it misbehaves, nobody knows whom to ask.";

pub(super) fn run(view: &View<'_>) -> Vec<Diagnostic> {
    let agents = without(view, "owner").into_iter();
    agents
        .map(|(name, span)| {
            Diagnostic::warning(
                Code::NoOwner,
                span,
                format!("nobody answers for agent `{name}`"),
            )
            .help("add `owner = \"team@example.com\"`")
        })
        .collect()
}
