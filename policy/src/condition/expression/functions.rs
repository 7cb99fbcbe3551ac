//! What an expression may call: functions that are pure and cheap, and nothing else.

use super::Flaw;
use super::names::{Sort, listed};
use crate::shape::nearest;
use cel::common::types::{CelBool, CelString, STRING_TYPE, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{Context, Env, ExecutionError};
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::{Input, MatchError};
use std::any::Any;
use std::error::Error;
use std::ops::RangeInclusive;
use std::sync::{Arc, LazyLock};

/// How a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `size(x)`.
    Plain,
    /// `x.size()`.
    Member,
}

/// The functions: name, how it is called, how many arguments it takes, what it answers.
const FUNCTIONS: &[(&str, Form, RangeInclusive<usize>, Sort)] = &[
    ("size", Form::Plain, 1..=1, Sort::Other),
    ("size", Form::Member, 0..=0, Sort::Other),
    ("contains", Form::Member, 1..=1, Sort::Bool),
    ("startsWith", Form::Member, 1..=1, Sort::Bool),
    ("endsWith", Form::Member, 1..=1, Sort::Bool),
    ("matches", Form::Plain, 2..=2, Sort::Bool),
    ("matches", Form::Member, 1..=1, Sort::Bool),
    ("int", Form::Plain, 1..=1, Sort::Other),
    ("uint", Form::Plain, 1..=1, Sort::Other),
    ("double", Form::Plain, 1..=1, Sort::Other),
    ("string", Form::Plain, 1..=1, Sort::Other),
    ("bool", Form::Plain, 1..=1, Sort::Bool),
    ("timestamp", Form::Plain, 1..=1, Sort::Other),
    ("duration", Form::Plain, 1..=1, Sort::Other),
    ("type", Form::Plain, 1..=1, Sort::Other),
    ("min", Form::Plain, 1..=16, Sort::Unknown),
    ("max", Form::Plain, 1..=16, Sort::Unknown),
    ("getFullYear", Form::Member, 0..=1, Sort::Other),
    ("getMonth", Form::Member, 0..=1, Sort::Other),
    ("getDayOfYear", Form::Member, 0..=1, Sort::Other),
    ("getDayOfMonth", Form::Member, 0..=1, Sort::Other),
    ("getDate", Form::Member, 0..=1, Sort::Other),
    ("getDayOfWeek", Form::Member, 0..=1, Sort::Other),
    ("getHours", Form::Member, 0..=1, Sort::Other),
    ("getMinutes", Form::Member, 0..=1, Sort::Other),
    ("getSeconds", Form::Member, 0..=1, Sort::Other),
    ("getMilliseconds", Form::Member, 0..=1, Sort::Other),
];

/// Macros, which the parser has replaced where they are called as they must be.
const MACROS: &[(&str, &str)] = &[
    ("has", "has(call.args.name)"),
    ("all", "[…].all(x, condition)"),
    ("exists", "[…].exists(x, condition)"),
    ("exists_one", "[…].exists_one(x, condition)"),
    ("map", "[…].map(x, value)"),
    ("filter", "[…].filter(x, condition)"),
];

/// The most bytes a pattern may have as an automaton, and may take to become one.
const LARGEST_PATTERN: usize = 512 * 1024;

static PATTERN_TYPE: Type = Type::new_unspecified_type("pattern");

/// The functions as the evaluator knows them; dear to build, so there is one.
pub(super) static FUNCTIONS_BUILT: LazyLock<Context<'static, 'static>> = LazyLock::new(|| {
    let mut environment = Env::stdlib();
    let declared = environment
        .add_overload(
            "matches",
            "matches_pattern",
            vec![STRING_TYPE, PATTERN_TYPE.to_owned()],
            matches,
        )
        .and_then(|()| {
            environment.add_member_overload(
                "matches",
                "text_matches_pattern",
                STRING_TYPE,
                vec![PATTERN_TYPE.to_owned()],
                matches,
            )
        });
    let mut context = Context::with_env(Arc::new(environment));
    let declared = declared
        .and_then(|()| context.add_function("min", cel::functions::min))
        .and_then(|()| context.add_function("max", cel::functions::max));
    debug_assert!(declared.is_ok(), "{declared:?}");
    context
});

/// A regular expression. It becomes a whole automaton when the rule is read, one step for each byte of a text: a
/// pattern that would make a large one is refused then, so that no text can make it large later.
#[derive(Debug, Clone)]
pub(super) struct Pattern(Arc<dense::DFA<Vec<u32>>>);

/// What a function that may be called so answers.
pub(super) fn answer(name: &str, is_member: bool, arguments: usize) -> Result<Sort, Flaw> {
    let form = if is_member { Form::Member } else { Form::Plain };
    let mut named = FUNCTIONS
        .iter()
        .filter(|(known, ..)| *known == name)
        .peekable();
    if named.peek().is_none() {
        return Err(unknown(name));
    }
    named
        .find(|(_, known, count, _)| *known == form && count.contains(&arguments))
        .map(|(.., sort)| *sort)
        .ok_or_else(|| wrong_form(name))
}

fn unknown(name: &str) -> Flaw {
    if let Some((_, form)) = MACROS.iter().find(|(known, _)| *known == name) {
        return Flaw {
            message: format!("`{name}` is not called so"),
            help: format!("write `{form}`"),
        };
    }
    let mut names: Vec<_> = FUNCTIONS.iter().map(|(known, ..)| *known).collect();
    names.dedup();
    let help = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            names.retain(|name| !name.starts_with("get"));
            let listed = listed(names.into_iter());
            format!("the functions: `has`, {listed}, and of a timestamp `getHours` and its like")
        }
    };
    Flaw {
        message: format!("unknown function `{name}`"),
        help,
    }
}

fn wrong_form(name: &str) -> Flaw {
    let forms: Vec<_> = FUNCTIONS
        .iter()
        .filter(|(known, ..)| *known == name)
        .map(|(_, form, count, _)| {
            let arguments = match (count.start(), count.end()) {
                (0, 0) => "",
                (0, 1) => "[zone]",
                (1, 1) => "a",
                (2, 2) => "a, b",
                _ => "a, …",
            };
            match form {
                Form::Plain => format!("`{name}({arguments})`"),
                Form::Member => format!("`x.{name}({arguments})`"),
            }
        })
        .collect();
    Flaw {
        message: format!("`{name}` is not called so"),
        help: format!("write {}", forms.join(" or ")),
    }
}

/// `matches`; the automaton gives up where a text asks for the edge of a word that is not ASCII.
fn matches<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let failed = || ExecutionError::InternalError(String::new());
    let [text, pattern] = arguments.as_slice() else {
        return Err(failed());
    };
    let text = text.downcast_ref::<CelString<'_>>().ok_or_else(failed)?;
    let pattern = pattern.downcast_ref::<Pattern>().ok_or_else(failed)?;
    let found = pattern.is_in(text).map_err(|_| failed())?;
    Ok(CowVal::owned(CelBool::from(found)))
}

// === impl Pattern ===

impl Pattern {
    pub(super) fn new(text: &str) -> Result<Self, Flaw> {
        let limits = dense::Config::new()
            .start_kind(StartKind::Unanchored)
            .unicode_word_boundary(true)
            .dfa_size_limit(Some(LARGEST_PATTERN))
            .determinize_size_limit(Some(LARGEST_PATTERN));
        let states = thompson::Config::new().nfa_size_limit(Some(LARGEST_PATTERN));
        let built = dense::Builder::new()
            .configure(limits)
            .thompson(states)
            .build(text);
        built
            .map(|automaton| Self(Arc::new(automaton)))
            .map_err(|error| unbuilt(text, &error))
    }

    fn is_in(&self, text: &str) -> Result<bool, MatchError> {
        let input = Input::new(text).earliest(true);
        self.0.try_search_fwd(&input).map(|found| found.is_some())
    }
}

/// Why a pattern is none: what its parser says, or else its size.
fn unbuilt(pattern: &str, error: &dyn Error) -> Flaw {
    match error.source().and_then(Error::source) {
        Some(syntax) => Flaw {
            message: format!("`{pattern}` is no regular expression"),
            help: last_line(&syntax.to_string()),
        },
        None => Flaw {
            message: format!("the pattern `{pattern}` is too large"),
            help: "repeat less, or write `[a-z]` and `[0-9]` for `\\w` and `\\d`".to_owned(),
        },
    }
}

/// Errors of patterns draw a picture first and say what is wrong in their last line.
fn last_line(error: &str) -> String {
    let line = error.lines().last().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

impl Val for Pattern {
    fn get_type(&self) -> &Type {
        &PATTERN_TYPE
    }

    fn cel_type() -> &'static Type {
        &PATTERN_TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Pattern {}
