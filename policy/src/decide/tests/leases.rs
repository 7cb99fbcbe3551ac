//! With what a call goes out, and when nobody can say.

use super::{NOW, policy, request};
use crate::json::Json;
use crate::{Decision, Foreseen, Outcome, Policy, Reason, Request, Target};
use crate::{decide, foresee, shadow, visible};
use std::sync::Arc;

const WORLD: &str = "[agents.ada]\nenvelope = { tools = [\"s/**\"], hops = 2, credential_ttl = \"10m\" }\n\
    [agents.bob]\nenvelope = { tools = [\"s/**\"], hops = 2, credential_ttl = \"4m\" }\n\
    [agents.eve]\nenvelope = { tools = [\"s/**\"], hops = 2 }\n[servers.s]\n[servers.t]\n";

fn world(rules: &[&str]) -> Policy {
    let number =
        |(at, body): (usize, &&str)| format!("[[rules]]\nname = \"r{at}\"\n{body}\nallow = true\n");
    let rules: String = rules.iter().enumerate().map(number).collect();
    policy(&format!("{WORLD}{rules}"))
}

/// The lease of a call of `s/x`, in words; or the reason it is refused for.
fn lease(rules: &[&str]) -> String {
    let mut turned = rules.to_vec();
    turned.reverse();
    let told = [rules, &turned]
        .map(|rules| said(&decide(&world(rules), &call(Some("{\"a\":\"v\"}")), NOW)));
    assert_eq!(told[0], told[1], "{rules:?}");
    told[0].clone()
}

fn call(arguments: Option<&'static str>) -> Request<'static> {
    Request {
        arguments: arguments.map(|text| Json::new(text.as_bytes())),
        ..request("ada", "s", Target::Tool("x"))
    }
}

fn said(decision: &Decision) -> String {
    match decision {
        Decision::Allow(grant) => {
            let credential = grant.credential().map_or("-", |name| name);
            let scope = grant
                .scope()
                .map_or("-".to_owned(), |scope| scope.join(" "));
            format!("{credential} {scope} {}", grant.life().unwrap_or_default())
        }
        Decision::Ask(_) => "ask".to_owned(),
        Decision::Deny(denial) => denial.reason().name().to_owned(),
    }
}

#[test]
fn rules_that_nest_become_the_narrowest() {
    for (rules, expected) in [
        (&[""][..], "- - 600"),
        (&["credential = \"c\""], "c - 600"),
        (&["credential = \"none\""], "none - 600"),
        // One that names nothing leaves it to the other, and so does nobody get more than one rule says.
        (&["credential = \"c\"", ""], "c - 600"),
        (&["credential = \"c\"", "credential = \"c\""], "c - 600"),
        (
            &["credential_ttl = \"2m\"", "credential_ttl = \"5m\""],
            "- - 120",
        ),
        (&["credential_ttl = \"1h\""], "- - 600"),
        (&["scope = \"a\""], "- a 600"),
        (
            &["scope = [\"b\", \"a\", \"b\"]", "scope = [\"a\"]", ""],
            "- a 600",
        ),
        (
            &["scope = [\"a:{args.a}\", \"b\"]", "scope = \"a:{args.a}\""],
            "- a:v 600",
        ),
        (&["scope = \"a\"", "credential = \"c\""], "c a 600"),
        // Without a credential nothing is asked for.
        (
            &["scope = \"{args.b}\"", "credential = \"none\""],
            "none - 600",
        ),
    ] {
        assert_eq!(lease(rules), expected, "{rules:?}");
    }
}

#[test]
fn rules_that_contradict_each_other_refuse() {
    for rules in [
        &["credential = \"c\"", "credential = \"d\""][..],
        &["credential = \"c\"", "credential = \"none\""],
        &["credential = \"c\"", "", "credential = \"d\""],
        &["scope = \"a\"", "scope = \"b\""],
        // The first is within both others, but these do not nest.
        &[
            "scope = \"a\"",
            "scope = [\"a\", \"b\"]",
            "scope = [\"a\", \"c\"]",
        ],
        // What they would become with these arguments is not compared.
        &["scope = \"v\"", "scope = \"{args.a}\""],
    ] {
        assert_eq!(lease(rules), "credentials", "{rules:?}");
    }
    // Only what matches, and is enforced, contradicts.
    let silent = "credential = \"d\"\nargs = { a = { is = \"w\" } }";
    assert_eq!(lease(&["credential = \"c\"", silent]), "c - 600");
    assert_eq!(
        lease(&["credential = \"c\"", "credential = \"d\"\nrequires = \"w\""]),
        "c - 600"
    );
}

#[test]
fn both_rules_are_named_and_the_caller_learns_no_more_than_that_it_is_no_mistake_of_its_own() {
    let policy = world(&["", "credential = \"c\"", "credential = \"d\""]);
    let call = call(None);
    assert!(visible(&policy, &call));
    let Decision::Deny(denial) = decide(&policy, &call, NOW) else {
        panic!("allowed");
    };
    let rules = ["r1", "r2"].map(Arc::from);
    assert_eq!(denial.reason(), &Reason::Credentials { rules });
    assert!(denial.visible());
    assert_eq!(
        denial.message().map(|text| &**text),
        Some("the gateway's policy is contradictory here")
    );
}

#[test]
fn what_cannot_be_asked_for_is_refused() {
    let rule = "scope = \"a:{args.a}\"";
    for (arguments, expected) in [
        (Some("{\"a\":\"v\"}"), "- a:v 600"),
        (Some("{\"a\":\"v w\"}"), "lease"),
        (Some("{}"), "lease"),
        (None, "lease"),
    ] {
        let told = said(&decide(&world(&[rule]), &call(arguments), NOW));
        assert_eq!(told, expected, "{arguments:?}");
    }
    let with = format!("{rule}\nmessage = \"name it\"");
    for (rule, expected) in [
        (rule, "no credential can be asked for with this `args.a`"),
        (&with, "name it"),
    ] {
        let Decision::Deny(denial) = decide(&world(&[rule]), &call(None), NOW) else {
            panic!("allowed");
        };
        assert!(denial.visible());
        assert_eq!(denial.message().map(|text| &**text), Some(expected));
    }
    // Neither is a person asked about it.
    let ask = "[[rules]]\nname = \"q\"\nask = { approvers = \"p\" }\n";
    let asking = policy(&format!(
        "{WORLD}[[rules]]\nname = \"r\"\n{rule}\nallow = true\n{ask}"
    ));
    assert_eq!(said(&decide(&asking, &call(None), NOW)), "lease");
    assert_eq!(
        said(&decide(&asking, &call(Some("{\"a\":\"v\"}")), NOW)),
        "ask"
    );
}

#[test]
fn every_envelope_of_the_chain_shortens_the_life() {
    let policy = world(&["credential_ttl = \"5m\""]);
    let through = |agent: &str, chain: &[&str]| {
        let chain: Vec<Arc<str>> = chain.iter().map(|name| Arc::from(*name)).collect();
        let request = Request {
            chain: &chain,
            ..request(agent, "s", Target::Tool("x"))
        };
        said(&decide(&policy, &request, NOW))
    };
    assert_eq!(through("ada", &[]), "- - 300");
    assert_eq!(through("ada", &["bob"]), "- - 240");
    assert_eq!(through("bob", &["ada"]), "- - 240");
    assert_eq!(through("eve", &[]), "- - 300");
}

/// What only opens or describes goes out with the server's own; a server's request goes the other way.
#[test]
fn what_is_no_call_asks_for_nothing_of_its_own() {
    let policy = world(&["tools = \"s/**\"\ncredential = \"c\"\nscope = \"a:{args.a}\""]);
    let of = |target| said(&decide(&policy, &request("ada", "s", target), NOW));
    assert_eq!(of(Target::Server), "- - 600");
    assert_eq!(of(Target::Client("roots")), "- - 0");
    assert_eq!(of(Target::Resource("file:///a")), "lease");
}

/// One thing under two names has one credential, or none.
#[test]
fn no_way_to_write_a_resource_chooses_the_credential() {
    let inner = "tools = \"s/resource:file:///a/**\"\ncredential = \"c\"";
    let outer = "tools = \"s/resource:file:///b/**\"\ncredential = \"d\"";
    let policy = world(&[inner, outer]);
    for (uri, expected) in [
        ("file:///a/x", "c - 600"),
        ("file:///b/x", "d - 600"),
        ("file:///a/x/../y", "c - 600"),
        ("file:///a/../b/x", "credentials"),
    ] {
        let request = request("ada", "s", Target::Resource(uri));
        assert_eq!(said(&decide(&policy, &request, NOW)), expected, "{uri}");
    }
}

#[test]
fn counted_rules_show_what_they_would_contradict() {
    let policy = world(&[
        "credential = \"c\"",
        "credential = \"d\"\nmode = \"shadow\"",
    ]);
    assert_eq!(said(&decide(&policy, &call(None), NOW)), "c - 600");
    let shadow = shadow(&policy, &call(None), NOW).map(|shadow| shadow.outcome);
    assert_eq!(shadow, Some(Outcome::Deny));
}

#[test]
fn what_is_foreseen_leaves_open_what_arguments_say_of_the_lease() {
    let told = |rules: &[&str]| foresee(&world(rules), &call(None), NOW);
    let sure = |outcome, rule: &str| Foreseen::Sure {
        outcome,
        rule: Some(rule.into()),
    };
    let open = |rules: &[&str]| Foreseen::Open(rules.iter().map(|name| (*name).into()).collect());
    let (c, d) = ("credential = \"c\"", "credential = \"d\"");
    let sometimes = "credential = \"d\"\nargs = { a = { is = 1 } }";
    assert_eq!(told(&[c, c]), sure(Outcome::Allow, "r0"));
    assert_eq!(told(&[c, d]), sure(Outcome::Deny, "r0"));
    assert_eq!(told(&[c, sometimes]), open(&["r0", "r1"]));
    assert_eq!(told(&[d, sometimes]), sure(Outcome::Allow, "r0"));
    assert_eq!(told(&["scope = \"a\""]), sure(Outcome::Allow, "r0"));
    assert_eq!(told(&["scope = \"{args.a}\""]), open(&["r0"]));
    // Whether only the second allows it, or the third as well, is not known.
    let one = "scope = [\"a\", \"{user}\"]\nargs = { a = { is = 1 } }";
    let two = "scope = \"a\"\nargs = { b = { is = 1 } }";
    assert_eq!(told(&["", one, two]), open(&["r1", "r2"]));
    // Nobody acts for anybody here.
    assert_eq!(told(&["scope = \"{user}\""]), sure(Outcome::Deny, "r0"));
}
