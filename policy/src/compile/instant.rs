//! An instant written as a TOML date.

use toml::value::{Datetime, Offset, Time};

use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Datum, Value};

/// Seconds since the epoch. A date is its first instant in UTC: at that day the agent is out.
pub(crate) fn instant(value: &Value, diagnostics: &mut Vec<Diagnostic>) -> Option<i64> {
    let Datum::Date(date) = value.datum else {
        return None;
    };
    let seconds = self::seconds(date);
    if seconds.is_none() {
        let message = format!("`{date}` does not say which instant it is");
        diagnostics.push(
            Diagnostic::error(Code::InvalidValue, value.span, message)
                .help("write a date such as `2027-06-30`, or a date and time with an offset such as `2027-06-30T18:00:00Z`"),
        );
    }
    seconds
}

/// The instant of a date, if it says which one it is.
pub(crate) fn seconds(date: Datetime) -> Option<i64> {
    match date {
        Datetime {
            date: Some(date),
            time: None,
            ..
        } => Some(days(date) * 86_400),
        Datetime {
            date: Some(date),
            time: Some(time),
            offset: Some(offset),
        } => {
            let minutes = match offset {
                Offset::Z => 0,
                Offset::Custom { minutes } => i64::from(minutes),
            };
            Some(days(date) * 86_400 + of_day(time) - minutes * 60)
        }
        _ => None,
    }
}

fn of_day(time: Time) -> i64 {
    i64::from(time.hour) * 3_600
        + i64::from(time.minute) * 60
        + i64::from(time.second.unwrap_or_default())
}

/// Days since 1970-01-01, in the proleptic Gregorian calendar; years counted from March, so that the
/// leap day is the last of its year.
fn days(date: toml::value::Date) -> i64 {
    let (month, day) = (i64::from(date.month), i64::from(date.day));
    let year = i64::from(date.year) - i64::from(month <= 2);
    let since_march = (month + 9) % 12;
    let day_of_year = (153 * since_march + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + day_of_year - 719_468
}
