//! Patterns over what can be called: `server/tool`, `server/resource:URI`, `server/prompt:NAME`,
//! `server/client:KIND`, `server/method:NAME`; `server/**` means everything there, `**` everything everywhere.

mod glob;

pub(super) use glob::{Glob, LONGEST, overlap};
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::{Target, well_formed};

/// The requests a server may send to its client.
const CLIENT_KINDS: [&str; 3] = ["sampling", "elicitation", "roots"];

/// HTTP methods that begin an operation of a plain API.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: Arc<str>,
    kind: Kind,
    shape: Shape,
}

/// What a pattern speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Everything.
    All,
    /// Tools.
    Tool,
    /// Resources.
    Resource,
    /// Prompts.
    Prompt,
    /// A server's requests to its client.
    Client,
    /// Methods no revision knows.
    Method,
}

/// Why a text is no pattern, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: String,
    /// Whether a later version takes it.
    pub later: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    /// A server by name, and a glob over names there (the kind's prefix taken off).
    On(Box<str>, Glob),
    /// Globs over a server's name and over names there.
    Each(Glob, Glob),
    /// A glob over the whole written name.
    Anywhere(Glob),
}

// === impl Pattern ===

impl Pattern {
    /// Compiles a pattern.
    pub fn new(text: &str) -> Result<Self, Mistake> {
        if text.len() > glob::LONGEST {
            let message = format!("a pattern has at most {} bytes", glob::LONGEST);
            return Err(Mistake::new(message, "use `*` for the part that varies"));
        }
        if text.chars().any(char::is_control) {
            return Err(Mistake::new(
                "a pattern holds no control characters",
                "remove them",
            ));
        }
        let (server, rest) = match text.split_once('/') {
            Some(parts) => parts,
            None if text.contains("**") => (text, "**"),
            None => {
                let message = format!("`{text}` names no tool: a tool is written `server/tool`");
                return Err(Mistake::new(
                    message,
                    format!("write `{}/*` for every tool of a server", name_of(text)),
                ));
            }
        };
        let kind = if text.contains('/') {
            kind(rest)?
        } else if text == "**" {
            Kind::All
        } else {
            Kind::Tool
        };
        if rest.is_empty() {
            return Err(Mistake::new(
                format!("`{text}` names no tool"),
                format!("write `{text}*` for every tool"),
            ));
        }
        let name = rest.strip_prefix(kind.prefix()).unwrap_or(rest);
        let shape = if server.contains("**") {
            Shape::Anywhere(Glob::new(text))
        } else if server.contains('*') {
            Shape::Each(Glob::new(server), Glob::new(name))
        } else if well_formed(server) {
            Shape::On(server.into(), Glob::new(name))
        } else {
            let message = format!("`{server}` cannot be the name of a server");
            return Err(Mistake::new(
                message,
                "names are letters, digits, `-` and `_`, a letter or digit first",
            ));
        };
        Ok(Self {
            text: text.into(),
            kind,
            shape,
        })
    }

    /// The pattern that means all of one kind on a server whose names match the glob.
    pub(crate) fn of(server: &str, kind: Kind, names: &str) -> Option<Self> {
        let fits = names.len() <= glob::LONGEST && well_formed(server);
        fits.then(|| Self {
            text: format!("{server}/{}{names}", kind.prefix()).into(),
            kind,
            shape: Shape::On(server.into(), Glob::new(names)),
        })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it speaks of.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The one server it names, if it names one.
    pub fn server(&self) -> Option<&str> {
        match &self.shape {
            Shape::On(server, _) => Some(server),
            Shape::Each(..) | Shape::Anywhere(_) => None,
        }
    }

    /// The one thing it names there, if it names one.
    pub fn exact_name(&self) -> Option<&str> {
        match &self.shape {
            Shape::On(_, Glob::Exact(name)) => Some(name),
            _ => None,
        }
    }

    /// What every name that matches begins with, and what it ends with.
    pub(crate) fn literals(&self) -> (&str, &str) {
        if self.kind == Kind::All {
            return ("", "");
        }
        let (server, name) = self.text.split_once('/').unwrap_or(("**", &self.text));
        let name = name.strip_prefix(self.kind.prefix()).unwrap_or(name);
        let head = name.split('*').next().unwrap_or_default();
        let tail = name.rsplit('*').next().unwrap_or_default();
        // A run that swallows `/` may reach into the name: only what follows the last `/` is surely part of it.
        match server.contains("**") {
            true => ("", tail.rsplit('/').next().unwrap_or_default()),
            false => (head, tail),
        }
    }

    /// Whether it matches this target; [`Target::Server`] never, it is no thing to call.
    pub fn matches(&self, server: &str, target: Target<'_>) -> bool {
        let Some((kind, name)) = Kind::of(target) else {
            return false;
        };
        if self.kind != Kind::All && self.kind != kind {
            return false;
        }
        match (&self.shape, self.kind) {
            (Shape::On(on, _), Kind::All) => **on == *server,
            (Shape::On(on, glob), _) => **on == *server && glob.matches(&[name]),
            (Shape::Each(on, _), Kind::All) => on.matches(&[server]),
            (Shape::Each(on, glob), _) => on.matches(&[server]) && glob.matches(&[name]),
            (Shape::Anywhere(whole), _) => whole.matches(&[server, "/", kind.prefix(), name]),
        }
    }

    /// Whether it can match anything on this server.
    pub fn touches(&self, server: &str) -> bool {
        match &self.shape {
            Shape::On(on, _) => **on == *server,
            Shape::Each(on, _) => on.matches(&[server]),
            // `**` before the first `/` may swallow it, so the server need only begin like the pattern.
            Shape::Anywhere(whole) => {
                let mut any: Vec<glob::Token> = server.bytes().map(glob::Token::Byte).collect();
                any.extend([glob::Token::Byte(b'/'), glob::Token::DeepRun]);
                glob::overlap(&whole.tokens(), &any)
            }
        }
    }

    /// Whether some target on this server matches both patterns.
    pub fn overlaps(&self, other: &Self, server: &str) -> bool {
        let kind = match (self.kind, other.kind) {
            (Kind::All, Kind::All) => return self.touches(server) && other.touches(server),
            (Kind::All, kind) | (kind, Kind::All) => kind,
            (a, b) if a == b => a,
            _ => return false,
        };
        match (self.names_on(server, kind), other.names_on(server, kind)) {
            (Some(a), Some(b)) => glob::overlap(&a, &b),
            _ => false,
        }
    }

    /// Whether it surely matches all that the other matches.
    pub fn covers(&self, other: &Self) -> bool {
        let kind = self.kind == Kind::All || self.kind == other.kind;
        // Most patterns begin otherwise, and that is seen at once.
        let (server, head) = (self.server(), self.literals().0);
        let server = server.is_none() || server == other.server();
        let head = other.server().is_none() || other.literals().0.starts_with(head);
        kind && server && head && glob::covers(&self.whole(), &other.whole())
    }

    /// The glob over whole written names.
    fn whole(&self) -> Vec<glob::Token> {
        match &self.shape {
            Shape::On(server, _) => self.names_on(server, self.kind).unwrap_or_default(),
            Shape::Each(servers, names) => {
                let between = ["/", self.kind.prefix()];
                let between = between.iter().flat_map(|piece| piece.bytes());
                let mut tokens = servers.tokens();
                tokens.extend(between.map(glob::Token::Byte));
                tokens.extend(names.tokens());
                tokens
            }
            Shape::Anywhere(whole) => whole.tokens(),
        }
    }

    /// The glob over whole written names of one kind on one server, if it can match there.
    fn names_on(&self, server: &str, kind: Kind) -> Option<Vec<glob::Token>> {
        match &self.shape {
            _ if !self.touches(server) => None,
            Shape::On(_, glob) | Shape::Each(_, glob) => {
                let head = [server, "/", kind.prefix()];
                let mut tokens: Vec<_> = head
                    .iter()
                    .flat_map(|piece| piece.bytes())
                    .map(glob::Token::Byte)
                    .collect();
                tokens.extend(if self.kind == Kind::All {
                    vec![glob::Token::DeepRun]
                } else {
                    glob.tokens()
                });
                Some(tokens)
            }
            Shape::Anywhere(whole) => Some(whole.tokens()),
        }
    }
}

// === impl Kind ===

impl Kind {
    /// What stands before a name of this kind.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::All | Self::Tool => "",
            Self::Resource => "resource:",
            Self::Prompt => "prompt:",
            Self::Client => "client:",
            Self::Method => "method:",
        }
    }

    /// The kind and name of a target; a server is neither.
    pub(crate) fn of(target: Target<'_>) -> Option<(Self, &str)> {
        match target {
            Target::Tool(name) => Some((Self::Tool, name)),
            Target::Resource(uri) => Some((Self::Resource, uri)),
            Target::Prompt(name) => Some((Self::Prompt, name)),
            Target::Client(kind) => Some((Self::Client, kind)),
            Target::Method(name) => Some((Self::Method, name)),
            Target::Server => None,
        }
    }
}

// === impl Mistake ===

impl Mistake {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
            later: false,
        }
    }
}

fn kind(rest: &str) -> Result<Kind, Mistake> {
    if rest == "**" {
        return Ok(Kind::All);
    }
    let first = rest.split(' ').next().unwrap_or_default();
    if rest.contains(' ') && METHODS.contains(&first) {
        let message = format!("`{rest}` is an operation of a plain API: not in this version");
        return Err(Mistake {
            message,
            help: "name a tool, resource or prompt".into(),
            later: true,
        });
    }
    let kinds = [Kind::Resource, Kind::Prompt, Kind::Client, Kind::Method];
    let kind = kinds
        .into_iter()
        .find(|kind| rest.starts_with(kind.prefix()))
        .unwrap_or(Kind::Tool);
    let name = rest.strip_prefix(kind.prefix()).unwrap_or(rest);
    if name.is_empty() && kind != Kind::Tool {
        return Err(Mistake::new(
            format!("`{rest}` names nothing"),
            format!("write `{rest}**` for all of them"),
        ));
    }
    if kind == Kind::Client && !name.contains('*') && !CLIENT_KINDS.contains(&name) {
        let message = format!("`{name}` is nothing a server asks of its client");
        return Err(Mistake::new(
            message,
            "it is one of `sampling`, `elicitation`, `roots`",
        ));
    }
    Ok(kind)
}

fn name_of(text: &str) -> &str {
    if well_formed(text) { text } else { "server" }
}
