//! Warnings about rules.

use super::{check, rule, with};

#[test]
fn allows_everything() {
    with(
        &rule("agents = \"ada\"\ntools = \"**\"\nallow = true\neffects = \"read\""),
        &[("allows-everything", "\"**\"")],
    );
    with(
        &rule("allow = true\neffects = \"read\""),
        &[("allows-everything", "\"more\"")],
    );
    with(
        &rule("agents = \"ada\"\ntools = \"**\"\ndeny = \"no\"\neffects = \"destroy\""),
        &[],
    );
    with(
        &rule("agents = \"ada\"\ntools = \"s/put\"\ndeny = \"no\""),
        &[],
    );
}

#[test]
fn shadowed() {
    with(
        &rule("tools = \"s/*\"\ndeny = \"no\""),
        &[("shadowed", "\"base\"")],
    );
    with(
        &rule("agents = \"ada\"\ntools = \"s/get_x\"\nallow = true"),
        &[("shadowed", "\"more\"")],
    );
    // Of two that are alike, only the second.
    with(
        &rule("agents = \"ada\"\ntools = \"s/get_*\"\nallow = true"),
        &[("shadowed", "\"more\"")],
    );
    for narrower in [
        "tools = \"s/get_x*\"\ndeny = \"no\"",
        "tools = \"s/*\"\nafter = { untrusted = true }\ndeny = \"no\"",
        "tools = \"s/*\"\nmode = \"shadow\"\ndeny = \"no\"",
        "tools = \"s/*\"\neffects = \"write\"\ndeny = \"no\"",
        "tools = \"s/*\"\non_behalf_of = \"corp:*\"\ndeny = \"no\"",
        "agents = \"ada\"\ntools = \"s/get_x\"\nallow = true\nmessage = \"only ours\"",
    ] {
        with(&rule(narrower), &[]);
    }
    // An allow that asks for fewer scopes is no copy.
    with(
        &rule("agents = \"ada\"\ntools = \"s/get_*\"\nallow = true\nrequires = \"x\""),
        &[("shadowed", "\"more\"")],
    );
}

#[test]
fn credential_conflict() {
    let two = |one: &str, other: &str| {
        format!(
            "[[rules]]\nname = \"one\"\nagents = \"ada\"\nmessage = \"m\"\n{one}\nallow = true\n\
             [[rules]]\nname = \"two\"\nagents = \"ada\"\nmessage = \"n\"\n{other}\nallow = true\n"
        )
    };
    let (a, b) = ("tools = \"s/get_a*\"", "tools = \"s/get_*b\"");
    let (c, d) = ("credential = \"c\"", "credential = \"d\"");
    let both = |one: &str, other: &str| two(&format!("{a}\n{one}"), &format!("{b}\n{other}"));
    with(&both(c, d), &[("credential-conflict", "\"d\"")]);
    with(
        &both("scope = \"x\"", "scope = [\"y\", \"{agent}\"]"),
        &[("credential-conflict", "[\"y\", \"{agent}\"]")],
    );
    with(&both(c, "scope = \"x\""), &[]);
    with(&both(c, c), &[]);
    with(&both("scope = \"x\"", "scope = [\"y\", \"x\"]"), &[]);
    with(&both(c, "credential_ttl = \"1m\""), &[]);
    with(&both(c, &format!("{d}\nmode = \"shadow\"")), &[]);
    // What no call matches both of.
    let apart = |one: &str, other: &str| both(&format!("{one}\n{c}"), &format!("{other}\n{d}"));
    for (one, other) in [
        (
            "args = { r = { is = 1 } }",
            "args = { r = { in = [2, \"1\"] } }",
        ),
        ("args = { r = { max = 1 } }", "args = { r = { min = 2 } }"),
        (
            "args = { r = { absent = true } }",
            "args = { r = { present = true } }",
        ),
        (
            "args = { r = { like = \"a*\" } }",
            "args = { r = { is = \"b\" } }",
        ),
        ("egress = \"internal\"", "egress = \"external\""),
    ] {
        with(&apart(one, other), &[]);
        with(&apart(other, one), &[]);
    }
    for (one, other) in [
        (
            "args = { r = { is = 1 } }",
            "args = { r = { in = [2, 1.0] } }",
        ),
        ("args = { r = { max = 2 } }", "args = { r = { min = 2 } }"),
        ("args = { r = { is = 1 } }", "args = { q = { is = 2 } }"),
        (
            "args = { r = { like = \"a*\" } }",
            "args = { r = { is = \"ab\" } }",
        ),
        (
            "args = { \"r.*\" = { is = 1 } }",
            "args = { \"r.*\" = { is = 2 } }",
        ),
        ("when = \"call.args.a == 1\"", "when = \"call.args.a == 2\""),
    ] {
        with(&apart(one, other), &[("credential-conflict", "\"d\"")]);
    }
    let (get, put) = ("tools = \"s/get_a\"", "tools = \"s/get_b\"");
    with(&two(&format!("{get}\n{c}"), &format!("{put}\n{d}")), &[]);
}

/// An allow that says with what its calls go out changes something beside one that does not.
#[test]
fn an_allow_with_a_credential_is_not_spare() {
    let more = "agents = \"ada\"\ntools = \"s/get_x\"\nallow = true";
    with(&rule(&format!("{more}\ncredential = \"c\"")), &[]);
    with(&rule(&format!("{more}\ncredential_ttl = \"1m\"")), &[]);
    with(&rule(more), &[("shadowed", "\"more\"")]);
}

#[test]
fn contradiction() {
    with(
        &rule("agents = \"ada\"\ntools = \"s/get_*\"\ndeny = \"no\""),
        &[("contradiction", "\"base\"")],
    );
    with(
        &rule("agents = \"ada\"\ntools = \"s/get_*\"\negress = \"internal\"\ndeny = \"no\""),
        &[],
    );
}

#[test]
fn unreachable() {
    with(
        &rule("tools = \"t/*\"\nallow = true"),
        &[("unreachable", "\"t/*\"")],
    );
    with(
        &rule("tools = [\"s/get_a\", \"t/*\"]\nallow = true\nmessage = \"m\""),
        &[("unreachable", "\"t/*\"")],
    );
    with(
        &rule("tools = \"u*/x\"\ndeny = \"no\""),
        &[("unreachable", "\"u*/x\"")],
    );
    with(
        &rule("agents = \"ci-*\"\ntools = \"s/put\"\ndeny = \"no\""),
        &[("unreachable", "\"ci-*\"")],
    );
    with(
        &rule("tools = \"s/put\"\nallow = true"),
        &[("unreachable", "\"s/put\"")],
    );
    with(
        &rule("tools = \"s/prompt:*\"\neffects = \"write\"\ndeny = \"no\""),
        &[("unreachable", "\"s/prompt:*\"")],
    );
    with(
        &rule("agents = \"ada\"\neffects = \"write\"\nallow = true"),
        &[("unreachable", "\"more\"")],
    );
    let group = "[groups.g]\ntools = [\"t/*\"]\n";
    with(
        &format!("{group}{}", rule("tools = \"@g\"\nallow = true")),
        &[("unreachable", "\"@g\"")],
    );
    let secret = "[servers.v]\nlabel = \"restricted\"\n[servers.v.tools]\n\"**\" = { effect = \"read\" }\n\
        [agents.bob]\nowner = \"o\"\nexpires = 2099-01-01\nenvelope = { tools = [\"v/*\"] }\n";
    with(
        &format!(
            "{secret}{}",
            rule("agents = \"bob\"\ntools = \"v/x\"\nallow = true")
        ),
        &[("unreachable", "\"v/x\"")],
    );
    let cleared = secret.replace("[\"v/*\"]", "[\"v/*\"], clearance = \"restricted\"");
    with(
        &format!(
            "{cleared}{}",
            rule("agents = \"bob\"\ntools = \"v/x\"\nallow = true")
        ),
        &[],
    );
    // A deny beyond every envelope costs nothing and may be meant for the next.
    with(&rule("tools = \"t/*\"\ndeny = \"no\""), &[]);
    check(
        &rule("allow = true").replace("allow = true", "deny = \"no\""),
        &[],
    );
}

#[test]
fn asks_are_refused_in_this_version() {
    let ask = "{ approvers = \"leads\" }";
    with(
        &rule(&format!("tools = \"s/put\"\nask = {ask}")),
        &[("not-in-this-version", ask)],
    );
    with(
        &rule(&format!(
            "tools = \"s/put\"\nask = {ask}\nmode = \"shadow\""
        )),
        &[],
    );
}

#[test]
fn optional_argument() {
    with(
        &rule("tools = \"s/put\"\ndeny = \"no\"\nargs = { size = { min = 5 } }"),
        &[("optional-argument", "size")],
    );
    with(
        &rule("tools = \"s/put\"\ndeny = \"no\"\nargs = { size = { min = 5, present = true } }"),
        &[],
    );
    with(
        &rule("tools = \"s/put\"\ndeny = \"no\"\nargs = { size = { absent = true } }"),
        &[],
    );
    with(
        &rule("tools = \"s/put\"\nmode = \"shadow\"\ndeny = \"no\"\nargs = { size = { min = 5 } }"),
        &[],
    );
}
