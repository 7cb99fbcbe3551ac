//! An agent without an end.

use super::{View, without};
use crate::diagnostic::{Code, Diagnostic};

pub(super) const DOCS: &str =
    "An agent without `expires`: what nobody renews should end by itself.";

pub(super) fn run(view: &View<'_>) -> Vec<Diagnostic> {
    let agents = without(view, "expires").into_iter();
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
