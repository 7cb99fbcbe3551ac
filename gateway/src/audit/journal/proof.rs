//! What a proof says of a log: how far it is whole, and the first record that is not as it was written.

use std::fmt;

/// What was found of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Its name.
    pub(crate) log: &'static str,
    /// How many lines follow each other, from the first on.
    pub(crate) lines: u64,
    /// The number of the last of them.
    pub(crate) last: u64,
    /// How many of them no checkpoint has sealed.
    pub(crate) unsealed: u64,
    /// Bytes at the end that are no whole line: of a line that is being written, or was when the gateway stopped.
    pub(crate) unfinished: u64,
    /// The first bad record.
    pub(crate) bad: Option<Bad>,
}

/// A record that is not as it was written, or is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bad {
    /// The file, below the folder.
    pub(crate) file: String,
    /// The line in it, from 1; one after the last where lines are missing.
    pub(crate) line: u64,
    /// The number the record has, or should have.
    pub(crate) seq: u64,
    /// What is wrong.
    pub(crate) fault: Fault,
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The file is not there.
    Absent,
    /// The file cannot be read.
    Unreadable(String),
    /// It is no line of a log.
    Shape,
    /// Another number stands here.
    Seq(u64),
    /// Its bytes, or its hash, were changed.
    Changed,
    /// The line that begins a segment does not continue the segment before.
    Opening,
    /// Its line break was changed.
    Break,
    /// It is not what a checkpoint has sealed under that number.
    Resealed,
    /// The log ends before a checkpoint says it should, with this record.
    Truncated(u64),
    /// A checkpoint that proves nothing.
    Checkpoint(String),
}

// === impl Fault ===

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("the file is missing"),
            Self::Unreadable(why) => write!(f, "it cannot be read: {why}"),
            Self::Shape => f.write_str("it is no whole line of a record"),
            Self::Seq(found) => write!(
                f,
                "record {found} stands here: a record was dropped, added or moved"
            ),
            Self::Changed => f.write_str("it was changed: its hash is not that of its bytes"),
            Self::Opening => f.write_str("the segment does not continue the one before it"),
            Self::Break => f.write_str("its line break was changed"),
            Self::Resealed => f.write_str(
                "it, or one before it since the last checkpoint, was rewritten: a checkpoint has sealed another",
            ),
            Self::Truncated(last) => write!(
                f,
                "truncated: the records from here to {last}, which a checkpoint has sealed, are missing"
            ),
            Self::Checkpoint(why) => f.write_str(why),
        }
    }
}

impl Fault {
    /// A short name, for programs.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Unreadable(_) => "unreadable",
            Self::Shape => "shape",
            Self::Seq(_) => "order",
            Self::Changed => "changed",
            Self::Opening => "opening",
            Self::Break => "break",
            Self::Resealed => "rewritten",
            Self::Truncated(_) => "truncated",
            Self::Checkpoint(_) => "checkpoint",
        }
    }
}
