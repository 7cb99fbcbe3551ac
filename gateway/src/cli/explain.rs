//! `hopgate explain`: what would be decided of a call, by which rules, and why the others are silent.

use super::account::Account;
use super::recorded::{self, Recorded};
use super::{Format, loaded, misused};
use crate::config::{Config, Loaded};
use crate::identity::now;
use adapters::wire;
use adapters::wire::scan::Bounds;
use clap::Args;
use clap::builder::PossibleValuesParser;
use policy::cases::{Call, Subject, at};
use policy::model::{AgentName, Label, ServerName, Touched};
use policy::{Now, Outcome, Request, explain, shape};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// A call that is asked about.
#[derive(Debug, Args)]
pub struct Explain {
    /// The agent that calls.
    #[arg(long, value_name = "NAME", required_unless_present = "call")]
    agent: Option<String>,
    /// What it calls: server/tool, server/resource:URI, server/prompt:NAME or server/client:KIND.
    #[arg(long, value_name = "S/T", required_unless_present = "call")]
    tool: Option<String>,
    /// With which arguments: a JSON object.
    #[arg(long, value_name = "JSON")]
    args: Option<String>,
    /// Whom it acts for, with the identity that vouches.
    #[arg(long, value_name = "SOURCE:SUBJECT")]
    user: Option<String>,
    /// The agents it works for, oldest first.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    chain: Vec<String>,
    /// What its task has touched; may be given several times.
    #[arg(long = "label", value_name = "LABEL", value_parser = PossibleValuesParser::new(
        ["public", "internal", "confidential", "restricted", "untrusted"]))]
    labels: Vec<String>,
    /// An OAuth scope of its token; may be given several times.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// When, such as 2027-06-30T18:00:00Z; absent, now.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// A recorded call, by its id: what would be decided of it now, as of the instant it was made.
    #[arg(long, value_name = "ID",
        conflicts_with_all = ["agent", "tool", "user", "chain", "labels", "scopes", "at"])]
    call: Option<String>,
    /// Where that is recorded: the folder `audit` of a `data_dir`; absent, that of the configuration.
    #[arg(long, value_name = "DIR", requires = "call")]
    records: Option<PathBuf>,
}

/// Explains a call. Exit codes: 0 allow, 3 ask, 4 deny, 1 the configuration has mistakes or the records cannot be read, 2
/// the call cannot be understood.
pub(super) fn run(file: &Path, format: Format, asked: &Explain) -> ExitCode {
    if let Some(id) = &asked.call {
        return recorded::run(file, format, id, asked);
    }
    let loaded = match loaded(file, format) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    match asked.read(&loaded.config) {
        Ok((call, now)) => told(&loaded, format, (call.request(), now), None),
        Err(why) => misused(&why),
    }
}

/// Explains what is asked as of an instant, beside what was recorded of it.
pub(super) fn told(
    loaded: &Loaded,
    format: Format,
    (request, now): (Request<'_>, Now),
    recorded: Option<&Recorded<'_>>,
) -> ExitCode {
    let policy = &loaded.config.policy;
    let account = Account {
        policy,
        report: &loaded.report,
        request,
        now,
        explanation: &explain(policy, &request, now),
    };
    match format {
        Format::Json => {
            let mut value = account.json();
            if let Some((recorded, members)) = recorded.zip(value.as_object_mut()) {
                members.insert("recorded".to_owned(), recorded.json());
            }
            super::print(&format!("{value:#}\n"));
        }
        Format::Human => {
            let (head, seen) = (account.headline(), account.seen());
            let rules: String = account
                .lines()
                .lines()
                .map(|line| format!("  {line}\n"))
                .collect();
            let was = recorded.map(Recorded::head).unwrap_or_default();
            super::print(&format!("{was}{head}\nthe caller sees {seen}\n{rules}"));
        }
    }
    match account.outcome() {
        Outcome::Allow => ExitCode::SUCCESS,
        Outcome::Ask => ExitCode::from(3),
        Outcome::Deny => ExitCode::from(4),
    }
}

/// The agent of that name.
///
/// # Errors
///
/// What to tell who misspelt it.
pub(super) fn agent(config: &Config, name: &str) -> Result<(), String> {
    let known = config.policy.agents().map(|(name, _)| name);
    named("agent", name, known.map(AgentName::as_str).collect())
}

/// The server of that name.
///
/// # Errors
///
/// What to tell who misspelt it.
pub(super) fn server(config: &Config, name: &str) -> Result<(), String> {
    let known = config.policy.servers().map(ServerName::as_str);
    named("server", name, known.collect())
}

/// What is called, on a server there is.
///
/// # Errors
///
/// What to tell who misspelt it.
pub(super) fn subject(config: &Config, tool: &str) -> Result<Subject, String> {
    let subject =
        Subject::parse(tool).map_err(|fault| format!("{}: {}", fault.message, fault.help))?;
    server(config, subject.server())?;
    Ok(subject)
}

fn named(what: &str, name: &str, known: Vec<&str>) -> Result<(), String> {
    if known.contains(&name) {
        return Ok(());
    }
    let why = format!("no {what} is named `{}`", name.escape_debug());
    Err(match shape::nearest(name, known.into_iter()) {
        Some(near) => format!("{why}: did you mean `{near}`?"),
        None => why,
    })
}

// === impl Explain ===

impl Explain {
    /// The call, and the instant it is asked about.
    fn read(&self, config: &Config) -> Result<(Call, Now), String> {
        let (Some(agent), Some(tool)) = (&self.agent, &self.tool) else {
            return Err("describe the call with `--agent` and `--tool`".to_owned());
        };
        for name in self.chain.iter().chain([agent]) {
            self::agent(config, name)?;
        }
        let labels = self.labels.iter().filter_map(|label| Label::parse(label));
        let call = Call {
            agent: agent.as_str().into(),
            user: self
                .user
                .as_deref()
                .map(|user| self::user(config, user))
                .transpose()?,
            chain: self
                .chain
                .iter()
                .map(|name| Arc::from(name.as_str()))
                .collect(),
            scopes: self
                .scopes
                .iter()
                .map(|scope| scope.as_str().into())
                .collect(),
            task: Touched {
                label: labels.max().unwrap_or(Label::Public),
                untrusted: self.labels.iter().any(|label| label == "untrusted"),
            },
            subject: subject(config, tool)?,
            arguments: self.arguments(config)?,
        };
        let now = match &self.at {
            Some(text) => at(text).ok_or_else(|| {
                format!(
                    "`{}` is no instant: write 2027-06-30 or 2027-06-30T18:00:00Z",
                    text.escape_debug()
                )
            })?,
            None => Now(i64::try_from(now()).unwrap_or(i64::MAX)),
        };
        Ok((call, now))
    }

    /// Where the call is recorded, where that is said.
    pub(super) fn records(&self) -> Option<&Path> {
        self.records.as_deref()
    }

    /// The arguments, held against what the gateway takes of its callers.
    pub(super) fn arguments(&self, config: &Config) -> Result<Option<Box<str>>, String> {
        let Some(text) = &self.args else {
            return Ok(None);
        };
        let bounds = Bounds {
            depth: config.gateway.bounds.depth,
            members: config.gateway.bounds.members,
            number: 1_024,
        };
        wire::sound(text.as_bytes(), &bounds).map_err(|flaw| format!("`--args`: {flaw}"))?;
        match text.trim_start().starts_with('{') {
            true => Ok(Some(text.trim().into())),
            false => Err("`--args` takes a JSON object".to_owned()),
        }
    }
}

/// A user, of an identity there is.
fn user(config: &Config, text: &str) -> Result<(Box<str>, Box<str>), String> {
    let Some((source, subject)) = text
        .split_once(':')
        .filter(|(_, subject)| !subject.is_empty())
    else {
        return Err(format!(
            "`{}` names no user: write SOURCE:SUBJECT with the name of an identity",
            text.escape_debug()
        ));
    };
    named(
        "identity",
        source,
        config.identities.keys().map(|name| &**name).collect(),
    )?;
    Ok((source.into(), subject.into()))
}
