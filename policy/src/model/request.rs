//! What is asked of the policy.

use std::sync::Arc;

/// One question: may this agent, at the end of this chain, do that?
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The agent that acts.
    pub agent: &'a str,
    /// The agents between the origin of the work and the one that acts, oldest first; every envelope counts. Empty
    /// where the agent acts of its own.
    pub chain: &'a [Arc<str>],
    /// OAuth scopes of the caller's token.
    pub scopes: &'a [Box<str>],
    /// The server.
    pub server: &'a str,
    /// What on that server.
    pub target: Target<'a>,
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
    /// The server itself: requests that only open or describe.
    Server,
}
