//! `hopgate tasks`: who runs what, since when, through which chain; and the end of it.

use super::operator::ask;
use super::table::{self, age, plain};
use super::{Format, Tasks};
use crate::identity::now;
use http::Method;
use serde_json::Value;
use std::path::Path;
use std::process::ExitCode;

/// Lists, shows or ends tasks. Exit codes: 0 done, 1 the gateway does not answer or knows no such task.
pub(super) fn run(file: &Path, format: Format, action: Option<&Tasks>) -> ExitCode {
    let (method, path) = match action {
        None | Some(Tasks::List) => (Method::GET, "/tasks".to_owned()),
        Some(Tasks::Show { id }) => (Method::GET, format!("/tasks/{}", plain(id))),
        Some(Tasks::End { id }) => (Method::DELETE, format!("/tasks/{}", plain(id))),
    };
    match ask(file, method, &path) {
        Ok(said) => {
            super::print(&match format {
                Format::Json => format!("{said}\n"),
                Format::Human => shown(&said),
            });
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("hopgate: {why}");
            ExitCode::FAILURE
        }
    }
}

fn shown(said: &Value) -> String {
    match said.get("tasks").and_then(Value::as_array) {
        Some(tasks) => listed(tasks),
        None => lines(said),
    }
}

/// One line for each task, under a heading.
fn listed(tasks: &[Value]) -> String {
    let heading = [
        "TASK", "CHAIN", "USER", "KIND", "AGE", "CALLS", "OPEN", "PURPOSE",
    ];
    let mut rows = vec![heading.map(str::to_owned)];
    rows.extend(tasks.iter().map(row));
    table::print(&rows)
}

fn row(task: &Value) -> [String; 8] {
    let text = |name: &str| {
        task.get(name)
            .and_then(Value::as_str)
            .unwrap_or("-")
            .to_owned()
    };
    let number = |name: &str| task.get(name).and_then(Value::as_u64).unwrap_or_default();
    [
        text("id"),
        chain(task),
        text("user"),
        text("kind"),
        age(now().saturating_sub(number("opened"))),
        number("calls").to_string(),
        number("open_calls").to_string(),
        // One line each, whatever an agent declared.
        text("purpose").escape_debug().take(60).collect(),
    ]
}

fn chain(task: &Value) -> String {
    let agents = task.get("chain").and_then(Value::as_array);
    let names = agents.into_iter().flatten().filter_map(Value::as_str);
    names.collect::<Vec<_>>().join(" > ")
}

/// Every fact of one task on a line of its own.
fn lines(task: &Value) -> String {
    let facts = task.as_object().into_iter().flatten();
    let line = |(name, value): (&String, &Value)| {
        let value = match (name.as_str(), value) {
            ("chain", _) => chain(task),
            (_, Value::String(text)) => text.escape_debug().to_string(),
            (_, other) => other.to_string(),
        };
        format!("{name:14}{value}\n")
    };
    facts.map(line).collect()
}
