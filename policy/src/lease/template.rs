//! What a scope is written as: text, and places for what a call brings.
//!
//! What is put in is checked by its form alone: it can neither end the scope it stands in, nor begin another, nor climb out
//! of a path. Whether a call may have that scope is the business of the rule's other conditions and of the issuer.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::condition::argument::path::Path;
use crate::json::Json;
use crate::model::{Request, User};
use crate::shape::Fault;

/// The most bytes a template may have.
const LONGEST: usize = 255;

/// The most bytes one value may bring.
const VALUE_LONGEST: usize = 256;

/// What divides the parts of a scope: a value brings none that the template itself is written with.
const SEPARATORS: [char; 2] = [':', '/'];

/// `repo:{args.repo}`. Two are the same that are written the same.
#[derive(Debug, Clone)]
pub struct ScopeTemplate {
    text: Box<str>,
    pieces: Box<[Piece]>,
}

/// What of a call cannot be part of a scope: it is missing, or it is not of the form that is safe everywhere. What it is
/// stays unsaid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsafe {
    /// What stands in the braces.
    pub name: Box<str>,
}

/// A part of a template.
#[derive(Debug, Clone)]
enum Piece {
    Literal(Box<str>),
    /// `{args.PATH}`.
    Argument(Path),
    /// `{agent}`: the agent that acts.
    Agent,
    /// `{user}`: whom it acts for, as `SOURCE:SUBJECT`.
    User,
    /// `{server}`.
    Server,
}

// === impl ScopeTemplate ===

impl ScopeTemplate {
    /// The template that is written so.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, Fault> {
        if text.is_empty() || text.len() > LONGEST {
            return Err(Fault::new(
                format!("a scope has 1 to {LONGEST} bytes"),
                "write one scope a string",
            ));
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            pieces.extend(literal(before)?);
            let (name, behind) = after.split_once('}').ok_or_else(|| {
                Fault::new(
                    format!("`{}` has a `{{` without a `}}`", text.escape_debug()),
                    "close it, such as in `repo:{args.repo}`",
                )
            })?;
            pieces.push(Piece::new(name)?);
            rest = behind;
        }
        pieces.extend(literal(rest)?);
        Ok(Self {
            text: text.into(),
            pieces: pieces.into(),
        })
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is the same for every call.
    pub fn is_fixed(&self) -> bool {
        let mut pieces = self.pieces.iter();
        pieces.all(|piece| matches!(piece, Piece::Literal(_)))
    }

    /// Whether it depends on the arguments of a call.
    pub fn reads_arguments(&self) -> bool {
        let mut pieces = self.pieces.iter();
        pieces.any(|piece| matches!(piece, Piece::Argument(_)))
    }

    /// The scope of this call.
    ///
    /// # Errors
    ///
    /// What the call does not bring, or brings in a form that may not stand there.
    pub fn render(&self, request: &Request<'_>) -> Result<String, Unsafe> {
        let mut scope = String::with_capacity(self.text.len());
        for piece in &self.pieces {
            if let (Piece::User, Some(user)) = (piece, request.user) {
                scope.push_str(user.source);
                scope.push(':');
            }
            match piece {
                Piece::Literal(text) => scope.push_str(text),
                _ => match piece.value(request).filter(|value| self.takes(value)) {
                    Some(value) => scope.push_str(&value),
                    None => return Err(Unsafe { name: piece.name() }),
                },
            }
        }
        Ok(scope)
    }

    /// Whether a value may stand in it.
    fn takes(&self, value: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/@+-".contains(&byte);
        let divides = |mark: &char| {
            let mut pieces = self.pieces.iter();
            value.contains(*mark)
                && pieces.any(|one| matches!(one, Piece::Literal(text) if text.contains(*mark)))
        };
        !value.is_empty()
            && value.len() <= VALUE_LONGEST
            && value.bytes().all(plain)
            && !value
                .split('/')
                .any(|segment| matches!(segment, "." | ".."))
            && !SEPARATORS.iter().any(divides)
    }
}

impl PartialEq for ScopeTemplate {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ScopeTemplate {}

impl PartialOrd for ScopeTemplate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ScopeTemplate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

// === impl Piece ===

impl Piece {
    /// What stands in braces.
    fn new(name: &str) -> Result<Self, Fault> {
        match (name, name.strip_prefix("args.")) {
            ("agent", _) => Ok(Self::Agent),
            ("user", _) => Ok(Self::User),
            ("server", _) => Ok(Self::Server),
            (_, Some(path)) if path.split('.').any(|segment| segment == "*") => Err(Fault::new(
                format!("`{}` may mean several values", name.escape_debug()),
                "name one argument",
            )),
            (_, Some(path)) => Path::new(path).map(Self::Argument),
            (_, None) => Err(Fault::new(
                format!("`{{{}}}` stands for nothing", name.escape_debug()),
                "write `{args.PATH}`, `{agent}`, `{user}` or `{server}`",
            )),
        }
    }

    /// As it stands in the braces.
    fn name(&self) -> Box<str> {
        match self {
            Self::Literal(text) => text.clone(),
            Self::Argument(path) => format!("args.{}", path.as_str()).into(),
            Self::Agent => "agent".into(),
            Self::User => "user".into(),
            Self::Server => "server".into(),
        }
    }

    /// What the call brings for it.
    fn value<'a>(&self, request: &Request<'a>) -> Option<Cow<'a, str>> {
        match self {
            Self::Literal(_) => None,
            Self::Argument(path) => scalar(path.sole(request.arguments?)?),
            Self::Agent => Some(Cow::Borrowed(request.agent)),
            Self::User => subject(request).map(Cow::Borrowed),
            Self::Server => Some(Cow::Borrowed(request.server)),
        }
    }
}

/// A value without parts, as it is written.
fn scalar(json: Json<'_>) -> Option<Cow<'_, str>> {
    let written = || json.bool().map(|yes| if yes { "true" } else { "false" });
    json.text()
        .or_else(|| json.number().or_else(written).map(Cow::Borrowed))
}

/// The one user the chain acts for; of several none is meant.
fn subject<'a>(request: &Request<'a>) -> Option<&'a str> {
    let user = request.user?;
    let mut others = request.others.iter();
    let same = |other: User<'_>| other == user;
    others
        .all(|(source, subject)| same(User { source, subject }))
        .then_some(user.subject)
}

/// Text between braces, where there is any.
fn literal(text: &str) -> Result<Option<Piece>, Fault> {
    // Those of a scope of OAuth; no other issuer needs more.
    let scope = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e) && byte != b'}';
    match text.bytes().all(scope) {
        true => Ok((!text.is_empty()).then(|| Piece::Literal(text.into()))),
        false => Err(Fault::new(
            format!("`{}` cannot stand in a scope", text.escape_debug()),
            "write one scope a string, without spaces, quotes or single braces",
        )),
    }
}
