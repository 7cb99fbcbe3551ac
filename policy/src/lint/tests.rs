//! Every lint warns of what it is for, at the place where it stands, and of nothing else.

mod agents;
mod rules;
mod servers;

use super::{LINTS, lint};
use crate::{Code, Document, Now, Report, Source, compile};

const NOW: Now = Now(1_800_000_000);

/// A careful policy, which rules are added to.
const BASE: &str = "[servers.s.tools]\n\"get_*\" = { effect = \"read\" }\nput = { effect = \"write\" }\n\
    [servers.t]\n\
    [agents.ada]\nowner = \"o\"\nexpires = 2099-01-01\nenvelope = { tools = [\"s/*\"] }\n\
    [[rules]]\nname = \"base\"\nagents = \"ada\"\ntools = \"s/get_*\"\nallow = true\n";

/// Checks that a text gives exactly these warnings, in order of place: code and underlined text.
fn check(text: &str, expected: &[(&str, &str)]) {
    let sources = vec![Source::new("p", text)];
    let (document, found) = Document::read(sources.clone());
    assert!(found.is_empty(), "{found:?}");
    let document = document.unwrap();
    let (policy, mut found) = compile(&document);
    // Keys whose rooms are not built are of no concern here.
    found.retain(|one| one.code != Code::NotInThisVersion);
    assert!(found.is_empty(), "{text}\n{found:?}");
    let report = Report::new(sources, lint(&document, &policy, NOW));
    let records = report.records();
    let got: Vec<(&str, &str)> = records
        .iter()
        .map(|record| (record.code, record.places[0].text))
        .collect();
    assert_eq!(got, expected, "{text}\n{}", report.human(false));
}

/// The careful policy with more to it.
fn with(more: &str, expected: &[(&str, &str)]) {
    check(&format!("{BASE}{more}"), expected);
}

/// The careful policy with something replaced.
fn instead(from: &str, to: &str, expected: &[(&str, &str)]) {
    assert!(BASE.contains(from), "{from}");
    check(&BASE.replace(from, to), expected);
}

/// One more rule.
fn rule(body: &str) -> String {
    format!("[[rules]]\nname = \"more\"\n{body}\n")
}

#[test]
fn a_careful_policy_has_no_warnings() {
    check(BASE, &[]);
    check("", &[]);
}

#[test]
fn every_lint_is_documented() {
    let guide = include_str!("../../../docs/policy.md");
    for lint in LINTS {
        let name = lint.code.name();
        assert!(lint.docs.len() > 40, "{name}");
        assert!(
            guide.contains(&format!("| `{name}` |")),
            "{name} is not in docs/policy.md"
        );
    }
}

/// A thousand agents and ten thousand rules are looked through while an operator waits.
#[test]
fn many_rules_are_looked_through_in_time() {
    let mut text = String::from("[servers.s]\n[servers.t]\n");
    for agent in 0..300 {
        text += &format!("[agents.a{agent}]\nowner = \"o\"\nenvelope = {{ tools = [\"s/*\"] }}\n");
    }
    for number in 0..3_000 {
        let agent = number % 300;
        text += &format!(
            "[[rules]]\nname = \"r{number}\"\nagents = [\"a{agent}\"]\ntools = [\"s/t{number}\"]\nallow = true\n"
        );
    }
    let (document, _) = Document::read(vec![Source::new("p", text)]);
    let document = document.unwrap();
    let (policy, _) = compile(&document);
    let mut codes: Vec<_> = lint(&document, &policy, NOW)
        .iter()
        .map(|one| one.code)
        .collect();
    codes.dedup();
    assert!(codes.contains(&Code::NoExpiry), "{codes:?}");
}
