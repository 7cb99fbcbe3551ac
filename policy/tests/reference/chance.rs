//! Random worlds and questions, made so that they meet: few names, many patterns over them.

use crate::condition::{self, Conditions};
use crate::dice::Dice;
use crate::world::{After, Agent, Group, Lease, Question, Rule, Said, Says, Server, Thing, World};

const AGENTS: [&str; 5] = ["ada", "adam", "bob", "ci-build", "ci-test"];
const SERVERS: [&str; 4] = ["s", "st", "t", "ts"];
const TOOLS: [&str; 12] = [
    "a",
    "ab",
    "ba",
    "aba",
    "get_a",
    "get_b",
    "del_a",
    "x.y",
    "a/b",
    "resource:a",
    "é",
    "",
];
const URIS: [&str; 6] = ["a", "x:/a", "x:/a/b", "file:///a/b", "a/resource:a", "b"];
const PROMPTS: [&str; 3] = ["a", "ab", "get_a"];
const KINDS: [&str; 3] = ["sampling", "elicitation", "roots"];
const SOURCES: [&str; 2] = ["corp", "ci"];
const SUBJECTS: [&str; 5] = ["alice", "alan", "bob", "a/b", "ci:x"];
const SCOPES: [&str; 3] = ["read", "write", "use"];
const LEASE_SCOPES: [&str; 5] = [
    "read",
    "write",
    "of:{agent}",
    "n:{args.n}",
    "{server}/{args.t}",
];
const PIECES: [&str; 16] = [
    "a", "b", "ab", "get_", "del_", "*", "*", "*", "**", "**", "/", "x", ":", ".", "é", "_a",
];
const GROUPS: [&str; 3] = ["g1", "g2", "g3"];

/// A world of which about half can be reached.
pub(crate) fn world(dice: &mut Dice) -> World {
    let mut agents: Vec<Agent> = AGENTS.iter().map(|name| agent(dice, name)).collect();
    // Now and then one fewer: questions about those nobody registered are wanted too.
    if dice.once_in(4) {
        agents.pop();
    }
    World {
        servers: SERVERS.iter().map(|name| server(dice, name)).collect(),
        groups: (0..GROUPS.len()).map(|at| group(dice, at)).collect(),
        rules: (0..1 + dice.roll(14)).map(|at| rule(dice, at)).collect(),
        agents,
    }
    .without_strangers()
}

/// A question that may concern the world.
pub(crate) fn question(dice: &mut Dice) -> Question {
    let chain = match dice.roll(4) {
        0 => dice.some(3, agent_name),
        _ => Vec::new(),
    };
    Question {
        agent: if dice.once_in(60) {
            "eve".to_owned()
        } else {
            agent_name(dice)
        },
        user: (!dice.once_in(3)).then(|| {
            let (source, subject) = (*dice.pick(&SOURCES), *dice.pick(&SUBJECTS));
            (source.to_owned(), subject.to_owned())
        }),
        chain,
        scopes: dice.some(3, |dice| (*dice.pick(&SCOPES)).to_owned()),
        label: dice.roll(4),
        untrusted: dice.once_in(2),
        server: if dice.once_in(60) {
            "nowhere"
        } else {
            dice.pick(&SERVERS)
        }
        .to_owned(),
        thing: match dice.roll(8) {
            0 | 1 => Thing::Resource((*dice.pick(&URIS)).to_owned()),
            2 => Thing::Prompt((*dice.pick(&PROMPTS)).to_owned()),
            3 => Thing::Client((*dice.pick(&KINDS)).to_owned()),
            _ => Thing::Tool((*dice.pick(&TOOLS)).to_owned()),
        },
        arguments: condition::arguments(dice),
        now: i64::try_from(dice.roll(4_000_000_000)).unwrap(),
    }
}

/// One of the agents there may be.
pub(crate) fn agent_name(dice: &mut Dice) -> String {
    (*dice.pick(&AGENTS)).to_owned()
}

fn agent(dice: &mut Dice, name: &str) -> Agent {
    let mut tools = dice.some(3, tool_or_group);
    if !dice.once_in(4) {
        tools.push("**".to_owned());
    }
    Agent {
        name: name.to_owned(),
        tools,
        effects: (!dice.once_in(6)).then(|| match dice.roll(4) {
            0 => dice.some(3, |dice| dice.roll(4)),
            _ => vec![0, 1, 2, 3],
        }),
        clearance: (!dice.once_in(4)).then(|| dice.roll(6).min(3)),
        hops: (!dice.once_in(4)).then(|| 1 + dice.roll(6)),
        life: dice.once_in(3).then(|| seconds(dice)),
    }
}

fn server(dice: &mut Dice, name: &str) -> Server {
    let things = |dice: &mut Dice, names: &[&str], most| {
        let mut all: Vec<(String, Said)> = dice.some(most, |dice| {
            let name = match dice.roll(3) {
                0 => glob(dice, 2),
                1 => "**".to_owned(),
                _ => (*dice.pick(names)).to_owned(),
            };
            (name, said(dice))
        });
        all.retain(|(name, _)| !name.is_empty());
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all.dedup_by(|(one, _), (other, _)| one == other);
        all
    };
    Server {
        name: name.to_owned(),
        own: Said {
            effect: None,
            ..said(dice)
        },
        things: [
            things(dice, &TOOLS, 6),
            things(dice, &URIS, 2),
            things(dice, &PROMPTS, 2),
        ],
    }
}

fn said(dice: &mut Dice) -> Said {
    Said {
        effect: (!dice.once_in(3)).then(|| dice.roll(4)),
        label: dice.once_in(2).then(|| dice.roll(4)),
        egress: dice.once_in(3).then(|| dice.roll(2)),
        untrusted: dice.once_in(4).then(|| dice.once_in(2)),
    }
}

/// Groups hold later groups only, so that none leads back to itself.
fn group(dice: &mut Dice, at: usize) -> Group {
    let later = |dice: &mut Dice| {
        let later = GROUPS.get(at + 1..).unwrap_or_default();
        let inner = (!later.is_empty() && dice.once_in(2)).then(|| dice.pick(later));
        inner.map(|name| format!("@{name}"))
    };
    let with = |dice: &mut Dice, make: fn(&mut Dice) -> String| {
        let mut list = vec![make(dice)];
        list.extend(dice.some(1, make));
        list.extend(later(dice));
        list
    };
    Group {
        name: GROUPS[at].to_owned(),
        agents: with(dice, agent_pattern),
        tools: with(dice, pattern),
        users: with(dice, user_pattern),
    }
}

/// A rule; its name does not follow the order of the file.
pub(crate) fn rule(dice: &mut Dice, number: usize) -> Rule {
    let says = match dice.roll(10) {
        0..6 => Says::Allow,
        6 | 7 => Says::Ask,
        _ => Says::Deny(format!("no {number}")),
    };
    let list = |dice: &mut Dice, wanted: usize, make: fn(&mut Dice) -> String| {
        dice.once_in(wanted).then(|| {
            let mut list = dice.some(2, make);
            list.push(make(dice));
            list
        })
    };
    Rule {
        name: format!("r{:02}", (number * 37 + 11) % 100),
        agents: list(dice, 2, |dice| or_group(dice, agent_pattern)),
        users: list(dice, 5, |dice| or_group(dice, user_pattern)),
        tools: list(dice, 1 + number % 2, tool_or_group),
        effects: dice
            .once_in(4)
            .then(|| (0..1 + dice.roll(3)).map(|_| dice.roll(4)).collect()),
        egress: dice.once_in(6).then(|| dice.roll(2)),
        after: dice.once_in(4).then(|| match dice.roll(3) {
            0 => After {
                label: None,
                untrusted: Some(dice.once_in(2)),
            },
            1 => After {
                label: Some(dice.roll(4)),
                untrusted: Some(dice.once_in(2)),
            },
            _ => After {
                label: Some(dice.roll(4)),
                untrusted: None,
            },
        }),
        conditions: Conditions::random(dice),
        requires: match says {
            Says::Allow if dice.once_in(4) => vec![(*dice.pick(&SCOPES)).to_owned()],
            _ => Vec::new(),
        },
        lease: match says {
            Says::Allow => lease(dice),
            _ => Lease::default(),
        },
        message: dice.once_in(3).then(|| format!("about {number}")),
        shadow: dice.once_in(8),
        says,
    }
}

/// Mostly what nests: a world in which rules only contradict each other says little.
fn lease(dice: &mut Dice) -> Lease {
    let credential = dice
        .once_in(3)
        .then(|| (*dice.pick(&["c", "c", "d", "none"])).to_owned());
    let scope = dice.once_in(3).then(|| {
        let mut scope = dice.some(3, |dice| (*dice.pick(&LEASE_SCOPES)).to_owned());
        scope.push("read".to_owned());
        scope.into_iter().collect()
    });
    Lease {
        // Without a credential there is nothing to ask for.
        scope: scope.filter(|_| credential.as_deref() != Some("none")),
        credential,
        life: dice.once_in(6).then(|| seconds(dice)),
    }
}

fn seconds(dice: &mut Dice) -> u64 {
    60 * u64::try_from(1 + dice.roll(9)).unwrap()
}

fn or_group(dice: &mut Dice, make: fn(&mut Dice) -> String) -> String {
    match dice.roll(5) {
        0 => format!("@{}", dice.pick(&GROUPS)),
        _ => make(dice),
    }
}

fn tool_or_group(dice: &mut Dice) -> String {
    or_group(dice, pattern)
}

fn agent_pattern(dice: &mut Dice) -> String {
    (*dice.pick(&[
        "ada", "adam", "bob", "ci-build", "ad*", "ci-*", "*", "**", "*b*", "x*",
    ]))
    .to_owned()
}

fn user_pattern(dice: &mut Dice) -> String {
    let subject = *dice.pick(&[
        "alice", "bob", "al*", "*", "**", "a/*", "*b", "ci:*", "ci:x",
    ]);
    format!("{}:{subject}", dice.pick(&SOURCES))
}

/// A pattern of any kind there is.
fn pattern(dice: &mut Dice) -> String {
    let server = match dice.roll(6) {
        0 => *dice.pick(&["*", "s*", "*t", "**", "s**", "*s*"]),
        _ => *dice.pick(&SERVERS),
    };
    let name = match dice.roll(12) {
        0 => "**".to_owned(),
        1 => return dice.pick(&["**", "**a", "s**", "***"]).to_string(),
        2 => "*".to_owned(),
        3 => (*dice.pick(&["get_*", "*_a", "*b", "a*", "del_*"])).to_owned(),
        4 => format!("resource:{}", glob(dice, 2)),
        5 => format!("resource:{}", dice.pick(&URIS)),
        6 => format!("prompt:{}", glob(dice, 1)),
        7 => format!(
            "client:{}",
            dice.pick(&["*", "**", "roots", "sampling", "s*", "*s"])
        ),
        8 | 9 => glob(dice, 3),
        _ => return format!("{server}/{}", dice.pick(&TOOLS[..11])),
    };
    format!("{server}/{name}")
}

fn glob(dice: &mut Dice, most: usize) -> String {
    let count = 1 + dice.roll(most);
    (0..count).map(|_| *dice.pick(&PIECES)).collect()
}

// === impl World ===

impl World {
    /// Takes names of agents that are not there out of rules; the engine refuses them.
    pub(crate) fn without_strangers(mut self) -> Self {
        let known: Vec<String> = self.agents.iter().map(|agent| agent.name.clone()).collect();
        let stays = |name: &String| name.contains(['*', '@']) || known.contains(name);
        for list in self
            .rules
            .iter_mut()
            .filter_map(|rule| rule.agents.as_mut())
        {
            list.retain(stays);
            if list.is_empty() {
                list.push("ad*".to_owned());
            }
        }
        for group in &mut self.groups {
            group.agents.retain(stays);
            if group.agents.is_empty() {
                group.agents.push("b*".to_owned());
            }
        }
        self
    }
}
