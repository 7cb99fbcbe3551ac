//! What is asked of the policy.

use std::sync::Arc;

use super::Label;
use crate::json::Json;

/// An instant, in seconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now(pub i64);

/// One question: may this agent, at the end of this chain, do that?
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The agent that acts.
    pub agent: &'a str,
    /// Whom it acts for: as its own proof says, else whom the agent that called it acts for.
    pub user: Option<User<'a>>,
    /// Whom else the agents before it act for, as identity and subject.
    pub others: &'a [(Arc<str>, Arc<str>)],
    /// The agents between the origin of the work and the one that acts, oldest first; every envelope counts. Empty
    /// where the agent acts of its own.
    pub chain: &'a [Arc<str>],
    /// OAuth scopes of the caller's token.
    pub scopes: &'a [Box<str>],
    /// What its task has done before.
    pub task: Touched,
    /// The server.
    pub server: &'a str,
    /// What on that server.
    pub target: Target<'a>,
    /// The arguments, an object; `None` where the call brings none.
    pub arguments: Option<Json<'a>>,
}

/// A person an agent acts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User<'a> {
    /// The identity that vouches for it, `[identities.NAME]`.
    pub source: &'a str,
    /// As what that identity knows it.
    pub subject: &'a str,
}

/// What a task has touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touched {
    /// The highest label among what it has called.
    pub label: Label,
    /// Whether anything it was answered may have been written by anybody.
    pub untrusted: bool,
}

/// What a request concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// A tool, by its name on the server.
    Tool(&'a str),
    /// A resource, by its URI.
    Resource(&'a str),
    /// A prompt, by its name.
    Prompt(&'a str),
    /// A server's request to its client: `sampling`, `elicitation` or `roots`.
    Client(&'a str),
    /// A method no revision knows, by its name.
    Method(&'a str),
    /// The server itself: requests that only open or describe.
    Server,
}

// === impl Touched ===

impl Default for Touched {
    /// A task that has called nothing.
    fn default() -> Self {
        Self {
            label: Label::Public,
            untrusted: false,
        }
    }
}
