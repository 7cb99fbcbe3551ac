//! An allow and a deny of exactly the same.

use super::View;
use super::cover::{Covers, covers};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{Rule, Verdict};

pub(super) const DOCS: &str = "An allow and a deny that speak of exactly the same: the deny outweighs it, and one of \
    the two is a mistake.";

pub(super) fn run(view: &View<'_>) -> Vec<Diagnostic> {
    let denies = view.rules().map(|(rule, _)| rule);
    let denies = Covers::new(denies.filter(|rule| matches!(rule.verdict, Verdict::Deny(_))));
    let allows = view
        .rules()
        .map(|(rule, _)| rule)
        .filter(|rule| rule.allows());
    let pairs = allows.filter_map(|allow| Some((allow, against(&denies, allow)?)));
    pairs
        .map(|(allow, deny)| {
            let message = format!(
                "rule `{}` allows exactly what `{}` denies",
                allow.name, deny.name
            );
            Diagnostic::warning(Code::Contradiction, allow.spans.rule, message)
                .labelled("allows")
                .also(deny.spans.rule, "denies, and outweighs it")
                .help("remove one of them")
        })
        .collect()
}

/// The deny, by name the first, that speaks of exactly what the rule speaks of.
pub(super) fn against<'a>(denies: &Covers<'a>, allow: &'a Rule) -> Option<&'a Rule> {
    let same = denies.of(allow).filter(|deny| covers(allow, deny));
    same.min_by(|one, other| one.name.cmp(&other.name))
}
