//! Turns what a message asks into the policy's words, and a denial into what the caller may learn of it.

use crate::ask::{Ask, Context, Said};
use crate::identity::{Resource, insufficient_scope};
use crate::pipeline::{Denial, Refusal};
use crate::task::Bound;
use adapters::wire::{Class, Member, Method};
use std::borrow::Cow;
use std::sync::Arc;

/// What a call concerns.
#[derive(Debug)]
pub(super) enum Target<'a> {
    Tool(Cow<'a, str>),
    Resource(Cow<'a, str>),
    Prompt(Cow<'a, str>),
    Server,
}

/// What this request concerns.
///
/// # Errors
///
/// [`Refusal::ParamMissing`] where the message does not name its target.
pub(super) fn target(bound: &Bound) -> Result<Target<'_>, Refusal> {
    let said = match bound.asked().ask() {
        Ask::Listen | Ask::End => return Ok(Target::Server),
        Ask::Say(said) => said,
    };
    if matches!(said.class(), Class::Result | Class::Error) {
        return Ok(Target::Server);
    }
    // What is in no table was refused before it came here; it stays refused.
    let method = said.method.ok_or(Refusal::MethodUnknown)?;
    match method {
        Method::ToolsCall => named(said, Member::Name, "params.name").map(Target::Tool),
        Method::PromptsGet => named(said, Member::Name, "params.name").map(Target::Prompt),
        Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => {
            named(said, Member::Uri, "params.uri").map(Target::Resource)
        }
        Method::CompletionComplete => reference(said),
        _ => Ok(Target::Server),
    }
}

/// What a completion completes: a prompt's argument, or a resource template's.
fn reference(said: &Said) -> Result<Target<'_>, Refusal> {
    match (said.text(Member::RefName), said.text(Member::RefUri)) {
        (Some(name), None) => Ok(Target::Prompt(name)),
        (None, Some(uri)) => Ok(Target::Resource(uri)),
        _ => Err(Refusal::ParamMissing("params.ref")),
    }
}

fn named<'a>(said: &'a Said, member: Member, which: &'static str) -> Result<Cow<'a, str>, Refusal> {
    said.text(member).ok_or(Refusal::ParamMissing(which))
}

/// A notification passes when it speaks of what is open between this client and this server.
///
/// # Errors
///
/// [`Refusal::Unasked`] for the others.
pub(super) fn notification(bound: &Bound, said: &Said) -> Result<(), Refusal> {
    let session = bound.session().map(|session| &session.memory);
    let passes = match said.method {
        Some(Method::NotificationsCancelled) => session
            .zip(said.raw(Member::RequestId))
            .is_some_and(|(session, id)| session.is_open(id)),
        Some(Method::NotificationsProgress) => session
            .zip(said.raw(Member::ProgressToken))
            .is_some_and(|(session, token)| session.awaits_progress(token)),
        _ => true,
    };
    if passes {
        Ok(())
    } else {
        Err(Refusal::Unasked(
            "it speaks of no request that is open here",
        ))
    }
}

/// A response passes once, for a request of the server that was delivered in the same session.
///
/// # Errors
///
/// [`Refusal::Unasked`] for the others.
pub(super) fn response(bound: &Bound, said: &Said) -> Result<(), Refusal> {
    let asked = bound
        .session()
        .zip(said.id())
        .is_some_and(|(session, id)| session.memory.answer(id));
    if asked {
        Ok(())
    } else {
        Err(Refusal::Unasked(
            "it answers no request that was delivered here",
        ))
    }
}

// === impl Target ===

impl<'a> Target<'a> {
    pub(super) fn as_policy(&'a self) -> policy::Target<'a> {
        match self {
            Self::Tool(name) => policy::Target::Tool(name),
            Self::Resource(uri) => policy::Target::Resource(uri),
            Self::Prompt(name) => policy::Target::Prompt(name),
            Self::Server => policy::Target::Server,
        }
    }

    /// What the caller learns: nothing more than that what it cannot see is unknown.
    pub(super) fn refuse(self, denial: policy::Denial, context: &Context) -> Refusal {
        if denial.visible() {
            return match denial.reason() {
                policy::Reason::Scopes { name, scopes } => Refusal::ScopesMissing {
                    rule: Arc::clone(name),
                    scopes: scopes.join(" "),
                    challenge: Box::new(insufficient_scope(
                        &context.snapshot,
                        Resource::Endpoint(&context.name),
                        scopes,
                    )),
                },
                policy::Reason::Rule { name, message } => Refusal::Denied(Denial {
                    rule: Some(name.to_string()),
                    message: message.to_string(),
                }),
                _ => Refusal::Denied(Denial {
                    rule: None,
                    message: "not allowed".to_owned(),
                }),
            };
        }
        match self {
            Self::Tool(name) => Refusal::ToolUnknown(name.into_owned()),
            Self::Resource(uri) => Refusal::ResourceUnknown(uri.into_owned()),
            Self::Prompt(name) => Refusal::PromptUnknown(name.into_owned()),
            Self::Server => Refusal::ServerUnknown,
        }
    }
}
