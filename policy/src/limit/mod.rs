//! How much: what a table says of rates, of calls open at once and of budgets, and what of that holds for one granted call.
//!
//! Nothing is counted here. Limits have no order and none replaces another: all that apply hold.

mod measure;
mod read;
#[cfg(test)]
mod tests;
mod words;

use std::time::Duration;

pub use measure::{Applied, Measure, Source};
pub use read::{budget, limits};

/// The most limits one table has.
pub(crate) const LIMITS_MOST: usize = 16;

/// What rates are counted in, and how many seconds that is.
const UNITS: [(&str, u64); 4] = [("s", 1), ("min", 60), ("h", 3_600), ("d", 86_400)];

/// `limit = { … }`: how often, and how many at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// How often; there is this or the other.
    pub rate: Option<Rate>,
    /// How many may be open at once.
    pub concurrency: Option<u32>,
    /// Whose calls are counted together.
    pub per: Per,
    /// Whether, and how, calls wait for room.
    pub queue: Option<Queue>,
    /// Whether each replica counts alone.
    pub local: bool,
    /// What holds while the shared store is away.
    pub store_down: StoreDown,
}

/// So many in a time, evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many in each period.
    pub count: u32,
    /// The period.
    pub period: Duration,
    /// How many at once after a rest.
    pub burst: u32,
}

/// Whose calls are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Per {
    /// An agent's.
    Agent,
    /// Those of one of an agent's subjects.
    Subject,
    /// A task's.
    Task,
    /// A chain's.
    Chain,
    /// Those of one thing on a server, whoever calls it.
    Tool,
    /// Those of a server, whoever calls it.
    Server,
}

/// `queue = { … }`: how calls wait for room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    /// How many wait at the most.
    pub size: u32,
    /// How long each waits at the most.
    pub wait: Duration,
}

/// What holds while the shared store is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreDown {
    /// Each replica admits its part of the limit.
    Share,
    /// Nothing is admitted.
    Deny,
}

/// `budget = { … }` of an envelope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Budget {
    /// What one task may use.
    pub task: Allowance,
    /// What the agent may use in one day, UTC.
    pub day: Allowance,
}

/// How much may be used; what is `None` is not bounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Calls that are admitted.
    pub calls: Option<u64>,
    /// Bytes that are delivered to the caller.
    pub bytes: Option<u64>,
    /// The time calls are open, added up.
    pub time: Option<Duration>,
    /// What calls cost, added up.
    pub cost: Option<u64>,
}

// === impl Rate ===

impl Rate {
    /// The rate a text such as `60/min` says, with its own count as burst. No more than a million in a second: what is
    /// faster could not be told apart from none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (digits, unit) = text.split_once('/')?;
        let (_, period) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let count: u32 = digits.parse().ok().filter(|_| plain)?;
        let slow = u64::from(count) <= period * 1_000_000;
        (count > 0 && count <= 1_000_000_000 && slow).then_some(Self {
            count,
            period: Duration::from_secs(period),
            burst: count,
        })
    }

    /// What it is counted in, as written.
    fn unit(&self) -> &'static str {
        let period = self.period.as_secs();
        let mut units = UNITS.into_iter();
        let unit = units.find(|(_, seconds)| *seconds == period);
        unit.map_or("period", |(name, _)| name)
    }

    /// How long a burst that was used up takes to come back.
    pub(crate) fn recovery(&self) -> Duration {
        let whole = self.period.as_nanos() * u128::from(self.burst) / u128::from(self.count.max(1));
        Duration::from_nanos(u64::try_from(whole).unwrap_or(u64::MAX))
    }
}

// === impl Per ===

impl Per {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Agent,
        Self::Subject,
        Self::Task,
        Self::Chain,
        Self::Tool,
        Self::Server,
    ];

    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Subject => "subject",
            Self::Task => "task",
            Self::Chain => "chain",
            Self::Tool => "tool",
            Self::Server => "server",
        }
    }

    /// The one of that name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == text)
    }
}

// === impl StoreDown ===

impl StoreDown {
    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Share => "share",
            Self::Deny => "deny",
        }
    }
}

// === impl Allowance ===

impl Allowance {
    /// Whether it bounds nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
