//! `hopgate audit tree`: the calls of a task and those that grew from them, across agents, as one tree.
//!
//! A call belongs to it when its task does, or when the hop token it brought was given to a call that does; its own
//! task, which the hop token opened, then belongs to it as well.

use super::read::{Record, each, holds, of_calls, shown};
use super::{Format, Place, folder, id};
use crate::audit::journal::Log;
use clap::Args;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::process::ExitCode;

/// Which task.
#[derive(Debug, Args)]
pub struct Tree {
    /// Its id.
    task: String,
    #[command(flatten)]
    place: Place,
}

/// What the logs say of one call.
#[derive(Debug, Default)]
struct Call {
    id: String,
    parent: Option<String>,
    /// Its first record in `calls`, with who and what, and its last.
    began: Value,
    ended: Option<Value>,
    decided: Option<Value>,
}

/// Calls by the call they grew from: one task may have a hundred thousand.
struct Grown<'a>(HashMap<&'a str, Vec<&'a Call>>);

/// The parent of calls that grew from none: no call has this id.
const NOBODY: &str = "";

/// Draws a task. Exit codes: 0 found, 1 not, 2 there are no records.
pub(super) fn run(file: &Path, format: Format, asked: &Tree) -> ExitCode {
    let folder = match folder(file, format, asked.place.dir.as_deref()) {
        Ok(folder) => folder,
        Err(code) => return code,
    };
    let task = id(&asked.task);
    let found = match format {
        Format::Human => page(&folder, &task),
        Format::Json => {
            let calls = calls(&folder, &task);
            let grown = Grown::of(&calls);
            let tops = grown.beneath(NOBODY).iter();
            let tops: Vec<_> = tops.map(|call| grown.machine(call)).collect();
            let said = json!({ "task": task, "calls": tops });
            (!calls.is_empty()).then(|| format!("{said:#}\n"))
        }
    };
    let Some(text) = found else {
        eprintln!("hopgate: nothing is on record of task {}", asked.task);
        return ExitCode::FAILURE;
    };
    super::super::print(&text);
    ExitCode::SUCCESS
}

/// The tree for people, where there is one.
pub(super) fn page(folder: &Path, task: &str) -> Option<String> {
    let calls = calls(folder, task);
    let mut page = format!("task {}\n", shown(task));
    Grown::of(&calls).draw(NOBODY, "", &mut page);
    (!calls.is_empty()).then_some(page)
}

/// The calls that belong to the tree, in order.
fn calls(folder: &Path, task: &str) -> Vec<Call> {
    let (mut tasks, mut ids) = (HashSet::from([task.to_owned()]), HashSet::new());
    // A call is on record before those that grow from it.
    each(folder, Log::Calls.name(), holds(r#""task":""#), |record| {
        let (Some(call), Some(own)) = (record.text("call"), record.text("task")) else {
            return;
        };
        let grown = record
            .text("parent")
            .is_some_and(|parent| ids.contains(parent));
        if grown || tasks.contains(own) {
            tasks.insert(own.to_owned());
            ids.insert(call.to_owned());
        }
    });
    let mut calls: Vec<Call> = Vec::new();
    let mut places = BTreeMap::new();
    for record in of_calls(folder, &ids) {
        let id = record.text("call").unwrap_or_default().to_owned();
        let place = *places.entry(id.clone()).or_insert(calls.len());
        if place == calls.len() {
            calls.push(Call {
                id,
                ..Call::default()
            });
        }
        if let Some(call) = calls.get_mut(place) {
            call.take(record, &ids);
        }
    }
    calls
}

// === impl Grown ===

impl<'a> Grown<'a> {
    fn of(calls: &'a [Call]) -> Self {
        let mut rows: HashMap<&str, Vec<&Call>> = HashMap::new();
        for call in calls {
            let parent = call.parent.as_deref().unwrap_or(NOBODY);
            rows.entry(parent).or_default().push(call);
        }
        Self(rows)
    }

    fn beneath(&self, parent: &str) -> &[&'a Call] {
        self.0.get(parent).map_or(&[], Vec::as_slice)
    }

    fn draw(&self, parent: &str, indent: &str, page: &mut String) {
        let row = self.beneath(parent);
        for (at, call) in row.iter().enumerate() {
            let (branch, below) = match at + 1 == row.len() {
                true => ("└─ ", "   "),
                false => ("├─ ", "│  "),
            };
            page.push_str(&format!("{indent}{branch}{}\n", call.human()));
            self.draw(&call.id, &format!("{indent}{below}"), page);
        }
    }

    fn machine(&self, call: &Call) -> Value {
        let grown = self.beneath(&call.id).iter();
        let grown: Vec<_> = grown.map(|call| self.machine(call)).collect();
        json!({ "call": call.id, "began": call.began, "ended": call.ended, "decision": call.decided, "calls": grown })
    }
}

// === impl Call ===

impl Call {
    fn take(&mut self, record: Record, ids: &HashSet<String>) {
        let parent = record.text("parent").filter(|parent| ids.contains(*parent));
        // No call grows from itself, whatever a damaged log says.
        if let Some(parent) = parent.filter(|parent| *parent < self.id.as_str()) {
            self.parent = Some(parent.to_owned());
        }
        match (record.log, record.text("kind")) {
            ("calls", Some("outcome")) => {
                if self.began.is_null() {
                    self.began = record.said.clone();
                }
                self.ended = Some(record.said);
            }
            ("calls", _) if self.began.is_null() => self.began = record.said,
            ("decisions", Some("decision")) => self.decided = Some(record.said),
            _ => {}
        }
    }

    fn human(&self) -> String {
        let text = |said: &Value, name: &str| {
            said.get(name)
                .and_then(Value::as_str)
                .map_or_else(|| "-".to_owned(), shown)
        };
        let began = |name| text(&self.began, name);
        let ended = |name| match &self.ended {
            Some(said) => text(said, name),
            None => "-".to_owned(),
        };
        let how = match (ended("ending"), ended("refused")) {
            (ending, refused) if refused == "-" && ending != "-" => ending,
            (ending, _) if ending == "-" => "no outcome on record".to_owned(),
            (ending, refused) => format!("{ending} ({refused})"),
        };
        let took = self.ended.as_ref().and_then(|said| said.get("took_us"));
        let took = took
            .and_then(Value::as_u64)
            .map_or_else(String::new, |took| {
                format!("  {}.{:03} ms", took / 1_000, took % 1_000)
            });
        let decided = self.decided.as_ref().map_or_else(String::new, |said| {
            let rules = said.get("rules").and_then(Value::as_array);
            let rules = rules.into_iter().flatten().filter_map(Value::as_str);
            let rules: Vec<_> = rules.map(|rule| format!("`{}`", shown(rule))).collect();
            let by = if rules.is_empty() { "" } else { " by " };
            format!("  {}{by}{}", text(said, "decision"), rules.join(", "))
        });
        let (agent, server) = (began("agent"), began("server"));
        let (method, target) = (began("method"), began("target"));
        format!(
            "{agent} → {server}  {method} {target}  {how}{took}{decided}  {}",
            shown(&self.id)
        )
    }
}
