//! Where one call stands in its trace, from its first stage to its last byte.
//!
//! The spans themselves are made at the end, in `spans.rs`; until then a call that is not sampled costs a few moments
//! noted and nothing else. Whose context holds is decided here: the chain's before the caller's own, the caller's
//! before the task's.

use crate::ask::Asked;
use crate::identity::now;
use crate::task::{Bound, Task};
use crate::telemetry::Tracer;
use crate::telemetry::trace::{Baggage, TraceContext};
use adapters::wire::{Member, text};
use http::HeaderMap;
use http::request::Parts;
use opentelemetry::trace::{SpanId, TraceId};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::time::Instant;

/// A stage that shows as a span of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Who calls.
    Identify,
    /// May they.
    Decide,
    /// How much.
    Admit,
    /// With what.
    Attach,
}

/// What goes out with a call that is traced.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    /// Where whoever is called stands: beneath the gateway's own span, or beneath its caller's where it has none.
    pub(crate) context: TraceContext,
    /// Which baggage is passed on.
    pub(crate) baggage: Baggage,
    /// Whether the context is another than the caller sent in its message.
    fresh: bool,
}

/// What is traced of one call.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(super) tracer: Arc<Tracer>,
    pub(super) began: SystemTime,
    /// The same moment by the clock that only goes forward.
    origin: Instant,
    last: Instant,
    pub(super) steps: Vec<(Step, Instant, Instant)>,
    /// The context of the message, and that of the HTTP request.
    caller: Option<TraceContext>,
    header: Option<TraceContext>,
    pub(super) stand: Option<Stand>,
    /// The span of the server being called, and when that began.
    pub(super) sent: Option<(TraceContext, Instant)>,
    pub(super) told: Told,
}

/// Where the call's own span stands.
#[derive(Debug)]
pub(super) struct Stand {
    pub(super) at: TraceContext,
    /// Beneath which it stands; whether that is a span of this process does not matter to anybody.
    pub(super) parent: TraceContext,
    pub(super) links: Vec<TraceContext>,
    /// The span of the HTTP request it came in, and what that stands beneath.
    pub(super) http: TraceContext,
    pub(super) asked_by: TraceContext,
}

/// What spans say beyond the record.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The request's id, as text.
    pub(super) id: Option<Box<str>>,
    pub(super) session: Option<Box<str>>,
    pub(super) server: Option<(Box<str>, u16)>,
    pub(super) verb: Option<http::Method>,
    pub(super) version: Option<http::Version>,
}

// === impl Trace ===

impl Trace {
    /// Of a call that begins; none where nothing is traced.
    pub(super) fn begin(tracer: &Arc<Tracer>) -> Option<Box<Self>> {
        if !tracer.is_on() {
            return None;
        }
        let origin = Instant::now();
        Some(Box::new(Self {
            tracer: Arc::clone(tracer),
            began: SystemTime::now(),
            origin,
            last: origin,
            steps: Vec::with_capacity(4),
            caller: None,
            header: None,
            stand: None,
            sent: None,
            told: Told::default(),
        }))
    }

    /// Notes the request it came in.
    pub(super) fn came(&mut self, head: &Parts) {
        self.told.verb = Some(head.method.clone());
        self.told.version = Some(head.version);
    }

    /// A stage has ended, however it did.
    pub(super) fn step(&mut self, step: Option<Step>) {
        let (before, now) = (self.last, Instant::now());
        self.last = now;
        if let Some(step) = step {
            self.steps.push((step, before, now));
        }
    }

    /// The moment an instant was, by the clock on the wall.
    pub(super) fn moment(&self, at: Instant) -> SystemTime {
        self.began + at.duration_since(self.origin)
    }

    /// Reads the contexts a proven caller sent; what is malformed is none.
    pub(super) fn hear(&mut self, asked: &Asked) {
        let headers = &asked.context().headers;
        let single = |name| single(headers, name);
        self.header = single("traceparent")
            .and_then(|parent| TraceContext::parse(parent, single("tracestate")));
        let Some(said) = asked.said() else {
            self.caller.clone_from(&self.header);
            return;
        };
        let parent = said.text(Member::MetaTraceparent);
        let state = said.text(Member::MetaTracestate);
        self.caller = parent
            .and_then(|parent| TraceContext::parse(&parent, state.as_deref()))
            .or_else(|| self.header.clone());
        self.told.id = said.answerable_id().map(|id| {
            let id = match id.first() {
                Some(b'"') => text::unescape(&id),
                _ => String::from_utf8_lossy(&id),
            };
            Box::from(&*id)
        });
        let session = headers.get("mcp-session-id");
        self.told.session = session.and_then(|id| id.to_str().ok()).map(Box::from);
    }

    /// Finds where the call stands, now that its task and chain are known.
    pub(super) fn bind(&mut self, bound: &Bound) {
        let task = bound.task();
        let hop = bound.hop().and_then(|hop| hop.trace.as_ref());
        let sampler = &self.tracer.sampler;
        let root = task.root(|task| root(task, hop, |id| sampler.decide(id, None)));
        if bound.is_first() {
            super::spans::opened(&self.tracer, task, root, hop);
        }
        let mut links = Vec::new();
        let own = self.caller.take();
        let (parent, sampled) = match (hop, own) {
            (Some(hop), Some(own)) if own.trace_id == hop.trace_id => (own, hop.sampled),
            (Some(hop), own) => {
                links.extend(own);
                let parent = if root.trace_id == hop.trace_id {
                    root
                } else {
                    hop
                };
                (parent.clone(), hop.sampled)
            }
            (None, Some(own)) => {
                let sampled = sampler.decide(own.trace_id, Some(&own));
                (own, sampled)
            }
            (None, None) => (root.clone(), root.sampled),
        };
        links.extend(bound.resumed().cloned());
        self.stands(TraceContext { sampled, ..parent }, links);
        let url = bound.asked().context().server.as_deref();
        self.told.server = url.and_then(|server| server.settings.address());
        if let Some(session) = bound
            .session()
            .and_then(|session| session.upstream_id.as_ref())
        {
            self.told.session = session.to_str().ok().map(Box::from);
        }
    }

    /// Where a call stands that was refused before anybody knew its task.
    pub(super) fn stray(&mut self) {
        if self.stand.is_some() {
            return;
        }
        let parent = self
            .caller
            .take()
            .unwrap_or_else(|| TraceContext::root(false));
        let sampled = self.tracer.sampler.decide(parent.trace_id, Some(&parent));
        self.stands(TraceContext { sampled, ..parent }, Vec::new());
    }

    fn stands(&mut self, parent: TraceContext, mut links: Vec<TraceContext>) {
        let header = self.header.take();
        if let Some(stray) = header
            .as_ref()
            .filter(|one| one.trace_id != parent.trace_id)
            && !links.iter().any(|link| link.span_id == stray.span_id)
        {
            links.push(stray.clone());
        }
        let own = header.filter(|header| header.trace_id == parent.trace_id);
        let asked_by = own.unwrap_or_else(|| parent.clone());
        let sampled = parent.sampled;
        self.stand = Some(Stand {
            at: parent.child(),
            http: TraceContext {
                sampled,
                ..asked_by.child()
            },
            asked_by,
            parent,
            links,
        });
    }

    /// What goes out, now that the call is sent.
    pub(super) fn send(&mut self) -> Option<Outgoing> {
        let stand = self.stand.as_ref()?;
        let baggage = self.tracer.baggage.clone();
        if !stand.at.sampled {
            // The caller's own context goes on as it is: no span of ours stands between.
            return Some(Outgoing {
                fresh: !stand.links.is_empty(),
                context: stand.parent.clone(),
                baggage,
            });
        }
        let context = stand.at.child();
        self.sent = Some((context.clone(), Instant::now()));
        Some(Outgoing {
            context,
            baggage,
            fresh: true,
        })
    }
}

/// Where a task's root span stands: in its own trace, or in that of the call whose hop token opened it.
fn root(
    task: &Task,
    hop: Option<&TraceContext>,
    sampled: impl FnOnce(TraceId) -> bool,
) -> TraceContext {
    let [.., a, b, c, d, e, f, g, h] = *task.id().as_bytes();
    let span_id = SpanId::from_bytes([a, b, c, d, e, f, g, h]);
    let trace_id = TraceId::from_bytes(*task.trace().as_bytes());
    match hop {
        Some(hop) => TraceContext {
            span_id,
            state: None,
            ..hop.clone()
        },
        None => TraceContext {
            sampled: sampled(trace_id),
            trace_id,
            span_id,
            random: true,
            state: None,
        },
    }
}

/// A header that came once.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

// === impl Outgoing ===

impl Outgoing {
    /// Whether the message gets this context: always where a span of the gateway's stands between, else only where
    /// the message brought another one.
    pub(crate) fn replaces(&self, brought: bool) -> bool {
        self.fresh && (self.context.sampled || brought)
    }
}

// === impl Step ===

impl Step {
    /// The name of its span.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Identify => "identify",
            Self::Decide => "decide",
            Self::Admit => "admit",
            Self::Attach => "lease",
        }
    }
}

/// Seconds a task has been open.
pub(super) fn age(task: &Task) -> u64 {
    now().saturating_sub(task.opened())
}
