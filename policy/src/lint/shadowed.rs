//! An allow that another rule covers wholly.

use super::View;
use super::contradiction::against;
use super::cover::{Covers, covers};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{Rule, Verdict};

pub(super) const DOCS: &str = "An allow that a deny covers wholly and so can never allow anything, or that another \
    allow covers wholly and so changes nothing.";

pub(super) fn run(view: &View<'_>) -> Vec<Diagnostic> {
    let rules = || view.rules().map(|(rule, _)| rule);
    let denies = Covers::new(rules().filter(|rule| matches!(rule.verdict, Verdict::Deny(_))));
    let allows = Covers::new(rules().filter(|rule| rule.allows()));
    let mut warnings = Vec::new();
    for rule in rules().filter(|rule| rule.allows()) {
        if against(&denies, rule).is_some() {
            continue;
        }
        let (other, what) = match (first(denies.of(rule)), spare(&allows, rule)) {
            (Some(deny), _) => (deny, "can never allow anything: all of it is denied by"),
            (None, Some(allow)) => (allow, "changes nothing: all of it is allowed by"),
            (None, None) => continue,
        };
        let message = format!("rule `{}` {what} `{}`", rule.name, other.name);
        warnings.push(
            Diagnostic::warning(Code::Shadowed, rule.spans.rule, message)
                .also(other.spans.rule, "covers it")
                .help("remove it, or narrow the other"),
        );
    }
    warnings
}

/// An allow beside which the rule changes nothing; of two that are alike only the later one is spare.
fn spare<'a>(allows: &Covers<'a>, rule: &'a Rule) -> Option<&'a Rule> {
    let asks_no_more = |other: &&Rule| {
        let mut scopes = other.requires.iter();
        scopes.all(|scope| rule.requires.contains(scope))
    };
    let alike = |other: &Rule| covers(rule, other) && rule.requires == other.requires;
    // It says with what its calls go out, and the other does not.
    let says_more = |other: &&Rule| !rule.terms.is_empty() && rule.terms != other.terms;
    let covering = allows.of(rule).filter(asks_no_more);
    let covering = covering.filter(|other| !says_more(other));
    let covering = covering.filter(|other| !alike(other) || other.name < rule.name);
    // What it tells callers may be why it is there, and so may a limit of its own.
    let told = |other: &&Rule| rule.message.is_none() || rule.message == other.message;
    first(covering).filter(|other| told(other) && rule.limits.is_empty())
}

fn first<'a>(rules: impl Iterator<Item = &'a Rule>) -> Option<&'a Rule> {
    rules.min_by(|one, other| one.name.cmp(&other.name))
}
