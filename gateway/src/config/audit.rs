//! `[audit]`: how the records are kept.

use super::keys::{DURATION_KEY, SIZE_KEY};
use std::time::Duration;

use policy::shape::{Choice, Key, Shape};

/// `[audit]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// What a record must survive before the call goes on.
    pub durability: Durability,
    /// How much of a call's arguments is recorded.
    pub arguments: Arguments,
    /// Refusals of one address or agent recorded one by one in a second.
    pub refusals: u32,
    /// How large a file grows before the next one begins.
    pub segment: u64,
    /// How old a file grows before the next one begins.
    pub age: Duration,
}

/// What a record must survive before the call goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The end of the process, however it ends.
    #[default]
    Process,
    /// The end of the machine's power.
    Power,
}

/// How much of a call's arguments is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Arguments {
    /// Their digest and size.
    #[default]
    Digest,
    /// They themselves.
    Full,
    /// Only how many bytes they are.
    None,
}

/// The keys of the table.
pub(super) const AUDIT: &[Key] = &[
    Key::new(
        "durability",
        Shape::Choice(&[Choice::new("process"), Choice::new("power")]),
        "What a record survives before the call goes on: the end of the process, or of the machine's power.",
    )
    .default("\"process\""),
    Key::new(
        "arguments",
        Shape::Choice(&[Choice::new("digest"), Choice::new("full"), Choice::new("none")]),
        "How much of a call's arguments is recorded.",
    )
    .default("\"digest\""),
    Key::new(
        "refusals",
        Shape::Integer(1, 1_000_000),
        "Refusals of one address or agent that are recorded one by one in a second; beyond it their number is.",
    )
    .default("10"),
    Key::new("segment", SIZE_KEY, "How large a file of records grows before the next one begins.").default("\"64MiB\""),
    Key::new("age", DURATION_KEY, "How old a file of records grows before the next one begins.").default("\"24h\""),
];

impl Default for Audit {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            arguments: Arguments::default(),
            refusals: 10,
            segment: 64 << 20,
            age: Duration::from_secs(24 * 60 * 60),
        }
    }
}
