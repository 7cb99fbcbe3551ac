//! Numbers exactly as written: 0.1 is a tenth, and 2^53 + 1 is not 2^53.
//!
//! A number is its digits and where the point stands among them. Two are compared without writing out a single zero of
//! an exponent, so `1e999999999` costs as much as it is long.

use std::borrow::Cow;
use std::cmp::Ordering;

/// A decimal number. Equal numbers have equal parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal<'a> {
    /// Below zero; never of zero.
    negative: bool,
    /// How many digits stand before the point; below zero, how many zeros stand behind it before the first digit.
    magnitude: i64,
    /// Without zeros at either end; none of zero.
    digits: Cow<'a, [u8]>,
}

// === impl Decimal ===

impl<'a> Decimal<'a> {
    /// Reads a number of JSON or a decimal number of TOML; `None` of anything else, and of an exponent beyond 64 bits.
    pub(super) fn new(text: &'a str) -> Option<Self> {
        let (text, negative) = match text.strip_prefix('-') {
            Some(text) => (text, true),
            None => (text.strip_prefix('+').unwrap_or(text), false),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let numeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let power = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        let well_formed = numeric(whole) && numeric(fraction) && numeric(power);
        if !well_formed || whole.is_empty() || power.is_empty() {
            return None;
        }
        let digits = match fraction {
            "" => Cow::Borrowed(whole.as_bytes()),
            _ => Cow::Owned([whole, fraction].concat().into_bytes()),
        };
        let Some(first) = digits.iter().position(|digit| *digit != b'0') else {
            return Some(Self {
                negative: false,
                magnitude: 0,
                digits: Cow::Borrowed(&[]),
            });
        };
        let before_point = i64::try_from(whole.len()).ok()? - i64::try_from(first).ok()?;
        Some(Self {
            negative,
            magnitude: exponent.parse::<i64>().ok()?.checked_add(before_point)?,
            digits: match digits {
                Cow::Borrowed(digits) => Cow::Borrowed(trimmed(digits)),
                Cow::Owned(digits) => Cow::Owned(trimmed(&digits).to_vec()),
            },
        })
    }

    /// The same on its own.
    pub(super) fn into_owned(self) -> Decimal<'static> {
        Decimal {
            negative: self.negative,
            magnitude: self.magnitude,
            digits: Cow::Owned(self.digits.into_owned()),
        }
    }

    /// Below zero, zero or above.
    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = || {
            let here = (self.magnitude, &self.digits);
            here.cmp(&(other.magnitude, &other.digits))
        };
        self.sign()
            .cmp(&other.sign())
            .then_with(|| match self.negative {
                true => size().reverse(),
                false => size(),
            })
    }
}

/// Without the zeros at either end.
fn trimmed(digits: &[u8]) -> &[u8] {
    let zero = |digit: &u8| *digit == b'0';
    let first = digits.iter().position(|digit| !zero(digit));
    let last = digits.iter().rposition(|digit| !zero(digit));
    let range = first.zip(last).map(|(first, last)| first..=last);
    range
        .and_then(|range| digits.get(range))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    fn decimal(text: &str) -> Decimal<'_> {
        Decimal::new(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn the_same_number_is_the_same_however_it_is_written() {
        for same in [
            &["0", "-0", "0.0", "-0.00e5", "0e99999999999999999999", "+0"][..],
            &["100", "1e2", "1E+2", "100.0", "0.1e3", "00100", "1000e-1"],
            &["0.1", "1e-1", "0.10", "10e-2"],
            &["-1.5", "-15e-1", "-0.15E1"],
            &["1e400", "10e399", "0.1e401"],
        ] {
            for (one, other) in same.iter().zip(same.iter().skip(1)) {
                let (one, other) = (decimal(one), decimal(other));
                assert!(one == other && one.cmp(&other).is_eq(), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_row_in_order() {
        let row = [
            "-1e999999999",
            "-1e400",
            "-9007199254740993",
            "-9007199254740992",
            "-2",
            "-1.5",
            "-1",
            "-1e-400",
            "0",
            "1e-999999999",
            "0.1",
            "0.1000000000000000055511151231257827",
            "0.3",
            "0.30000000000000004",
            "1",
            "10",
            "10.01",
            "9007199254740992",
            "9007199254740993",
            "18446744073709551616",
            "1e400",
            "1e999999999",
            "2e999999999",
        ];
        for (at, one) in row.iter().enumerate() {
            for (other_at, other) in row.iter().enumerate() {
                let found = decimal(one).cmp(&decimal(other));
                assert_eq!(found, at.cmp(&other_at), "{one} {other}");
            }
        }
    }

    #[test]
    fn what_is_no_number() {
        for text in [
            "",
            "-",
            "+",
            ".",
            "1.e",
            "e1",
            "1e",
            "1e+",
            "--1",
            "1e1.5",
            "0x1",
            "inf",
            "nan",
            "1_0",
            ".5",
            "1 ",
            "1e99999999999999999999",
            "1e9223372036854775807",
        ] {
            assert!(Decimal::new(text).is_none(), "{text}");
        }
    }

    /// Against integers: every number here is a multiple of 10^-12 and is held as how many.
    #[test]
    fn it_compares_as_integers_do() {
        let mut seed = 11_u64;
        let mut next = |most: u64| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % most
        };
        let mut number = || {
            let sign = [1_i128, -1][next(2) as usize];
            let most = [12, 2_000][next(2) as usize];
            let (whole, places) = (next(most), next(3) as u32);
            let fraction = next(10_u64.pow(places));
            let exponent = next(13) as i32 - 6;
            let minus = if sign < 0 { "-" } else { "" };
            let width = places as usize;
            let text = match places {
                0 => format!("{minus}{whole}e{exponent}"),
                _ => format!("{minus}{whole}.{fraction:0width$}E{exponent}"),
            };
            let digits = i128::from(whole) * 10_i128.pow(places) + i128::from(fraction);
            let power = 12 + exponent - places as i32;
            (text, sign * digits * 10_i128.pow(power as u32))
        };
        let mut equal = 0;
        for _ in 0..50_000 {
            let ((one, exact), (other, other_exact)) = (number(), number());
            let (one, other) = (decimal(&one), decimal(&other));
            assert_eq!(
                one.cmp(&other),
                exact.cmp(&other_exact),
                "{one:?} {other:?}"
            );
            assert_eq!(one == other, exact == other_exact, "{one:?} {other:?}");
            equal += u32::from(one == other);
        }
        assert!(equal > 10, "too few of the pairs were equal: {equal}");
    }
}
