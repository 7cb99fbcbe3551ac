//! Days of the week.

use chrono::Weekday;

use crate::shape::{Fault, nearest};

const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A set of days; the lowest bit is Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Days(u8);

// === impl Days ===

impl Days {
    /// No day.
    pub(super) const NONE: Self = Self(0);

    /// Every day.
    pub(super) const ALL: Self = Self(0b111_1111);

    /// Reads a day or a range of days, which may go over the end of the week.
    pub(super) fn new(text: &str) -> Result<Self, Fault> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (number(first)?, number(last)?);
        let mut days = Self::NONE;
        for step in 0..7 {
            let day = (first + step) % 7;
            days.0 |= 1 << day;
            if day == last {
                break;
            }
        }
        Ok(days)
    }

    /// With the days of another set.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a day is among them.
    pub(super) fn contains(self, day: Weekday) -> bool {
        self.0 & (1 << day.num_days_from_monday()) != 0
    }
}

fn number(name: &str) -> Result<usize, Fault> {
    NAMES.iter().position(|one| *one == name).ok_or_else(|| {
        let near = nearest(name, NAMES.into_iter());
        // The whole name of a day begins with the short one.
        let begun = NAMES.into_iter().find(|one| {
            let name = name.to_ascii_lowercase();
            name.starts_with(one)
        });
        let help = match begun.or(near) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "it is one of {}",
                NAMES.map(|one| format!("`{one}`")).join(", ")
            ),
        };
        Fault::new(format!("`{}` is no day", name.escape_debug()), help)
    })
}
