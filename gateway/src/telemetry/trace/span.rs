//! Spans, built once at their end from facts that are known then: no half-built span waits anywhere.

use super::attribute;
use super::context::TraceContext;
use crate::telemetry::fault::{Fault, Side};
use opentelemetry::trace::{Link, SpanId, SpanKind, Status};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use std::borrow::Cow;
use std::sync::LazyLock;
use std::time::SystemTime;

/// The longest text of an attribute, in bytes: callers choose names, and a queue of spans must stay small.
const LONGEST: usize = 1_024;
/// The most attributes and links of a span.
const MOST: usize = 64;

static SCOPE: LazyLock<InstrumentationScope> = LazyLock::new(|| {
    InstrumentationScope::builder("hopgate")
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
});

/// A span on its way to being whole. Boxed: it is handed on with each attribute, and it is large.
#[derive(Debug)]
pub struct Span(Box<SpanData>);

// === impl Span ===

impl Span {
    /// A span that stands at `at` and began at `began`; it has no parent, and ends when it began.
    #[must_use]
    pub fn new(
        kind: SpanKind,
        name: Cow<'static, str>,
        at: &TraceContext,
        began: SystemTime,
    ) -> Self {
        Self(Box::new(SpanData {
            span_context: at.sdk(false),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: kind,
            name: clipped(name),
            start_time: began,
            end_time: began,
            attributes: Vec::with_capacity(16),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: SCOPE.clone(),
        }))
    }

    /// A span of an operation: `tools/call read_note`.
    #[must_use]
    pub fn operation(
        side: Side,
        (method, target): (&'static str, Option<&str>),
        at: &TraceContext,
        began: SystemTime,
    ) -> Self {
        let kind = match side {
            Side::Server => SpanKind::Server,
            Side::Client => SpanKind::Client,
        };
        let name = match target {
            Some(target) => Cow::Owned(format!("{method} {target}")),
            None => Cow::Borrowed(method),
        };
        Self::new(kind, name, at, began).with(attribute::METHOD, method)
    }

    /// A step inside the gateway, beneath `parent`.
    #[must_use]
    pub fn step(name: &'static str, parent: &TraceContext, began: SystemTime) -> Self {
        Self::new(SpanKind::Internal, name.into(), &parent.child(), began).beneath(parent.span_id)
    }

    /// Beneath a span of this process.
    #[must_use]
    pub fn beneath(mut self, parent: SpanId) -> Self {
        self.0.parent_span_id = parent;
        self.0.parent_span_is_remote = false;
        self
    }

    /// Beneath a span of whoever called.
    #[must_use]
    pub fn called_from(mut self, parent: &TraceContext) -> Self {
        self.0.parent_span_id = parent.span_id;
        self.0.parent_span_is_remote = true;
        self
    }

    /// With an attribute; texts are cut to what a span may hold.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        if self.0.attributes.len() >= MOST {
            self.0.dropped_attributes_count = self.0.dropped_attributes_count.saturating_add(1);
            return self;
        }
        let value = match value.into() {
            Value::String(text) if text.as_str().len() > LONGEST => {
                Value::String(String::from(cut(text.as_str())).into())
            }
            other => other,
        };
        self.0.attributes.push(KeyValue::new(name, value));
        self
    }

    /// With an attribute, where there is one.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Linked to a span that is not its parent.
    #[must_use]
    pub fn linked(mut self, to: &TraceContext) -> Self {
        if self.0.links.links.len() >= MOST {
            self.0.links.dropped_count = self.0.links.dropped_count.saturating_add(1);
        } else {
            let link = Link::new(to.sdk(true), Vec::new(), 0);
            self.0.links.links.push(link);
        }
        self
    }

    /// With what went wrong, by the conventions' table. `message` is that of the JSON-RPC error.
    #[must_use]
    pub fn failed(mut self, side: Side, fault: Fault, message: Option<&str>) -> Self {
        let code = fault.code().map(|code| code.to_string());
        if fault.is_error(side) {
            let kind = fault.class().map(str::to_owned).or_else(|| code.clone());
            self = self.with_some(attribute::ERROR, kind);
            self.0.status = Status::error(cut(message.unwrap_or_default()).to_owned());
        }
        self.with_some(attribute::CODE, code)
    }

    /// Whole.
    #[must_use]
    pub fn ended(mut self, at: SystemTime) -> SpanData {
        // A clock that was set back must not make a span end before it began.
        self.0.end_time = at.max(self.0.start_time);
        *self.0
    }
}

/// About how many bytes of memory a span takes.
#[must_use]
pub(crate) fn weight(span: &SpanData) -> usize {
    let text = |value: &Value| match value {
        Value::String(text) => text.as_str().len(),
        Value::Array(array) => match array {
            opentelemetry::Array::String(all) => all
                .iter()
                .map(|one| one.as_str().len().saturating_add(24))
                .sum(),
            _ => 64,
        },
        _ => 0,
    };
    let attributes: usize = span
        .attributes
        .iter()
        .map(|one| text(&one.value).saturating_add(size_of::<KeyValue>()))
        .sum();
    let links = span.links.links.len().saturating_mul(size_of::<Link>());
    size_of::<SpanData>()
        .saturating_add(span.name.len())
        .saturating_add(attributes)
        .saturating_add(links)
}

fn clipped(text: Cow<'static, str>) -> Cow<'static, str> {
    if text.len() > LONGEST {
        Cow::Owned(cut(&text).to_owned())
    } else {
        text
    }
}

/// The beginning of a text, whole letters only.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at() -> TraceContext {
        TraceContext::root(true)
    }

    fn find<'a>(span: &'a SpanData, name: &str) -> Option<Cow<'a, str>> {
        let found = span.attributes.iter().find(|one| one.key.as_str() == name);
        found.map(|one| one.value.as_str())
    }

    #[test]
    fn an_operation_is_named_by_method_and_target() {
        let (at, caller) = (at(), at());
        let began = SystemTime::UNIX_EPOCH + Duration::from_secs(9);
        let span = Span::operation(Side::Server, ("tools/call", Some("read")), &at, began)
            .called_from(&caller)
            .linked(&caller)
            .with(attribute::HOP, 2_i64)
            .ended(began + Duration::from_secs(1));
        assert_eq!(
            (span.name.as_ref(), &span.span_kind),
            ("tools/call read", &SpanKind::Server)
        );
        assert_eq!(
            (span.parent_span_id, span.parent_span_is_remote),
            (caller.span_id, true)
        );
        assert_eq!(span.links.links[0].span_context.span_id(), caller.span_id);
        assert_eq!(span.span_context.span_id(), at.span_id);
        assert_eq!(
            find(&span, attribute::METHOD).as_deref(),
            Some("tools/call")
        );
        assert_eq!(find(&span, attribute::HOP).as_deref(), Some("2"));
        assert_eq!(span.end_time, began + Duration::from_secs(1));
        let bare = Span::operation(Side::Client, ("ping", None), &at, began);
        assert_eq!(bare.ended(SystemTime::UNIX_EPOCH).end_time, began);
    }

    #[test]
    fn a_step_stands_beneath_its_call() {
        let at = at();
        let span = Span::step("decide", &at, SystemTime::now()).ended(SystemTime::now());
        assert_eq!(
            (span.parent_span_id, span.parent_span_is_remote),
            (at.span_id, false)
        );
        assert_eq!(span.span_context.trace_id(), at.trace_id);
        assert_ne!(span.span_context.span_id(), at.span_id);
        assert_eq!(span.span_kind, SpanKind::Internal);
    }

    #[test]
    fn a_fault_shows_where_the_table_says() {
        let fail = |side, fault, message| {
            Span::operation(side, ("tools/call", None), &at(), SystemTime::now())
                .failed(side, fault, message)
                .ended(SystemTime::now())
        };
        let told = |span: &SpanData| {
            let text = |name| find(span, name).map(Cow::into_owned);
            (text(attribute::ERROR), text(attribute::CODE))
        };
        let code = || Some("-32602".to_owned());
        let span = fail(Side::Server, Fault::Code(-32602), Some("no"));
        assert_eq!(
            (told(&span), &span.status),
            ((None, code()), &Status::Unset)
        );
        let span = fail(Side::Client, Fault::Code(-32602), Some("no"));
        assert_eq!(
            (told(&span), &span.status),
            ((code(), code()), &Status::error("no"))
        );
        let span = fail(Side::Server, Fault::Tool, None);
        assert_eq!(told(&span), (Some("tool_error".to_owned()), None));
        assert_eq!(span.status, Status::error(""));
    }

    /// Whatever callers name things, a span stays small.
    #[test]
    fn a_span_is_bounded() {
        let long = "\u{e9}".repeat(100_000);
        let mut span = Span::operation(
            Side::Server,
            ("tools/call", Some(&long)),
            &at(),
            SystemTime::now(),
        );
        for _ in 0..100 {
            span = span.with(attribute::TOOL, long.clone()).linked(&at());
        }
        let span = span
            .failed(Side::Client, Fault::Tool, Some(&long))
            .ended(SystemTime::now());
        assert_eq!(span.attributes.len(), 64);
        assert_eq!(
            (span.dropped_attributes_count, span.links.dropped_count),
            (38, 36)
        );
        assert!(
            span.attributes
                .iter()
                .all(|one| one.value.as_str().len() <= LONGEST)
        );
        assert!(span.name.len() <= LONGEST);
        assert!(weight(&span) > 63 * LONGEST && weight(&span) < 80 * LONGEST);
    }
}
