//! Draws spans as a tracing backend shows them: a tree for each trace, every span beneath its parent, in the order they
//! began. The steps of a call share a line. Spans of HTTP requests are left out: each is linked to the call it brought.

use crate::telemetry::trace::attribute;
use opentelemetry::trace::{SpanId, SpanKind, TraceId};
use opentelemetry_sdk::trace::SpanData;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::time::Duration;

/// Letters for what a span is of; its kind and duration stand behind.
const TITLE: usize = 76;
/// The longest line.
const LINE: usize = 100;

/// What agents saw of their calls, by the call's id.
pub(super) type Sights = HashMap<String, String>;

/// The trees of all traces, and what the drawing counted.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) text: String,
    pub(super) answered: usize,
    pub(super) refused: usize,
}

/// Spans, found by what they stand beneath.
struct Forest<'a> {
    beneath: HashMap<Place, Vec<&'a SpanData>>,
    sights: &'a Sights,
    page: Page,
}

/// Where a span stands: ids of spans are told apart within their trace alone.
type Place = (TraceId, SpanId);

/// What stands beneath a span, one line or more each.
enum Twig<'a> {
    Said(String),
    Span(&'a SpanData),
}

// === impl Page ===

impl Page {
    /// Draws all traces, in the order they began.
    pub(super) fn draw(spans: &[SpanData], sights: &Sights) -> Self {
        let mut spans: Vec<_> = spans.iter().filter(|span| !is_http(span)).collect();
        // Stable: what began at one instant stays in the order it was exported.
        spans.sort_by_key(|span| span.start_time);
        let known: HashSet<Place> = spans.iter().map(|span| place(span)).collect();
        let mut traces: Vec<(TraceId, Vec<&SpanData>)> = Vec::new();
        let mut beneath: HashMap<Place, Vec<&SpanData>> = HashMap::new();
        for span in spans {
            let trace = span.span_context.trace_id();
            let parent = (trace, span.parent_span_id);
            if known.contains(&parent) {
                beneath.entry(parent).or_default().push(span);
                continue;
            }
            match traces.iter_mut().find(|(known, _)| *known == trace) {
                Some((_, roots)) => roots.push(span),
                None => traces.push((trace, vec![span])),
            }
        }
        let mut forest = Forest {
            beneath,
            sights,
            page: Self::default(),
        };
        for (trace, roots) in traces {
            forest.line(&format!("\ntrace {trace}"));
            for root in roots {
                forest.span(root, "", "");
            }
        }
        forest.page
    }
}

// === impl Forest ===

impl<'a> Forest<'a> {
    /// A span, and all beneath it. `lead` stands before its own line, `rest` before those beneath.
    fn span(&mut self, span: &'a SpanData, lead: &str, rest: &str) {
        self.count(span);
        let line = format!(
            "{:<TITLE$} {:<8} {:>11}",
            clipped(&format!("{lead}{}", title(span)), TITLE),
            kind(&span.span_kind),
            took(span)
        );
        self.line(line.trim_end());
        let twigs = self.twigs(span);
        let mut left = twigs.len();
        for twig in twigs {
            left = left.saturating_sub(1);
            let (own, further) = match left {
                0 => ("└─ ", "   "),
                _ => ("├─ ", "│  "),
            };
            match twig {
                Twig::Said(text) => self.line(&clipped(&format!("{rest}{own}{text}"), LINE)),
                Twig::Span(span) => {
                    self.span(span, &format!("{rest}{own}"), &format!("{rest}{further}"));
                }
            }
        }
    }

    fn twigs(&self, span: &SpanData) -> Vec<Twig<'a>> {
        let mut twigs: Vec<_> = verdict(span).map(Twig::Said).into_iter().collect();
        let sight = said(span, attribute::CALL).and_then(|call| self.sights.get(&call));
        if let Some(saw) = sight {
            twigs.push(Twig::Said(format!("the agent saw: {saw}")));
        }
        let children = self
            .beneath
            .get(&place(span))
            .into_iter()
            .flatten()
            .copied();
        let (steps, spans): (Vec<_>, Vec<_>) = children.partition(|child| is_step(child));
        if !steps.is_empty() {
            twigs.push(Twig::Said(step_line(&steps)));
        }
        twigs.extend(spans.into_iter().map(Twig::Span));
        twigs
    }

    fn count(&mut self, span: &SpanData) {
        if span.span_kind != SpanKind::Server {
            return;
        }
        match said(span, attribute::REFUSAL) {
            Some(_) => self.page.refused += 1,
            None => self.page.answered += 1,
        }
    }

    fn line(&mut self, text: &str) {
        // A text that cannot be written to does not exist.
        let _ = writeln!(self.page.text, "{text}");
    }
}

/// What a span is of.
fn title(span: &SpanData) -> String {
    let name = &span.name;
    let server = said(span, attribute::SERVER).unwrap_or_default();
    match span.span_kind {
        SpanKind::Server => {
            let mark = match said(span, attribute::REFUSAL) {
                Some(_) => "✗ ",
                None => "",
            };
            let chain = said(span, attribute::CHAIN).filter(|chain| chain.contains('>'));
            let who = chain.map_or(String::new(), |chain| chain.replace('>', " > ") + ": ");
            format!("{mark}{who}{name} → {server}")
        }
        SpanKind::Client => format!("{name} at {server}"),
        _ => match (said(span, attribute::CAUSE), said(span, attribute::CALLS)) {
            (Some(cause), Some(calls)) => format!("{name}: {cause}, {calls} calls"),
            _ => name.to_string(),
        },
    }
}

/// Why a call was refused: the decision and its rule, where it came to one.
fn verdict(span: &SpanData) -> Option<String> {
    let kind = said(span, attribute::REFUSAL)?;
    let decision = match (said(span, attribute::DECISION), said(span, attribute::RULE)) {
        (Some(decision), Some(rule)) => format!("{decision} by rule `{rule}`"),
        (Some(decision), None) => decision,
        (None, _) => "before any decision".to_owned(),
    };
    Some(format!("refused ({kind}): {decision}"))
}

fn step_line(steps: &[&SpanData]) -> String {
    let steps: Vec<String> = steps
        .iter()
        .map(|step| format!("{} {}", step.name, millis(spent(step))))
        .collect();
    steps.join(", ")
}

/// How long a span lasted. A task's says only that it opened, or ended.
fn took(span: &SpanData) -> String {
    match span.span_kind {
        SpanKind::Internal => String::new(),
        _ => millis(spent(span)),
    }
}

fn spent(span: &SpanData) -> Duration {
    let spent = span.end_time.duration_since(span.start_time);
    spent.unwrap_or_default()
}

fn millis(spent: Duration) -> String {
    let micros = spent.as_micros();
    format!("{}.{:03} ms", micros / 1000, micros % 1000)
}

fn kind(kind: &SpanKind) -> &'static str {
    match kind {
        SpanKind::Server => "SERVER",
        SpanKind::Client => "CLIENT",
        _ => "INTERNAL",
    }
}

fn is_http(span: &SpanData) -> bool {
    said(span, attribute::HTTP_METHOD).is_some()
}

/// Steps are within a call; a task's own spans name it.
fn is_step(span: &SpanData) -> bool {
    span.span_kind == SpanKind::Internal && said(span, attribute::TASK).is_none()
}

fn place(span: &SpanData) -> Place {
    (span.span_context.trace_id(), span.span_context.span_id())
}

/// The text of an attribute.
fn said(span: &SpanData, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|one| one.key.as_str() == name);
    found.map(|one| one.value.as_str().into_owned())
}

/// A line that is too long, with a mark that it was.
fn clipped(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let mut short: String = line.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::trace::{Span, TraceContext};
    use std::time::SystemTime;

    const ROOT: u8 = 1;

    /// The span of this number in the trace of that number.
    fn at(trace: u8, span: u8) -> TraceContext {
        TraceContext {
            trace_id: TraceId::from_bytes([trace; 16]),
            span_id: SpanId::from_bytes([span; 8]),
            sampled: true,
            random: true,
            state: None,
        }
    }

    fn moment(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    }

    fn task(name: &'static str, at: &TraceContext, from: u64) -> Span {
        Span::new(SpanKind::Internal, name.into(), at, moment(from)).with(attribute::TASK, "t")
    }

    fn call(name: &'static str, at: &TraceContext, from: u64) -> Span {
        Span::new(SpanKind::Server, name.into(), at, moment(from)).with(attribute::SERVER, "notes")
    }

    fn drawn(spans: &[SpanData], sights: &Sights) -> (String, usize, usize) {
        let page = Page::draw(spans, sights);
        (page.text, page.answered, page.refused)
    }

    /// Exported innermost first, as calls end; a call of an agent that was called stands beneath the call of its caller.
    #[test]
    fn every_span_stands_beneath_its_parent() {
        let (outer, sent, inner) = (at(1, 2), at(1, 3), at(1, 5));
        let spans = [
            task("task planner", &at(1, ROOT), 1).ended(moment(1)),
            task("task librarian", &at(1, 4), 13)
                .beneath(sent.span_id)
                .ended(moment(13)),
            Span::step("decide", &inner, moment(15)).ended(moment(16)),
            Span::step("identify", &inner, moment(14)).ended(moment(15)),
            call("tools/call delete_note", &inner, 14)
                .called_from(&at(1, 4))
                .with(attribute::CHAIN, "planner>librarian")
                .with(attribute::CALL, "c2")
                .with(attribute::DECISION, "deny")
                .with(attribute::RULE, "notes stay")
                .with(attribute::REFUSAL, "denied")
                .ended(moment(17)),
            call("tools/call tidy", &outer, 10)
                .called_from(&at(1, ROOT))
                .with(attribute::CHAIN, "planner")
                .with(attribute::CALL, "c1")
                .ended(moment(20)),
            Span::new(
                SpanKind::Client,
                "tools/call tidy".into(),
                &sent,
                moment(12),
            )
            .with(attribute::SERVER, "librarian")
            .beneath(outer.span_id)
            .ended(moment(19)),
            Span::new(SpanKind::Server, "POST /".into(), &at(1, 9), moment(10))
                .called_from(&at(1, ROOT))
                .with(attribute::HTTP_METHOD, "POST")
                .ended(moment(20)),
        ];
        let sights = Sights::from([("c2".to_owned(), "no".to_owned())]);
        let (text, answered, refused) = drawn(&spans, &sights);
        let wanted = [
            "",
            "trace 01010101010101010101010101010101",
            "task planner                                                                 INTERNAL",
            "└─ tools/call tidy → notes                                                   SERVER     10.000 ms",
            "   └─ tools/call tidy at librarian                                           CLIENT      7.000 ms",
            "      └─ task librarian                                                      INTERNAL",
            "         └─ ✗ planner > librarian: tools/call delete_note → notes            SERVER      3.000 ms",
            "            ├─ refused (denied): deny by rule `notes stay`",
            "            ├─ the agent saw: no",
            "            └─ identify 1.000 ms, decide 1.000 ms",
            "",
        ];
        assert_eq!(text, wanted.join("\n"));
        assert_eq!((answered, refused), (1, 1));
    }

    #[test]
    fn traces_stand_in_the_order_they_began() {
        let late = task("task late", &at(1, 1), 9).ended(moment(9));
        let early = task("task early", &at(2, 1), 3).ended(moment(3));
        let ended = task("task early ended", &at(2, 2), 11)
            .beneath(SpanId::from_bytes([1; 8]))
            .with(attribute::CAUSE, "closed")
            .with(attribute::CALLS, 7_i64)
            .ended(moment(11));
        let (text, ..) = drawn(&[late, ended, early], &Sights::new());
        let lines: Vec<_> = text.lines().map(|line| line.split("  ").next()).collect();
        let wanted = [
            "",
            "trace 02020202020202020202020202020202",
            "task early",
            "└─ task early ended: closed, 7 calls",
            "",
            "trace 01010101010101010101010101010101",
            "task late",
        ];
        assert_eq!(lines, wanted.map(Some));
    }

    /// Whatever somebody names things, a line keeps its width.
    #[test]
    fn long_names_are_cut() {
        let long = call("x", &at(1, 1), 1)
            .with(attribute::CHAIN, "é>".repeat(200))
            .ended(moment(2));
        let (text, ..) = drawn(&[long], &Sights::new());
        let line = text.lines().last().unwrap();
        assert!(
            line.contains('…') && line.ends_with("SERVER      1.000 ms"),
            "{line}"
        );
        assert_eq!(line.chars().count(), 97);
    }
}
