//! The keys this crate owns: agents, groups, rules, tests, and what a server's table says about policy.

use crate::diagnostic::Code;
use crate::model::{Pattern, RuleName};
use crate::shape::{ANY, Choice, Fault, Form, Key, Shape};

/// A pattern of DESIGN's tool grammar.
pub const PATTERN: Form = Form {
    name: "a pattern such as \"notes/*\"",
    pattern: Some(r"^\S.*$"),
    check: |text| match Pattern::new(text) {
        Ok(_) => Ok(()),
        Err(mistake) if mistake.later => {
            Err(Fault::new(mistake.message, mistake.help).of(Code::NotInThisVersion))
        }
        Err(mistake) => Err(Fault::new(mistake.message, mistake.help)),
    },
};

const TITLE: Form = Form {
    name: "a string",
    pattern: Some(r"\S"),
    check: |text| match RuleName::new(text) {
        Some(_) => Ok(()),
        None => Err(Fault::new(
            format!("`{}` cannot name a rule", text.escape_debug()),
            "write one short line",
        )),
    },
};

const SENTENCE: Form = Form {
    name: "a string",
    pattern: Some(r"\S"),
    check: |text| match text.trim() {
        "" => Err(Fault::new(
            "an empty string",
            "write something or leave the key out",
        )),
        _ => Ok(()),
    },
};

/// An agent's `state`.
pub const STATES: &[Choice] = &[
    Choice::new("proposed"),
    Choice::new("active"),
    Choice::new("suspended"),
    Choice::new("retired"),
];

/// `envelope = { … }` of an agent.
pub const ENVELOPE: &[Key] = &[
    Key::new(
        "tools",
        Shape::List(&Shape::Text(PATTERN)),
        "Patterns of everything the agent may ever call.",
    )
    .required(),
    Key::later("effects"),
    Key::later("clearance"),
    Key::later("hops"),
    Key::later("credential_ttl"),
    Key::later("limit"),
];

/// `[agents.NAME]`.
pub const AGENT: &[Key] = &[
    Key::new(
        "owner",
        Shape::Text(SENTENCE),
        "Who answers for the agent: a person or a team.",
    ),
    Key::new("purpose", Shape::Text(SENTENCE), "What the agent is for."),
    Key::new(
        "state",
        Shape::Choice(STATES),
        "Only an active agent may call.",
    )
    .default("\"active\""),
    Key::new(
        "expires",
        Shape::Date,
        "The first day, or instant, on which it may no longer call (a day begins at 00:00 UTC).",
    ),
    Key::new(
        "identity",
        Shape::OneOrMany(&Shape::TableLater(
            &Shape::Text(ANY),
            "an identity by its claims",
        )),
        "The identities it answers to; `local`: whoever calls from this machine.",
    ),
    Key::new(
        "envelope",
        Shape::Table(ENVELOPE),
        "The most the agent may ever do; without it, nothing.",
    ),
];

/// `[[rules]]`.
pub const RULE: &[Key] = &[
    Key::new(
        "name",
        Shape::Text(TITLE),
        "A short sentence, unique; shown in records.",
    )
    .required(),
    Key::new(
        "agents",
        Shape::OneOrMany(&Shape::Text(ANY)),
        "Agents the rule speaks of; absent: every agent.",
    ),
    Key::new(
        "tools",
        Shape::OneOrMany(&Shape::Text(PATTERN)),
        "Patterns the rule speaks of; absent: everything.",
    ),
    Key::new(
        "allow",
        Shape::True,
        "Allows what matches. A rule has either this or `deny`.",
    ),
    Key::new(
        "deny",
        Shape::Text(SENTENCE),
        "Denies what matches; the text may be told to the caller. Outweighs every allow.",
    ),
    Key::later("on_behalf_of"),
    Key::later("effects"),
    Key::later("args"),
    Key::later("when"),
    Key::later("after"),
    Key::later("egress"),
    Key::later("during"),
    Key::later("ask"),
    Key::later("limit"),
    Key::later("credential"),
    Key::later("scope"),
    Key::later("requires"),
    Key::later("mode"),
    Key::later("message"),
];

/// What a server's table says about policy.
pub const SERVER: &[Key] = &[
    Key::later("tools"),
    Key::later("resources"),
    Key::later("prompts"),
    Key::later("methods"),
    Key::later("label"),
    Key::later("egress"),
    Key::later("untrusted"),
];

/// `[agents]`.
pub const AGENTS: Key = Key::new(
    "agents",
    Shape::Names(AGENT),
    "Registered agents; an unregistered caller is refused.",
);
/// `[[rules]]`.
pub const RULES: Key = Key::new(
    "rules",
    Shape::Rows(RULE),
    "What the agents may do now. No rule, no call; order never matters.",
);
/// `[groups]`.
pub const GROUPS: Key = Key::later("groups");
/// `[[tests]]`.
pub const TESTS: Key = Key::later("tests");
