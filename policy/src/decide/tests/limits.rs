//! What a granted call is held against.

use super::{ASKED, Dice, NOW, policy, request};
use crate::limit::Source;
use crate::{Decision, Policy, Request, Target, decide};
use std::sync::Arc;

const WORLD: &str = "[agents.ada]\nenvelope = { tools = [\"s/**\"], effects = [\"read\", \"destroy\"], hops = 4, \
    limit = [{ rate = \"9/s\" }, { concurrency = 8 }], budget = { day = { calls = 70 } } }\n\
    [agents.bob]\nenvelope = { tools = [\"s/**\"], effects = [\"read\", \"destroy\"], hops = 4, limit = { concurrency = 6 } }\n\
    [agents.eve]\nenvelope = { tools = [\"s/**\"], effects = [\"read\", \"destroy\"], hops = 4, budget = { task = { cost = 5 } } }\n\
    [groups.staff]\nagents = [\"a*\", \"bob\"]\n[servers.s]\n[servers.s.tools]\n\
    \"get_*\" = { effect = \"read\", cost = 3 }\n\"get_all\" = { effect = \"read\", cost = 7 }\n\
    \"g*\" = { effect = \"read\", cost = 4 }\nget_free = { effect = \"read\", cost = 0 }\n\
    get_bare = { effect = \"read\" }\n[servers.s.resources]\n\"file:///a/**\" = { cost = 2 }\n\"file:///b/**\" = { cost = 5 }\n";

/// Every rule in its own order and in the other: nothing may depend on it.
fn worlds(rules: &[&str]) -> [Policy; 2] {
    let written = |(at, body): (usize, &&str)| format!("[[rules]]\nname = \"r{at}\"\n{body}\n");
    let mut rules: Vec<String> = rules.iter().enumerate().map(written).collect();
    let forth = policy(&format!("{WORLD}{}", rules.concat()));
    rules.reverse();
    [forth, policy(&format!("{WORLD}{}", rules.concat()))]
}

/// In words: each limit by the table it stands in and its place there, each budget by its agent, and the cost.
fn said(decision: &Decision) -> String {
    let Some(measure) = decision.measure() else {
        return "deny".to_owned();
    };
    let limits = measure.limits().iter().map(|one| {
        let (Source::Rule(name) | Source::Envelope(name)) = &one.source;
        format!("{name}.{} ", one.number)
    });
    let budgets = measure
        .budgets()
        .iter()
        .map(|(agent, _)| format!("{agent} "));
    let ask = if matches!(decision, Decision::Ask(_)) {
        "ask "
    } else {
        ""
    };
    format!(
        "{ask}{}| {}| {}",
        limits.collect::<String>(),
        budgets.collect::<String>(),
        measure.cost()
    )
}

fn check(rules: &[&str], request: &Request<'_>, expected: &str) {
    for world in worlds(rules) {
        assert_eq!(said(&decide(&world, request, NOW)), expected, "{rules:?}");
    }
}

fn tool(agent: &'static str, name: &'static str) -> Request<'static> {
    request(agent, "s", Target::Tool(name))
}

const ALLOW: &str = "allow = true\n";

#[test]
fn every_rule_that_lets_it_pass_and_the_envelope_limit_a_call() {
    let limited = |body: &str| format!("{body}allow = true\nlimit = {{ concurrency = 2 }}");
    let call = tool("bob", "x");
    check(&[ALLOW], &call, "bob.0 | | 1");
    check(&[&limited("")], &call, "r0.0 bob.0 | | 1");
    let other = limited("tools = \"s/y\"\n");
    let group = limited("agents = \"@staff\"\n");
    let two = "allow = true\nlimit = [{ concurrency = 2 }, { rate = \"1/s\" }]";
    let shadow = format!("{}\nmode = \"shadow\"", limited(""));
    let scopes = format!("{}\nrequires = \"admin\"", limited(""));
    let rules = [two, &other, &group, ALLOW, &shadow, &scopes];
    check(&rules, &call, "r0.0 r0.1 r2.0 bob.0 | | 1");
    check(&rules, &tool("eve", "x"), "r0.0 r0.1 | eve | 1");
    let admin = [Box::from("admin")];
    let call = Request {
        scopes: &admin,
        ..tool("eve", "x")
    };
    check(&rules, &call, "r0.0 r0.1 r5.0 | eve | 1");
    check(&[two, "deny = \"no\""], &tool("eve", "x"), "deny");
}

#[test]
fn a_rule_that_asks_limits_what_it_asks_about() {
    let asks = "ask = { approvers = \"leads\" }\nlimit = { rate = \"1/h\" }";
    let elsewhere = format!("tools = \"s/y\"\n{asks}");
    let rules = [ALLOW, asks, &elsewhere];
    check(&rules, &tool("bob", "x"), "ask r1.0 bob.0 | | 1");
    check(&rules, &tool("bob", "y"), "ask r1.0 r2.0 bob.0 | | 1");
}

#[test]
fn every_envelope_of_a_chain_holds_and_each_once() {
    let chain = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
    let check = |names: &[&str], agent, expected| {
        let chain: Vec<Arc<str>> = chain(names);
        let call = Request {
            chain: &chain,
            ..tool(agent, "x")
        };
        check(&[ALLOW], &call, expected);
    };
    check(&[], "ada", "ada.0 ada.1 | ada | 1");
    check(&["ada", "bob"], "eve", "ada.0 ada.1 bob.0 | ada eve | 1");
    check(&["bob", "ada"], "eve", "bob.0 ada.0 ada.1 | ada eve | 1");
    check(&["eve", "bob"], "ada", "bob.0 ada.0 ada.1 | eve ada | 1");
    check(&["ada", "bob"], "ada", "ada.0 ada.1 bob.0 | ada | 1");
    check(&["eve", "bob", "eve"], "eve", "bob.0 | eve | 1");
}

#[test]
fn what_only_opens_is_held_against_envelopes_alone_and_costs_nothing() {
    let limited = "allow = true\nlimit = { concurrency = 2 }";
    let opens = |agent| request(agent, "s", Target::Server);
    check(&[limited], &opens("ada"), "ada.0 ada.1 | ada | 0");
    check(&[limited], &opens("eve"), "| eve | 0");
}

#[test]
fn an_exact_name_says_the_cost_else_the_dearest_pattern() {
    let cost = |name, cost: u64| {
        check(&[ALLOW], &tool("bob", name), &format!("bob.0 | | {cost}"));
    };
    cost("x", 1);
    cost("get_x", 4);
    cost("get_all", 7);
    cost("get_free", 0);
    // What an exact name does not say is left to patterns.
    cost("get_bare", 4);
    let prompt = request("bob", "s", Target::Prompt("get_x"));
    check(&[ALLOW], &prompt, "bob.0 | | 1");
    let client = request("bob", "s", Target::Client("sampling"));
    check(
        &["tools = \"s/client:*\"\nallow = true"],
        &client,
        "bob.0 | | 1",
    );
}

/// No way to write a resource is under fewer limits than another.
#[test]
fn every_way_to_write_a_resource_is_limited_alike() {
    let limited = |uri: &str, rest: &str| {
        format!("tools = \"s/resource:{uri}\"\n{rest}\nlimit = {{ concurrency = 2 }}")
    };
    let plain = limited("file:///b/**", "allow = true");
    let other = limited("file:///a/**", "allow = true");
    let third = limited("**", "allow = true");
    let call = |uri| request("bob", "s", Target::Resource(uri));
    let rules = [plain.as_str(), &other, &third, ALLOW];
    check(&rules, &call("file:///b/x"), "r0.0 r2.0 bob.0 | | 5");
    check(&rules, &call("file:///a/x"), "r1.0 r2.0 bob.0 | | 2");
    let both = "r0.0 r1.0 r2.0 bob.0 | | 5";
    check(&rules, &call("file:///a/../b/x"), both);
    let asks = limited("file:///b/**", "ask = { approvers = \"leads\" }");
    let ask = "ask r0.0 r1.0 r2.0 bob.0 | | 5";
    check(
        &[&asks, &other, &third, ALLOW],
        &call("file:///a/../b/x"),
        ask,
    );
    let asks = limited("file:///a/**", "ask = { approvers = \"leads\" }");
    check(
        &[&plain, &asks, &third, ALLOW],
        &call("file:///a/../b/x"),
        ask,
    );
    let asks = limited("**", "ask = { approvers = \"leads\" }");
    check(
        &[&plain, &other, &asks, ALLOW],
        &call("file:///a/../b/x"),
        ask,
    );
}

/// Where nothing is limited a decision costs no memory for limits.
#[test]
fn without_limits_nothing_is_kept() {
    let text = "[agents.ada]\nenvelope = { tools = [\"s/*\"] }\n[servers.s]\n\
        [[rules]]\nname = \"r\"\nallow = true\n";
    let plain = policy(text);
    let limited = policy(&format!("{text}limit = {{ concurrency = 1 }}\n"));
    let call = tool("ada", "x");
    let cost = |world: &Policy| {
        // The first one fills what is made once.
        drop(decide(world, &call, NOW));
        let count = allocation_counter::measure(|| drop(decide(world, &call, NOW)));
        count.count_total
    };
    assert_eq!((cost(&plain), cost(&limited) > 0), (0, true));
}

/// Whatever rules there are, in whatever order: a call is held against the limits of exactly those that would let it
/// pass alone.
#[test]
fn every_rule_brings_its_own_limits_and_no_order_matters() {
    let mut dice = Dice(23);
    let (mut some, mut several) = (0, 0);
    for _ in 0..200 {
        let rules: Vec<String> = (0..2 + dice.roll(5))
            .map(|number| {
                let rule = dice.rule(number);
                match (rule.contains("allow"), dice.roll(3)) {
                    (true, 0) => rule + "limit = { concurrency = 2 }\n",
                    (true, 1) => rule + "limit = [{ rate = \"1/s\" }, { rate = \"9/d\" }]\n",
                    _ => rule,
                }
            })
            .collect();
        let of = |rules: &[String]| {
            let mixed = rules.concat();
            let world = WORLD.replace("s/**", "**");
            policy(&format!("{world}[servers.t]\n{mixed}"))
        };
        let whole = of(&rules);
        let mut turned = rules.clone();
        turned.rotate_left(dice.roll(rules.len()));
        turned.reverse();
        let turned = of(&turned);
        let alone: Vec<Policy> = rules
            .iter()
            .map(|rule| of(std::slice::from_ref(rule)))
            .collect();
        for (target, agent) in ASKED
            .iter()
            .flat_map(|(server, target)| ["ada", "bob"].map(|agent| ((*server, *target), agent)))
        {
            let call = request(agent, target.0, target.1);
            let decision = decide(&whole, &call, NOW);
            let Some(measure) = decision.measure() else {
                continue;
            };
            assert_eq!(
                Some(measure),
                decide(&turned, &call, NOW).measure(),
                "{rules:?}"
            );
            let own = |world: &Policy| {
                let decision = decide(world, &call, NOW);
                let limits = decision.measure().map(|one| one.limits().to_vec());
                let mut limits = limits.unwrap_or_default();
                limits.retain(|one| matches!(one.source, Source::Rule(_)));
                limits
            };
            let expected: Vec<_> = alone.iter().flat_map(own).collect();
            assert_eq!(own(&whole), expected, "{rules:?} {call:?}");
            some += usize::from(!expected.is_empty());
            several += usize::from(expected.len() > 2);
        }
    }
    assert!(some > 200 && several > 50, "too little: {some} {several}");
}
