//! `hopgate replay`: which recorded decisions would be others under another configuration.

use super::{Format, loaded, printable};
use crate::audit::reader::{Joined, Judged, Past};
use clap::Args;
use policy::{Outcome, Policy};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// After so many decisions a person who waits is told how many.
const TOLD_EACH: u64 = 100_000;

/// What is replayed.
#[derive(Debug, Args)]
pub struct Replay {
    /// The records: the folder `audit` of a `data_dir`, or a copy; absent, that of the configuration.
    #[arg(long, value_name = "DIR")]
    records: Option<PathBuf>,
    /// The configuration they are held against.
    #[arg(long, value_name = "FILE")]
    against: PathBuf,
}

/// What came of it.
#[derive(Debug, Default)]
struct Tally {
    decisions: u64,
    same: u64,
    /// By what it was and what it would be.
    changed: BTreeMap<(&'static str, &'static str), u64>,
    /// Depends on arguments that were not kept, by these rules.
    open: u64,
    rules: BTreeMap<Arc<str>, u64>,
    /// The records do not say what was asked, or who.
    unclear: u64,
}

/// Where changes are told as they are found, so that none has to be kept.
struct Page {
    out: BufWriter<StdoutLock<'static>>,
    format: Format,
    told: bool,
}

/// A decision that would be another.
struct Change<'a> {
    past: &'a Past,
    before: Outcome,
    after: Outcome,
    rule: Option<&'a str>,
    why: &'a str,
}

/// Replays. Exit codes: 0 no decision would change, 3 some would, 1 the configuration has mistakes or the records
/// cannot be read.
pub(super) fn run(file: &Path, format: Format, asked: &Replay) -> ExitCode {
    let against = match loaded(&asked.against, format) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let folder = match super::records(file, format, asked.records.as_deref()) {
        Ok(folder) => folder,
        Err(code) => return code,
    };
    let mut joined = match Joined::open(&folder) {
        Ok(joined) => joined,
        Err(why) => return super::unread(&why),
    };
    let mut page = Page::new(format);
    let mut tally = Tally::default();
    let waits = io::stderr().is_terminal();
    for past in joined.by_ref() {
        tally.judge(&past, &against.config.policy, &mut page);
        if waits && tally.decisions % TOLD_EACH == 0 {
            eprintln!("hopgate: {} decisions so far", tally.decisions);
        }
    }
    tally.decisions += joined.orphans();
    tally.unclear += joined.orphans();
    page.close(&tally, &against.config.digest, joined);
    match tally.changed.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(3),
    }
}

fn times(count: u64, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        many => format!("{many} {one}s"),
    }
}

// === impl Tally ===

impl Tally {
    fn judge(&mut self, past: &Past, policy: &Policy, page: &mut Page) {
        self.decisions += 1;
        let judged = past.judge(policy);
        let (before, after, rule) = match (past.decided.outcome, judged) {
            (Some(before), Judged::Sure { outcome, rule }) => (before, outcome, rule),
            (Some(_), Judged::Open(rules)) => {
                self.open += 1;
                for rule in rules {
                    *self.rules.entry(rule).or_default() += 1;
                }
                return;
            }
            _ => {
                self.unclear += 1;
                return;
            }
        };
        if before == after {
            self.same += 1;
            return;
        }
        *self
            .changed
            .entry((before.name(), after.name()))
            .or_default() += 1;
        let why = match &rule {
            Some(rule) => format!("{} by `{rule}`", after.name()),
            None => past.reason(policy),
        };
        page.change(&Change {
            past,
            before,
            after,
            rule: rule.as_deref(),
            why: &why,
        });
    }

    fn changes(&self) -> u64 {
        self.changed.values().sum()
    }

    fn human(&self, since: &str) -> String {
        let kinds = self.changed.iter();
        let kinds = kinds.map(|((before, after), count)| format!("{count} {before} -> {after}"));
        let kinds = kinds.collect::<Vec<_>>().join(", ");
        let kinds = match kinds.as_str() {
            "" => String::new(),
            kinds => format!(" ({kinds})"),
        };
        let decisions = times(self.decisions, "decision");
        let mut text = format!(
            "{decisions}{since}: {} would change{kinds}, {} would not\n",
            self.changes(),
            self.same
        );
        if self.open > 0 {
            let rules = self.rules.keys().map(|rule| format!("`{rule}`"));
            let rules = rules.collect::<Vec<_>>().join(", ");
            text += &format!(
                "{} could not be judged: their arguments were not recorded, and they depend on them, by {rules}\n",
                self.open
            );
        }
        if self.unclear > 0 {
            text += &format!(
                "{} could not be judged: the records do not say what was asked, or by whom\n",
                self.unclear
            );
        }
        text
    }

    fn members(&self) -> Vec<(&'static str, Value)> {
        let kinds = self.changed.iter().map(
            |((before, after), count)| json!({ "before": before, "after": after, "count": count }),
        );
        let rules = self.rules.iter();
        let rules = rules.map(|(rule, count)| json!({ "rule": &**rule, "count": count }));
        let unjudged = json!({ "arguments": self.open, "rules": rules.collect::<Vec<_>>(), "unclear": self.unclear });
        vec![
            ("decisions", self.decisions.into()),
            ("changed", self.changes().into()),
            ("same", self.same.into()),
            ("kinds", kinds.collect()),
            ("unjudged", unjudged),
        ]
    }
}

// === impl Page ===

impl Page {
    fn new(format: Format) -> Self {
        Self {
            out: BufWriter::new(io::stdout().lock()),
            format,
            told: false,
        }
    }

    /// Writes. A reader that has left, such as `head`, has what it wanted.
    fn write(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes());
    }

    fn change(&mut self, change: &Change<'_>) {
        let text = match self.format {
            Format::Human => change.human(),
            Format::Json => {
                let before = if self.told {
                    ",\n  "
                } else {
                    "{ \"changes\": [\n  "
                };
                format!("{before}{}", change.json())
            }
        };
        self.told = true;
        self.write(&text);
    }

    fn close(mut self, tally: &Tally, snapshot: &str, joined: Joined) {
        let reach = joined.reach().clone();
        let damage = joined.into_damage();
        match self.format {
            Format::Human => {
                let since = match (&reach.since, &reach.until) {
                    (Some(since), Some(until)) => format!(" from {since} to {until}"),
                    _ => String::new(),
                };
                self.write(&tally.human(&since));
                let _ = self.out.flush();
                eprint!("{damage}");
            }
            Format::Json => {
                let opened = if self.told {
                    "\n]"
                } else {
                    "{ \"changes\": []"
                };
                self.write(opened);
                let mut members = tally.members();
                members.push(("against", json!({ "snapshot": snapshot })));
                members.push((
                    "records",
                    json!({ "since": reach.since, "until": reach.until, "damage": damage.json() }),
                ));
                for (name, value) in members {
                    self.write(&format!(",\n  \"{name}\": {value}"));
                }
                self.write(" }\n");
                let _ = self.out.flush();
            }
        }
    }
}

// === impl Change ===

impl Change<'_> {
    fn human(&self) -> String {
        let Past { decided, who } = self.past;
        let rules = decided.rules.iter().map(|rule| format!("`{rule}`"));
        let rules = rules.collect::<Vec<_>>().join(", ");
        let by = if rules.is_empty() { "" } else { " by " };
        let (call, agent, subject) = (&decided.call, &who.agent, self.past.subject());
        let line = format!(
            "{}  {call}  {agent}  {subject}  {}{by}{rules}  ->  {}",
            decided.at,
            self.before.name(),
            self.why
        );
        format!("{}\n", printable(&line))
    }

    fn json(&self) -> Value {
        let Past { decided, who } = self.past;
        json!({ "call": decided.call, "at": decided.at, "agent": who.agent, "tool": self.past.subject(),
            "before": { "decision": self.before.name(), "rules": decided.rules, "snapshot": decided.snapshot },
            "after": { "decision": self.after.name(), "rule": self.rule, "reason": self.why } })
    }
}
