//! What a server's table says about policy.

use crate::model::SubjectPattern;
use crate::shape::{Choice, Fault, Form, Key, Shape};

/// What a tool does.
pub(super) const EFFECTS: &[Choice] = &[
    Choice::new("read"),
    Choice::new("write"),
    Choice::new("persist"),
    Choice::new("destroy"),
];

/// What data is worth.
pub(super) const LABELS: &[Choice] = &[
    Choice::new("public"),
    Choice::new("internal"),
    Choice::new("confidential"),
    Choice::new("restricted"),
];

/// Where what is sent to a server goes.
pub(super) const EGRESS: &[Choice] = &[Choice::new("internal"), Choice::new("external")];

/// A name on a server, or a pattern of names.
const NAME: Form = Form {
    name: "a name or pattern such as \"get_*\"",
    pattern: Some(r"^\S.*$"),
    check: |text| match SubjectPattern::new(text) {
        Some(_) => Ok(()),
        None => Err(Fault::new(
            format!("`{}` names nothing on a server", text.escape_debug()),
            "write up to 255 bytes; `*` stands for any run without `/`, `**` for any run",
        )),
    },
};

/// What is said of one thing on a server, or of all that match a pattern.
const SAID: &[Key] = &[
    Key::new(
        "effect",
        Shape::Choice(EFFECTS),
        "What it does. Of tools nobody has classified: `destroy`; of resources and prompts: `read`.",
    ),
    Key::new(
        "label",
        Shape::Choice(LABELS),
        "What its data is worth; else the server's `label`.",
    ),
    Key::new(
        "egress",
        Shape::Choice(EGRESS),
        "Where what is sent to it goes; else the server's `egress`.",
    ),
    Key::new(
        "untrusted",
        Shape::Bool,
        "Whether what it answers may have been written by anybody; else the server's `untrusted`.",
    ),
    Key::new(
        "cost",
        Shape::Integer(0, 1_000_000),
        "What one call of it takes of budgets of `cost`.",
    )
    .default("1"),
];

/// What a server's table says about policy.
pub const SERVER: [Key; 7] = [
    Key::new(
        "tools",
        Shape::Map(NAME, SAID),
        "What its tools do and what their data is worth, by name or pattern. An exact name decides; of several patterns the gravest holds.",
    ),
    Key::new(
        "resources",
        Shape::Map(NAME, SAID),
        "The same of its resources, by URI.",
    ),
    Key::new(
        "prompts",
        Shape::Map(NAME, SAID),
        "The same of its prompts.",
    ),
    Key::new(
        "methods",
        Shape::Map(NAME, SAID),
        "The same of methods no revision of MCP knows; those that are not named here are refused. Patterns say `server/method:NAME`.",
    ),
    Key::new(
        "label",
        Shape::Choice(LABELS),
        "What the data of everything else on it is worth.",
    )
    .default("\"internal\""),
    Key::new(
        "egress",
        Shape::Choice(EGRESS),
        "Whether what is sent to it stays here or leaves.",
    )
    .default("\"external\""),
    Key::new(
        "untrusted",
        Shape::Bool,
        "Whether what it answers may have been written by anybody.",
    )
    .default("false"),
];
