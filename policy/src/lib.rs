//! Pure decisions: TOML text in, decisions and diagnostics out.
//!
//! No files, no clock, no network: sources come in as text, and what could fail is reported when the
//! text is read, so that `decide` is total. Read `decide` first; `document` and `shape` turn text into a
//! checked tree, `compile` turns the tree into a `Policy`, `lint` says what is allowed but unwise, `cases` runs
//! `[[tests]]`, `access` says who can reach what, and `words` says an explanation to people.

pub mod access;
pub mod cases;
pub mod compile;
pub mod condition;
pub mod decide;
pub mod diagnostic;
pub mod document;
pub mod json;
pub mod keys;
pub mod lease;
pub mod limit;
pub mod lint;
pub mod model;
pub mod shape;
pub mod words;

pub use compile::compile;
pub use decide::{
    Asking, Decision, Denial, Explanation, Foreseen, Grant, Outcome, Reason, Shadow, base_scopes,
    decide, explain, foresee, shadow, visible,
};
pub use diagnostic::{Code, Diagnostic, Report, Severity};
pub use document::{Document, Source};
pub use model::{Now, Policy, Request, Target, Touched, User};
