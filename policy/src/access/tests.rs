//! Who can reach what, over fixed policies.

use super::{Wanted, access, conditions};
use crate::cases::Subject;
use crate::{Document, Now, Policy, Source, compile};

const NOW: Now = Now(1_800_000_000);
const BASE: &str = r#"
[servers.s.tools]
"get_*" = { effect = "read" }
"put" = { effect = "write" }
"gone" = { effect = "destroy" }
[servers.t]
[agents.ada]
envelope = { tools = ["s/*", "t/resource:**"], effects = ["read", "write"] }
[agents.bob]
envelope = { tools = ["s/get_*"] }
[agents.eve]
state = "suspended"
envelope = { tools = ["s/get_*"] }
"#;

fn policy(rules: &str) -> Policy {
    let (document, found) = Document::read(vec![Source::new("p", format!("{BASE}{rules}"))]);
    assert!(found.is_empty(), "{found:?}");
    let (policy, found) = compile(&document.unwrap());
    assert!(found.is_empty(), "{found:?}");
    policy
}

/// Checks the ways: agent, patterns, effects, rule, and how many rules ask and deny.
fn check(rules: &str, wanted: Wanted<'_>, expected: &[&str]) {
    let policy = policy(rules);
    let ways = access(&policy, wanted, NOW);
    let got: Vec<String> = ways
        .iter()
        .map(|way| {
            let effects: Vec<_> = way.effects.iter().map(|one| one.name()).collect();
            let (tools, effects) = (way.tools.join("&"), effects.join(","));
            let (asks, denies) = (way.asks.len(), way.denies.len());
            format!(
                "{} {tools} {effects} {} {asks} {denies}",
                way.agent, way.rule.name
            )
        })
        .collect();
    assert_eq!(got, expected, "{rules}");
}

fn rule(name: &str, body: &str) -> String {
    format!("[[rules]]\nname = \"{name}\"\n{body}\n")
}

#[test]
fn what_is_said_is_the_narrower_of_rule_and_envelope() {
    let all = Wanted::default();
    check("", all, &[]);
    check(
        &rule("r", "allow = true"),
        all,
        &[
            "ada s/* read,write r 0 0",
            "ada t/resource:** read r 0 0",
            "bob s/get_* read r 0 0",
        ],
    );
    check(
        &rule("r", "tools = [\"s/get_a\", \"s/*_x\"]\nallow = true"),
        all,
        &[
            "ada s/*_x read r 0 0",
            "ada s/get_a read r 0 0",
            "bob s/*_x&s/get_* read r 0 0",
            "bob s/get_a read r 0 0",
        ],
    );
    check(&rule("r", "tools = \"s/gone\"\nallow = true"), all, &[]);
    check(
        &rule("r", "agents = \"bob\"\neffects = \"write\"\nallow = true"),
        all,
        &[],
    );
}

#[test]
fn denies_take_away_and_asks_are_named() {
    let allow = rule("r", "agents = \"ada\"\ntools = \"s/*\"\nallow = true");
    let more = |body: &str| format!("{allow}{}", rule("n", body));
    let ask = "ask = { approvers = \"leads\" }";
    let all = Wanted::default();
    check(&more("tools = \"s/*\"\ndeny = \"no\""), all, &[]);
    check(
        &more("tools = \"s/put\"\ndeny = \"no\""),
        all,
        &["ada s/* read,write r 0 1"],
    );
    check(
        &more("tools = \"t/put\"\ndeny = \"no\""),
        all,
        &["ada s/* read,write r 0 0"],
    );
    check(
        &more("agents = \"bob\"\ndeny = \"no\""),
        all,
        &["ada s/* read,write r 0 0"],
    );
    check(
        &more("mode = \"shadow\"\ndeny = \"no\""),
        all,
        &["ada s/* read,write r 0 0"],
    );
    check(
        &more(&format!("tools = \"s/p*\"\n{ask}")),
        all,
        &["ada s/* read,write r 1 0"],
    );
    check(
        &more("effects = \"destroy\"\ndeny = \"no\""),
        all,
        &["ada s/* read,write r 0 0"],
    );
}

#[test]
fn one_agent_server_or_tool_can_be_asked_about() {
    let rules = rule("r", "allow = true") + &rule("n", "tools = \"s/get_x\"\ndeny = \"no\"");
    let agent = Wanted {
        agent: Some("bob"),
        ..Wanted::default()
    };
    check(&rules, agent, &["bob s/get_* read r 0 1"]);
    check(
        &rules,
        Wanted {
            agent: Some("eve"),
            ..Wanted::default()
        },
        &[],
    );
    let server = Wanted {
        server: Some("t"),
        ..Wanted::default()
    };
    check(&rules, server, &["ada t/resource:** read r 0 0"]);
    for (tool, expected) in [
        (
            "s/get_a",
            &["ada s/* read r 0 0", "bob s/get_* read r 0 0"][..],
        ),
        ("s/put", &["ada s/* write r 0 0"]),
        ("s/get_x", &[]),
        ("s/gone", &[]),
        ("t/resource:a", &["ada t/resource:** read r 0 0"]),
    ] {
        let subject = Subject::parse(tool).unwrap();
        let wanted = Wanted {
            subject: Some(&subject),
            ..Wanted::default()
        };
        check(&rules, wanted, expected);
    }
}

#[test]
fn conditions_are_told_in_words() {
    let body = "on_behalf_of = [\"corp:al\", \"corp:b*\"]\nafter = { label = \"internal\", untrusted = false }\n\
        egress = \"external\"\nrequires = [\"b\", \"a\"]\nallow = true";
    let policy = policy(&rule("r", body));
    assert_eq!(
        conditions(&policy.rules()[0]),
        [
            "only for corp:al, corp:b*",
            "only where egress is external",
            "only after label internal, untrusted false",
            "with scope a b"
        ]
    );
}
