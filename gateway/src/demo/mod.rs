//! `hopgate demo`: gateway, sample servers and three sample agents in one process, over real sockets.
//!
//! The planner speaks the revisions with `initialize`, the clerk the revision without; each makes calls of which one is
//! refused. Then the planner asks the librarian, an agent that is a server too: what the librarian calls on is decided
//! for the whole chain. What is printed is what the gateway recorded, not what the agents say.

mod agent;
mod librarian;
mod tree;

use crate::assemble;
use crate::audit::Record;
use crate::cli::serve;
use crate::config;
use crate::telemetry::Outlets;
use agent::{Agent, Badge, Outcome};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use uuid::Uuid;

/// What the demo's gateway is configured with; ports and hashes are filled in.
const CONFIG: &str = include_str!("demo.toml");

/// Runs the demo in `folder` and returns what it prints.
///
/// # Errors
///
/// What kept the gateway from starting or an agent from its calls.
pub(crate) async fn run(folder: &Path) -> Result<String, String> {
    let (port, admin, own) = (free_port()?, free_port()?, free_port()?);
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let [planner, clerk, librarian] = [(); 3].map(|()| Badge::new(at, &key()));
    let path = folder.join("hopgate.toml");
    let text = CONFIG
        .replace("PORT", &port.to_string())
        .replace("ADMIN", &admin.to_string())
        .replace("LIBRARIAN/mcp", &format!("{own}/mcp"))
        .replace("HASH-PLANNER", &hash(planner.key()))
        .replace("HASH-CLERK", &hash(clerk.key()))
        .replace("HASH-LIBRARIAN", &hash(librarian.key()));
    std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    let loaded = config::load(&path).map_err(|broken| broken.to_string())?;
    let (tap, mut records) = unbounded_channel();
    let house = assemble::house(&path, loaded.config, Some(tap), Outlets::default())?;
    let serving = serve::open(house)?;
    let shelf = librarian::open(SocketAddr::from((Ipv4Addr::LOCALHOST, own)), librarian).await?;

    let mut page = tree::Page::new(port);
    page.branch("the planner opens with `initialize` (2025-11-25)");
    let told = session(&planner, false).await?;
    page.records(drain(&mut records), &told);
    page.branch("the clerk speaks per request (2026-07-28)");
    let told = session(&clerk, true).await?;
    page.records(drain(&mut records), &told);
    page.branch("the planner asks the librarian, who calls on: every hop is decided anew");
    let told = errand(&planner).await?;
    page.records(drain(&mut records), &told);
    shelf.abort();
    serving.close(Duration::from_secs(1)).await;
    Ok(page.finish())
}

/// One agent's work: it looks at the tools, writes a note, reads it, and tries to delete it.
async fn session(badge: &Badge, modern: bool) -> Result<Vec<String>, String> {
    let title = if modern { "second" } else { "first" };
    let mut agent = Agent::connect(badge, "notes", modern).await?;
    let tools = agent.tools().await?;
    let mut told = vec![format!("sees {}", tools.join(", "))];
    let calls = [
        (
            "write_note",
            json!({ "title": title, "text": "written through the gate" }),
        ),
        ("read_note", json!({ "title": title })),
        ("delete_note", json!({ "title": title })),
    ];
    for (tool, arguments) in calls {
        told.push(agent.call(tool, arguments).await?.said(tool));
    }
    agent.leave().await?;
    Ok(told)
}

/// A call to an agent that calls on.
async fn errand(badge: &Badge) -> Result<Vec<String>, String> {
    let mut agent = Agent::connect(badge, "librarian", true).await?;
    let outcome = agent.call("tidy", json!({ "title": "first" })).await?;
    let mut told = match &outcome {
        Outcome::Result(result) => librarian::lines(result),
        Outcome::Error(..) => Vec::new(),
    };
    told.push(outcome.said("tidy"));
    agent.leave().await?;
    Ok(told)
}

fn drain(records: &mut UnboundedReceiver<Record>) -> Vec<Record> {
    std::iter::from_fn(|| records.try_recv().ok()).collect()
}

/// A static key that lives as long as the demo.
fn key() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

fn hash(key: &str) -> String {
    let digest = digest(&SHA256, key.as_bytes());
    let digits: String = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{digits}")
}

/// A port nobody listens on now.
fn free_port() -> Result<u16, String> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port: {error}"))
}
