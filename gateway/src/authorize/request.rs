//! Turns what a message asks into the policy's words, and a denial into what the caller may learn of it.

use super::{Sight, Verdict};
use crate::ask::{Ask, Context, Said};
use crate::identity::{Resource, insufficient_scope};
use crate::pipeline::{Denial, Refusal};
use crate::task::{Bound, Tasks};
use adapters::wire::{Class, Member, Method};
use policy::json::Json;
use policy::{Decision, Reason, model};
use std::borrow::Cow;
use std::sync::Arc;

/// What the caller is told where no rule says it better.
const NOT_ALLOWED: &str = "not allowed";
const UNASKED: &str = "a person would have to approve this, and nobody can be asked yet";

/// What a call concerns.
#[derive(Debug)]
pub(super) enum Target<'a> {
    Tool(Cow<'a, str>),
    Resource(Cow<'a, str>),
    Prompt(Cow<'a, str>),
    Method(Cow<'a, str>),
    Server,
}

/// What this request concerns.
///
/// # Errors
///
/// [`Refusal::ParamMissing`] where the message does not name its target, [`Refusal::MethodUnknown`] where nobody has said
/// what its method does.
pub(super) fn target(bound: &Bound) -> Result<Target<'_>, Refusal> {
    let said = match bound.asked().ask() {
        Ask::Listen | Ask::End => return Ok(Target::Server),
        Ask::Say(said) => said,
    };
    if matches!(said.class(), Class::Result | Class::Error) {
        return Ok(Target::Server);
    }
    let Some(method) = said.method else {
        // What no table has is refused unless the operator has said what it does.
        let known = said.classified(bound.asked().context());
        let name = said.text(Member::Method).filter(|_| known);
        return name.map(Target::Method).ok_or(match said.class() {
            Class::Request => Refusal::MethodUnknown,
            _ => Refusal::Invalid("a notification of an unknown method"),
        });
    };
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

/// The arguments of a call, where it brings any.
pub(super) fn arguments(bound: &Bound) -> Option<Json<'_>> {
    let said = bound.asked().said()?;
    let has_some = matches!(said.method, Some(Method::ToolsCall | Method::PromptsGet));
    let arguments = said.raw(Member::Arguments).filter(|_| has_some);
    arguments.map(Json::new)
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
pub(super) async fn response(bound: &Bound, said: &Said, tasks: &Tasks) -> Result<(), Refusal> {
    let asked = match bound.session().zip(said.id()) {
        Some((session, id)) => tasks.answered(session, id).await,
        None => None,
    };
    match asked.map(|method| Sight::of(bound).may_be_asked(method)) {
        Some(Verdict::Pass) => Ok(()),
        // What the task has touched since may be nothing for this server.
        Some(Verdict::Withhold) => Err(Refusal::Unasked(
            "the rules no longer let the client answer",
        )),
        None => Err(Refusal::Unasked(
            "it answers no request that was delivered here",
        )),
    }
}

// === impl Target ===

impl<'a> Target<'a> {
    pub(super) fn as_policy(&'a self) -> policy::Target<'a> {
        match self {
            Self::Tool(name) => policy::Target::Tool(name),
            Self::Resource(uri) => policy::Target::Resource(uri),
            Self::Prompt(name) => policy::Target::Prompt(name),
            Self::Method(name) => policy::Target::Method(name),
            Self::Server => policy::Target::Server,
        }
    }

    /// Its kind and its name.
    pub(super) fn parts(self) -> (&'static str, Cow<'a, str>) {
        match self {
            Self::Tool(name) => ("tool", name),
            Self::Resource(uri) => ("resource", uri),
            Self::Prompt(name) => ("prompt", name),
            Self::Method(name) => ("method", name),
            Self::Server => ("", Cow::Borrowed("")),
        }
    }

    /// What a call of it touches; what only asks about it touches nothing.
    pub(super) fn touches(&self, bound: &Bound, sight: Sight<'_>) -> Option<model::Class> {
        let method = bound.asked().said().and_then(|said| said.method);
        let asks = matches!(
            method,
            Some(Method::ResourcesSubscribe | Method::ResourcesUnsubscribe)
        );
        match self {
            Self::Server => None,
            _ if asks => None,
            _ => sight.class(self.as_policy()),
        }
    }

    /// What the caller learns: nothing more than that what it cannot see is unknown.
    pub(super) fn refuse(self, decision: Decision, context: &Context) -> Refusal {
        let denied = |rule: Option<&Arc<str>>, message: Option<&Arc<str>>, otherwise: &str| {
            Refusal::Denied(Denial {
                rule: rule.map(|rule| rule.to_string()),
                message: message
                    .map_or_else(|| otherwise.to_owned(), |message| message.to_string()),
            })
        };
        match decision {
            Decision::Ask(asking) => denied(asking.rules().next(), asking.message(), UNASKED),
            Decision::Deny(denial) if denial.visible() => match denial.reason() {
                Reason::Scopes { name, scopes } => Refusal::ScopesMissing {
                    rule: Arc::clone(name),
                    scopes: scopes.join(" "),
                    challenge: Box::new(insufficient_scope(
                        &context.snapshot,
                        Resource::Endpoint(&context.name),
                        scopes,
                    )),
                },
                Reason::Rule { name }
                | Reason::Credentials { rules: [name, _] }
                | Reason::Lease { name, .. } => denied(Some(name), denial.message(), NOT_ALLOWED),
                _ => denied(None, denial.message(), NOT_ALLOWED),
            },
            Decision::Allow(_) | Decision::Deny(_) => match self {
                Self::Tool(name) => Refusal::ToolUnknown(name.into_owned()),
                Self::Resource(uri) => Refusal::ResourceUnknown(uri.into_owned()),
                Self::Prompt(name) => Refusal::PromptUnknown(name.into_owned()),
                Self::Method(_) => Refusal::MethodUnknown,
                Self::Server => Refusal::ServerUnknown,
            },
        }
    }
}
