//! `hopgate explain --call`: a call that was recorded, decided again under the configuration there is now.

use super::explain::{Explain, told};
use super::{Format, loaded, misused, own_records, printable, unread};
use crate::audit::reader::{Arguments, Judged, Past, find};
use aws_lc_rs::digest::{SHA256, digest};
use policy::json::Json;
use policy::{Outcome, Request};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use uuid::Uuid;

/// What a record says, beside what is decided now.
#[derive(Debug)]
pub(super) struct Recorded<'a> {
    past: &'a Past,
    /// Of the configuration there is now.
    snapshot: &'a str,
    /// What to know of the arguments.
    note: Option<String>,
}

/// Explains the call of that id.
pub(super) fn run(file: &Path, format: Format, id: &str, asked: &Explain) -> ExitCode {
    let Ok(uuid) = Uuid::parse_str(id) else {
        return misused(&format!(
            "`{}` is no id of a call: it is what the header `Hopgate-Call` of its answer said",
            id.escape_debug()
        ));
    };
    let loaded = match loaded(file, format) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let own = own_records(&loaded.config);
    let folder = asked.records().unwrap_or(&own);
    let id = uuid.simple().to_string();
    let found = match find(folder, &id) {
        Ok(found) => found,
        Err(why) => return unread(&why),
    };
    eprint!("{}", found.damage);
    let Some(past) = &found.past else {
        return misused(&match (found.known, &found.end) {
            (true, Some(end)) => format!("nothing was decided of call {id}: {}", printable(end)),
            (true, None) => format!("the records say too little of call {id} to decide it again"),
            (false, _) => format!("no record speaks of call {id}"),
        });
    };
    let requests = past.requests();
    let [request] = requests.as_slice() else {
        return misused(&format!("the records do not say what call {id} asked for"));
    };
    let given = match asked.arguments(&loaded.config) {
        Ok(given) => given,
        Err(why) => return misused(&why),
    };
    let note = match note(past, given.as_deref(), past.judge(&loaded.config.policy)) {
        Ok(note) => note,
        Err(why) => return misused(&why),
    };
    let arguments = given.as_ref().map(|text| Json::new(text.as_bytes()));
    let request = Request {
        arguments: arguments.or(request.arguments),
        ..*request
    };
    let recorded = Recorded {
        past,
        snapshot: &loaded.config.digest,
        note,
    };
    told(
        &loaded,
        format,
        (request, past.decided.now),
        Some(&recorded),
    )
}

/// What to know of the arguments it is decided with.
///
/// # Errors
///
/// They are needed, or are given without need.
fn note(past: &Past, given: Option<&str>, judged: Judged) -> Result<Option<String>, String> {
    match (&past.who.arguments, given) {
        (Arguments::Full(_), Some(_)) => {
            Err("the arguments of this call were recorded: leave `--args` out".to_owned())
        }
        (Arguments::None, Some(_)) => {
            Err("this call could bring no arguments: leave `--args` out".to_owned())
        }
        (Arguments::Full(_) | Arguments::None, None) => Ok(None),
        (Arguments::Unread(kept), Some(given)) => Ok(match kept {
            Some(kept) if **kept == *hex(given) => None,
            Some(_) => Some("the arguments given are not, byte for byte, those that were recorded".to_owned()),
            None => Some("whether the arguments given are those of the call, nobody recorded".to_owned()),
        }),
        (Arguments::Unread(_), None) => match judged {
            Judged::Open(rules) => {
                let rules: Vec<_> = rules.iter().map(|rule| format!("`{rule}`")).collect();
                Err(format!(
                    "the arguments of this call were not recorded, and it depends on them, by {}: give them with `--args JSON`",
                    rules.join(", ")
                ))
            }
            Judged::Sure { .. } | Judged::Unclear => Ok(Some(
                "the arguments were not recorded: the outcome is the same with any, what is said of rules that read them holds without"
                    .to_owned(),
            )),
        },
    }
}

/// The digest of a text as records have it.
fn hex(text: &str) -> String {
    let mut hex = String::new();
    for byte in digest(&SHA256, text.as_bytes()).as_ref() {
        // A text that cannot be written to does not exist.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

// === impl Recorded ===

impl Recorded<'_> {
    /// What was, in lines.
    pub(super) fn head(&self) -> String {
        let Past { decided, who } = self.past;
        let rules = decided.rules.iter().map(|rule| format!("`{rule}`"));
        let rules = rules.collect::<Vec<_>>().join(", ");
        let by = if rules.is_empty() { "" } else { " by " };
        let outcome = decided.outcome.map_or("nobody knows what", Outcome::name);
        let under = match self.is_same() {
            true => "under this configuration".to_owned(),
            false => format!(
                "under another configuration: snapshot {}, now {}",
                decided.snapshot, self.snapshot
            ),
        };
        let (at, agent, subject) = (&decided.at, &who.agent, self.past.subject());
        let was = format!("{at}  {agent}  {subject}: was {outcome}{by}{rules}, {under}");
        let note = self.note.iter().map(|note| format!("note: {note}\n"));
        format!("{}\n{}", printable(&was), note.collect::<String>())
    }

    /// What was, as data.
    pub(super) fn json(&self) -> Value {
        let Past { decided, who } = self.past;
        json!({ "call": decided.call, "at": decided.at, "agent": who.agent, "tool": self.past.subject(),
            "decision": decided.outcome.map(Outcome::name), "rules": decided.rules, "why": decided.why,
            "snapshot": decided.snapshot, "same_snapshot": self.is_same(), "note": self.note })
    }

    fn is_same(&self) -> bool {
        *self.past.decided.snapshot == *self.snapshot
    }
}
