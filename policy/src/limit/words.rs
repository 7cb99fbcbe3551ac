//! Limits and budgets in words, as they are written where that is short.

use std::fmt;

use super::{Allowance, Applied, Limit, Rate, Source, StoreDown};

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.unit())?;
        match self.burst == self.count {
            true => Ok(()),
            false => write!(f, " with a burst of {}", self.burst),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.rate.map(|rate| rate.to_string());
        let slots = self.concurrency.map(|most| format!("{most} at once"));
        let both: Vec<String> = rate.into_iter().chain(slots).collect();
        write!(f, "{} per {}", both.join(" and "), self.per.name())?;
        if let Some(queue) = self.queue {
            let (size, wait) = (queue.size, queue.wait.as_secs_f64());
            write!(f, ", {size} waiting up to {wait} s")?;
        }
        match (self.local, self.store_down) {
            (true, _) => f.write_str(", on each replica"),
            (false, StoreDown::Deny) => f.write_str(", nothing without the store"),
            (false, StoreDown::Share) => Ok(()),
        }
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.time.map(|time| time.as_secs() / 60);
        let said = [
            self.calls.map(|calls| format!("{calls} calls")),
            self.bytes.map(size),
            minutes.map(|minutes| format!("{minutes} minutes")),
            self.cost.map(|cost| format!("a cost of {cost}")),
        ];
        let said: Vec<String> = said.into_iter().flatten().collect();
        f.write_str(&said.join(", "))
    }
}

/// In the largest unit that says it wholly.
fn size(bytes: u64) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let whole = units
        .iter()
        .find(|(_, shift)| bytes.is_multiple_of(1 << shift));
    match whole {
        Some((unit, shift)) => format!("{}{unit}", bytes >> shift),
        None => format!("{bytes}B"),
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(name) => write!(f, "rule `{name}`"),
            Self::Envelope(agent) => write!(f, "the envelope of `{agent}`"),
        }
    }
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, by {}", self.limit, self.source)
    }
}
