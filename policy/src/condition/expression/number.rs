//! Numbers of arguments: as `int`, `uint` or `double`, whichever holds the number exactly; else not at all.

use cel::common::types::{CelDouble, CelInt, CelUInt};
use cel::common::value::Val;

/// From here on not every whole number is a `double`, so that an `int` compared with one may be rounded.
pub(super) const WHOLE: f64 = 9_007_199_254_740_992.0;

/// Beyond this every `double` is further away than any `int` or `uint`.
const BEYOND: f64 = 18_446_744_073_709_551_616.0;

/// A number, by its text.
pub(super) fn number<'a>(text: &str) -> Option<Box<dyn Val + 'a>> {
    if let Ok(int) = text.parse::<i64>() {
        return Some(Box::new(CelInt::from(int)));
    }
    if let Ok(uint) = text.parse::<u64>() {
        return Some(Box::new(CelUInt::from(uint)));
    }
    let double: f64 = text.parse().ok()?;
    if !double.is_finite() || Decimal::new(text)? != Decimal::new(&format!("{double:e}"))? {
        return None;
    }
    if double.abs() < WHOLE || double.abs() > BEYOND {
        return Some(Box::new(CelDouble::from(double)));
    }
    number_without_point(&format!("{double}"))
}

/// A whole number between those; written out it is an `int`, a `uint`, or cannot be told.
fn number_without_point<'a>(text: &str) -> Option<Box<dyn Val + 'a>> {
    let int = text
        .parse::<i64>()
        .ok()
        .map(|int| Box::new(CelInt::from(int)) as _);
    int.or_else(|| {
        text.parse::<u64>()
            .ok()
            .map(|uint| Box::new(CelUInt::from(uint)) as _)
    })
}

/// A decimal number: its significant digits and where the point stands.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    point: i64,
}

// === impl Decimal ===

impl Decimal {
    fn new(text: &str) -> Option<Self> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let written = format!("{whole}{fraction}");
        let significant = written.trim_start_matches('0');
        let leading = written.len() - significant.len();
        let digits = significant.trim_end_matches('0').to_owned();
        let exponent: i64 = exponent.parse().ok()?;
        let point = i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()?;
        let is_zero = digits.is_empty();
        Some(Self {
            is_negative: is_negative && !is_zero,
            digits,
            point: if is_zero {
                0
            } else {
                exponent.checked_add(point)?
            },
        })
    }
}
