//! Scopes: what may be written, and what a call may bring into one.

use super::ScopeTemplate;
use crate::json::Json;
use crate::model::{Request, Target, Touched, User};
use std::sync::Arc;

/// The scope of a call that brings these arguments, or what is in the way.
fn made(template: &str, arguments: &str) -> Result<String, String> {
    let user = Some(User {
        source: "corp",
        subject: "alice",
    });
    rendered(template, arguments, user, &[])
}

fn rendered(
    template: &str,
    arguments: &str,
    user: Option<User<'_>>,
    others: &[(Arc<str>, Arc<str>)],
) -> Result<String, String> {
    let request = Request {
        agent: "ada",
        user,
        others,
        chain: &[],
        scopes: &[],
        task: Touched::default(),
        server: "gh",
        target: Target::Tool("x"),
        arguments: Some(Json::new(arguments.as_bytes())),
    };
    let template = ScopeTemplate::new(template).unwrap();
    let made = template.render(&request);
    made.map_err(|why| why.name.into())
}

#[test]
fn a_scope_is_made_of_what_the_call_brings() {
    let arguments = r#"{"repo":"acme/led\u0067er","n":7,"deep":{"yes":true},"f":1.50}"#;
    for (template, scope) in [
        ("read", "read"),
        ("repo:{args.repo}", "repo:acme/ledger"),
        ("{args.repo}", "acme/ledger"),
        ("n={args.n};{args.deep.yes}", "n=7;true"),
        ("f{args.f}", "f1.50"),
        ("{server}:{agent}:{user}", "gh:ada:corp:alice"),
        (
            "https://api.example.com/{agent}",
            "https://api.example.com/ada",
        ),
    ] {
        assert_eq!(
            made(template, arguments).as_deref(),
            Ok(scope),
            "{template}"
        );
    }
}

#[test]
fn what_is_missing_or_has_parts_makes_no_scope() {
    for arguments in [
        "{}",
        r#"{"repo":null}"#,
        r#"{"repo":["a"]}"#,
        r#"{"repo":{"x":"a"}}"#,
        // Which of the two a server reads nobody knows.
        r#"{"repo":"a","Repo":"b"}"#,
        "[]",
        "",
    ] {
        let made = made("repo:{args.repo}", arguments);
        assert_eq!(made, Err("args.repo".to_owned()), "{arguments}");
    }
    let below = made("{args.a.b}", r#"{"a":"{\"b\":\"x\"}"}"#);
    assert_eq!(below, Err("args.a.b".to_owned()));
}

#[test]
fn what_is_not_plain_makes_no_scope() {
    let long = "a".repeat(257);
    for bad in [
        "",
        " ",
        "a b",
        "a\\n",
        "a\\u0000",
        "a\\r\\nx",
        "\\\"",
        "'",
        "a,b",
        "a;b",
        "{x}",
        "%2e",
        "é",
        "a*",
        "a\\\\b",
        "..",
        ".",
        "../x",
        "a/../b",
        "a/..",
        "./a",
        "<a>",
        "a=b",
        "a|b",
        "a?b",
        "a#b",
        "a&b",
        &long,
        "a\\u200bb",
        "a\\tb",
    ] {
        let arguments = format!("{{\"a\":\"{bad}\"}}");
        let made = made("{args.a}", &arguments);
        assert_eq!(made, Err("args.a".to_owned()), "{bad}");
    }
    let fits = "a".repeat(256);
    for good in [
        "a", "a.b", "a_b", "a-b", "a:b", "a/b", "a@b", "a+b", "..a", "a..b", "...", &fits,
    ] {
        let arguments = format!("{{\"a\":\"{good}\"}}");
        assert_eq!(made("{args.a}", &arguments).as_deref(), Ok(good));
    }
}

/// `repo:x` must not become `repo:x:admin`, nor `acme/x` another's `acme/x/y`.
#[test]
fn a_value_brings_no_divider_of_the_scope_it_stands_in() {
    for (template, value, fits) in [
        ("repo:{args.a}", "acme/x", true),
        ("repo:{args.a}", "x:admin", false),
        ("repo:{args.a}:pull", "x:push", false),
        ("acme/{args.a}", "x", true),
        ("acme/{args.a}", "x/y", false),
        ("acme/{args.a}", "x:y", true),
    ] {
        let arguments = format!("{{\"a\":\"{value}\"}}");
        assert_eq!(
            made(template, &arguments).is_ok(),
            fits,
            "{template} {value}"
        );
    }
}

/// Of several users none is meant, and of nobody nothing is said.
#[test]
fn the_user_is_the_one_the_chain_acts_for() {
    let user = |subject| {
        Some(User {
            source: "corp",
            subject,
        })
    };
    let of = |user, others: &[(&str, &str)]| {
        let others: Vec<(Arc<str>, Arc<str>)> = others
            .iter()
            .map(|(source, subject)| (Arc::from(*source), Arc::from(*subject)))
            .collect();
        rendered("of:{user}", "{}", user, &others).ok()
    };
    let alice = Some("of:corp:alice".to_owned());
    assert_eq!(of(user("alice"), &[]), alice);
    assert_eq!(of(user("alice"), &[("corp", "alice")]), alice);
    assert_eq!(of(user("alice"), &[("corp", "bob")]), None);
    assert_eq!(of(user("alice"), &[("ci", "alice")]), None);
    assert_eq!(of(user("alice:admin"), &[]), None);
    assert_eq!(of(user("auth0|x"), &[]), None);
    assert_eq!(of(None, &[]), None);
}

#[test]
fn what_stands_for_nothing_is_refused_when_it_is_read() {
    let long = "a".repeat(256);
    for bad in [
        "",
        "a b",
        "a\"b",
        "a\\b",
        "a\nb",
        "é",
        "{",
        "}",
        "a}b",
        "{args.a",
        "{}",
        "{args}",
        "{args.}",
        "{args.a..b}",
        "{args.*}",
        "{args.a.*.b}",
        "{task}",
        "{env}",
        "{ agent }",
        "{{agent}}",
        "{user.subject}",
        &long,
    ] {
        assert!(ScopeTemplate::new(bad).is_err(), "{bad}");
    }
}
