//! `when`: an expression, for what the other conditions cannot say.
//!
//! The language is CEL, as far as every evaluation of it ends soon and by itself: what is named, called and repeated is
//! checked when a rule is read (`check`), and what a call brings along is read in place, a bounded part of it (`value`).
//! What fails after that (an argument that is missing or of another type, a division by zero) leaves the truth unknown.

mod check;
mod cost;
mod functions;
mod names;
mod number;
mod syntax;
#[cfg(test)]
mod tests;
mod value;

use super::{Facts, Truth};
use cel::Value;
use cel::common::types::CelBool;
use check::Checked;
use functions::FUNCTIONS_BUILT;
use std::fmt;
use std::sync::Arc;
use value::Asked;

/// A checked expression.
#[derive(Clone)]
pub struct Expression {
    text: Arc<str>,
    checked: Arc<Checked>,
}

/// Why a text is no expression of ours, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: String,
}

// === impl Expression ===

impl Expression {
    /// Checks an expression: its size, its names, its functions, what it can cost.
    pub fn new(text: &str) -> Result<Self, Flaw> {
        Ok(Self {
            text: text.into(),
            checked: Arc::new(Checked::new(text)?),
        })
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it looks at the call's arguments, the task or the hour, which nobody knows when a list is asked for.
    pub fn is_momentary(&self) -> bool {
        self.checked.is_momentary()
    }

    /// Whether it looks at what the task has touched.
    pub fn reads_task(&self) -> bool {
        self.checked.reads_task()
    }

    /// Whether it looks at the call's arguments.
    pub fn reads_arguments(&self) -> bool {
        self.checked.reads_arguments()
    }

    /// Whether it holds; where it fails, nobody can tell.
    pub fn truth(&self, facts: &Facts<'_>) -> Truth {
        let asked = Asked::new(&self.checked, facts);
        let mut context = FUNCTIONS_BUILT.new_inner_scope();
        context.set_variable_resolver(&asked);
        let Ok(value) = Value::resolve_val(&self.checked.tree, &context) else {
            return Truth::Maybe;
        };
        match value.downcast_ref::<CelBool>() {
            Some(holds) => Truth::from(*holds.inner()),
            None => Truth::Maybe,
        }
    }
}

impl fmt::Debug for Expression {
    /// Its text: what it has become is long.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}
