//! An agent nobody answers for.

use super::without;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::Document;
use crate::model::Policy;

pub(super) const DOCS: &str =
    "An agent without `owner`: when it misbehaves, nobody knows whom to ask.";

pub(super) fn run(document: &Document, _: &Policy) -> Vec<Diagnostic> {
    let agents = without(document, "owner").into_iter();
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
