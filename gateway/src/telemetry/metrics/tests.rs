//! What `/metrics` says, and that nobody can make it say more and more.

use super::*;
use crate::telemetry::fault::Fault;
use adapters::wire::Method;
use adapters::wire::revision::Revision;
use std::time::Duration;

fn call(subject: Subject, fault: Option<Fault>, millis: u64) -> Operation {
    Operation {
        subject,
        method: Some(Method::ToolsCall),
        revision: Some(Revision::V2026_07_28),
        fault,
        took: Duration::from_millis(millis),
    }
}

#[test]
fn every_line_is_prometheus_text() {
    let metrics = Metrics::default();
    metrics.calls.count(Outcome::Refused);
    metrics.bytes.add(Way::Out, 41);
    metrics.audit.lag.set(1_500);
    metrics.loaded("ab12", 1);
    let held = metrics.streams.hold();
    let text = metrics.render();
    for line in [
        "hopgate_calls_total{outcome=\"refused\"} 1\n",
        "hopgate_bytes_total{way=\"out\"} 41\n",
        "hopgate_streams 1\n",
        "hopgate_snapshot_info{digest=\"ab12\"} 1\n",
        "hopgate_audit_lag_seconds 1.5\n",
        "hopgate_spans_lost_total{reason=\"full\"} 0\n",
    ] {
        assert!(text.contains(line), "{line}:\n{text}");
    }
    drop(held);
    assert!(metrics.render().contains("hopgate_streams 0\n"));
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        let ours = ["hopgate_", "mcp_", "process_"];
        assert!(ours.iter().any(|start| name.starts_with(start)), "{line}");
        value.parse::<f64>().unwrap();
    }
}

#[test]
fn an_operation_is_told_by_the_conventions_names() {
    let metrics = Metrics::default();
    let subject = metrics
        .subjects
        .answered("notes", Some(Target::Tool("read")));
    metrics.served.record(&call(subject, None, 15));
    metrics
        .sent
        .record(&call(subject, Some(Fault::Code(-32602)), 700_000));
    metrics
        .served
        .record(&call(subject, Some(Fault::Code(-32602)), 1));
    let prompt = metrics
        .subjects
        .answered("notes", Some(Target::Prompt("read")));
    let got = Operation {
        method: Some(Method::PromptsGet),
        revision: None,
        ..call(prompt, Some(Fault::Timeout), 10)
    };
    metrics.served.record(&got);
    let text = metrics.render();
    let tool = "mcp_method_name=\"tools/call\",gen_ai_operation_name=\"execute_tool\",\
                gen_ai_tool_name=\"read\",hopgate_server=\"notes\",mcp_protocol_version=\"2026-07-28\"";
    for line in [
        format!("mcp_server_operation_duration_seconds_bucket{{{tool},le=\"0.01\"}} 0\n"),
        format!("mcp_server_operation_duration_seconds_bucket{{{tool},le=\"0.02\"}} 1\n"),
        format!("mcp_server_operation_duration_seconds_sum{{{tool}}} 0.015\n"),
        // The caller's own mistake is no error of whoever was called.
        format!("mcp_server_operation_duration_seconds_count{{{tool},rpc_response_status_code=\"-32602\"}} 1\n"),
        format!(
            "mcp_client_operation_duration_seconds_bucket{{{tool},error_type=\"-32602\",\
             rpc_response_status_code=\"-32602\",le=\"+Inf\"}} 1\n"
        ),
        "mcp_server_operation_duration_seconds_bucket{mcp_method_name=\"prompts/get\",\
         gen_ai_prompt_name=\"read\",hopgate_server=\"notes\",error_type=\"timeout\",le=\"0.01\"} 1\n"
            .to_owned(),
    ] {
        assert!(text.contains(&line), "{line}:\n{text}");
    }
}

/// T87: whatever names callers and servers think of, `/metrics` stays as large as it is.
#[test]
fn a_hundred_thousand_names_change_nothing() {
    let metrics = Metrics::default();
    let _known = metrics.subjects.answered("notes", None);
    let attack = |from: usize| {
        for number in from..from + 50_000 {
            let name = format!("tool-{number}");
            let target = Some(Target::Tool(name.as_str()));
            let subject = match number % 2 {
                0 => metrics.subjects.find("notes", target),
                _ => metrics.subjects.answered("notes", target),
            };
            metrics.served.record(&call(subject, None, 1));
            metrics
                .sent
                .record(&call(subject, Some(Fault::Code(number as i64)), 1));
        }
        metrics.render()
    };
    let (first, second) = (attack(0), attack(50_000));
    // Each name once in each histogram, and the line of all others.
    assert_eq!(first.matches("_sum{").count(), 2 * 1_001);
    assert_eq!(first.lines().count(), second.lines().count());
    let grown = second.len().abs_diff(first.len());
    assert!(grown < 64 * 1024, "only digits change");
    assert!(!second.contains("tool-60001\""));
    assert!(second.contains("gen_ai_tool_name=\"_OTHER\""));
}

/// A name that only callers use is not told apart.
#[test]
fn a_name_is_one_when_a_server_has_answered_to_it() {
    let subjects = Subjects::default();
    let target = Some(Target::Tool("guessed"));
    let before = subjects.find("notes", target);
    let answered = subjects.answered("notes", target);
    assert_ne!(before, answered);
    assert_eq!(subjects.find("notes", target), answered);
}

#[test]
fn there_are_only_so_many_series() {
    let metrics = Metrics::default();
    for number in 0..1_000 {
        let name = format!("tool-{number}");
        let subject = metrics
            .subjects
            .answered("notes", Some(Target::Tool(&name)));
        for fault in [
            None,
            Some(Fault::Tool),
            Some(Fault::Timeout),
            Some(Fault::Broken),
        ] {
            metrics.served.record(&call(subject, fault, 1));
        }
        metrics.served.record(&call(subject, Some(Fault::Other), 1));
    }
    let text = metrics.render();
    assert_eq!(text.matches("duration_seconds_sum{").count(), 4_001);
    assert!(text.contains("duration_seconds_count{otel_metric_overflow=\"true\"} 1000\n"));
}

/// What is sent over OTLP and what is printed come from one reading: every metric has its own name in both.
#[test]
fn names_are_distinct_and_fit_prometheus() {
    let all = Metrics::default().read();
    let mut names: Vec<_> = all.iter().map(Reading::prometheus_name).collect();
    assert!(names.iter().all(|name| {
        name.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    }));
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all.len());
}
