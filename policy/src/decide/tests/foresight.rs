//! What can be told of a call whose arguments nobody kept.

use super::{BASE, NOW, policy, request};
use crate::{Foreseen, Outcome, Target, foresee};

const ALLOW: &str = "[[rules]]\nname = \"a\"\nallow = true\n";
const SMALL: &str =
    "[[rules]]\nname = \"small\"\nargs = { n = { max = 9 } }\ntools = [\"s/x\"]\nallow = true\n";
const LARGE: &str = "[[rules]]\nname = \"large\"\nwhen = \"call.args.n > 9\"\ndeny = \"no\"\n";
const ASK: &str = "[[rules]]\nname = \"q\"\nask = { approvers = [\"p\"] }\n";
const NEVER: &str = "[[rules]]\nname = \"n\"\ntools = [\"s/x\"]\ndeny = \"no\"\n";

fn told(rules: &[&str], target: Target<'_>) -> Foreseen {
    let policy = policy(&format!("{BASE}{}", rules.concat()));
    foresee(&policy, &request("ada", "s", target), NOW)
}

fn sure(outcome: Outcome, rule: Option<&str>) -> Foreseen {
    let rule = rule.map(Into::into);
    Foreseen::Sure { outcome, rule }
}

fn open(rules: &[&str]) -> Foreseen {
    Foreseen::Open(rules.iter().map(|name| (*name).into()).collect())
}

#[test]
fn what_no_argument_changes_is_sure() {
    let tool = Target::Tool("x");
    assert_eq!(told(&[ALLOW], tool), sure(Outcome::Allow, Some("a")));
    assert_eq!(told(&[ALLOW, SMALL], tool), sure(Outcome::Allow, Some("a")));
    assert_eq!(told(&[ALLOW, ASK], tool), sure(Outcome::Ask, Some("q")));
    assert_eq!(
        told(&[ALLOW, LARGE, NEVER], tool),
        sure(Outcome::Deny, Some("n"))
    );
    assert_eq!(told(&[LARGE], tool), sure(Outcome::Deny, None));
    // Outside the envelope, and a rule that speaks of another tool.
    assert_eq!(
        told(&[ALLOW, SMALL], Target::Prompt("x")),
        sure(Outcome::Deny, None)
    );
    assert_eq!(told(&[SMALL], Target::Tool("y")), sure(Outcome::Deny, None));
}

#[test]
fn what_arguments_could_change_is_open_by_the_rules_that_could() {
    let tool = Target::Tool("x");
    assert_eq!(told(&[SMALL], tool), open(&["small"]));
    assert_eq!(told(&[ALLOW, LARGE], tool), open(&["large"]));
    assert_eq!(told(&[SMALL, LARGE, ASK], tool), open(&["large", "small"]));
}

/// Of a resource everything is known: it brings no arguments.
#[test]
fn what_brings_no_arguments_is_decided() {
    let target = Target::Resource("r");
    let denied = sure(Outcome::Deny, Some("large"));
    assert_eq!(told(&[ALLOW, LARGE], target), denied);
    assert_eq!(
        told(&[ALLOW, SMALL], target),
        sure(Outcome::Allow, Some("a"))
    );
}

/// A deny that nobody can judge speaks whatever its other keys say; an allow that another key silences never does.
#[test]
fn other_keys_count() {
    let tool = Target::Tool("x");
    let after = |verdict: &str| {
        format!(
            "[[rules]]\nname = \"h\"\nargs = {{ n = {{ is = 1 }} }}\nafter = {{ untrusted = true }}\n{verdict}\n"
        )
    };
    let (allow, deny) = (after("allow = true"), after("deny = \"no\""));
    assert_eq!(told(&[&allow], tool), sure(Outcome::Deny, None));
    assert_eq!(told(&[ALLOW, &deny], tool), sure(Outcome::Allow, Some("a")));
    let scoped = "[[rules]]\nname = \"s\"\nrequires = [\"w\"]\nallow = true\n";
    assert_eq!(told(&[scoped], tool), sure(Outcome::Deny, Some("s")));
    assert_eq!(told(&[scoped, SMALL], tool), open(&["small"]));
}
