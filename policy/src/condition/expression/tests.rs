//! Expressions against facts, what is no expression, and that nothing that is handed over makes an evaluation panic or
//! run on.

mod nasty;
mod refused;

use super::Expression;
use crate::condition::{Facts, Truth};
use crate::diagnostic::Span;
use crate::json::Json;
use crate::model::{
    Agent, Class, Effect, Effects, Egress, Envelope, Label, Lifecycle, Now, Request, Target,
    Touched, User,
};
use std::sync::Arc;

/// Thursday, 2026-01-01 12:30:00 UTC.
const NOON: i64 = 1_767_270_600;

fn agent() -> Agent {
    Agent {
        owner: Some("ops@example.com".to_owned()),
        purpose: None,
        state: Lifecycle::Active,
        expires: None,
        identity: Vec::new(),
        requires_chain: false,
        envelope: Envelope {
            tools: Vec::new(),
            effects: Effects::default(),
            clearance: Label::Internal,
            hops: 2,
            life: None,
            limits: Vec::new(),
            budget: None,
        },
        span: Span {
            source: 0,
            start: 0,
            end: 0,
        },
    }
}

/// The truth of an expression for a call with these arguments.
fn truth_for(expression: &str, arguments: &str) -> Truth {
    let checked =
        Expression::new(expression).unwrap_or_else(|flaw| panic!("{expression}: {flaw:?}"));
    with_facts(arguments, |facts| checked.truth(facts))
}

fn with_facts<T>(arguments: &str, look: impl FnOnce(&Facts<'_>) -> T) -> T {
    let agent = agent();
    let chain: [Arc<str>; 2] = ["planner".into(), "ci-builder".into()];
    let request = Request {
        agent: "helper",
        user: Some(User {
            source: "corp",
            subject: "alice",
        }),
        others: &[],
        chain: &chain,
        scopes: &[],
        task: Touched {
            label: Label::Confidential,
            untrusted: true,
        },
        server: "github",
        target: Target::Tool("create_issue"),
        arguments: (!arguments.is_empty()).then(|| Json::new(arguments.as_bytes())),
    };
    look(&Facts {
        request: &request,
        agent: &agent,
        class: Class {
            effect: Effect::Write,
            label: Label::Internal,
            egress: Egress::External,
            untrusted: false,
            cost: 1,
        },
        now: Now(NOON),
    })
}

fn check(expected: Truth, arguments: &str, expressions: &[&str]) {
    for expression in expressions {
        let truth = truth_for(expression, arguments);
        assert_eq!(truth, expected, "{expression} of {arguments}");
    }
}

/// An argument of another type than it is compared with is not merely different.
#[test]
fn another_type_is_no_escape() {
    for (expression, arguments, expected) in [
        ("call.args.n == 5", r#"{"n":"5"}"#, Truth::Maybe),
        ("call.args.n != 5", r#"{"n":[5]}"#, Truth::Maybe),
        ("call.args.n != 5", r#"{"n":6}"#, Truth::Yes),
        (
            "call.args.m in ['force', 'hard']",
            r#"{"m":["force"]}"#,
            Truth::Maybe,
        ),
        (
            "call.args.m in ['force', 'hard']",
            r#"{"m":"soft"}"#,
            Truth::No,
        ),
        ("'force' in call.args.m", r#"{"m":"force"}"#, Truth::Maybe),
        ("'force' in call.args.m", r#"{"m":["soft"]}"#, Truth::No),
        ("call.args.m == ['a']", r#"{"m":["b"]}"#, Truth::No),
        ("call.args.m == null", r#"{"m":"a"}"#, Truth::No),
        ("call.args.m == null", r#"{"m":null}"#, Truth::Yes),
        ("call.args.m == true", r#"{"m":"true"}"#, Truth::Maybe),
        // Two members that one reader takes for one.
        (
            "call.args.path == 'a'",
            r#"{"path":"a","Path":"b"}"#,
            Truth::Maybe,
        ),
        ("has(call.args.path)", r#"{"PATH":"b"}"#, Truth::Maybe),
    ] {
        assert_eq!(
            truth_for(expression, arguments),
            expected,
            "{expression} {arguments}"
        );
    }
    for wrong in [
        "task.label > 'internal'",
        "'x' <= tool.label",
        "tool.effect >= 'write'",
    ] {
        let flaw = Expression::new(wrong).unwrap_err();
        assert!(flaw.message.contains("no order"), "{flaw:?}");
    }
}

#[test]
fn every_name_says_what_is() {
    let holds = [
        r#"call.name == "create_issue" && call.kind == "tool""#,
        r#"agent.name == "helper" && agent.owner.endsWith("@example.com")"#,
        "agent.purpose == null && agent.owner != null",
        r#"user != null && user.source == "corp" && user["subject"] == "alice""#,
        r#"user == {"source": "corp", "subject": "alice"}"#,
        r#"chain == ["planner", "ci-builder"] && chain[0] == "planner" && size(chain) == 2"#,
        r#""planner" in chain && !("helper" in chain)"#,
        r#"task.label == "confidential" && task.untrusted"#,
        r#"server.name == "github" && server.egress == "external""#,
        r#"tool.effect == "write" && tool.label == "internal" && !tool.untrusted"#,
        r#"now > timestamp("2026-01-01T12:29:59Z") && now - timestamp("2026-01-01T00:00:00Z") > duration("12h")"#,
        r#"now.getHours() == 12 && now.getHours("Asia/Tokyo") == 21 && now.getDayOfWeek() == 4"#,
        r#"now.getHours("+01:00") == 13 && int(now) == 1767270600"#,
    ];
    check(Truth::Yes, "", &holds);
    let negated = holds.map(|expression| format!("!({expression})"));
    check(Truth::No, "", &negated.each_ref().map(String::as_str));
}

#[test]
fn arguments_are_found_where_they_are() {
    let arguments = r#"{"amount": 12, "price": 1.5, "tags": ["a", "b"], "filter": {"repo": "x/y", "z": null},
        "we-ird": true, "big": 18446744073709551615, "text": "caf\u00e9"}"#;
    check(
        Truth::Yes,
        arguments,
        &[
            "call.args.amount == 12 && call.args.amount < 12.5 && call.args.price * 2.0 == 3.0",
            r#"call["args"].filter["repo"] == "x/y" && call.args.filter.z == null"#,
            r#"call.args["we-ird"]"#,
            r#"call.args.tags[1] == "b" && "a" in call.args.tags && size(call.args.tags) == 2"#,
            r#"call.args.tags == ["a", "b"] && ["a", "b"] == call.args.tags"#,
            r#"call.args.filter == {"repo": "x/y", "z": null}"#,
            r#""amount" in call.args && size(call.args) == 7"#,
            "has(call.args.amount) && has(call.args.filter.z) && !has(call.args.filter.y)",
            "call.args.big == 18446744073709551615u && call.args.big > 9223372036854775807",
            r#"call.args.text == "café" && call.args.text.size() == 4 && call.args.text.matches("^caf.$")"#,
            "type(call.args.amount) == int && type(call.args.price) == double",
            r#"call.args.tags[size(call.args.tags) - 1] == "b""#,
            r#"["x/", "y/"].exists(x, call.args.filter.repo.startsWith(x))"#,
            r#"["repo", "z"].all(x, x in call.args.filter)"#,
            "[1, 2, 12].exists_one(x, x == call.args.amount)",
            "[1, 2, 3].map(x, x * call.args.amount)[2] == 36",
            "[1, 2, 13].filter(x, x > call.args.amount) == [13]",
            r#"matches(call.args.filter.repo, "^[a-z]+/[a-z]+$")"#,
            r#"call.args.text.matches("f.$") && !call.args.text.matches("^f") && "".matches("")"#,
            r#"[1, 2].all(x, call.args.filter.repo.matches(r"\bx/"))"#,
            "min(call.args.amount, 3) == 3 && max([1, 2]) == 2",
        ],
    );
}

/// What cannot be told is not told, unless it does not matter.
#[test]
fn errors_are_maybe() {
    let arguments =
        r#"{"amount": "12", "n": 9223372036854775807, "zero": 0, "list": [1], "u": {}}"#;
    check(
        Truth::Maybe,
        arguments,
        &[
            "call.args.missing == 1",
            "call.args.missing != 1",
            "!(call.args.missing == 1)",
            "call.args.u.missing.deeper == 1",
            "has(call.args.missing.deeper)",
            "has(call.args.amount.deeper)",
            "call.args.amount < 100",
            "call.args.n + 1 > 0",
            "1 / call.args.zero == 1",
            "call.args.list[1] == 1",
            "call.args.list.x == 1",
            "call.args.amount",
            "call.args.amount && true",
            r#"call.args.n.startsWith("a")"#,
            r#"timestamp(call.args.amount) < now"#,
            r#"now.getHours(call.args.amount) == 1"#,
            "call.args.missing || false",
            "int(call.args.list) == 1",
            "-call.args.amount == 1",
            r#""é".matches(r"\be")"#,
        ],
    );
    check(
        Truth::Yes,
        arguments,
        &[
            "true || call.args.missing",
            "call.args.missing || true",
            "has(call.args.missing) ? call.args.missing : true",
        ],
    );
    check(
        Truth::No,
        arguments,
        &["false && call.args.missing", "call.args.missing && false"],
    );
    check(Truth::No, "", &["has(call.args.x)", "\"x\" in call.args"]);
    check(Truth::Maybe, "", &["call.args.x == 1"]);
}

#[test]
fn nobody_acted_for_and_no_owner_are_null() {
    let mut agent = agent();
    agent.owner = None;
    let truth = |expression: &str| {
        with_facts("{}", |facts| {
            let request = Request {
                user: None,
                target: Target::Server,
                ..*facts.request
            };
            let facts = Facts {
                request: &request,
                agent: &agent,
                ..*facts
            };
            Expression::new(expression).unwrap().truth(&facts)
        })
    };
    assert_eq!(truth("user == null && agent.owner == null"), Truth::Yes);
    assert_eq!(
        truth("user != null && user.subject == \"alice\""),
        Truth::No
    );
    assert_eq!(truth("user.subject == \"alice\""), Truth::Maybe);
    assert_eq!(truth("agent.owner.startsWith(\"x\")"), Truth::Maybe);
    assert_eq!(
        truth("call.kind == \"tool\""),
        Truth::Maybe,
        "a server is no tool"
    );
}

#[test]
fn what_nobody_knows_when_a_list_is_asked_for_is_momentary() {
    for (expression, expected) in [
        ("call.args.x == 1", true),
        ("has(call.args.x)", true),
        ("[1].exists(x, x == call.args.n)", true),
        ("task.untrusted", true),
        ("task.label == \"public\"", true),
        ("now.getHours() < 12", true),
        ("call.name == \"x\" && call.kind == \"tool\"", false),
        (
            "agent.name == \"x\" || user == null || \"x\" in chain",
            false,
        ),
        ("server.egress == \"internal\" && tool.untrusted", false),
        ("true", false),
    ] {
        let checked = Expression::new(expression).unwrap();
        assert_eq!(checked.is_momentary(), expected, "{expression}");
    }
}

#[test]
fn an_expression_is_its_text() {
    let one = Expression::new("agent.name == \"x\"").unwrap();
    assert_eq!(one.as_str(), "agent.name == \"x\"");
    assert_eq!(one, one.clone());
    assert_eq!(format!("{one:?}"), r#"Expression("agent.name == \"x\"")"#);
    assert_ne!(one, Expression::new("agent.name == \"y\"").unwrap());
    fn shared<T: Send + Sync + std::fmt::Debug>(_: &T) {}
    shared(&one);
}
