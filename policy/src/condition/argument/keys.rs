//! The keys of `args`: what may be written about one argument.

use super::path::Path;
use super::within;
use crate::model::SubjectPattern;
use crate::shape::{Fault, Form, Key, Shape};

/// Where in the arguments: the names of `args`.
pub(crate) const PATH: Form = Form {
    name: "the path of an argument such as \"filter.repo\"",
    pattern: Some(r"^[^.]+(\.[^.]+){0,15}$"),
    check: |text| Path::new(text).map(drop),
};

const LIKE: Form = Form {
    name: "a pattern such as \"acme/*\"",
    pattern: Some(r"^.{1,255}$"),
    check: |text| match SubjectPattern::new(text) {
        Some(_) => Ok(()),
        None => Err(Fault::new(
            format!("`{}` is no pattern", text.escape_debug()),
            "write up to 255 bytes; `*` stands for any run without `/`, `**` for any run",
        )),
    },
};

const WITHIN: Form = Form {
    name: "an absolute path or a URL",
    pattern: Some(r"^(/|[Hh][Tt][Tt][Pp][Ss]?://|[Ww][Ss][Ss]?://|[Ff][Tt][Pp]://)"),
    check: within::check,
};

/// The table of `length`.
const LENGTH: &[Key] = &[
    Key::new("min", COUNT, "The fewest characters or items."),
    Key::new("max", COUNT, "The most characters or items."),
];

const COUNT: Shape = Shape::Integer(0, 1_000_000_000);

/// `args."PATH" = { … }` of a rule.
pub(crate) const ARGUMENT: &[Key] = &[
    Key::new(
        "is",
        Shape::Scalar,
        "What it must be; a string is never a number.",
    ),
    Key::new("in", Shape::List(&Shape::Scalar), "What it must be one of."),
    Key::new(
        "like",
        Shape::OneOrMany(&Shape::Text(LIKE)),
        "Patterns, one of which the string must match: `*` is any run without `/`, `**` any run.",
    ),
    Key::new("max", Shape::Number, "The greatest number it may be."),
    Key::new("min", Shape::Number, "The least number it may be."),
    Key::new(
        "length",
        Shape::OrTable(&COUNT, LENGTH),
        "How many characters a string has, or items a list: exactly, or `{ min, max }`.",
    ),
    Key::new(
        "within",
        Shape::OneOrMany(&Shape::Text(WITHIN)),
        "Directories or URLs in one of which the path or URL must lie.",
    ),
    Key::new(
        "present",
        Shape::True,
        "It must be there; beside another condition of a deny, spares calls without it.",
    ),
    Key::new(
        "absent",
        Shape::True,
        "It must not be there; null is there.",
    ),
];
