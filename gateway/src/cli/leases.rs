//! `hopgate leases`: which credentials are out, for whom, through which chain and how long still; and the end of them.

use super::operator::ask;
use super::table::{self, age, plain};
use super::{Format, misused};
use crate::identity::now;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::Value;
use std::path::Path;
use std::process::ExitCode;
use url::form_urlencoded::byte_serialize;

/// What to do about leases.
#[derive(Debug, Subcommand)]
pub enum Leases {
    /// Live, revoking and irrevocable leases.
    List,
    /// Revoke leases at once; calls that use them may still end.
    Revoke(Revoke),
}

/// Whose leases.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Revoke {
    /// One lease.
    id: Option<String>,
    /// All of an agent.
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// All there are.
    #[arg(long)]
    all: bool,
}

/// Lists or revokes leases. Exit codes: 0 done, 1 the gateway does not answer or knows no such lease.
pub(super) fn run(file: &Path, format: Format, action: Option<&Leases>) -> ExitCode {
    let (method, path) = match action {
        None | Some(Leases::List) => (Method::GET, "/leases".to_owned()),
        Some(Leases::Revoke(whose)) => match whose {
            Revoke { id: Some(id), .. } => (Method::DELETE, format!("/leases/{}", plain(id))),
            Revoke {
                agent: Some(agent), ..
            } => {
                let agent: String = byte_serialize(agent.as_bytes()).collect();
                (Method::DELETE, format!("/leases?agent={agent}"))
            }
            Revoke { all: true, .. } => (Method::DELETE, "/leases".to_owned()),
            Revoke { .. } => return misused("say which leases: an id, `--agent` or `--all`"),
        },
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
    if let Some(leases) = said.get("leases").and_then(Value::as_array) {
        return listed(leases);
    }
    match said.get("revoking").and_then(Value::as_u64) {
        Some(1) => "1 lease is being revoked\n".to_owned(),
        many => format!("{} leases are being revoked\n", many.unwrap_or_default()),
    }
}

/// One line for each lease, under a heading.
fn listed(leases: &[Value]) -> String {
    let heading = [
        "LEASE",
        "STATE",
        "CREDENTIAL",
        "SERVER",
        "CHAIN",
        "USER",
        "TASK",
        "LEFT",
        "TROUBLE",
    ];
    let mut rows = vec![heading.map(str::to_owned)];
    rows.extend(leases.iter().map(row));
    table::print(&rows)
}

fn row(lease: &Value) -> [String; 9] {
    let text = |name: &str| {
        let text = lease.get(name).and_then(Value::as_str);
        text.unwrap_or("-").escape_debug().to_string()
    };
    let until = lease.get("until").and_then(Value::as_u64);
    let chain = lease.get("chain").and_then(Value::as_array);
    let chain = chain.into_iter().flatten().filter_map(Value::as_str);
    [
        text("id"),
        text("state"),
        text("credential"),
        text("server"),
        chain.collect::<Vec<_>>().join(" > "),
        text("user"),
        text("task"),
        age(until.unwrap_or_default().saturating_sub(now())),
        text("trouble"),
    ]
}
