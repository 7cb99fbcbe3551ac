//! One recorded decision with what was asked: enough to ask it again.

use super::Line;
use adapters::wire::Method;
use policy::cases::barred;
use policy::json::Json;
use policy::model::{Label, Touched};
use policy::{
    Foreseen, Now, Outcome, Policy, Request, Target, User, decide, explain, foresee, words,
};
use std::rc::Rc;
use std::sync::Arc;

/// Who called, and what: of an `intent`, or of an `outcome` without one.
#[derive(Debug)]
pub(crate) struct Who {
    pub(crate) agent: Box<str>,
    user: Option<(Box<str>, Box<str>)>,
    others: Vec<(Arc<str>, Arc<str>)>,
    /// The agents before it, oldest first.
    chain: Vec<Arc<str>>,
    scopes: Vec<Box<str>>,
    pub(crate) server: Box<str>,
    method: Option<Box<str>>,
    target: Option<Box<str>>,
    pub(crate) arguments: Arguments,
}

/// What is known of a call's arguments.
#[derive(Debug)]
pub(crate) enum Arguments {
    /// It could bring none.
    None,
    /// All: the text of an object.
    Full(Box<str>),
    /// Whether it brought any, and which, was not kept; of some their digest.
    Unread(Option<Box<str>>),
}

/// What was decided about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The call.
    Call,
    /// A request of the server to its client within it.
    Client,
}

/// What was decided.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) call: Box<str>,
    /// When, as it is written.
    pub(crate) at: Box<str>,
    pub(crate) now: Now,
    pub(crate) event: Event,
    /// Of a request to the client, which.
    method: Option<Box<str>>,
    /// `None`: a word nobody knows.
    pub(crate) outcome: Option<Outcome>,
    pub(crate) why: Option<Box<str>>,
    /// Those that spoke.
    pub(crate) rules: Vec<Box<str>>,
    pub(crate) snapshot: Box<str>,
    /// `None`: a label nobody knows.
    touched: Option<Touched>,
}

/// A decision and what was asked.
#[derive(Debug)]
pub(crate) struct Past {
    pub(crate) decided: Decided,
    pub(crate) who: Rc<Who>,
}

/// What a policy makes of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// This, whatever was not kept.
    Sure {
        outcome: Outcome,
        rule: Option<Arc<str>>,
    },
    /// It depends on arguments that were not kept, by these rules.
    Open(Vec<Arc<str>>),
    /// The records do not say what was asked.
    Unclear,
}

// === impl Who ===

impl Who {
    /// Reads it, where a record says it.
    pub(super) fn read(line: &Line) -> Option<Self> {
        let boxed = |name: &str| line.text(name).map(|text| Box::from(&*text));
        // Most outcomes name nobody: their intent did.
        let (agent, server) = (boxed("agent")?, boxed("server")?);
        let mut others = users(line);
        // As its own proof says, else as the agent that called it does.
        let user = match (boxed("identity"), boxed("user")) {
            (Some(source), Some(subject)) => Some((source, subject)),
            (None, Some(_)) => return None,
            (_, None) => others
                .pop()
                .map(|(source, subject)| (Box::from(&*source), Box::from(&*subject))),
        };
        let mut chain: Vec<Arc<str>> = line.texts("chain");
        // The last is the caller itself.
        chain.pop();
        let method = boxed("method");
        let arguments = arguments(line, method.as_deref());
        Some(Self {
            agent,
            user,
            others,
            chain,
            scopes: line.texts("scopes"),
            server,
            method,
            // The beginning of a name is another name.
            target: boxed("target").filter(|_| line.member("target_bytes").is_none()),
            arguments,
        })
    }

    /// What it called: of what the record leaves open, all that it may have been.
    fn targets(&self) -> Vec<Target<'_>> {
        let Some(method) = self.method.as_deref() else {
            // Only answers to the server have no method.
            return vec![Target::Server];
        };
        let named = |make: &[fn(&str) -> Target<'_>]| -> Vec<Target<'_>> {
            let target = self.target.as_deref();
            let each = target.into_iter();
            each.flat_map(|name| make.iter().map(move |make| make(name)))
                .collect()
        };
        match Method::from_name(method) {
            Some(Method::ToolsCall) => named(&[|name| Target::Tool(name)]),
            Some(Method::PromptsGet) => named(&[|name| Target::Prompt(name)]),
            Some(
                Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe,
            ) => named(&[|name| Target::Resource(name)]),
            // A prompt, or a template of resources.
            Some(Method::CompletionComplete) => {
                named(&[|name| Target::Prompt(name), |name| Target::Resource(name)])
            }
            Some(_) => vec![Target::Server],
            None if matches!(method, "GET" | "POST" | "DELETE") => vec![Target::Server],
            None => vec![Target::Method(method)],
        }
    }
}

fn users(line: &Line) -> Vec<(Arc<str>, Arc<str>)> {
    let pairs = line.member("users").into_iter().flat_map(Json::items);
    let pairs = pairs.filter_map(|pair| {
        let mut texts = pair.items().filter_map(Json::text);
        Some((Arc::from(&*texts.next()?), Arc::from(&*texts.next()?)))
    });
    pairs.collect()
}

fn arguments(line: &Line, method: Option<&str>) -> Arguments {
    let method = method.and_then(Method::from_name);
    if !matches!(method, Some(Method::ToolsCall | Method::PromptsGet)) {
        return Arguments::None;
    }
    // Who brings arguments leaves at least their size.
    let Some(kept) = line.member("arguments") else {
        return Arguments::None;
    };
    let full = kept.member("full");
    let full = full.and_then(|full| std::str::from_utf8(full.raw()).ok());
    let digest = || kept.member("sha256").and_then(Json::text);
    match full {
        Some(text) => Arguments::Full(text.into()),
        None => Arguments::Unread(digest().map(|text| Box::from(&*text))),
    }
}

// === impl Decided ===

impl Decided {
    /// Reads a record of kind `decision`.
    pub(super) fn read(line: &Line) -> Option<Self> {
        let boxed = |name: &str| line.text(name).map(|text| Box::from(&*text));
        let label = match line.text("label") {
            Some(text) => Label::parse(&text),
            None => Some(Label::Public),
        };
        let untrusted = line.flag("untrusted");
        Some(Self {
            call: boxed("call")?,
            at: Box::from(&*line.at()),
            now: line.now(),
            event: match line.text("event").as_deref() {
                Some("client") => Event::Client,
                Some("call") => Event::Call,
                _ => return None,
            },
            method: boxed("method"),
            outcome: line.text("decision").and_then(|text| Outcome::parse(&text)),
            why: boxed("why"),
            rules: line.texts("rules"),
            snapshot: boxed("snapshot").unwrap_or_default(),
            touched: label.map(|label| Touched { label, untrusted }),
        })
    }
}

// === impl Past ===

impl Past {
    /// As a policy is asked; several, where the records leave open which it was, and none where they say too little.
    pub(crate) fn requests(&self) -> Vec<Request<'_>> {
        let Some(task) = self.decided.touched else {
            return Vec::new();
        };
        let who = &*self.who;
        let user = who.user.as_ref();
        let arguments = match &who.arguments {
            Arguments::Full(text) => Some(Json::new(text.as_bytes())),
            Arguments::None | Arguments::Unread(_) => None,
        };
        let called = self.decided.event == Event::Call;
        let request = |target| Request {
            agent: &who.agent,
            user: user.map(|(source, subject)| User { source, subject }),
            others: &who.others,
            chain: &who.chain,
            scopes: &who.scopes,
            task,
            server: &who.server,
            target,
            arguments: arguments.filter(|_| called),
        };
        let targets = if called { who.targets() } else { self.asked() };
        targets.into_iter().map(request).collect()
    }

    /// What a policy decides of it, at the instant it was decided.
    pub(crate) fn judge(&self, policy: &Policy) -> Judged {
        let mut same: Option<Judged> = None;
        for request in self.requests() {
            let judged = self.one(policy, &request);
            match &same {
                None => same = Some(judged),
                Some(other) if other.outcome() == judged.outcome() => {}
                Some(_) => return Judged::Unclear,
            }
        }
        same.unwrap_or(Judged::Unclear)
    }

    /// Why a policy decides so, in words.
    pub(crate) fn reason(&self, policy: &Policy) -> String {
        let Some(request) = self.requests().into_iter().next() else {
            return String::new();
        };
        let now = self.decided.now;
        let words = || words::decision(&explain(policy, &request, now));
        let barred = barred(policy, &request, now);
        barred.map_or_else(words, |why| format!("deny: {why}"))
    }

    /// What was called, as a person writes it.
    pub(crate) fn subject(&self) -> String {
        let server = &self.who.server;
        let requests = self.requests();
        match requests.as_slice() {
            [one] => match one.target {
                Target::Tool(name) => format!("{server}/{name}"),
                Target::Resource(uri) => format!("{server}/resource:{uri}"),
                Target::Prompt(name) => format!("{server}/prompt:{name}"),
                Target::Client(kind) => format!("{server}/client:{kind}"),
                Target::Method(name) => format!("{server}/method:{name}"),
                Target::Server => format!(
                    "{server} {}",
                    self.who.method.as_deref().unwrap_or("answer")
                ),
            },
            _ if self.decided.event == Event::Client => format!("{server}/client:*"),
            _ => format!(
                "{server} {}",
                self.who.method.as_deref().unwrap_or_default()
            ),
        }
    }

    fn one(&self, policy: &Policy, request: &Request<'_>) -> Judged {
        let now = self.decided.now;
        if barred(policy, request, now).is_some() {
            return Judged::Sure {
                outcome: Outcome::Deny,
                rule: None,
            };
        }
        let kept = match self.who.arguments {
            Arguments::Unread(_) => self.decided.event == Event::Client,
            Arguments::None | Arguments::Full(_) => true,
        };
        if kept {
            let decision = decide(policy, request, now);
            return Judged::Sure {
                outcome: Outcome::of(&decision),
                rule: decision.rule().cloned(),
            };
        }
        match foresee(policy, request, now) {
            Foreseen::Sure { outcome, rule } => Judged::Sure { outcome, rule },
            Foreseen::Open(rules) => Judged::Open(rules),
        }
    }

    /// What the server asked of its client: where that was not kept, all it may have been.
    fn asked(&self) -> Vec<Target<'_>> {
        let kinds: &[&str] = match self.decided.method.as_deref().map(Method::from_name) {
            Some(Some(Method::Ping)) => return vec![Target::Server],
            Some(Some(Method::SamplingCreateMessage)) => &["sampling"],
            Some(Some(Method::ElicitationCreate)) => &["elicitation"],
            Some(Some(Method::RootsList)) => &["roots"],
            _ => &["sampling", "elicitation", "roots"],
        };
        kinds.iter().map(|kind| Target::Client(kind)).collect()
    }
}

// === impl Judged ===

impl Judged {
    fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Sure { outcome, .. } => Some(*outcome),
            Self::Open(_) | Self::Unclear => None,
        }
    }
}
