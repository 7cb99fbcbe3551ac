//! Decisions: fixed cases, and properties over random policies.

mod escapes;
mod foresight;
mod leases;
mod limits;

use super::{Decision, Reason, base_scopes, decide, visible};
use crate::{Document, Now, Policy, Request, Source, Target, compile};

const NOW: Now = Now(1_800_000_000);
use std::sync::Arc;

/// The policy of a text, in which every tool reads unless the text says what they do.
fn policy(text: &str) -> Policy {
    let silent = |name: &&str| {
        text.contains(&format!("[servers.{name}]"))
            && !text.contains(&format!("[servers.{name}.tools]"))
    };
    let servers = ["s", "t"].map(|name| match silent(&name) {
        true => format!("[servers.{name}.tools]\n\"**\" = {{ effect = \"read\" }}\n"),
        false => String::new(),
    });
    let text = &format!("{text}\n{}", servers.concat());
    let (document, found) = Document::read(vec![Source::new("p", text.as_str())]);
    assert!(found.is_empty(), "{found:?}");
    let (policy, found) = compile(&document.unwrap());
    assert!(found.is_empty(), "{text}\n{found:?}");
    policy
}

fn request<'a>(agent: &'a str, server: &'a str, target: Target<'a>) -> Request<'a> {
    Request {
        agent,
        user: None,
        others: &[],
        chain: &[],
        scopes: &[],
        task: crate::model::Touched::default(),
        server,
        target,
        arguments: None,
    }
}

fn allowed(policy: &Policy, agent: &str, server: &str, target: Target<'_>) -> bool {
    matches!(
        decide(policy, &request(agent, server, target), NOW),
        Decision::Allow(_)
    )
}

const BASE: &str = r#"
[agents.ada]
envelope = { tools = ["s/*", "s/resource:**"] }
[agents.bob]
[servers.s]
[servers.t]
"#;

#[test]
fn nothing_configured_is_nothing_allowed() {
    let policy = policy(BASE);
    for target in [Target::Tool("x"), Target::Server, Target::Resource("r")] {
        assert!(!allowed(&policy, "ada", "s", target));
        assert!(!allowed(&policy, "nobody", "s", target));
        assert!(!allowed(&policy, "ada", "nowhere", target));
    }
}

#[test]
fn envelope_allow_and_deny_must_agree() {
    let rules = "[[rules]]\nname = \"a\"\nallow = true\n[[rules]]\nname = \"d\"\ntools = [\"s/del_*\"]\ndeny = \"kept\"\n";
    let policy = policy(&format!("{BASE}{rules}"));
    assert!(allowed(&policy, "ada", "s", Target::Tool("get")));
    assert!(!allowed(&policy, "ada", "s", Target::Tool("del_x")));
    assert!(
        !allowed(&policy, "ada", "t", Target::Tool("get")),
        "outside the envelope"
    );
    assert!(
        !allowed(&policy, "bob", "s", Target::Tool("get")),
        "no envelope"
    );
    assert!(
        !allowed(&policy, "ada", "s", Target::Prompt("p")),
        "the envelope has no prompts"
    );
    assert!(
        allowed(&policy, "ada", "s", Target::Server)
            && !allowed(&policy, "ada", "t", Target::Server)
    );
    match decide(&policy, &request("ada", "s", Target::Tool("del_x")), NOW) {
        Decision::Deny(denial) => {
            assert!(!denial.visible());
            assert!(
                matches!(denial.reason(), Reason::Rule { name } if &**name == "d")
                    && denial.message().is_some_and(|message| &**message == "kept")
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_envelope_of_the_chain_counts() {
    let base = BASE.replace("envelope = {", "envelope = { hops = 2,");
    let policy = policy(&format!("{base}[[rules]]\nname = \"a\"\nallow = true\n"));
    let through = |chain: &[&str]| {
        let chain: Vec<Arc<str>> = chain.iter().map(|agent| Arc::from(*agent)).collect();
        let request = Request {
            chain: &chain,
            ..request("ada", "s", Target::Tool("x"))
        };
        matches!(decide(&policy, &request, NOW), Decision::Allow(_))
    };
    assert!(through(&[]) && through(&["ada"]));
    assert!(!through(&["bob"]) && !through(&["nobody"]));
}

#[test]
fn a_chain_is_no_longer_than_the_smallest_hops_in_it() {
    let agents = "[agents.one]\nenvelope = { tools = [\"**\"] }\n[agents.two]\nenvelope = { tools = [\"**\"], hops = 2 }\n[agents.three]\nenvelope = { tools = [\"**\"], hops = 3 }\n[servers.s]\n[[rules]]\nname = \"a\"\nallow = true\n";
    let policy = policy(agents);
    for (chain, agent, fits) in [
        (&[][..], "one", true),
        (&["two"], "three", true),
        (&["three"], "two", true),
        (&["one"], "three", false),
        (&["three"], "one", false),
        (&["three", "three"], "three", true),
        (&["three", "three"], "two", false),
        (&["three", "two"], "three", false),
        (&["three", "three", "three"], "three", false),
    ] {
        let names: Vec<Arc<str>> = chain.iter().map(|agent| Arc::from(*agent)).collect();
        for target in [Target::Tool("x"), Target::Server] {
            let request = Request {
                chain: &names,
                ..request(agent, "s", target)
            };
            match decide(&policy, &request, NOW) {
                Decision::Allow(_) => assert!(fits, "{chain:?} {agent}"),
                Decision::Deny(denial) => {
                    assert!(!fits && !denial.visible(), "{chain:?} {agent}");
                    assert!(matches!(denial.reason(), Reason::Depth { .. }));
                }
                Decision::Ask(asking) => panic!("{asking:?}"),
            }
        }
    }
}

#[test]
fn scopes_are_asked_for_and_never_widen() {
    let rules = "[[rules]]\nname = \"read\"\ntools = [\"s/get\", \"s/put\"]\nrequires = [\"use\", \"read\"]\nallow = true\n[[rules]]\nname = \"write\"\ntools = [\"s/put\"]\nrequires = [\"use\", \"write\"]\nallow = true\n[[rules]]\nname = \"no\"\ntools = [\"s/del\"]\ndeny = \"no\"\n[[rules]]\nname = \"counted\"\nmode = \"shadow\"\nallow = true\n";
    let policy = policy(&format!("{BASE}{rules}"));
    assert_eq!(base_scopes(&policy, "s"), ["use"]);
    assert!(base_scopes(&policy, "t").is_empty());
    let asked = |tool, scopes: &[&str]| {
        let scopes: Vec<Box<str>> = scopes.iter().map(|scope| Box::from(*scope)).collect();
        let request = Request {
            scopes: &scopes,
            ..request("ada", "s", Target::Tool(tool))
        };
        assert_eq!(visible(&policy, &request), tool != "del" && tool != "other");
        match decide(&policy, &request, NOW) {
            Decision::Allow(grant) => Ok(grant.rule().to_string()),
            Decision::Deny(denial) => Err(denial.reason().clone()),
            Decision::Ask(asking) => panic!("{asking:?}"),
        }
    };
    assert_eq!(asked("get", &["read", "use", "x"]), Ok("read".to_owned()));
    assert_eq!(asked("put", &["use", "write"]), Ok("write".to_owned()));
    let lacking = |name: &str, scopes: &[&str]| {
        Err(Reason::Scopes {
            name: Arc::from(name),
            scopes: scopes.iter().map(|scope| Box::from(*scope)).collect(),
        })
    };
    for scopes in [
        &[][..],
        &["use"],
        &["read"],
        &["READ", "use"],
        &["read use"],
    ] {
        assert_eq!(asked("get", scopes), lacking("read", &["read", "use"]));
    }
    assert_eq!(asked("other", &["read", "use"]), Err(Reason::NoAllow));
    assert!(matches!(
        asked("del", &["read", "use", "write"]),
        Err(Reason::Rule { .. })
    ));
}

/// A small random number generator: the same cases in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn pattern(&mut self) -> String {
        let server = ["s/", "t/"][self.roll(2)];
        let rest = [
            "*",
            "a",
            "a*",
            "*b",
            "**",
            "resource:**",
            "prompt:*",
            "ab",
            "client:*",
        ][self.roll(9)];
        if self.roll(12) == 0 {
            "**".to_owned()
        } else {
            format!("{server}{rest}")
        }
    }

    fn rule(&mut self, number: usize) -> String {
        let agents = [
            "",
            "agents = [\"ada\"]\n",
            "agents = [\"bob\"]\n",
            "agents = [\"ada\", \"bob\"]\n",
        ][self.roll(4)];
        let tools = if self.roll(5) == 0 {
            String::new()
        } else {
            format!("tools = [\"{}\"]\n", self.pattern())
        };
        let verdict = if self.roll(3) == 0 {
            "deny = \"no\""
        } else {
            "allow = true"
        };
        format!("[[rules]]\nname = \"r{number}\"\n{agents}{tools}{verdict}\n")
    }
}

const ASKED: [(&str, Target<'static>); 10] = [
    ("s", Target::Tool("a")),
    ("s", Target::Tool("ab")),
    ("s", Target::Tool("b")),
    ("t", Target::Tool("ab")),
    ("t", Target::Tool("zz")),
    ("s", Target::Resource("x:/a/b")),
    ("t", Target::Prompt("p")),
    ("s", Target::Client("roots")),
    ("s", Target::Server),
    ("t", Target::Server),
];

fn answers(policy: &Policy) -> Vec<bool> {
    let asked = ["ada", "bob"]
        .into_iter()
        .flat_map(|agent| ASKED.map(|(server, target)| (agent, server, target)));
    asked
        .map(|(agent, server, target)| allowed(policy, agent, server, target))
        .collect()
}

#[test]
fn properties_of_random_policies() {
    let mut dice = Dice(42);
    let mut some = 0;
    for _ in 0..400 {
        let envelopes: Vec<String> = (0..3).map(|_| format!("\"{}\"", dice.pattern())).collect();
        let head = |envelopes: &[String]| {
            let list = envelopes.join(", ");
            format!(
                "[agents.ada]\nenvelope = {{ tools = [{list}] }}\n[agents.bob]\nenvelope = {{ tools = [\"**\"] }}\n[servers.s]\n[servers.t]\n"
            )
        };
        let rules: Vec<String> = (0..1 + dice.roll(5))
            .map(|number| dice.rule(number))
            .collect();
        let whole = answers(&policy(&(head(&envelopes) + &rules.concat())));
        some += whole.iter().filter(|yes| **yes).count();

        let mut turned = rules.clone();
        turned.reverse();
        assert_eq!(
            whole,
            answers(&policy(&(head(&envelopes) + &turned.concat()))),
            "order matters"
        );

        let not_more = |narrower: &str| {
            let narrow = answers(&policy(narrower));
            let wider = whole
                .iter()
                .zip(&narrow)
                .any(|(before, after)| !before && *after);
            assert!(!wider, "narrowing allowed more:\n{narrower}");
        };
        not_more(&(head(&envelopes[..2]) + &rules.concat()));
        let deny = format!(
            "[[rules]]\nname = \"no\"\ntools = [\"{}\"]\ndeny = \"no\"\n",
            dice.pattern()
        );
        not_more(&(head(&envelopes) + &rules.concat() + &deny));
        if let Some(at) = rules.iter().position(|rule| rule.contains("allow")) {
            let mut fewer = rules.clone();
            fewer.remove(at);
            not_more(&(head(&envelopes) + &fewer.concat()));
        }
    }
    assert!(some > 500, "too little is allowed to mean anything: {some}");
}

#[test]
fn what_is_callable_is_visible_and_reaches_its_server() {
    let mut dice = Dice(7);
    for _ in 0..400 {
        let rules: String = (0..4).map(|number| dice.rule(number)).collect();
        let policy = policy(&format!("{BASE}{rules}"));
        for (server, target) in ASKED {
            if allowed(&policy, "ada", server, target) {
                assert!(visible(&policy, &request("ada", server, target)));
                assert!(
                    allowed(&policy, "ada", server, Target::Server),
                    "{rules}\n{target:?}"
                );
            }
        }
    }
}

/// More agents in a chain never allow more: the right of a call is what every one of them may do.
#[test]
fn a_longer_chain_never_allows_more() {
    let mut dice = Dice(11);
    let (mut some, mut fewer) = (0, 0);
    for _ in 0..300 {
        let agents: String = ["ada", "bob", "cid"]
            .iter()
            .map(|name| {
                let (one, other, hops) = (dice.pattern(), dice.pattern(), 1 + dice.roll(4));
                format!("[agents.{name}]\nenvelope = {{ tools = [\"{one}\", \"{other}\"], hops = {hops} }}\n")
            })
            .collect();
        let rules: String = (0..4).map(|number| dice.rule(number)).collect();
        let policy = policy(&format!("{agents}[servers.s]\n[servers.t]\n{rules}"));
        for (server, target) in ASKED {
            let ask = |chain: &[Arc<str>]| {
                let request = Request {
                    chain,
                    ..request("ada", server, target)
                };
                matches!(decide(&policy, &request, NOW), Decision::Allow(_))
            };
            let chain: Vec<Arc<str>> = (0..1 + dice.roll(3))
                .map(|_| Arc::from(["ada", "bob", "cid"][dice.roll(3)]))
                .collect();
            let (alone, through) = (ask(&chain[1..]), ask(&chain));
            assert!(alone || !through, "{agents}{rules}{chain:?} {target:?}");
            some += usize::from(through);
            fewer += usize::from(alone && !through);
        }
    }
    assert!(
        some > 50 && fewer > 50,
        "too little to mean anything: {some} {fewer}"
    );
}
