//! One record while it is being written: a JSON object that is still open, so that the writer can end it.
//!
//! Built on the caller's thread, so it does little: names are constants, values are escaped into one growing text.

use super::Log;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// One open record: a JSON object without its closing brace, beginning with `at` and `kind`.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    log: Log,
    text: String,
}

/// What goes to the journal as one: written together or not at all.
pub(crate) type Lines = Vec<Line>;

/// Room for a usual record without growing.
const USUAL: usize = 768;

// === impl Line ===

impl Line {
    /// A record of this log and kind, of now.
    pub(crate) fn new(log: Log, kind: &'static str) -> Self {
        Self::at(SystemTime::now(), log, kind)
    }

    /// A record of this log and kind, of then.
    pub(super) fn at(now: SystemTime, log: Log, kind: &'static str) -> Self {
        let mut text = String::with_capacity(USUAL);
        text.push_str(r#"{"at":""#);
        text.push_str(Stamp::of(now).as_str());
        text.push_str(r#"","kind":""#);
        text.push_str(kind);
        text.push('"');
        Self { log, text }
    }

    /// Adds a text.
    pub(crate) fn text(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.name(name);
        quoted(&mut self.text, value);
        self
    }

    /// Adds a number.
    pub(crate) fn number(&mut self, name: &'static str, value: u64) -> &mut Self {
        self.name(name);
        // A text that cannot be written to does not exist.
        let _ = write!(self.text, "{value}");
        self
    }

    /// Adds a yes or a no.
    pub(crate) fn flag(&mut self, name: &'static str, value: bool) -> &mut Self {
        self.name(name);
        self.text.push_str(if value { "true" } else { "false" });
        self
    }

    /// Adds a list of texts.
    pub(crate) fn texts(
        &mut self,
        name: &'static str,
        values: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> &mut Self {
        self.name(name);
        self.text.push('[');
        for (at, value) in values.into_iter().enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            quoted(&mut self.text, value.as_ref());
        }
        self.text.push(']');
        self
    }

    /// Adds a JSON value as it stands. Only its line breaks, which JSON has between values alone, become spaces, and what
    /// steers a terminal, which it has within texts alone, is escaped.
    pub(crate) fn raw(&mut self, name: &'static str, json: &str) -> &mut Self {
        self.name(name);
        let odd = |letter: char| matches!(letter, '\n' | '\r' | '\u{7F}'..='\u{9F}');
        let mut plain = 0;
        for (at, found) in json.match_indices(odd) {
            self.text.push_str(json.get(plain..at).unwrap_or_default());
            plain = at + found.len();
            match found.chars().next().map_or(0, u32::from) {
                0..0x20 => self.text.push(' '),
                // A text that cannot be written to does not exist.
                code => drop(write!(self.text, "\\u{code:04x}")),
            }
        }
        self.text.push_str(json.get(plain..).unwrap_or_default());
        self
    }

    /// Adds an id, in plain hex.
    pub(crate) fn id(&mut self, name: &'static str, id: Uuid) -> &mut Self {
        self.name(name);
        self.text.push('"');
        self.text
            .push_str(id.simple().encode_lower(&mut Uuid::encode_buffer()));
        self.text.push('"');
        self
    }

    /// Where it belongs.
    pub(super) fn log(&self) -> Log {
        self.log
    }

    /// The open object.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    fn name(&mut self, name: &'static str) {
        self.text.push_str(",\"");
        self.text.push_str(name);
        self.text.push_str("\":");
    }
}

/// A JSON string. Beyond what JSON asks for, nothing that steers a terminal is left as it is: people read these files.
pub(super) fn quoted(text: &mut String, value: &str) {
    text.push('"');
    // Without an early end, so that the compiler looks at many bytes at once; nearly all values are plain.
    let odd = |byte: u8| (byte < 0x20) | matches!(byte, b'"' | b'\\' | 0x7F | 0xC2);
    if !value.bytes().fold(false, |any, byte| any | odd(byte)) {
        text.push_str(value);
        text.push('"');
        return;
    }
    let mut plain = 0;
    let mut escaped = [b'\\', b'u', b'0', b'0', 0, 0];
    for (at, byte) in value.bytes().enumerate() {
        // U+0080 to U+009F are C2 80 to C2 9F; the rest of the C2 row are letters.
        let steers = byte == 0xC2
            && value
                .as_bytes()
                .get(at + 1)
                .is_some_and(|next| *next < 0xA0);
        if !(byte < 0x20 || byte == b'"' || byte == b'\\' || byte == 0x7F || steers) {
            continue;
        }
        text.push_str(value.get(plain..at).unwrap_or_default());
        plain = at + 1;
        let code = if steers {
            plain += 1;
            value.as_bytes().get(at + 1).copied().unwrap_or_default()
        } else {
            byte
        };
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            _ => {
                let [.., high, low] = &mut escaped;
                *high = letter(code >> 4);
                *low = letter(code & 15);
                text.extend(escaped.iter().map(|byte| char::from(*byte)));
            }
        }
    }
    text.push_str(value.get(plain..).unwrap_or_default());
    text.push('"');
}

fn letter(nibble: u8) -> u8 {
    match nibble {
        0..10 => b'0' + nibble,
        _ => b'a' + nibble - 10,
    }
}

/// An instant as records write it: `2026-11-21T16:32:18.123456Z`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp([u8; 27]);

// === impl Stamp ===

impl Stamp {
    /// The stamp of an instant; what lies before 1970 or after 9999 counts as their ends.
    pub(crate) fn of(instant: SystemTime) -> Self {
        let since = instant
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .min(Duration::from_micros(253_402_300_799_999_999));
        let seconds = since.as_secs();
        let (year, month, day) = civil(seconds / 86_400);
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let parts = [
            (0, 4, year),
            (5, 2, month),
            (8, 2, day),
            (11, 2, seconds / 3_600 % 24),
            (14, 2, seconds / 60 % 60),
            (17, 2, seconds % 60),
            (20, 6, u64::from(since.subsec_micros())),
        ];
        for (at, width, value) in parts {
            let mut left = value;
            for digit in text.iter_mut().skip(at).take(width).rev() {
                *digit = b'0' + (left % 10) as u8;
                left /= 10;
            }
        }
        Self(text)
    }

    /// As text.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// As bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The instant of a stamp.
    pub(crate) fn read(text: &str) -> Option<SystemTime> {
        let part = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
        let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
        let seconds = part(11, 13)? * 3_600 + part(14, 16)? * 60 + part(17, 19)?;
        let days = days(year, month, day)?;
        let since = Duration::from_secs(days * 86_400 + seconds);
        let instant = UNIX_EPOCH + since + Duration::from_micros(part(20, 26)?);
        // What is written back differently was no stamp.
        (Self::of(instant).as_str() == text).then_some(instant)
    }
}

/// Days since 1970 as year, month and day: eras of 400 years that begin in March, so that leap days come last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + next, month, day)
}

/// The other way round.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month) = if month > 2 {
        (year, month.checked_sub(3)?)
    } else {
        (year.checked_sub(1)?, month + 9)
    };
    let (era, year) = (year / 400, year % 400);
    let day = (153 * month + 2) / 5 + day.checked_sub(1)?;
    (era * 146_097 + year * 365 + year / 4 - year / 100 + day).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_character_comes_back_and_none_steers_a_terminal() {
        let all: String = (0..=0x2100)
            .chain([0x1F600, 0x10FFFF])
            .filter_map(char::from_u32)
            .collect();
        for value in [
            all.as_str(),
            "",
            "plain",
            "\u{c2}\u{80}\u{a0}",
            "ends \"",
            "\u{9f}",
        ] {
            let mut text = String::new();
            quoted(&mut text, value);
            assert_eq!(serde_json::from_str::<String>(&text).unwrap(), value);
            assert!(!text.chars().any(char::is_control), "{value:?}");
        }
    }

    #[test]
    fn a_line_is_json_once_it_is_closed() {
        let mut line = Line::at(UNIX_EPOCH, Log::Calls, "intent");
        line.text("a", "x\ny")
            .number("n", 7)
            .flag("f", true)
            .texts("l", ["p", "\""])
            .texts("none", [""; 0])
            .raw("r", "{\"z\":\r\n [1,\"\u{9b}31mä\u{7f}\"]}")
            .id("i", Uuid::from_u128(5));
        let text = format!("{}}}", line.as_str());
        assert!(!text.contains(char::is_control), "{text:?}");
        let said: Value = serde_json::from_str(&text).unwrap();
        let wanted = serde_json::json!({ "at": "1970-01-01T00:00:00.000000Z", "kind": "intent", "a": "x\ny", "n": 7,
            "f": true, "l": ["p", "\""], "none": [], "r": { "z": [1, "\u{9b}31mä\u{7f}"] }, "i": "00000000000000000000000000000005" });
        assert_eq!(said, wanted);
    }

    #[test]
    fn stamps_are_dates() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400_000_001, "2000-02-29T00:00:00.000001Z"),
            (951_868_799_999_999, "2000-02-29T23:59:59.999999Z"),
            (951_868_800_000_000, "2000-03-01T00:00:00.000000Z"),
            (1_795_278_738_123_456, "2026-11-21T16:32:18.123456Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
        ] {
            let instant = UNIX_EPOCH + Duration::from_micros(micros);
            assert_eq!(Stamp::of(instant).as_str(), text);
            assert_eq!(Stamp::read(text), Some(instant), "{text}");
        }
        for day in (0..2_932_896_u64).step_by(13) {
            let (year, month, of) = civil(day);
            assert_eq!(days(year, month, of), Some(day));
        }
        for bad in [
            "",
            "2026-13-01T00:00:00.000000Z",
            "2026-02-30T00:00:00.000000Z",
            "2026-01-01",
        ] {
            assert_eq!(Stamp::read(bad), None, "{bad}");
        }
    }
}
