//! What a value that is there is held against.

use std::borrow::Cow;
use std::mem::discriminant;

use super::Truth;
use super::decimal::Decimal;
use super::within::Within;
use crate::json::{Json, Kind};
use crate::model::SubjectPattern;

/// One test; a value of a type it does not speak of is `Maybe`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// `is` and `in`: it is one of these.
    OneOf(Box<[Scalar<'static>]>),
    /// `like`: the string matches one of these.
    Like(Box<[SubjectPattern]>),
    /// `min` and `max`: the number is between these.
    Range {
        /// The least.
        min: Option<Decimal<'static>>,
        /// The greatest.
        max: Option<Decimal<'static>>,
    },
    /// `length`: so many characters of a string, or items of a list.
    Length {
        /// The fewest.
        min: usize,
        /// The most.
        max: usize,
    },
    /// `within`: the path or URL lies in one of these.
    Within(Within),
}

/// A value without parts. Those of two types are never equal.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar<'a> {
    /// A string.
    Text(Cow<'a, str>),
    /// A number.
    Number(Decimal<'a>),
    /// `true` or `false`.
    Bool(bool),
}

// === impl Test ===

impl Test {
    /// Whether surely no value passes both.
    pub(super) fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::OneOf(one), Self::OneOf(other)) => one.iter().all(|one| !other.contains(one)),
            (
                Self::Range { min, max },
                Self::Range {
                    min: least,
                    max: most,
                },
            ) => {
                let above = |min: &Option<Decimal<'_>>, max: &Option<Decimal<'_>>| {
                    min.as_ref()
                        .zip(max.as_ref())
                        .is_some_and(|(min, max)| min > max)
                };
                above(min, most) || above(least, max)
            }
            (Self::Like(patterns), Self::OneOf(values))
            | (Self::OneOf(values), Self::Like(patterns)) => {
                values.iter().all(|value| match value {
                    Scalar::Text(text) => patterns.iter().all(|one| !one.matches(text)),
                    Scalar::Number(_) | Scalar::Bool(_) => true,
                })
            }
            _ => false,
        }
    }

    /// Whether a value passes.
    pub(super) fn truth(&self, json: Json<'_>) -> Truth {
        match self {
            Self::OneOf(listed) => one_of(listed, json),
            Self::Like(patterns) => json.text().map_or(Truth::Maybe, |text| {
                patterns.iter().any(|one| one.matches(&text)).into()
            }),
            Self::Range { min, max } => {
                json.number()
                    .and_then(Decimal::new)
                    .map_or(Truth::Maybe, |number| {
                        let above = min.as_ref().is_none_or(|min| *min <= number);
                        let below = max.as_ref().is_none_or(|max| number <= *max);
                        (above && below).into()
                    })
            }
            Self::Length { min, max } => length(json).map_or(Truth::Maybe, |length| {
                (*min..=*max).contains(&length).into()
            }),
            Self::Within(within) => json.text().map_or(Truth::Maybe, |text| within.truth(&text)),
        }
    }
}

// === impl Scalar ===

impl<'a> Scalar<'a> {
    fn of(json: Json<'a>) -> Option<Self> {
        match json.kind()? {
            Kind::Text => json.text().map(Self::Text),
            Kind::Number => json.number().and_then(Decimal::new).map(Self::Number),
            Kind::Bool => json.bool().map(Self::Bool),
            Kind::Null | Kind::List | Kind::Object => None,
        }
    }
}

fn one_of(listed: &[Scalar<'_>], json: Json<'_>) -> Truth {
    let Some(found) = Scalar::of(json) else {
        return Truth::Maybe;
    };
    let kind = discriminant(&found);
    if listed.iter().all(|one| discriminant(one) != kind) {
        return Truth::Maybe;
    }
    listed.contains(&found).into()
}

fn length(json: Json<'_>) -> Option<usize> {
    match json.kind()? {
        Kind::Text => json.text().map(|text| text.chars().count()),
        Kind::List => Some(json.items().count()),
        _ => None,
    }
}
