//! `hopgate demo`: gateway, sample server and two sample agents in one process, over real sockets.
//!
//! One agent speaks the revisions with `initialize`, the other the revision without; each makes calls of which one is
//! allowed and one refused. What is printed is what the gateway recorded, not what the agents say.

mod agent;
mod tree;

use crate::assemble;
use crate::audit::Record;
use crate::cli::serve;
use crate::config;
use agent::{Agent, Outcome};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// What the demo's gateway is configured with; `PORT` and `ADMIN` are filled in.
const CONFIG: &str = include_str!("demo.toml");

/// Runs the demo in `folder` and returns what it prints.
///
/// # Errors
///
/// What kept the gateway from starting or an agent from its calls.
pub(crate) async fn run(folder: &Path) -> Result<String, String> {
    let (port, admin) = (free_port()?, free_port()?);
    let path = folder.join("hopgate.toml");
    let text = CONFIG
        .replace("PORT", &port.to_string())
        .replace("ADMIN", &admin.to_string());
    std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    let loaded = config::load(&path).map_err(|broken| broken.to_string())?;
    let (tap, mut records) = unbounded_channel();
    let serving = serve::open(assemble::house(&path, loaded.config, Some(tap))?)?;
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));

    let mut page = tree::Page::new(port);
    page.chain("an agent that opens with `initialize` (2025-11-25)");
    let told = session(at, false).await?;
    page.records(drain(&mut records), &told);
    page.chain("an agent that speaks per request (2026-07-28)");
    let told = session(at, true).await?;
    page.records(drain(&mut records), &told);
    serving.close(Duration::from_secs(1)).await;
    Ok(page.finish())
}

/// One agent's work: it looks at the tools, writes a note, reads it, and tries to delete it.
async fn session(gateway: SocketAddr, modern: bool) -> Result<Vec<String>, String> {
    let title = if modern { "second" } else { "first" };
    let mut agent = Agent::connect(gateway, modern).await?;
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
        told.push(match agent.call(tool, arguments).await? {
            Outcome::Result(_) => format!("{tool} answered"),
            Outcome::Error(code, message) => format!("{tool} refused: {message} ({code})"),
        });
    }
    agent.leave().await?;
    Ok(told)
}

fn drain(records: &mut UnboundedReceiver<Record>) -> Vec<Record> {
    std::iter::from_fn(|| records.try_recv().ok()).collect()
}

/// A port nobody listens on now.
fn free_port() -> Result<u16, String> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port: {error}"))
}
