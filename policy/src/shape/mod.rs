//! What may be written: one table of keys serves the check, the JSON Schema and the documentation.

mod schema;
mod suggest;
#[cfg(test)]
mod tests;
mod walk;

pub use schema::{Node, schema};
pub use suggest::nearest;
pub use walk::{check, check_entry};

/// One key of a table.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// As written.
    pub name: &'static str,
    /// What its value may be.
    pub shape: Shape,
    /// What it is for, in one sentence.
    pub doc: &'static str,
    /// What holds without it, as TOML.
    pub default: Option<&'static str>,
    /// Whether it must be there.
    pub need: Need,
}

/// Whether a key must be there, may be there, or is known but not built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// May be left out.
    Optional,
    /// Must be there.
    Required,
    /// Known, and refused until its room is built.
    NotInThisVersion,
}

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// `true` or `false`.
    Bool,
    /// Only `true`.
    True,
    /// An integer within bounds.
    Integer(i64, i64),
    /// A number, exactly as written; neither `inf` nor `nan`.
    Number,
    /// A string, a number or a boolean.
    Scalar,
    /// A date, or a date and time with its offset.
    Date,
    /// A string of some form.
    Text(Form),
    /// One of these strings.
    Choice(&'static [Choice]),
    /// A reference to a secret in a file: `{ file = "path" }`.
    SecretFile,
    /// A reference to a secret: `{ file = "path" }` or `{ env = "NAME" }`.
    Secret,
    /// A table of free keys of some form, each a reference to a secret: `{ file = "path" }` or `{ env = "NAME" }`.
    Secrets(Form),
    /// A list.
    List(&'static Shape),
    /// One, or a list of at least one.
    OneOrMany(&'static Shape),
    /// A table with these keys.
    Table(&'static [Key]),
    /// A table of names the user gives, each with a table of these keys.
    Names(&'static [Key]),
    /// A table of names the user gives, each with a string of some form.
    Texts(Form),
    /// A table of free keys of some form, each with a table of these keys.
    Map(Form, &'static [Key]),
    /// A table of anything.
    Free,
    /// `[[…]]`.
    Rows(&'static [Key]),
    /// This, or a table with these keys.
    OrTable(&'static Shape, &'static [Key]),
    /// Not looked at: the key is refused as a whole.
    Unbuilt,
}

/// One string of a closed set.
#[derive(Debug, Clone, Copy)]
pub struct Choice {
    /// As written.
    pub name: &'static str,
    /// Whether this version takes it.
    pub built: bool,
}

/// A form of string.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// In words, with its article.
    pub name: &'static str,
    /// For editors; a regular expression of JSON Schema. May be wider than `check`.
    pub pattern: Option<&'static str>,
    /// What is wrong with a text, if anything.
    pub check: fn(&str) -> Result<(), Fault>,
}

/// What is wrong with a string, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which kind of mistake.
    pub code: crate::diagnostic::Code,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: String,
}

/// Where a secret is.
const SECRET: &[Key] = &[
    Key::new("file", Shape::Text(ANY), "The file that holds the secret."),
    Key::new(
        "env",
        Shape::Text(ANY),
        "The environment variable that holds the secret.",
    ),
];

/// Any text.
pub const ANY: Form = Form {
    name: "a string",
    pattern: None,
    check: |_| Ok(()),
};

// === impl Key ===

impl Key {
    /// A key that may be left out.
    pub const fn new(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self {
            name,
            shape,
            doc,
            default: None,
            need: Need::Optional,
        }
    }

    /// A key whose room is not built.
    pub const fn later(name: &'static str) -> Self {
        Self {
            name,
            shape: Shape::Unbuilt,
            doc: "",
            default: None,
            need: Need::NotInThisVersion,
        }
    }

    /// With what holds without it.
    #[must_use]
    pub const fn default(mut self, toml: &'static str) -> Self {
        self.default = Some(toml);
        self
    }

    /// A key that must be there.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.need = Need::Required;
        self
    }

    /// Whether this version takes it.
    pub fn built(&self) -> bool {
        self.need != Need::NotInThisVersion
    }
}

// === impl Choice ===

impl Choice {
    /// One this version takes.
    pub const fn new(name: &'static str) -> Self {
        Self { name, built: true }
    }

    /// One it does not take yet.
    pub const fn later(name: &'static str) -> Self {
        Self { name, built: false }
    }
}

// === impl Fault ===

impl Fault {
    /// A value that cannot be used.
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            code: crate::diagnostic::Code::InvalidValue,
            message: message.into(),
            help: help.into(),
        }
    }

    /// The same of another kind.
    #[must_use]
    pub fn of(mut self, code: crate::diagnostic::Code) -> Self {
        self.code = code;
        self
    }
}
