//! Whatever the policy and whatever is asked: the answers fit each other.
//!
//! The bytes are fields with a NUL between them: the policy; agent; server; `t`, `r`, `p`, `c` or `s` and a name; user;
//! chain; scopes; the task's label and whether it is untrusted, as digits; arguments; an instant.

use policy::json::Json;
use policy::model::{Label, Mode, Touched};
use policy::{
    Decision, Document, Foreseen, Now, Outcome, Policy, Reason, Request, Source, Target, User,
};
use policy::{compile, decide, explain, foresee, shadow, visible};
use std::sync::Arc;

/// Runs the property.
pub fn hold(data: &[u8]) {
    let mut fields = data.split(|byte| *byte == 0);
    let text = fields.next().unwrap_or_default();
    let arguments = fields.clone().nth(7);
    let mut fields = fields.map(|field| std::str::from_utf8(field).unwrap_or_default());
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let Some(document) = Document::read(vec![Source::new("fuzz", text)]).0 else {
        return;
    };
    // With mistakes in it a policy is not used; to decide is total all the same.
    let (policy, _) = compile(&document);
    let mut field = || fields.next().unwrap_or_default();
    let (agent, server, target, user) = (field(), field(), field(), field());
    let list = |text: &'_ str| -> Vec<String> {
        text.split(',')
            .filter(|one| !one.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let chain: Vec<Arc<str>> = list(field()).into_iter().map(Arc::from).collect();
    let scopes: Vec<Box<str>> = list(field()).into_iter().map(Box::from).collect();
    let task = field();
    let digit = |at: usize| usize::from(task.as_bytes().get(at).copied().unwrap_or_default());
    let _ = field();
    let now = Now(field().parse().unwrap_or_default());
    let request = Request {
        agent,
        user: user
            .split_once(':')
            .map(|(source, subject)| User { source, subject }),
        others: &[],
        chain: &chain,
        scopes: &scopes,
        task: Touched {
            label: Label::ALL[digit(0) % 4],
            untrusted: digit(1) % 2 == 1,
        },
        server,
        target: self::target(target),
        arguments: arguments.map(Json::new),
    };
    consistent(&policy, &request, now);
}

fn target(text: &str) -> Target<'_> {
    let mut letters = text.chars();
    match (letters.next(), letters.as_str()) {
        (Some('t'), name) => Target::Tool(name),
        (Some('r'), uri) => Target::Resource(uri),
        (Some('p'), name) => Target::Prompt(name),
        (Some('c'), kind) => Target::Client(kind),
        _ => Target::Server,
    }
}

fn consistent(policy: &Policy, request: &Request<'_>, now: Now) {
    let decision = decide(policy, request, now);
    let seen = visible(policy, request);
    match &decision {
        Decision::Deny(denial) => assert_eq!(denial.visible(), seen),
        Decision::Allow(_) | Decision::Ask(_) => assert!(seen, "called, but not seen"),
    }
    // What is seen does not depend on what was done before, nor on what is brought.
    let fresh = Request {
        task: Touched::default(),
        arguments: None,
        scopes: &[],
        ..*request
    };
    assert_eq!(visible(policy, &fresh), seen);
    let opening = Request {
        target: Target::Server,
        ..*request
    };
    assert!(!seen || matches!(decide(policy, &opening, now), Decision::Allow(_)));
    told(policy, request, now, &decision);
    foreseen(policy, request, now, &decision);
    counted(policy, request, now, &decision);
}

fn told(policy: &Policy, request: &Request<'_>, now: Now, decision: &Decision) {
    let told = explain(policy, request, now);
    assert_eq!(format!("{:?}", told.decision), format!("{decision:?}"));
    if request.target == Target::Server {
        return;
    }
    let spoke = |says: &str| {
        let mut rules = told.rules.iter();
        rules.any(|rule| rule.says == says && rule.silent.is_none() && !rule.shadow)
    };
    let (allow, ask, deny) = (spoke("allow"), spoke("ask"), spoke("deny"));
    match decision {
        Decision::Allow(_) => assert!(allow && !ask && !deny && told.outside.is_empty()),
        Decision::Ask(_) => assert!(allow && ask && !deny && told.outside.is_empty()),
        Decision::Deny(denial) => match denial.reason() {
            Reason::Envelope => assert!(!told.outside.is_empty()),
            Reason::Rule { .. } => assert!(deny),
            Reason::Scopes { scopes, .. } => assert!(allow && !deny && !scopes.is_empty()),
            Reason::Credentials { .. } | Reason::Lease { .. } => assert!(allow && !deny),
            Reason::NoAllow => assert!(!allow && !deny),
            _ => assert!(told.rules.is_empty() || told.outside.is_empty()),
        },
    }
}

/// What is sure without the arguments is so with them.
fn foreseen(policy: &Policy, request: &Request<'_>, now: Now, decision: &Decision) {
    let brings = matches!(request.target, Target::Tool(_) | Target::Prompt(_));
    match foresee(policy, request, now) {
        Foreseen::Sure { outcome, .. } if brings || request.arguments.is_none() => {
            assert_eq!(outcome, Outcome::of(decision));
        }
        Foreseen::Sure { .. } => {}
        Foreseen::Open(rules) => assert!(brings && !rules.is_empty()),
    }
}

fn counted(policy: &Policy, request: &Request<'_>, now: Now, decision: &Decision) {
    let any = policy.rules().iter().any(|rule| rule.mode == Mode::Shadow);
    let Some(shadow) = shadow(policy, request, now) else {
        return;
    };
    assert!(any, "nothing is counted");
    let changed = shadow.outcome != Outcome::of(decision);
    assert!(!changed || shadow.rule.is_some() || shadow.outcome == Outcome::Deny);
}
