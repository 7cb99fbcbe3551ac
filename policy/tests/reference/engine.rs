//! The engine, asked the same questions.

use crate::condition;
use crate::world::{Answer, EFFECTS, LABELS, Lease, Outcome, Question, Thing};
use policy::json::Json;
use policy::model::{Effect, Label, Touched};
use policy::{Decision, Document, Now, Policy, Reason, Report, Request, Source, Target, User};
use std::sync::Arc;

/// A question in the engine's own words.
pub(crate) struct Asked<'a> {
    question: &'a Question,
    chain: Vec<Arc<str>>,
    scopes: Vec<Box<str>>,
    arguments: Option<String>,
}

/// The policy of a text that has no mistakes.
pub(crate) fn compiled(text: &str) -> Policy {
    let sources = vec![Source::new("world", text)];
    let (document, mut found) = Document::read(sources.clone());
    let policy = document.map(|document| policy::compile(&document));
    let policy = policy.map(|(policy, more)| {
        found.extend(more);
        policy
    });
    assert!(
        found.is_empty(),
        "{text}\n{}",
        Report::new(sources, found).human(false)
    );
    policy.unwrap()
}

/// What the engine answers.
pub(crate) fn answer(policy: &Policy, request: &Request<'_>, now: Now) -> Answer {
    let decision = policy::decide(policy, request, now);
    let mut answer = Answer {
        outcome: Outcome::Deny,
        reason: "",
        rule: decision.rule().map(ToString::to_string),
        asks: Vec::new(),
        message: None,
        lease: Lease::default(),
        visible: policy::visible(policy, request),
    };
    match &decision {
        Decision::Allow(grant) => {
            answer.outcome = Outcome::Allow;
            answer.lease = Lease {
                credential: grant.credential().map(ToString::to_string),
                scope: grant.scope().map(|scope| scope.iter().cloned().collect()),
                life: grant.life(),
            };
        }
        Decision::Ask(asking) => {
            answer.outcome = Outcome::Ask;
            answer.asks = asking.rules().map(ToString::to_string).collect();
            answer.message = asking.message().map(ToString::to_string);
        }
        Decision::Deny(denial) => {
            answer.reason = reason(denial.reason());
            // Which two of several that contradict each other is not promised.
            if let Reason::Credentials { .. } = denial.reason() {
                answer.rule = None;
            }
            answer.message = denial.message().map(ToString::to_string);
            assert_eq!(denial.visible(), answer.visible, "{request:?}");
        }
    }
    answer
}

fn reason(reason: &Reason) -> &'static str {
    match reason {
        Reason::UnknownAgent => "unknown agent",
        Reason::UnknownServer => "unknown server",
        Reason::Depth { .. } => "depth",
        Reason::Scopes { .. } => "scopes",
        Reason::Envelope => "envelope",
        Reason::NoAllow => "no allow",
        Reason::Rule { .. } => "rule",
        Reason::Credentials { .. } => "credentials",
        Reason::Lease { .. } => "lease",
    }
}

// === impl Asked ===

impl<'a> Asked<'a> {
    pub(crate) fn new(question: &'a Question) -> Self {
        Self {
            question,
            arguments: question.arguments.as_deref().map(condition::json),
            chain: question
                .chain
                .iter()
                .map(|one| Arc::from(one.as_str()))
                .collect(),
            scopes: question
                .scopes
                .iter()
                .map(|one| Box::from(one.as_str()))
                .collect(),
        }
    }

    pub(crate) fn request(&self) -> Request<'_> {
        let question = self.question;
        Request {
            agent: &question.agent,
            user: question
                .user
                .as_ref()
                .map(|(source, subject)| User { source, subject }),
            others: &[],
            chain: &self.chain,
            scopes: &self.scopes,
            task: Touched {
                label: Label::parse(LABELS[question.label]).unwrap(),
                untrusted: question.untrusted,
            },
            server: &question.server,
            target: target(&question.thing),
            arguments: self
                .arguments
                .as_ref()
                .map(|text| Json::new(text.as_bytes())),
        }
    }

    pub(crate) fn now(&self) -> Now {
        Now(self.question.now)
    }

    /// The question whether anything of the server can be reached.
    pub(crate) fn opening(&self) -> Request<'_> {
        Request {
            target: Target::Server,
            ..self.request()
        }
    }
}

fn target(thing: &Thing) -> Target<'_> {
    match thing {
        Thing::Tool(name) => Target::Tool(name),
        Thing::Resource(uri) => Target::Resource(uri),
        Thing::Prompt(name) => Target::Prompt(name),
        Thing::Client(kind) => Target::Client(kind),
    }
}

#[test]
fn ranks_are_those_of_the_engine() {
    let effects: Vec<_> = EFFECTS
        .iter()
        .map(|name| Effect::parse(name).unwrap())
        .collect();
    assert_eq!(effects, Effect::ALL);
    let labels: Vec<_> = LABELS
        .iter()
        .map(|name| Label::parse(name).unwrap())
        .collect();
    assert_eq!(labels, Label::ALL);
}
