//! Instants as issuers write them: `2016-07-11T22:14:10Z`, `20160711T221410Z`.

/// Of the first of January 1970, in years that begin in March, so that the day that is sometimes there is a year's last.
const EPOCH: u64 = 719_468;

/// Seconds since the epoch of an instant in UTC; parts of a second are passed over.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z')?;
    let (date, time) = text.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let time = time.split_once('.').map_or(time, |(time, _)| time);
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let sound = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !sound {
        return None;
    }
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let leap = year / 4 - year / 100 + year / 400;
    let days = year * 365 + leap + (month * 153 + 2) / 5 + day - 1;
    let days = days.checked_sub(EPOCH)?;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// An instant without what stands between its parts.
pub(super) fn compact(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400 + EPOCH, seconds % 86_400);
    // Four centuries have always as many days.
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (year * 365 + year / 4 - year / 100);
    let month = (day * 5 + 2) / 153;
    let day = day - (month * 153 + 2) / 5 + 1;
    let (year, month) = match month {
        10.. => (era * 400 + year + 1, month - 9),
        _ => (era * 400 + year, month + 3),
    };
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

fn numbers(text: &str, between: char, lengths: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(between);
    let mut next = |length: usize| {
        let part = parts.next()?;
        let plain = part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| part.parse().ok()).flatten()
    };
    let [first, second, third] = lengths;
    let all = [next(first)?, next(second)?, next(third)?];
    parts.next().is_none().then_some(all)
}

#[cfg(test)]
mod tests {
    use super::{compact, seconds};

    #[test]
    fn instants() {
        assert_eq!(seconds("1970-01-01T00:00:01.999Z"), Some(1));
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2000-03-01T00:00:00Z", 951_868_800),
            ("2016-07-11T22:14:10Z", 1_468_275_250),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
            assert_eq!(compact(expected), text.replace(['-', ':'], ""));
        }
        for bad in [
            "",
            "2016-07-11",
            "2016-07-11T22:14:10",
            "2016-07-11T22:14:10+02:00",
            "2016-13-11T22:14:10Z",
            "2016-07-11T24:14:10Z",
            "1969-12-31T23:59:59Z",
            "+016-07-11T22:14:10Z",
            "2016-7-11T22:14:10Z",
            "2016-07-11-01T22:14:10Z",
        ] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
