//! An agent without an end.

use super::without;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::Document;
use crate::model::Policy;

pub(super) const DOCS: &str =
    "An agent without `expires`: what nobody renews should end by itself.";

pub(super) fn run(document: &Document, _: &Policy) -> Vec<Diagnostic> {
    let agents = without(document, "expires").into_iter();
    agents
        .map(|(name, span)| {
            Diagnostic::warning(
                Code::NoExpiry,
                span,
                format!("agent `{name}` never expires"),
            )
            .help("add `expires = 2027-06-30`")
        })
        .collect()
}
