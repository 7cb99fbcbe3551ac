//! What is refused when a document is compiled: the kind of mistake and what is underlined.

use crate::{Document, Report, Source, compile};

const BASE: &str = "[agents.ada]\nenvelope = { tools = [\"s/*\"] }\n[servers.s]\n";

/// Checks that exactly these mistakes are found: code and underlined text.
fn check(text: &str, expected: &[(&str, &str)]) {
    let text = format!("{BASE}{text}");
    let (document, mut found) = Document::read(vec![Source::new("p", text.as_str())]);
    let sources = vec![Source::new("p", text.as_str())];
    if let Some(document) = document {
        found.extend(compile(&document).1);
    }
    let report = Report::new(sources, found);
    let records = report.records();
    let got: Vec<(&str, &str)> = records
        .iter()
        .map(|record| {
            (
                record.code,
                record.places.first().map_or("", |place| place.text),
            )
        })
        .collect();
    assert_eq!(got, expected, "{text}\n{}", report.human(false));
}

fn rule(body: &str) -> String {
    format!("[[rules]]\nname = \"r\"\n{body}\n")
}

#[test]
fn good_rules_pass() {
    check("", &[]);
    check(&rule("allow = true"), &[]);
    check(
        &rule("agents = \"ada\"\ntools = \"s/x\"\ndeny = \"no\""),
        &[],
    );
}

#[test]
fn names_must_be_borne() {
    check(
        &rule("agents = [\"ghost\"]\nallow = true"),
        &[("unknown-name", "\"ghost\"")],
    );
    check(
        &rule("tools = [\"nope/x\"]\nallow = true"),
        &[("unknown-name", "nope")],
    );
    check(
        "[agents.eve]\nenvelope = { tools = [\"nope/*\"] }\n",
        &[("unknown-name", "nope")],
    );
}

#[test]
fn a_rule_says_one_thing() {
    check(&rule("allow = false"), &[("invalid-value", "false")]);
    check(&rule("deny = \"\""), &[("invalid-value", "\"\"")]);
    check(&rule("allow = \"yes\""), &[("wrong-type", "\"yes\"")]);
}

#[test]
fn what_is_not_built_says_so() {
    for key in [
        "effects",
        "args",
        "when",
        "after",
        "egress",
        "during",
        "ask",
        "limit",
        "credential",
        "scope",
        "mode",
        "message",
        "on_behalf_of",
    ] {
        check(
            &rule(&format!("allow = true\n{key} = 1")),
            &[("not-in-this-version", key)],
        );
    }
    for key in ["effects", "clearance", "credential_ttl", "limit"] {
        let text = format!("[agents.eve]\nenvelope = {{ tools = [\"s/*\"], {key} = 1 }}\n");
        check(&text, &[("not-in-this-version", key)]);
    }
    for key in [
        "tools",
        "resources",
        "prompts",
        "methods",
        "label",
        "egress",
        "untrusted",
    ] {
        check(&format!("{key} = 1\n"), &[("not-in-this-version", key)]);
    }
    check("[groups]\n", &[("not-in-this-version", "groups")]);
    check("[[tests]]\n", &[("not-in-this-version", "tests")]);
}

#[test]
fn unknown_keys_are_named_with_the_nearest() {
    check(
        &rule("allow = true\nagent = [\"ada\"]"),
        &[("unknown-key", "agent")],
    );
    check("[agents.eve]\nownr = \"x\"\n", &[("unknown-key", "ownr")]);
}

#[test]
fn dates_and_states_are_what_they_say() {
    check(
        "[agents.eve]\nstate = \"dead\"\n",
        &[("invalid-value", "\"dead\"")],
    );
    check(
        "[agents.eve]\nexpires = \"2027-06-30\"\n",
        &[("wrong-type", "\"2027-06-30\"")],
    );
    check(
        "[agents.eve]\nexpires = 07:00:00\n",
        &[("invalid-value", "07:00:00")],
    );
    check("[agents.eve]\nexpires = 2027-06-30\n", &[]);
}

#[test]
fn one_syntax_error_is_one_mistake() {
    let (document, found) = Document::read(vec![Source::new("p", "[agents\nx = = 1\n")]);
    assert!(document.is_none());
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn two_rules_do_not_share_a_name() {
    let text = format!("{}{}", rule("allow = true"), rule("deny = \"no\""));
    check(&text, &[("duplicate", "\"r\"")]);
}
