//! How a decision is accounted for: as data, and what its caller would see.

use policy::cases::barred;
use policy::diagnostic::Span;
use policy::limit::{Allowance, Measure, Source};
use policy::{Decision, Explanation, Now, Outcome, Policy, Reason, Report, Request, Target, words};
use serde_json::{Value, json};

/// A decision with all that led to it.
#[derive(Debug)]
pub(super) struct Account<'a> {
    pub(super) policy: &'a Policy,
    /// Where everything is written.
    pub(super) report: &'a Report,
    pub(super) request: Request<'a>,
    pub(super) now: Now,
    pub(super) explanation: &'a Explanation<'a>,
}

/// What a call is held against, as data.
fn held(measure: &Measure) -> Value {
    let limits = measure.limits().iter().map(|one| {
        let limit = &one.limit;
        let (rule, agent) = match &one.source {
            Source::Rule(name) => (Some(name), None),
            Source::Envelope(agent) => (None, Some(agent)),
        };
        let rate = limit.rate.map(|rate| json!({ "count": rate.count, "seconds": rate.period.as_secs(), "burst": rate.burst }));
        let queue = limit.queue.map(|queue| json!({ "size": queue.size, "wait": queue.wait.as_secs_f64() }));
        json!({ "rule": rule, "envelope": agent, "number": one.number, "rate": rate, "concurrency": limit.concurrency,
            "per": limit.per.name(), "queue": queue, "local": limit.local, "store_down": limit.store_down.name() })
    });
    let allowance = |part: &Allowance| json!({ "calls": part.calls, "bytes": part.bytes, "seconds": part.time.map(|time| time.as_secs()), "cost": part.cost });
    let budgets = measure.budgets().iter().map(|(agent, budget)| {
        json!({ "envelope": agent, "task": allowance(&budget.task), "day": allowance(&budget.day) })
    });
    json!({ "limits": limits.collect::<Vec<_>>(), "budgets": budgets.collect::<Vec<_>>(), "cost": measure.cost() })
}

// === impl Account ===

impl Account<'_> {
    /// The outcome; who is not let in is denied whatever the rules say.
    pub(super) fn outcome(&self) -> Outcome {
        match self.barred() {
            Some(_) => Outcome::Deny,
            None => Outcome::of(&self.explanation.decision),
        }
    }

    /// The outcome and its reason, in one line.
    pub(super) fn headline(&self) -> String {
        match self.barred() {
            Some(why) => format!("deny: {why}"),
            None => words::decision(self.explanation),
        }
    }

    /// What rules and envelopes say, a line each, and what the call would be held against.
    pub(super) fn lines(&self) -> String {
        let measure = self.measure().map(words::measure);
        words::lines(self.explanation, self.report) + &measure.unwrap_or_default()
    }

    /// What the call would be held against, if it is not denied.
    fn measure(&self) -> Option<&Measure> {
        let decision = &self.explanation.decision;
        decision.measure().filter(|_| self.barred().is_none())
    }

    /// What the caller would see of it, in words.
    pub(super) fn seen(&self) -> String {
        const OPEN: &str = "the server's answer";
        if self.barred().is_some() {
            return "403 Forbidden".to_owned();
        }
        let said = |message: Option<&str>| {
            let message = message.unwrap_or("not allowed");
            match self.request.target {
                Target::Tool(_) => format!("a tool error: {message}"),
                _ => format!("an error: {message}"),
            }
        };
        match &self.explanation.decision {
            Decision::Allow(_) => OPEN.to_owned(),
            Decision::Ask(asking) => said(Some(asking.message().map_or(
                "a person would have to approve this, and nobody can be asked yet",
                |message| message,
            ))),
            Decision::Deny(denial) => match denial.reason() {
                Reason::UnknownAgent | Reason::Depth { .. } => "403 Forbidden".to_owned(),
                Reason::Scopes { scopes, .. } if denial.visible() => {
                    format!("403 Insufficient scope: `{}`", scopes.join(" "))
                }
                _ if denial.visible() => said(denial.message().map(|message| &**message)),
                _ => self.unknown(),
            },
        }
    }

    /// What is answered of something that cannot be seen: the same as of something that is not there.
    fn unknown(&self) -> String {
        let server = Request {
            target: Target::Server,
            arguments: None,
            ..self.request
        };
        match (
            policy::decide(self.policy, &server, self.now),
            self.request.target,
        ) {
            (Decision::Deny(_), _) => "404 Not found, as of a server that is not there".to_owned(),
            (_, Target::Tool(name)) => format!("Unknown tool: {name}"),
            (_, Target::Prompt(name)) => format!("Unknown prompt: {name}"),
            (_, Target::Resource(_)) => "Resource not found".to_owned(),
            (_, Target::Method(_)) => "Method not found".to_owned(),
            (_, Target::Client(_) | Target::Server) => {
                "nothing: the server's request is answered with an error".to_owned()
            }
        }
    }

    /// As data.
    pub(super) fn json(&self) -> Value {
        let explanation = self.explanation;
        let shadow = policy::shadow(self.policy, &self.request, self.now);
        let rule = explanation
            .decision
            .rule()
            .filter(|_| self.barred().is_none());
        let outside = explanation.outside.iter();
        let outside = outside.map(|(agent, key, span)| {
            let (file, line) = self.place(*span);
            json!({ "agent": agent, "key": key, "file": file, "line": line })
        });
        let rules = explanation.rules.iter().map(|told| {
            let (file, line) = self.place(told.span);
            let silent = told.silent.map(|silent| {
                let (file, line) = self.place(silent.span);
                json!({ "key": words::key(&silent), "unsure": silent.unsure, "file": file, "line": line })
            });
            json!({ "name": told.name, "says": told.says, "shadow": told.shadow, "speaks": told.silent.is_none(),
                "unsure": told.unsure.map(policy::decide::Key::name), "silent": silent, "file": file, "line": line })
        });
        let lease = match &explanation.decision {
            Decision::Allow(grant) if self.barred().is_none() => {
                json!({ "credential": grant.credential(),
                "scope": grant.scope(), "credential_ttl": grant.life() })
            }
            _ => Value::Null,
        };
        let measure = self.measure().map(held);
        json!({ "decision": self.outcome().name(), "rule": rule, "lease": lease, "measure": measure, "reason": self.headline(), "caller_sees": self.seen(),
            "shadow": shadow.map(|shadow| json!({ "decision": shadow.outcome.name(), "rule": shadow.rule })),
            "outside": outside.collect::<Vec<_>>(), "rules": rules.collect::<Vec<_>>() })
    }

    fn barred(&self) -> Option<String> {
        barred(self.policy, &self.request, self.now)
    }

    fn place(&self, span: Span) -> (Option<&str>, Option<usize>) {
        let place = self.report.place(span);
        (
            place.as_ref().map(|place| place.file),
            place.as_ref().map(|place| place.line),
        )
    }
}
