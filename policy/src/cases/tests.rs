//! Tests are read and run as they are written.

use super::{read, run};
use crate::{Document, Now, Report, Source, compile};

const NOW: Now = Now(1_800_000_000);
const BASE: &str = "[servers.s.tools]\n\"get_*\" = { effect = \"read\" }\n\
    [agents.ada]\nenvelope = { tools = [\"s/**\"], hops = 2 }\n[agents.bob]\nenvelope = { tools = [\"s/get_*\"], hops = 2 }\n\
    [[rules]]\nname = \"all\"\nallow = true\n[[rules]]\nname = \"more\"\ntools = \"s/get_b\"\nallow = true\n\
    [[rules]]\nname = \"none\"\ntools = \"s/get_x\"\ndeny = \"no\"\n";

/// Checks what is wrong with a test: code and underlined text.
fn check(test: &str, expected: &[(&str, &str)]) {
    let sources = vec![Source::new("p", format!("{BASE}[[tests]]\n{test}\n"))];
    let (document, mut found) = Document::read(sources.clone());
    found.extend(compile(&document.unwrap()).1);
    let report = Report::new(sources, found);
    let records = report.records();
    let got: Vec<_> = records
        .iter()
        .map(|record| (record.code, record.places[0].text))
        .collect();
    assert_eq!(got, expected, "{test}\n{}", report.human(false));
}

/// Whether one test passes.
fn passes(call: &str, expect: &str) -> bool {
    let text = format!("{BASE}[[tests]]\nname = \"t\"\ncall = {{ {call} }}\nexpect = {expect}\n");
    let (document, found) = Document::read(vec![Source::new("p", text)]);
    assert!(found.is_empty(), "{found:?}");
    let document = document.unwrap();
    let (policy, found) = compile(&document);
    assert!(found.is_empty(), "{call} {expect}: {found:?}");
    let cases = read(&document, &policy).0;
    let ran = run(&policy, &cases, NOW);
    assert_eq!((cases.len(), ran.len()), (1, 1));
    ran[0].passed
}

/// The arguments a test brings.
fn arguments(args: &str) -> String {
    let text = format!(
        "{BASE}[[tests]]\nname = \"t\"\ncall = {{ agent = \"ada\", tool = \"s/get_a\", args = {args} }}\nexpect = \"allow\"\n"
    );
    let (document, _) = Document::read(vec![Source::new("p", text)]);
    let document = document.unwrap();
    let (policy, found) = compile(&document);
    assert!(found.is_empty(), "{found:?}");
    let cases = read(&document, &policy).0;
    cases[0].call.arguments.clone().unwrap().into()
}

#[test]
fn an_expectation_is_met_or_not() {
    let get = "agent = \"ada\", tool = \"s/get_a\"";
    let denied = "agent = \"ada\", tool = \"s/get_x\"";
    assert!(passes(get, "\"allow\""));
    assert!(!passes(get, "\"deny\"") && !passes(get, "\"ask\""));
    assert!(passes(get, "{ allow = \"all\" }"));
    assert!(passes(denied, "{ deny = \"none\" }") && passes(denied, "\"deny\""));
    // Both allow; the decision names one.
    let both = "agent = \"ada\", tool = \"s/get_b\"";
    assert!(passes(both, "{ allow = \"all\" }") && passes(both, "{ allow = \"more\" }"));
    assert!(!passes(get, "{ allow = \"more\" }"));
    // Denied, but not by the rule.
    let outside = "agent = \"bob\", tool = \"s/resource:x\"";
    assert!(passes(outside, "\"deny\"") && !passes(outside, "{ deny = \"none\" }"));
}

#[test]
fn everything_a_call_can_be_is_looked_at() {
    for (call, allowed) in [
        ("agent = \"ada\", tool = \"s/resource:a/b\"", true),
        ("agent = \"ada\", tool = \"s/prompt:p\"", true),
        ("agent = \"ada\", tool = \"s/client:roots\"", true),
        (
            "agent = \"ada\", tool = \"s/prompt:p\", chain = \"bob\"",
            false,
        ),
        (
            "agent = \"ada\", tool = \"s/get_a\", chain = [\"bob\"]",
            true,
        ),
        (
            "agent = \"ada\", tool = \"s/get_a\", chain = [\"bob\", \"bob\"]",
            false,
        ),
        ("agent = \"ada\", tool = \"s/put\"", false),
        (
            "agent = \"ada\", tool = \"s/get_a\", user = \"corp:al\", labels = [\"confidential\", \"untrusted\"], scopes = \"x\", at = 2027-01-01T00:00:00Z",
            true,
        ),
    ] {
        assert_eq!(passes(call, "\"allow\""), allowed, "{call}");
    }
}

#[test]
fn arguments_stay_as_they_are_written() {
    for (toml, json) in [
        ("{}", "{}"),
        ("{ a = 1, b = -2 }", r#"{"a":1,"b":-2}"#),
        ("{ a = 0x10, b = 1_000 }", r#"{"a":16,"b":1000}"#),
        (
            "{ a = 1.50, b = 1e400, c = +0.1_0 }",
            r#"{"a":1.50,"b":1e400,"c":0.10}"#,
        ),
        (
            "{ a = \"q\\\"\\n\\u0001\u{e9}\" }",
            "{\"a\":\"q\\\"\\n\\u0001\u{e9}\"}",
        ),
        (
            "{ \"a b\" = [true, { c = [] }] }",
            r#"{"a b":[true,{"c":[]}]}"#,
        ),
        (
            "{ a = 2027-01-01, b = 07:30:00 }",
            r#"{"a":"2027-01-01","b":"07:30:00"}"#,
        ),
        ("{ a.b = 'x' }", r#"{"a":{"b":"x"}}"#),
    ] {
        assert_eq!(arguments(toml), json, "{toml}");
    }
}

#[test]
fn mistakes_are_told_at_their_place() {
    let good = "name = \"t\"\ncall = { agent = \"ada\", tool = \"s/get_a\" }\nexpect = \"allow\"";
    check(good, &[]);
    for (from, to, expected) in [
        ("\"ada\"", "\"adda\"", ("unknown-name", "\"adda\"")),
        (
            "\"s/get_a\"",
            "\"t/get_a\"",
            ("unknown-name", "\"t/get_a\""),
        ),
        (
            "\"s/get_a\"",
            "\"s/get_*\"",
            ("invalid-value", "\"s/get_*\""),
        ),
        (
            "\"s/get_a\"",
            "\"s/GET /x\"",
            ("not-in-this-version", "\"s/GET /x\""),
        ),
        (
            "\"s/get_a\"",
            "\"s/get_a\", chain = \"eve\"",
            ("unknown-name", "\"eve\""),
        ),
        ("\"s/get_a\"", "\"s/get_a\", args = 1", ("wrong-type", "1")),
        (
            "\"s/get_a\"",
            "\"s/get_a\", args = { x = inf }",
            ("invalid-value", "inf"),
        ),
        (
            "\"s/get_a\"",
            "\"s/get_a\", args = { x = [-nan] }",
            ("invalid-value", "-nan"),
        ),
        (
            "\"s/get_a\"",
            "\"s/get_a\", user = \"corp:*\"",
            ("invalid-value", "\"corp:*\""),
        ),
        (
            "\"s/get_a\"",
            "\"s/get_a\", labels = \"secret\"",
            ("invalid-value", "\"secret\""),
        ),
        (
            "\"s/get_a\"",
            "\"s/get_a\", at = 07:30:00",
            ("invalid-value", "07:30:00"),
        ),
        (
            "\"s/get_a\"",
            "\"s/get_a\", when = 1",
            ("unknown-key", "when"),
        ),
        ("\"allow\"", "\"allowed\"", ("invalid-value", "\"allowed\"")),
        (
            "\"allow\"",
            "{ allow = \"al\" }",
            ("unknown-name", "\"al\""),
        ),
        ("\"allow\"", "{ deny = \"all\" }", ("conflict", "\"all\"")),
        ("\"allow\"", "{}", ("conflict", "{}")),
        ("name = \"t\"\n", "", ("missing-key", "[[tests]]")),
    ] {
        assert!(good.contains(from));
        check(&good.replace(from, to), &[expected]);
    }
}
