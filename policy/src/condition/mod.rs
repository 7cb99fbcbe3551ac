//! What a rule asks beside who and what: of the arguments, of the hour, and whatever an expression can say.
//!
//! Nothing here can fail: what cannot be told is `Maybe`, which never satisfies an allow and never spares from a deny.

pub mod argument;
pub mod during;
pub mod expression;

use crate::model::{Agent, Class, Now, Request};
use std::ops::BitAnd;

/// What is known of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// It does not hold.
    No,
    /// It cannot be told: an argument is missing or of another type, an expression failed, or nobody has called yet.
    Maybe,
    /// It holds.
    Yes,
}

/// What conditions look at.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What is asked.
    pub request: &'a Request<'a>,
    /// The agent that acts.
    pub agent: &'a Agent,
    /// What the operator says of the target.
    pub class: Class,
    /// The instant.
    pub now: Now,
}

// === impl Truth ===

impl BitAnd for Truth {
    type Output = Self;

    /// Both hold.
    fn bitand(self, other: Self) -> Self {
        self.min(other)
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}
