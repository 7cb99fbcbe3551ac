//! The keys this crate owns: agents, groups, rules, tests, and what a server's table says about policy.

use crate::diagnostic::Code;
use crate::model::{Pattern, RuleName, SubjectPattern};
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

/// An identity, as an agent names it.
const IDENTITY: Form = Form {
    name: "an identity such as \"corp:svc-ledger\"",
    pattern: Some(r"^(local|spiffe://.+|[A-Za-z0-9][A-Za-z0-9_-]*:.+)$"),
    check: |text| {
        let subject = match text.split_once(':') {
            None if text == "local" => return Ok(()),
            Some(("spiffe", _)) => text,
            Some((_, subject)) => subject,
            None => {
                return Err(Fault::new(
                    format!("`{}` names no identity", text.escape_debug()),
                    "write `local`, a SPIFFE ID, or `SOURCE:SUBJECT` with the name of an identity",
                ));
            }
        };
        (SUBJECT.check)(subject)
    },
};

/// A subject, or a pattern of subjects.
const SUBJECT: Form = Form {
    name: "a subject such as \"svc-ledger\" or \"ci-*\"",
    pattern: Some(r"^\S.*$"),
    check: |text| match SubjectPattern::new(text) {
        Some(_) => Ok(()),
        None => Err(Fault::new(
            format!("`{}` is no subject", text.escape_debug()),
            "write up to 255 bytes; `*` stands for any run without `/`, `**` for any run",
        )),
    },
};

/// A scope of OAuth (RFC 6749, 3.3).
const SCOPE: Form = Form {
    name: "an OAuth scope",
    pattern: Some(r"^[\x21\x23-\x5B\x5D-\x7E]+$"),
    check: |text| {
        let token = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        match !text.is_empty() && text.bytes().all(token) {
            true => Ok(()),
            false => Err(Fault::new(
                format!("`{}` is no OAuth scope", text.escape_debug()),
                "write one scope a string, without spaces or quotes",
            )),
        }
    },
};

/// `{ source = "…", subject = "…", claims = { … } }` of an agent's `identity`.
pub const CLAIMED: &[Key] = &[
    Key::new(
        "source",
        Shape::Text(ANY),
        "The name of an identity, `[identities.NAME]`.",
    )
    .required(),
    Key::new(
        "subject",
        Shape::Text(SUBJECT),
        "The subject, or a pattern of subjects.",
    )
    .required(),
    Key::new(
        "claims",
        Shape::Texts(SUBJECT),
        "Further claims of the token and what each must be, as text or pattern.",
    ),
];

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
    Key::new(
        "hops",
        Shape::Integer(1, 32),
        "The most agents there may be in a chain this agent is part of, itself counted.",
    )
    .default("1"),
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
        Shape::OneOrMany(&Shape::OrTable(&Shape::Text(IDENTITY), CLAIMED)),
        "The identities it answers to: `SOURCE:SUBJECT`, a SPIFFE ID, or `local`: whoever calls from this machine.",
    ),
    Key::new(
        "requires_chain",
        Shape::Bool,
        "Whether it may act only within the chain of an agent that called it.",
    )
    .default("false"),
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
    Key::new(
        "requires",
        Shape::OneOrMany(&Shape::Text(SCOPE)),
        "OAuth scopes the caller's token must hold; without them the call is refused as in need of them.",
    ),
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
