//! `[audit]`: how the records are kept.

use super::Target;
use super::form::{SEGMENT, URL};
use super::keys::{DURATION_KEY, FILES, NETWORKS, PAIR};
use super::telemetry::HEADERS;
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
    /// Whether every record is copied to the collector of telemetry.
    pub otlp: bool,
    /// Where checkpoints are sent.
    pub checkpoints: Option<Target>,
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

const CHECKPOINTS: &[Key] = &[
    Key::new(
        "url",
        Shape::Text(URL),
        "Who takes them: each is the body of a POST.",
    )
    .required(),
    Key::new(
        "headers",
        HEADERS,
        "Sent with each; read from a file or a variable.",
    ),
    Key::new(
        "timeout",
        DURATION_KEY,
        "For one of them, connecting included.",
    )
    .default("\"10s\""),
    Key::new(
        "ca",
        FILES,
        "PEM files of roots beside the system's and the gateway's.",
    ),
    Key::new(
        "client_cert",
        Shape::Table(PAIR),
        "The certificate the gateway shows.",
    ),
    Key::new(
        "allow_private",
        NETWORKS,
        "Networks the receiver may be in though they are not public.",
    )
    .default("[]"),
];

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
    Key::new("segment", Shape::Text(SEGMENT), "How large a file of records grows before the next one begins.").default("\"64MiB\""),
    Key::new("age", DURATION_KEY, "How old a file of records grows before the next one begins.").default("\"24h\""),
    Key::new("otlp", Shape::Bool, "Whether every record is copied to the collector of `[telemetry]`.").default("false"),
    Key::new("checkpoints", Shape::Table(CHECKPOINTS), "Where checkpoints are sent, so that they are kept on another host."),
];

impl Default for Audit {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            arguments: Arguments::default(),
            refusals: 10,
            segment: 64 << 20,
            age: Duration::from_secs(24 * 60 * 60),
            otlp: false,
            checkpoints: None,
        }
    }
}
