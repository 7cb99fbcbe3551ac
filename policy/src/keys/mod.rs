//! The keys this crate owns: agents, groups, rules, tests, and what a server's table says about policy.

mod forms;
mod limit;
mod server;
mod test;

use crate::condition::argument::{ARGUMENT, PATH};
use crate::condition::during::DURING;
use crate::shape::{ANY, Choice, Key, Shape};
use forms::{
    AGENTS as AGENT_NAMES, CREDENTIAL, IDENTITY, LEASE_SCOPE, LIFE, SCOPE, SENTENCE, SUBJECT,
    TITLE, TOOLS, USERS,
};

pub use forms::{DURATION, PATTERN, duration, size};
pub use limit::{ALLOWANCE, BUDGET, LIMIT, LIMITS, QUEUE};
pub use server::SERVER;
pub use test::TEST;

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
        Shape::List(&Shape::Text(TOOLS)),
        "Patterns of everything the agent may ever call, or groups of them.",
    )
    .required(),
    Key::new(
        "effects",
        Shape::List(&Shape::Choice(server::EFFECTS)),
        "What that may do; what nobody has classified destroys.",
    )
    .default("[\"read\"]"),
    Key::new(
        "clearance",
        Shape::Choice(server::LABELS),
        "The highest label of what the agent may touch.",
    )
    .default("\"internal\""),
    Key::new(
        "hops",
        Shape::Integer(1, 32),
        "The most agents there may be in a chain this agent is part of, itself counted.",
    )
    .default("1"),
    Key::new(
        "credential_ttl",
        Shape::Text(LIFE),
        "The longest life of a credential that is minted for its calls.",
    ),
    Key::new(
        "limit",
        LIMITS,
        "How often the agent may call, and how many of its calls may be open at once: one or a list, all hold.",
    ),
    Key::new(
        "budget",
        Shape::Table(BUDGET),
        "How much the agent may use in one task, and in one day.",
    ),
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
        Shape::OneOrMany(&Shape::Text(AGENT_NAMES)),
        "Agents the rule speaks of, by name, pattern or group; absent: every agent.",
    ),
    Key::new(
        "on_behalf_of",
        Shape::OneOrMany(&Shape::Text(USERS)),
        "Users the agent acts for, as `SOURCE:SUBJECT`, pattern or group; absent: anybody or nobody.",
    ),
    Key::new(
        "tools",
        Shape::OneOrMany(&Shape::Text(TOOLS)),
        "Patterns the rule speaks of, or groups of them; absent: everything.",
    ),
    Key::new(
        "effects",
        Shape::OneOrMany(&Shape::Choice(server::EFFECTS)),
        "What the tools the rule speaks of do.",
    ),
    Key::new(
        "egress",
        Shape::Choice(server::EGRESS),
        "Where what is sent to them goes.",
    ),
    Key::new(
        "after",
        Shape::Table(AFTER),
        "What the task has touched before; all that is given must hold.",
    ),
    Key::new(
        "allow",
        Shape::True,
        "Allows what matches. A rule has one of `allow`, `ask` and `deny`.",
    ),
    Key::new(
        "ask",
        Shape::Table(ASK),
        "Asks a person about what matches and is allowed. Outweighs every allow.",
    ),
    Key::new(
        "deny",
        Shape::Text(SENTENCE),
        "Denies what matches; the text may be told to the caller. Outweighs every ask and allow.",
    ),
    Key::new(
        "message",
        Shape::Text(SENTENCE),
        "What the caller is told where the rule keeps a call from happening; of a deny its own text, if absent.",
    ),
    Key::new(
        "requires",
        Shape::OneOrMany(&Shape::Text(SCOPE)),
        "OAuth scopes the caller's token must hold; without them the call is refused as in need of them.",
    ),
    Key::new(
        "mode",
        Shape::Choice(MODES),
        "`shadow`: the rule is evaluated and counted beside the others, and changes nothing.",
    ),
    Key::new(
        "args",
        Shape::Map(PATH, ARGUMENT),
        "What the arguments must be, each by its path: `args.\"filter.repo\" = { like = \"acme/*\" }`.",
    ),
    Key::new(
        "when",
        Shape::Text(SENTENCE),
        "An expression (CEL) over `call`, `agent`, `user`, `chain`, `task`, `server`, `tool` and `now`.",
    ),
    Key::new(
        "during",
        Shape::Table(DURING),
        "Days of the week and hours of the day in which the rule holds.",
    ),
    Key::new(
        "credential",
        Shape::Text(CREDENTIAL),
        "Of an allow: the credential its calls go out with in place of the server's; `none`: with none.",
    ),
    Key::new(
        "scope",
        Shape::OneOrMany(&Shape::Text(LEASE_SCOPE)),
        "Of an allow: what the credential is asked for; `{args.PATH}`, `{agent}`, `{user}`, `{server}` stand for what the call brings.",
    ),
    Key::new(
        "credential_ttl",
        Shape::Text(LIFE),
        "Of an allow: the longest life of a credential that is minted for its calls.",
    ),
    Key::new(
        "limit",
        LIMITS,
        "Of an allow or ask: how often what it matches may be called, and how many such calls may be open at once: one or a list, all hold.",
    ),
];

/// `after = { … }` of a rule.
pub const AFTER: &[Key] = &[
    Key::new(
        "label",
        Shape::Choice(server::LABELS),
        "It has touched data of this label or a higher one.",
    ),
    Key::new(
        "untrusted",
        Shape::Bool,
        "Whether anything it was answered may have been written by anybody.",
    ),
];

/// `ask = { … }` of a rule.
pub const ASK: &[Key] = &[
    Key::new(
        "approvers",
        Shape::OneOrMany(&Shape::Text(SENTENCE)),
        "Who may say yes.",
    )
    .required(),
    Key::new(
        "within",
        Shape::Text(DURATION),
        "How long an answer is waited for.",
    ),
];

/// A rule's `mode`.
pub const MODES: &[Choice] = &[Choice::new("shadow")];

/// `[groups.NAME]`.
pub const GROUP: &[Key] = &[
    Key::new(
        "agents",
        Shape::OneOrMany(&Shape::Text(AGENT_NAMES)),
        "Agents, by name, pattern or another group.",
    ),
    Key::new(
        "tools",
        Shape::OneOrMany(&Shape::Text(TOOLS)),
        "Patterns, or other groups.",
    ),
    Key::new(
        "users",
        Shape::OneOrMany(&Shape::Text(USERS)),
        "Users, as `SOURCE:SUBJECT`, pattern or another group.",
    ),
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
pub const GROUPS: Key = Key::new(
    "groups",
    Shape::Names(GROUP),
    "Agents, tools or users under one name; rules and envelopes say `@NAME`.",
);
/// `[[tests]]`.
pub const TESTS: Key = Key::new(
    "tests",
    Shape::Rows(TEST),
    "Calls and what must be decided of them; `hopgate test` runs them.",
);
