//! `during`: days and hours, as the clocks of one time zone show them.
//!
//! Where clocks are put forward, the hour left out is nobody's; where they are put back, the hour shown twice counts
//! twice.

mod days;
mod keys;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Datelike as _, Timelike as _};
use chrono_tz::Tz;

use super::Truth;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Entry, Value};
use crate::model::Now;
use days::Days;

pub(crate) use keys::DURING;

/// Days of the week and hours of the day, in one time zone.
#[derive(Debug, Clone, PartialEq)]
pub struct During {
    /// On which it begins.
    days: Days,
    /// The first minute.
    from: u16,
    /// The first minute that is out again; up to `from` it lies on the next day.
    to: u16,
    zone: Tz,
}

/// The instants looked at: up to the year 10,000, and as far back.
const CALENDAR: std::ops::RangeInclusive<i64> = -377_705_116_800..=253_402_300_799;

// === impl During ===

impl During {
    /// Reads `during = { … }`; what does not fit [`DURING`] has been reported already.
    pub(crate) fn read(entry: &Entry, diagnostics: &mut Vec<Diagnostic>) -> Option<Self> {
        let table = entry.value.table()?;
        if ["days", "from", "to"]
            .iter()
            .all(|key| table.get(key).is_none())
        {
            diagnostics.push(
                Diagnostic::error(Code::InvalidValue, entry.value.span, "nothing is asked")
                    .help("name `days`, `from`, `to` or several of them"),
            );
            return None;
        }
        let minute = |key, without| match table.value(key) {
            Some(value) => value.text().and_then(keys::minute),
            None => Some(without),
        };
        let (from, to) = (minute("from", 0)?, minute("to", keys::DAY)?);
        if let Some(one) = contradiction(table.value("from"), table.value("to"), (from, to)) {
            diagnostics.push(one);
            return None;
        }
        let days = match table.items("days") {
            [] => Days::ALL,
            items => items.iter().try_fold(Days::NONE, |days, item| {
                Some(days.and(Days::new(item.text()?).ok()?))
            })?,
        };
        let zone = match table.value("zone") {
            Some(value) => keys::zone(value.text()?)?,
            None => Tz::UTC,
        };
        Some(Self {
            days,
            from,
            to,
            zone,
        })
    }

    /// Whether the instant lies within; of one that no calendar has, nobody can tell.
    pub fn truth(&self, now: Now) -> Truth {
        let instant = Some(now.0).filter(|second| CALENDAR.contains(second));
        let Some(instant) = instant.and_then(|second| DateTime::from_timestamp(second, 0)) else {
            return Truth::Maybe;
        };
        let local = instant.with_timezone(&self.zone);
        let minute = local.hour() * 60 + local.minute();
        let (from, to) = (u32::from(self.from), u32::from(self.to));
        let today = local.weekday();
        let begun_today = self.days.contains(today) && minute >= from;
        let begun_before = self.days.contains(today.pred()) && minute < to;
        match from < to {
            true => (begun_today && minute < to).into(),
            false => (begun_today || begun_before).into(),
        }
    }
}

/// What is wrong with the two times together.
fn contradiction(
    from: Option<&Value>,
    to: Option<&Value>,
    (first, last): (u16, u16),
) -> Option<Diagnostic> {
    let late = (first == keys::DAY).then_some(from).flatten();
    if let Some(from) = late {
        let message = "nothing begins at the end of the day";
        let one = Diagnostic::error(Code::InvalidValue, from.span, message);
        return Some(one.help("write `from = \"00:00\"`"));
    }
    let at = to.or(from).filter(|_| first == last)?;
    let one = Diagnostic::error(Code::Conflict, at.span, "`from` and `to` are the same time");
    let one = match from.filter(|from| from.span != at.span) {
        Some(from) => one.also(from.span, "begins here"),
        None => one,
    };
    Some(one.help("leave both out for the whole day, or write `to = \"24:00\"` for its end"))
}
