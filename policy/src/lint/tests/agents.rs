//! Warnings about agents and groups.

use super::{instead, rule, with};

const BOB: &str = "[agents.bob]\nowner = \"o\"\nexpires = 2099-01-01\n";

#[test]
fn agents_have_an_owner_and_an_end() {
    instead("owner = \"o\"\n", "", &[("no-owner", "ada")]);
    instead("expires = 2099-01-01\n", "", &[("no-expiry", "ada")]);
}

#[test]
fn expired() {
    instead("2099-01-01", "2020-01-01", &[("expired", "2020-01-01")]);
    instead("2099-01-01", "2020-01-01\nstate = \"retired\"", &[]);
}

#[test]
fn an_agent_no_rule_reaches() {
    let idle = format!("{BOB}envelope = {{ tools = [\"s/put\"], effects = [\"write\"] }}\n");
    with(&idle, &[("unreached-agent", "bob")]);
    with(
        &format!(
            "{idle}{}",
            rule("agents = \"bob\"\ntools = \"s/put\"\nallow = true")
        ),
        &[],
    );
    // It says itself that it is not yet, or no longer, at work.
    with(
        &format!("{BOB}state = \"proposed\"\nenvelope = {{ tools = [\"s/put\"] }}\n"),
        &[],
    );
    with(BOB, &[]);
}

#[test]
fn an_envelope_wider_than_all_rules() {
    instead(
        "[\"s/*\"]",
        "[\"s/*\", \"t/*\"]",
        &[("wide-envelope", "\"t/*\"")],
    );
    instead(
        "[\"s/*\"]",
        "[\"s/get_*\", \"s/prompt:*\"]",
        &[("wide-envelope", "\"s/prompt:*\"")],
    );
    instead("[\"s/*\"]", "[\"s/get_a\", \"s/get_b\"]", &[]);
}

#[test]
fn an_unused_group() {
    with(
        "[groups.readers]\nagents = \"ada\"\n",
        &[("unused-group", "readers")],
    );
    // Two that name each other are named by nobody.
    with(
        "[groups.a]\nagents = [\"ada\", \"@b\"]\n[groups.b]\nagents = \"ada\"\n",
        &[("unused-group", "a"), ("unused-group", "b")],
    );
    let used = "[groups.readers]\nagents = [\"@all\"]\n[groups.all]\nagents = \"ada\"\n";
    with(
        &format!(
            "{used}{}",
            rule("agents = \"@readers\"\ntools = \"s/put\"\ndeny = \"no\"")
        ),
        &[],
    );
    instead(
        "[\"s/*\"] }\n",
        "[\"@g\"] }\n[groups.g]\ntools = [\"s/get_x\"]\n",
        &[],
    );
}
