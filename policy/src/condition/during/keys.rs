//! The keys of `during`, and how their values are written.

use chrono_tz::{TZ_VARIANTS, Tz};

use super::days::Days;
use crate::shape::{Fault, Form, Key, Shape, nearest};

/// The minutes of a day.
pub(super) const DAY: u16 = 24 * 60;

const DAYS: Form = Form {
    name: "a day such as \"mon\", or days such as \"mon-fri\"",
    pattern: Some(r"^(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?$"),
    check: |text| Days::new(text).map(drop),
};

const TIME: Form = Form {
    name: "a time such as \"08:00\"",
    pattern: Some(r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$"),
    check: |text| match minute(text) {
        Some(_) => Ok(()),
        None => Err(Fault::new(
            format!("`{}` is no time of day", text.escape_debug()),
            "write hours and minutes with two digits each, from \"00:00\" to \"24:00\"",
        )),
    },
};

const ZONE: Form = Form {
    name: "a time zone such as \"Europe/Berlin\"",
    pattern: Some(r"^[A-Za-z]"),
    check: |text| match zone(text) {
        Some(_) => Ok(()),
        None => {
            let near = nearest(text, TZ_VARIANTS.iter().map(|zone| zone.name()));
            Err(Fault::new(
                format!("`{}` is no time zone", text.escape_debug()),
                near.map_or_else(
                    || "write a name of the IANA database such as `Europe/Berlin`".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                ),
            )
            .of(crate::diagnostic::Code::UnknownName))
        }
    },
};

/// `during = { … }` of a rule.
pub(crate) const DURING: &[Key] = &[
    Key::new(
        "days",
        Shape::OneOrMany(&Shape::Text(DAYS)),
        "Days of the week and ranges of them; of a span over midnight, the days on which it begins. Absent: every day.",
    ),
    Key::new("from", Shape::Text(TIME), "The first minute.").default("\"00:00\""),
    Key::new(
        "to",
        Shape::Text(TIME),
        "The first minute that no longer counts; before `from`: on the next day.",
    )
    .default("\"24:00\""),
    Key::new(
        "zone",
        Shape::Text(ZONE),
        "The time zone of days and times, by its IANA name.",
    )
    .default("\"UTC\""),
];

/// A time of day in minutes: `24:00` is the end of the day.
pub(super) fn minute(text: &str) -> Option<u16> {
    let number = |digits: &str| {
        let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (number(hour)?, number(minute)?);
    let whole = hour * 60 + minute;
    (minute < 60 && whole <= DAY).then_some(whole)
}

/// The zone of a name, from what is built in: no file is read.
pub(super) fn zone(name: &str) -> Option<Tz> {
    name.parse().ok()
}
