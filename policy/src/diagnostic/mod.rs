//! What is wrong with a configuration, where, and how to mend it.
//!
//! Messages are lower case, without a full stop, with input in backticks and without names of Rust types.

mod blank;
mod record;
mod render;
#[cfg(test)]
mod tests;

use crate::document::Source;

pub use record::{Place, Record};

/// A range of bytes in one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Which source, counted in reading order.
    pub source: usize,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// The configuration is taken; somebody should look.
    Warning,
}

/// What kind of mistake it is; the name never changes once published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// Not TOML.
    Syntax,
    /// A file cannot be read.
    Unreadable,
    /// The same name or key twice.
    Duplicate,
    /// A key nobody knows.
    UnknownKey,
    /// A key or value whose room is not built yet.
    NotInThisVersion,
    /// A key that must be there is not.
    MissingKey,
    /// A value of the wrong TOML type.
    WrongType,
    /// A value of the right type that cannot be used.
    InvalidValue,
    /// Keys that exclude each other, or values that contradict each other.
    Conflict,
    /// A name that nothing configured bears.
    UnknownName,
    /// A secret written into the file.
    LiteralSecret,
    /// A value left over from a template.
    Placeholder,
    /// A file or variable that a value points at is not there.
    UnreachableReference,
    /// Written, but it can never have an effect.
    Unreachable,
    /// An agent nobody answers for.
    NoOwner,
    /// An agent without an end.
    NoExpiry,
    /// Allows everything everywhere.
    AllowsEverything,
    /// An identity that is no more than a secret somebody holds.
    StaticKeys,
    /// A secret so short that answers cannot be searched for it.
    ShortSecret,
    /// A server whose calls go out without a credential, and nobody says that they should.
    NoCredential,
    /// What gateways share goes over a network without TLS.
    Unencrypted,
    /// An allow that a deny, or another allow, covers wholly.
    Shadowed,
    /// An allow and a deny of exactly the same.
    Contradiction,
    /// A group nobody names.
    UnusedGroup,
    /// A wildcard that allows tools which change or destroy something.
    WildcardEffects,
    /// A tool nobody has classified, which counts as one that destroys.
    Unclassified,
    /// An agent that no rule allows anything.
    UnreachedAgent,
    /// An agent whose time is over.
    Expired,
    /// An envelope that holds what no rule allows.
    WideEnvelope,
    /// A rule that narrows by an argument and so refuses calls without it, too.
    OptionalArgument,
    /// Two allows that may meet in one call and name different credentials, or scopes that do not nest.
    CredentialConflict,
}

/// A place and what to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// Said beside the underline; may be empty.
    pub text: String,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// Which kind.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// Where; the first is the place itself, the others belong to it. Empty: no place in any text.
    pub labels: Vec<Label>,
    /// How to mend it.
    pub help: Option<String>,
}

/// All mistakes of one reading, with the texts they point into.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The texts, secrets blanked.
    sources: Vec<Source>,
    /// In order of place.
    diagnostics: Vec<Diagnostic>,
}

// === impl Span ===

impl Span {
    /// An empty span at the beginning of a source.
    pub fn start_of(source: usize) -> Self {
        Self {
            source,
            start: 0,
            end: 0,
        }
    }
}

// === impl Code ===

impl Code {
    /// The published name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Unreadable => "unreadable",
            Self::Duplicate => "duplicate",
            Self::UnknownKey => "unknown-key",
            Self::NotInThisVersion => "not-in-this-version",
            Self::MissingKey => "missing-key",
            Self::WrongType => "wrong-type",
            Self::InvalidValue => "invalid-value",
            Self::Conflict => "conflict",
            Self::UnknownName => "unknown-name",
            Self::LiteralSecret => "literal-secret",
            Self::Placeholder => "placeholder",
            Self::UnreachableReference => "unreachable-reference",
            Self::Unreachable => "unreachable",
            Self::NoOwner => "no-owner",
            Self::NoExpiry => "no-expiry",
            Self::AllowsEverything => "allows-everything",
            Self::StaticKeys => "static-keys",
            Self::ShortSecret => "short-secret",
            Self::NoCredential => "no-credential",
            Self::Unencrypted => "unencrypted",
            Self::Shadowed => "shadowed",
            Self::Contradiction => "contradiction",
            Self::UnusedGroup => "unused-group",
            Self::WildcardEffects => "wildcard-effects",
            Self::Unclassified => "unclassified",
            Self::UnreachedAgent => "unreached-agent",
            Self::Expired => "expired",
            Self::WideEnvelope => "wide-envelope",
            Self::OptionalArgument => "optional-argument",
            Self::CredentialConflict => "credential-conflict",
        }
    }
}

// === impl Diagnostic ===

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, Some(span), message.into())
    }

    /// A warning at a place.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, Some(span), message.into())
    }

    /// An error that no text shows, such as a file that cannot be read.
    pub fn placeless(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, None, message.into())
    }

    /// Adds what to say beside the first underline.
    #[must_use]
    pub fn labelled(mut self, text: impl Into<String>) -> Self {
        if let Some(first) = self.labels.first_mut() {
            first.text = text.into();
        }
        self
    }

    /// Adds another place that belongs to the mistake.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Adds how to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The place itself.
    pub fn span(&self) -> Option<Span> {
        self.labels.first().map(|label| label.span)
    }

    fn new(severity: Severity, code: Code, span: Option<Span>, message: String) -> Self {
        let labels = span.map(|span| Label {
            span,
            text: String::new(),
        });
        Self {
            severity,
            code,
            message,
            labels: labels.into_iter().collect(),
            help: None,
        }
    }
}

// === impl Report ===

impl Report {
    /// Sorts the mistakes by place and blanks the secrets they point at.
    pub fn new(mut sources: Vec<Source>, mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics
            .sort_by(|a, b| (a.span(), a.code, &a.message).cmp(&(b.span(), b.code, &b.message)));
        diagnostics.dedup();
        for (number, source) in sources.iter_mut().enumerate() {
            let secrets = diagnostics
                .iter()
                .filter(|one| one.code == Code::LiteralSecret)
                .filter_map(Diagnostic::span)
                .filter(|span| span.source == number)
                .map(|span| span.start..span.end);
            let secrets: Vec<_> = blank::likely(&source.text)
                .into_iter()
                .chain(secrets)
                .collect();
            if !secrets.is_empty() {
                source.text = blank::ranges(&source.text, &secrets);
            }
        }
        Self {
            sources,
            diagnostics,
        }
    }

    /// The mistakes in order of place.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// How many refuse the configuration.
    pub fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    /// How many do not.
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// Where a span is.
    pub fn place(&self, span: Span) -> Option<Place<'_>> {
        record::place_of(&self.sources, span)
    }

    /// For people: each mistake with its line underlined.
    pub fn human(&self, colour: bool) -> String {
        render::human(&self.sources, &self.diagnostics, colour)
    }

    /// For machines: plain data with lines and columns.
    pub fn records(&self) -> Vec<Record<'_>> {
        record::records(&self.sources, &self.diagnostics)
    }

    fn count(&self, severity: Severity) -> usize {
        self.diagnostics
            .iter()
            .filter(|one| one.severity == severity)
            .count()
    }
}
