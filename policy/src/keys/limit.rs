//! `limit = { … }` and `budget = { … }`, wherever they are written.

use super::forms::{DURATION, duration, size};
use crate::limit::Rate;
use crate::shape::{Choice, Fault, Form, Key, Shape};
use std::time::Duration;

/// The longest a call waits for room: whoever called is still there.
const WAIT_MOST: Duration = Duration::from_secs(60);

/// So many in a time.
const RATE: Form = Form {
    name: "a rate such as \"60/min\"",
    pattern: Some("^[0-9]+/(s|min|h|d)$"),
    check: |text| match Rate::parse(text) {
        Some(_) => Ok(()),
        None => Err(Fault::new(
            format!("`{}` is no rate", text.escape_debug()),
            "write a number, `/` and one of `s`, `min`, `h`, `d`: `60/min`; at most a million a second",
        )),
    },
};

/// An amount of data.
const AMOUNT: Form = Form {
    name: "a size such as \"50MiB\"",
    pattern: Some("^[0-9]+(B|KiB|MiB|GiB|TiB)$"),
    check: |text| match size(text).is_some_and(|bytes| (1..=1 << 50).contains(&bytes)) {
        true => Ok(()),
        false => Err(Fault::new(
            format!("`{}` is no size up to 1024TiB", text.escape_debug()),
            "write a number and one of `B`, `KiB`, `MiB`, `GiB`, `TiB`",
        )),
    },
};

/// How long a call waits for room.
const WAIT: Form = Form {
    name: "a duration such as \"2s\"",
    pattern: DURATION.pattern,
    check: |text| {
        (DURATION.check)(text)?;
        match duration(text).is_some_and(|wait| wait <= WAIT_MOST) {
            true => Ok(()),
            false => Err(Fault::new(
                format!("`{}` is longer than a minute", text.escape_debug()),
                "write up to `1m`: whoever called waits as long",
            )),
        }
    },
};

const COUNT: Shape = Shape::Integer(1, 1_000_000);
const TOTAL: Shape = Shape::Integer(1, 1_000_000_000_000);

/// `queue = { … }` of a limit.
pub const QUEUE: &[Key] = &[
    Key::new(
        "size",
        COUNT,
        "How many calls of one key wait at the most; further ones are refused at once.",
    )
    .required(),
    Key::new(
        "wait",
        Shape::Text(WAIT),
        "How long each waits at the most, up to a minute.",
    )
    .required(),
];

/// `limit = { … }`.
pub const LIMIT: &[Key] = &[
    Key::new(
        "rate",
        Shape::Text(RATE),
        "How often: a number of calls in `s`, `min`, `h` or `d`. A limit has this, `concurrency` or both.",
    ),
    Key::new(
        "burst",
        Shape::Integer(1, 1_000_000_000),
        "How many at once after a rest; absent, the number of the rate.",
    ),
    Key::new("concurrency", COUNT, "How many may be open at once."),
    Key::new(
        "per",
        Shape::Choice(&[
            Choice::new("agent"),
            Choice::new("subject"),
            Choice::new("task"),
            Choice::new("chain"),
            Choice::new("tool"),
            Choice::new("server"),
        ]),
        "Whose calls are counted together.",
    )
    .default("\"subject\""),
    Key::new(
        "queue",
        Shape::Table(QUEUE),
        "Lets calls wait for room; without it they are refused at once.",
    ),
    Key::new(
        "local",
        Shape::Bool,
        "Whether each replica counts alone, and asks no shared store.",
    )
    .default("false"),
    Key::new(
        "store_down",
        Shape::Choice(&[Choice::new("share"), Choice::new("deny")]),
        "While the shared store is away: each replica admits its part, or nothing is admitted.",
    )
    .default("\"share\""),
];

/// The value of a key `limit`: one or a list.
pub const LIMITS: Shape = Shape::OneOrMany(&Shape::Table(LIMIT));

/// What may be used.
pub const ALLOWANCE: &[Key] = &[
    Key::new("calls", TOTAL, "Calls that were admitted."),
    Key::new(
        "bytes",
        Shape::Text(AMOUNT),
        "Bytes that were delivered to the caller.",
    ),
    Key::new(
        "minutes",
        Shape::Integer(1, 100_000_000),
        "Minutes calls were open, added up.",
    ),
    Key::new(
        "cost",
        TOTAL,
        "What calls cost, added up: each the `cost` of what it calls, or 1.",
    ),
];

/// `budget = { … }` of an envelope.
pub const BUDGET: &[Key] = &[
    Key::new("task", Shape::Table(ALLOWANCE), "In one task."),
    Key::new(
        "day",
        Shape::Table(ALLOWANCE),
        "In one day, which begins at 00:00 UTC, by all of the agent.",
    ),
];
