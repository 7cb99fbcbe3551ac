//! Draws what the gateway recorded as a tree, one branch for each agent's work.

use crate::audit::{Ending, Record};
use std::fmt::Write as _;

/// The page the demo prints.
#[derive(Debug)]
pub(super) struct Page {
    text: String,
    allowed: usize,
    refused: usize,
}

// === impl Page ===

impl Page {
    /// Begins the page.
    pub(super) fn new(port: u16) -> Self {
        let text = format!(
            "hopgate on http://127.0.0.1:{port}, two sample servers, three sample agents; every line below is a record.\n"
        );
        Self {
            text,
            allowed: 0,
            refused: 0,
        }
    }

    /// Begins the branch of one agent.
    pub(super) fn branch(&mut self, title: &str) {
        let _ = write!(self.text, "\n{title}\n");
    }

    /// Draws the calls the gateway recorded, then what the agent was told.
    pub(super) fn records(&mut self, records: Vec<Record>, told: &[String]) {
        for record in &records {
            match record.ending {
                Ending::Refused(_) => self.refused += 1,
                _ => self.allowed += 1,
            }
            let _ = writeln!(self.text, "├─ {}", line(record));
        }
        let _ = writeln!(self.text, "└─ the agent saw");
        for (at, saying) in told.iter().enumerate() {
            let branch = if at + 1 == told.len() {
                "└─"
            } else {
                "├─"
            };
            let _ = writeln!(self.text, "   {branch} {saying}");
        }
    }

    /// The whole page.
    pub(super) fn finish(mut self) -> String {
        let _ = write!(
            self.text,
            "\n{} calls allowed, {} refused.\n",
            self.allowed, self.refused
        );
        self.text
    }
}

fn line(record: &Record) -> String {
    let who = match record.principal {
        Some(_) => record.chain().replace('>', " > "),
        None => "nobody".to_owned(),
    };
    let what = [record.method.as_deref(), record.target.as_deref()]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    let micros = record.took.as_micros();
    let took = format!("{}.{:03} ms", micros / 1000, micros % 1000);
    let how = match record.ending {
        Ending::Refused(kind) => format!("refused ({})", kind.name()),
        ending => ending.name().to_owned(),
    };
    let why = match (&record.rule, &record.reason) {
        (_, Some(reason)) => reason.clone(),
        (Some(rule), None) => format!("by rule `{rule}`"),
        (None, None) => String::new(),
    };
    format!(
        "{took:>10}  {:<28} {what:<32} {how:<24} {why}",
        format!("{who} → {}", record.server)
    )
}
