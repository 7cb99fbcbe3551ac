//! What one caller may see of one server: the same decision, asked of lists, notifications and the server's requests.

use crate::snapshot::Snapshot;
use crate::task::{Bound, Task};
use adapters::wire::list::ListKind;
use adapters::wire::splice::Edit;
use adapters::wire::{Method, Span, array, text};
use policy::json::Json;
use policy::model::Class;
use policy::{Decision, Now, Policy, Request, Shadow, Target, Touched, User};
use std::sync::Arc;

/// Users by identity and subject.
type Others = [(Arc<str>, Arc<str>)];

/// One caller's view of one server under one snapshot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight<'a> {
    snapshot: &'a Snapshot,
    agent: &'a str,
    user: Option<User<'a>>,
    others: &'a Others,
    task: &'a Task,
    /// What the task had touched when it was looked at: one decision sees one state of it.
    touched: Touched,
    scopes: &'a [Box<str>],
    server: &'a str,
}

/// What becomes of a message the server sends unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes on to the client.
    Pass,
    /// The client does not see it.
    Withhold,
}

// === impl Sight ===

impl<'a> Sight<'a> {
    /// The view a request was made under.
    pub(crate) fn of(bound: &'a Bound) -> Self {
        let context = bound.asked().context();
        let (user, others) = users(bound);
        Self {
            snapshot: &context.snapshot,
            agent: &context.principal().agent,
            user,
            others,
            task: bound.task(),
            touched: bound.task().touched(),
            scopes: &context.caller.proof.scopes,
            server: &context.name,
        }
    }

    /// The same caller's view of the same server under another snapshot.
    pub(crate) fn under(self, snapshot: &'a Snapshot) -> Self {
        Self { snapshot, ..self }
    }

    /// The policy's decision, on these arguments.
    pub(crate) fn decide(self, target: Target<'_>, arguments: Option<Json<'_>>) -> Decision {
        let request = Request {
            arguments,
            ..self.request(target)
        };
        policy::decide(self.policy(), &request, instant())
    }

    /// What its task had touched before.
    pub(crate) fn touched(self) -> Touched {
        self.touched
    }

    /// Whether any rule is only counted.
    pub(crate) fn has_shadows(self) -> bool {
        self.policy().has_shadows()
    }

    /// What rules that are only counted would make of it.
    pub(crate) fn shadow(self, target: Target<'_>, arguments: Option<Json<'_>>) -> Option<Shadow> {
        let request = Request {
            arguments,
            ..self.request(target)
        };
        policy::shadow(self.policy(), &request, instant())
    }

    /// What the operator says of a target.
    pub(crate) fn class(self, target: Target<'_>) -> Option<Class> {
        let server = self.policy().server(self.server)?;
        Some(server.class(target))
    }

    /// Whether the caller may see this at all.
    pub(crate) fn sees(self, target: Target<'_>) -> bool {
        policy::visible(self.policy(), &self.request(target))
    }

    /// Whether the caller may have this now.
    fn may_have(self, target: Target<'_>) -> bool {
        matches!(self.decide(target, None), Decision::Allow(_))
    }

    /// Whether the server is there and the caller may reach anything on it.
    pub(crate) fn reaches(self) -> bool {
        self.snapshot.servers.contains_key(self.server) && self.sees(Target::Server)
    }

    /// Whether an item of a list is shown.
    pub(crate) fn lists(self, kind: ListKind, name: &str) -> bool {
        self.sees(match kind {
            ListKind::Tools => Target::Tool(name),
            ListKind::Prompts => Target::Prompt(name),
            ListKind::Resources | ListKind::ResourceTemplates => Target::Resource(name),
        })
    }

    /// Whether a notification of the server goes on: only what the table knows, only of what the caller sees.
    pub(crate) fn hears(self, method: Option<Method>, uri: Option<&str>) -> Verdict {
        let passes = match method {
            Some(Method::NotificationsResourcesUpdated) => {
                uri.is_some_and(|uri| self.may_have(Target::Resource(uri)))
            }
            Some(method) => method.from_server() && !method.is_request(),
            None => false,
        };
        if passes {
            Verdict::Pass
        } else {
            Verdict::Withhold
        }
    }

    /// Whether a request of the server goes on to the client.
    pub(crate) fn may_be_asked(self, method: Option<Method>) -> Verdict {
        match self.asks(method) {
            Some(Decision::Allow(_)) => Verdict::Pass,
            _ => Verdict::Withhold,
        }
    }

    /// What is decided of a request of the server to its client; none where no revision knows it.
    pub(crate) fn asks(self, method: Option<Method>) -> Option<Decision> {
        let target = match method? {
            Method::Ping => Target::Server,
            Method::SamplingCreateMessage => Target::Client("sampling"),
            Method::ElicitationCreate => Target::Client("elicitation"),
            Method::RootsList => Target::Client("roots"),
            _ => return None,
        };
        Some(self.decide(target, None))
    }

    /// The resource subscriptions of a listen that the caller may not have, as cuts.
    pub(crate) fn cut_listen(self, body: &[u8], subscriptions: Option<Span>) -> Vec<Edit> {
        let Some(list) = subscriptions else {
            return Vec::new();
        };
        array::cut(body, list, |element| {
            let raw = element.of(body);
            raw.first() == Some(&b'"') && self.sees(Target::Resource(&text::unescape(raw)))
        })
    }

    fn request<'b>(self, target: Target<'b>) -> Request<'b>
    where
        'a: 'b,
    {
        Request {
            agent: self.agent,
            user: self.user,
            others: self.others,
            chain: self.task.chain(),
            scopes: self.scopes,
            task: self.touched,
            server: self.server,
            target,
            arguments: None,
        }
    }

    fn policy(self) -> &'a Policy {
        &self.snapshot.config.policy
    }
}

/// Whom the caller acts for, as its proof says or else as the agent that called it does; and whom the others before it.
fn users(bound: &Bound) -> (Option<User<'_>>, &Others) {
    let caller = &bound.asked().context().caller;
    let before = bound.task().users();
    if let Some(subject) = caller.principal.user.as_deref() {
        let source = &*caller.proof.source;
        return (Some(User { source, subject }), before);
    }
    match before.split_last() {
        Some(((source, subject), others)) => (Some(User { source, subject }), others),
        None => (None, before),
    }
}

fn instant() -> Now {
    Now(i64::try_from(crate::identity::now()).unwrap_or(i64::MAX))
}
