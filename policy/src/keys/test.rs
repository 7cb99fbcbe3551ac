//! `[[tests]]`.

use super::forms::{SCOPE, SENTENCE, TITLE};
use crate::cases::Subject;
use crate::model::{AgentName, SubjectPattern, UserPattern};
use crate::shape::{Choice, Fault, Form, Key, Shape};

/// What may be expected.
const OUTCOMES: &[Choice] = &[
    Choice::new("allow"),
    Choice::new("ask"),
    Choice::new("deny"),
];

/// What a task may have touched.
const TOUCHED: &[Choice] = &[
    Choice::new("public"),
    Choice::new("internal"),
    Choice::new("confidential"),
    Choice::new("restricted"),
    Choice::new("untrusted"),
];

/// The name of one agent.
const AGENT: Form = Form {
    name: "the name of an agent",
    pattern: Some("^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"),
    check: |text| match AgentName::new(text) {
        Some(_) => Ok(()),
        None => Err(Fault::new(
            format!("`{}` names no agent", text.escape_debug()),
            "write the name of one agent, `[agents.NAME]`",
        )),
    },
};

/// One thing that can be called.
const TOOL: Form = Form {
    name: "one tool such as \"ledger/refund\"",
    pattern: Some("^[A-Za-z0-9][A-Za-z0-9_-]*/.+$"),
    check: |text| Subject::parse(text).map(|_| ()),
};

/// One user.
const USER: Form = Form {
    name: "one user such as \"corp:alice\"",
    pattern: Some("^[A-Za-z0-9][A-Za-z0-9_-]*:.+$"),
    check: |text| {
        let whole = UserPattern::new(text).map(|user| user.subject);
        match whole.as_ref().is_some_and(SubjectPattern::is_exact) {
            true => Ok(()),
            false => Err(Fault::new(
                format!("`{}` is not one user", text.escape_debug()),
                "write `SOURCE:SUBJECT` with the name of an identity",
            )),
        }
    },
};

/// `call = { … }` of a test.
const CALL: &[Key] = &[
    Key::new("agent", Shape::Text(AGENT), "The agent that calls.").required(),
    Key::new(
        "tool",
        Shape::Text(TOOL),
        "What it calls: `server/tool`, `server/resource:URI`, `server/prompt:NAME` or `server/client:KIND`.",
    )
    .required(),
    Key::new("args", Shape::Free, "With which arguments."),
    Key::new(
        "user",
        Shape::Text(USER),
        "Whom it acts for, as `SOURCE:SUBJECT`.",
    ),
    Key::new(
        "chain",
        Shape::OneOrMany(&Shape::Text(AGENT)),
        "The agents it works for, oldest first.",
    ),
    Key::new(
        "labels",
        Shape::OneOrMany(&Shape::Choice(TOUCHED)),
        "What its task has touched: labels, and `untrusted`.",
    ),
    Key::new(
        "scopes",
        Shape::OneOrMany(&Shape::Text(SCOPE)),
        "OAuth scopes of its token.",
    ),
    Key::new(
        "at",
        Shape::Date,
        "When; absent, the moment the test is run.",
    ),
];

/// `expect = { … }` of a test.
const EXPECT: &[Key] = &[
    Key::new("allow", Shape::Text(TITLE), "The rule that allows."),
    Key::new("ask", Shape::Text(TITLE), "The rule that asks."),
    Key::new("deny", Shape::Text(TITLE), "The rule that denies."),
];

/// `[[tests]]`.
pub const TEST: &[Key] = &[
    Key::new(
        "name",
        Shape::Text(SENTENCE),
        "What is tested, in a sentence.",
    )
    .required(),
    Key::new("call", Shape::Table(CALL), "The call.").required(),
    Key::new(
        "expect",
        Shape::OrTable(&Shape::Choice(OUTCOMES), EXPECT),
        "What must be decided, or by which rule.",
    )
    .required(),
];
