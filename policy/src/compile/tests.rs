//! What is refused when a document is compiled: the kind of mistake and what is underlined.

mod limits;

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
    check(
        &rule("allow = true\nask = { approvers = \"leads\" }"),
        &[("conflict", "ask")],
    );
    check(
        &rule("ask = { within = \"15m\" }"),
        &[("missing-key", "{ within = \"15m\" }")],
    );
    check(
        &rule("ask = { approvers = \"leads\", within = \"soon\" }"),
        &[("invalid-value", "\"soon\"")],
    );
    check(
        &rule("deny = \"no\"\nrequires = \"s\""),
        &[("conflict", "requires")],
    );
    check(&rule("tools = \"s/x\""), &[("missing-key", "[[rules]]")]);
}

#[test]
fn what_a_server_says_of_methods_is_a_table() {
    check("methods = 1\n", &[("wrong-type", "1")]);
}

#[test]
fn an_allow_says_with_what_its_calls_go_out() {
    for good in [
        "credential = \"c\"",
        "credential = \"none\"",
        "scope = \"read\"",
        "scope = [\"repo:{args.repo}\", \"of:{user}\"]",
        "credential_ttl = \"2m\"",
    ] {
        check(&rule(&format!("allow = true\n{good}")), &[]);
        let (key, _) = good.split_once(' ').unwrap();
        check(
            &rule(&format!("deny = \"no\"\n{good}")),
            &[("conflict", key)],
        );
        check(
            &rule(&format!("ask = {{ approvers = \"p\" }}\n{good}")),
            &[("conflict", key)],
        );
    }
    for (bad, code, place) in [
        ("credential = \"a b\"", "invalid-value", "\"a b\""),
        ("credential = [\"c\"]", "wrong-type", "[\"c\"]"),
        ("scope = []", "invalid-value", "[]"),
        ("scope = [\"a\", \"{task}\"]", "invalid-value", "\"{task}\""),
        ("scope = \"{args.*}\"", "invalid-value", "\"{args.*}\""),
        ("credential_ttl = \"500ms\"", "invalid-value", "\"500ms\""),
        ("credential_ttl = 5", "wrong-type", "5"),
    ] {
        check(&rule(&format!("allow = true\n{bad}")), &[(code, place)]);
    }
    check(
        &rule("allow = true\ncredential = \"none\"\nscope = \"read\""),
        &[("conflict", "scope")],
    );
    let envelope = |life: &str| {
        format!("[agents.eve]\nenvelope = {{ tools = [\"s/*\"], credential_ttl = \"{life}\" }}\n")
    };
    check(&envelope("10m"), &[]);
    check(&envelope("1 h"), &[("invalid-value", "\"1 h\"")]);
}

#[test]
fn groups_stand_for_what_they_hold() {
    let groups =
        "[groups.staff]\nagents = [\"ad*\", \"@others\"]\n[groups.others]\nagents = \"ada\"\n";
    let with = |body: &str| format!("{groups}{}", rule(body));
    check(&with("agents = \"@staff\"\nallow = true"), &[]);
    check(
        &with("agents = \"@staf\"\nallow = true"),
        &[("unknown-name", "\"@staf\"")],
    );
    check(
        &with("tools = \"@staff\"\nallow = true"),
        &[("conflict", "\"@staff\"")],
    );
    let round = "[groups.a]\ntools = [\"@b\"]\n[groups.b]\ntools = [\"s/x\", \"@a\"]\n";
    check(
        &format!("{round}{}", rule("tools = \"@a\"\nallow = true")),
        &[("conflict", "\"@a\"")],
    );
    check(
        "[groups.a]\ntools = [\"nope/x\"]\n[agents.eve]\nenvelope = { tools = [\"@a\"] }\n",
        &[("unknown-name", "nope")],
    );
}

#[test]
fn what_a_server_is_said_to_be_is_one_of_the_known() {
    check(
        "[servers.s.tools]\n\"get_*\" = { effect = \"read\", label = \"public\" }\n",
        &[],
    );
    check(
        "[servers.s.tools]\nx = { effect = \"reads\" }\n",
        &[("invalid-value", "\"reads\"")],
    );
    check(
        "[servers.s.prompts]\nx = { label = 1 }\n",
        &[("wrong-type", "1")],
    );
    check("[servers.s.resources]\nx = 1\n", &[("wrong-type", "1")]);
    check("egress = \"out\"\n", &[("invalid-value", "\"out\"")]);
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
