//! `hopgate access`: who can reach what, by which rule.

use super::explain::{agent, server, subject};
use super::uses::{Use, Uses};
use super::{Format, loaded, misused, unread};
use crate::audit::reader::Joined;
use crate::config::Config;
use crate::identity::now;
use clap::Args;
use policy::access::{Wanted, Way, access, conditions, may_act};
use policy::cases::Subject;
use policy::model::{Effect, Rule};
use policy::{Now, Report, words};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What is asked about; nothing: everything.
#[derive(Debug, Args)]
pub struct Access {
    /// What this agent can reach.
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Who can reach this: server/tool, server/resource:URI, server/prompt:NAME or server/client:KIND.
    #[arg(long, value_name = "S/T", conflicts_with = "server")]
    tool: Option<String>,
    /// Who can reach what on this server.
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Records, the folder `audit` of a `data_dir`: how often each way was used, and since when it was not.
    #[arg(long, value_name = "DIR")]
    records: Option<PathBuf>,
    /// Only what the records do not show to have been used.
    #[arg(long, requires = "records")]
    unused: bool,
}

/// The ways, with what the records say of them.
struct Shown<'a> {
    ways: &'a [Way<'a>],
    uses: Option<&'a Uses>,
    /// Only those nobody used.
    unused: bool,
}

/// Says who can reach what. Exit codes: 0 done, 1 the configuration has mistakes or the records cannot be read, 2 a name
/// is unknown.
pub(super) fn run(file: &Path, format: Format, asked: &Access) -> ExitCode {
    let loaded = match loaded(file, format) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let subject = match asked.known(&loaded.config) {
        Ok(subject) => subject,
        Err(why) => return misused(&why),
    };
    let wanted = Wanted {
        agent: asked.agent.as_deref(),
        server: asked.server.as_deref(),
        subject: subject.as_ref(),
    };
    let now = Now(i64::try_from(now()).unwrap_or(i64::MAX));
    let ways = access(&loaded.config.policy, wanted, now);
    let uses = match asked.records.as_deref().map(Joined::open).transpose() {
        Ok(joined) => joined.map(|joined| Uses::count(joined, &ways, subject.as_ref())),
        Err(why) => return unread(&why),
    };
    let shown = Shown {
        ways: &ways,
        uses: uses.as_ref(),
        unused: asked.unused,
    };
    super::print(&match format {
        Format::Human => human(&shown, &loaded.report) + &out(&loaded.config, asked, now),
        Format::Json => format!("{:#}\n", machine(&shown, &loaded.report)),
    });
    ExitCode::SUCCESS
}

fn human(shown: &Shown<'_>, report: &Report) -> String {
    let mut page = String::new();
    let mut before = "";
    // A text that cannot be written to does not exist.
    for (way, used) in shown.each() {
        if way.agent != before {
            let _ = writeln!(page, "{}", way.agent);
            before = way.agent;
        }
        let effects: Vec<_> = way.effects.iter().map(Effect::name).collect();
        let (tools, effects) = (way.tools.join(" and "), effects.join(", "));
        let rule = named(way.rule, report);
        let _ = writeln!(page, "  {tools}  {effects}  by {rule}");
        for condition in conditions(way.rule) {
            let _ = writeln!(page, "      {condition}");
        }
        for ask in &way.asks {
            let _ = writeln!(page, "      asks, by {}", named(ask, report));
        }
        for deny in &way.denies {
            let _ = writeln!(page, "      unless denied by {}", named(deny, report));
        }
        if let Some((uses, used)) = shown.uses.zip(used) {
            let _ = writeln!(page, "      {}", uses.line(used));
        }
    }
    match (page.is_empty(), shown.ways.is_empty()) {
        (true, true) => page.push_str("nobody\n"),
        (true, false) => page.push_str("nothing is unused\n"),
        (false, _) => {}
    }
    page
}

/// Why an agent that was asked about reaches nothing, where it is not let in.
fn out(config: &Config, asked: &Access, now: Now) -> String {
    let name = asked.agent.as_deref().unwrap_or_default();
    let agent = config
        .policy
        .agent(name)
        .filter(|agent| !may_act(agent, now));
    agent.map_or_else(String::new, |agent| {
        let state = match agent.state {
            policy::model::Lifecycle::Active => "expired",
            other => other.name(),
        };
        format!("agent `{name}` is not let in: it is {state}\n")
    })
}

fn machine(shown: &Shown<'_>, report: &Report) -> Value {
    let ways = shown.each().map(|(way, used)| {
        let many = |rules: &[&Rule]| -> Vec<Value> {
            rules.iter().map(|rule| placed(rule, report)).collect()
        };
        let effects: Vec<_> = way.effects.iter().map(Effect::name).collect();
        json!({ "agent": way.agent, "tools": way.tools, "effects": effects, "rule": placed(way.rule, report),
            "conditions": conditions(way.rule), "asks": many(&way.asks), "denies": many(&way.denies),
            "used": used.map(Use::json) })
    });
    json!({ "access": ways.collect::<Vec<_>>(), "records": shown.uses.map(Uses::json) })
}

fn named(rule: &Rule, report: &Report) -> String {
    format!(
        "`{}` ({})",
        rule.name,
        words::place(report, rule.spans.rule)
    )
}

fn placed(rule: &Rule, report: &Report) -> Value {
    let place = report.place(rule.spans.rule);
    let (file, line) = place.map_or((None, None), |place| (Some(place.file), Some(place.line)));
    json!({ "name": rule.name.as_str(), "file": file, "line": line })
}

// === impl Shown ===

impl<'a> Shown<'a> {
    /// Each way that is to be shown.
    fn each(&self) -> impl Iterator<Item = (&'a Way<'a>, Option<&'a Use>)> {
        let (uses, unused) = (self.uses, self.unused);
        let each = self.ways.iter().enumerate();
        let each = each.map(move |(at, way)| (way, uses.and_then(|uses| uses.of(at))));
        each.filter(move |(_, used)| !unused || used.is_none_or(Use::is_none))
    }
}

// === impl Access ===

impl Access {
    /// Whether everything that is named is there; a misspelt name must not look like nobody's access.
    fn known(&self, config: &Config) -> Result<Option<Subject>, String> {
        if let Some(name) = &self.agent {
            agent(config, name)?;
        }
        if let Some(name) = &self.server {
            server(config, name)?;
        }
        self.tool
            .as_deref()
            .map(|tool| subject(config, tool))
            .transpose()
    }
}
