//! The spans of a call, made at its end from its record: that of the HTTP request, that of the message, one for each
//! step that shows, that of the server being called. Attributes name and count; they never hold a value of a call.

use super::trace::{Stand, Step, Trace, age};
use crate::audit::{Ending, Record};
use crate::config::Always;
use crate::task::Task;
use crate::telemetry::Tracer;
use crate::telemetry::fault::Side;
use crate::telemetry::metrics::Refused;
use crate::telemetry::trace::{Span, TraceContext, attribute};
use adapters::wire::Method;
use adapters::wire::revision::Revision;
use opentelemetry::trace::SpanKind;
use opentelemetry_sdk::trace::SpanData;
use policy::Outcome;
use std::borrow::Cow;
use std::time::SystemTime;
use tokio::time::Instant;

/// A task has opened: its root span is exported at once, so that a long task is seen while it lasts.
pub(super) fn opened(
    tracer: &Tracer,
    task: &Task,
    root: &TraceContext,
    hop: Option<&TraceContext>,
) {
    if !root.sampled {
        return;
    }
    let now = SystemTime::now();
    let span = of_task(task, root, format!("task {}", task.principal().agent));
    let span = match hop {
        Some(hop) => span.beneath(hop.span_id),
        None => span,
    };
    tracer.export(span.ended(now));
}

/// A task has ended: a second span, linked to its root.
pub(crate) fn over(tracer: &Tracer, task: &Task) {
    let Some(root) = task.rooted().filter(|root| root.sampled) else {
        return;
    };
    let cause = task.end().map(|end| end.cause.name());
    let name = format!("task {} ended", task.principal().agent);
    let calls = i64::try_from(task.calls()).unwrap_or(i64::MAX);
    let seconds = i64::try_from(age(task)).unwrap_or(i64::MAX);
    let span = of_task(task, &root.child(), name)
        .beneath(root.span_id)
        .linked(root)
        .with_some(attribute::CAUSE, cause)
        .with(attribute::CALLS, calls)
        .with(attribute::AGE, seconds);
    tracer.export(span.ended(SystemTime::now()));
}

fn of_task(task: &Task, at: &TraceContext, name: String) -> Span {
    Span::new(SpanKind::Internal, name.into(), at, SystemTime::now())
        .with(attribute::AGENT, task.principal().agent.to_string())
        .with(attribute::TASK, task.id().simple().to_string())
}

impl Trace {
    /// The call has ended: exports its spans, or the one of a call that must be seen though it was not sampled.
    pub(super) fn end(mut self, record: &Record) {
        self.stray();
        let Some(stand) = &self.stand else {
            return;
        };
        let now = Instant::now();
        if stand.at.sampled {
            for span in self.whole(stand, record, now) {
                self.tracer.export(span);
            }
        } else if self.must_be_seen(record) {
            let mut at = stand.at.clone();
            at.sampled = true;
            let span = self.message(&at, stand, record);
            self.tracer.export(span.ended(self.moment(now)));
        }
    }

    /// Whether it belongs to a trace that somebody known has asked to be kept.
    pub(super) fn is_followed(&self, record: &Record) -> bool {
        let sampled = self.stand.as_ref().is_some_and(|stand| stand.at.sampled);
        sampled && record.principal.is_some()
    }

    fn must_be_seen(&self, record: &Record) -> bool {
        let decided = record.decided.as_ref().map(|decided| decided.outcome);
        let kind = match (record.ending, decided) {
            (Ending::Refused(_), Some(Outcome::Ask)) => Always::Ask,
            (Ending::Refused(_), _) => Always::Deny,
            (Ending::ServerError(_) | Ending::Broken | Ending::TimedOut, _) => Always::Error,
            _ => return false,
        };
        self.tracer.sampler.always(kind)
    }

    fn whole(&self, stand: &Stand, record: &Record, now: Instant) -> Vec<SpanData> {
        let ended = self.moment(now);
        let mut spans = Vec::with_capacity(6);
        if record.request.is_none() {
            spans.push(self.http(stand, record).ended(ended));
        }
        spans.push(self.message(&stand.at, stand, record).ended(ended));
        // Whether it got one or not: a call that goes out without a credential has no lease to speak of.
        let leased = record.lease.is_some() || record.refusal() == Some(Refused::Credential);
        for (step, from, to) in &self.steps {
            if *step == Step::Attach && !leased {
                continue;
            }
            let mut span = Span::step(step.name(), &stand.at, self.moment(*from));
            if let (Step::Attach, Some(lease)) = (step, &record.lease) {
                span = span
                    .with(attribute::CREDENTIAL, lease.credential.to_string())
                    .with(attribute::LEASE, lease.id.simple().to_string());
            }
            spans.push(span.ended(self.moment(*to)));
        }
        if let Some((at, since)) = &self.sent {
            let span = self.sent(at, stand, record, self.moment(*since));
            spans.push(span.ended(ended));
        }
        spans
    }

    /// The HTTP request.
    fn http(&self, stand: &Stand, record: &Record) -> Span {
        let verb = self.told.verb.as_ref().map_or("POST", http::Method::as_str);
        let route = match record.server.is_empty() {
            true => "/tasks".to_owned(),
            false => format!("/servers/{}/mcp", record.server),
        };
        let name = Cow::Owned(format!("{verb} {route}"));
        let status = record.status.map(i64::from);
        Span::new(SpanKind::Server, name, &stand.http, self.began)
            .called_from(&stand.asked_by)
            .with(attribute::HTTP_METHOD, verb.to_owned())
            .with("url.path", route)
            .with_some("http.response.status_code", status)
            .with_some(attribute::PROTOCOL_VERSION, self.version())
            .with(attribute::CLIENT_ADDRESS, record.address.to_string())
    }

    /// The message.
    fn message(&self, at: &TraceContext, stand: &Stand, record: &Record) -> Span {
        let mut span = operation(Side::Server, at, record, self.began).called_from(&stand.parent);
        if record.request.is_none() && at.sampled == stand.at.sampled {
            span = span.linked(&stand.http);
        }
        for link in &stand.links {
            span = span.linked(link);
        }
        span = span
            .with(attribute::CLIENT_ADDRESS, record.address.to_string())
            .with(attribute::CALL, record.call.to_string())
            .with_some(attribute::REQUEST, text(self.told.id.as_deref()))
            .with_some(attribute::SESSION, self.session(record))
            .with_some(attribute::PROTOCOL_VERSION, self.version())
            .with(attribute::SNAPSHOT, record.snapshot.to_string());
        span = judged(span, record);
        match record.fault(Side::Server) {
            Some(fault) => span.failed(
                Side::Server,
                fault,
                record.refusal().map(|kind| kind.name()),
            ),
            None => span,
        }
    }

    /// The server being called.
    fn sent(&self, at: &TraceContext, stand: &Stand, record: &Record, began: SystemTime) -> Span {
        let server = self.told.server.as_ref();
        let span = operation(Side::Client, at, record, began)
            .beneath(stand.at.span_id)
            .with_some(
                attribute::SERVER_ADDRESS,
                text(server.map(|(host, _)| &**host)),
            )
            .with_some(
                attribute::SERVER_PORT,
                server.map(|(_, port)| i64::from(*port)),
            )
            .with_some(attribute::REQUEST, text(self.told.id.as_deref()))
            .with_some(attribute::SESSION, self.session(record));
        match record.fault(Side::Client) {
            Some(fault) => span.failed(Side::Client, fault, None),
            None => span,
        }
    }

    fn version(&self) -> Option<&'static str> {
        match self.told.version? {
            http::Version::HTTP_2 => Some("2"),
            http::Version::HTTP_11 => Some("1.1"),
            _ => None,
        }
    }

    /// The session, which revisions since 2026-07-28 do not have.
    fn session(&self, record: &Record) -> Option<String> {
        let modern = record.revision == Some(Revision::V2026_07_28);
        text(self.told.session.as_deref().filter(|_| !modern))
    }
}

/// What both sides of an operation say of it.
fn operation(side: Side, at: &TraceContext, record: &Record, began: SystemTime) -> Span {
    let (tool, prompt, uri) = match (record.asked, record.target.as_deref()) {
        (Some(Method::ToolsCall), target) => (target, None, None),
        (Some(Method::PromptsGet), target) => (None, target, None),
        (
            Some(Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe),
            target,
        ) => (None, None, target),
        _ => (None, None, None),
    };
    let kind = match side {
        Side::Server => SpanKind::Server,
        Side::Client => SpanKind::Client,
    };
    let method = record.method.clone().unwrap_or(Cow::Borrowed("response"));
    let name = match tool.or(prompt) {
        Some(target) => Cow::Owned(format!("{method} {target}")),
        None => method.clone(),
    };
    let executes = tool.map(|_| "execute_tool");
    Span::new(kind, name, at, began)
        .with(attribute::METHOD, method.into_owned())
        .with_some(attribute::TOOL, text(tool))
        .with_some(attribute::PROMPT, text(prompt))
        .with_some(attribute::RESOURCE, text(uri))
        .with_some(attribute::OPERATION, executes)
        .with_some(
            attribute::REVISION,
            record.revision.map(|revision| revision.as_str()),
        )
        .with(attribute::TRANSPORT, "tcp")
        .with(attribute::PROTOCOL, "http")
        .with(attribute::SERVER, record.server.to_string())
}

/// Who called, and what was decided.
fn judged(mut span: Span, record: &Record) -> Span {
    if let Some(principal) = record.principal.as_deref() {
        let hop = record
            .task
            .as_ref()
            .map_or(1, |task| task.chain().len().saturating_add(1));
        span = span
            .with(attribute::AGENT, principal.agent.to_string())
            .with_some(attribute::USER, text(principal.user.as_deref()))
            .with(attribute::CHAIN, record.chain())
            .with(attribute::HOP, i64::try_from(hop).unwrap_or(i64::MAX));
    }
    if let Some(task) = &record.task {
        span = span.with(attribute::TASK, task.id().simple().to_string());
    }
    if let Some(decided) = &record.decided {
        let rule = decided.rules.first();
        span = span
            .with(attribute::DECISION, decided.outcome.name())
            .with_some(attribute::RULE, rule.map(ToString::to_string))
            .with(attribute::LABEL, decided.touched.label.name());
    }
    span.with(attribute::ENDING, record.ending.name())
        .with_some(attribute::REFUSAL, record.refusal().map(|kind| kind.name()))
}

fn text(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}
