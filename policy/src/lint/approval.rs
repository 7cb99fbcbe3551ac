//! A rule that asks, where nobody can answer yet.

use super::View;
use crate::diagnostic::{Code, Diagnostic};
use crate::model::Verdict;

pub(super) const DOCS: &str =
    "A rule that asks: approvals are not in this version, so what it asks about is refused.";

pub(super) fn run(view: &View<'_>) -> Vec<Diagnostic> {
    let rules = view.rules();
    let asks = rules.filter(|(rule, _)| matches!(rule.verdict, Verdict::Ask(_)));
    asks.map(|(rule, _)| {
        let message = format!(
            "approvals are not in this version: what rule `{}` asks about is refused",
            rule.name
        );
        Diagnostic::warning(Code::NotInThisVersion, rule.spans.of("ask"), message)
            .help("`mode = \"shadow\"` counts it without refusing")
    })
    .collect()
}
