//! `hopgate demo`: gateway, sample servers and three sample agents in one process, over real sockets.
//!
//! The planner speaks the revisions with `initialize`, the clerk the revision without; each makes calls of which one is
//! refused. Then the planner asks the librarian, an agent that is a server too: what the librarian calls on is decided
//! for the whole chain. What is printed are the spans the gateway would send to a collector, as a backend shows them, and
//! whether its records are whole.

mod agent;
mod librarian;
mod tree;

use crate::assemble;
use crate::audit::journal::verify::{Known, verify};
use crate::audit::journal::{Folder, Keys};
use crate::cli::serve;
use crate::config;
use crate::task::seal::KeyRing;
use crate::telemetry::Outlets;
use agent::{Agent, Badge};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::json;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tree::{Page, Sights};
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
    let (tell, mut sights) = unbounded_channel();
    let [planner, clerk, librarian] = [(); 3].map(|()| Badge::new(at, &key(), &tell));
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
    let records = loaded.config.gateway.data_dir.join("audit");
    let (tap, mut spans) = unbounded_channel();
    let outlets = Outlets {
        spans: Some(tap),
        lines: None,
    };
    let house = assemble::house(&path, loaded.config, outlets)?;
    let keys = Arc::clone(&house.live.look().keys);
    let serving = serve::open(house)?;
    let shelf = librarian::open(SocketAddr::from((Ipv4Addr::LOCALHOST, own)), librarian).await?;

    // The planner opens with `initialize`, the clerk speaks per request; then one agent calls another.
    session(&planner, "plan", false).await?;
    session(&clerk, "ledger", true).await?;
    errand(&planner).await?;
    shelf.abort();
    serving.close(Duration::ZERO, Duration::from_secs(1)).await;
    let sights: Sights = drain(&mut sights).into_iter().collect();
    let page = Page::draw(&drain(&mut spans), &sights);
    told(port, &page, proven(&records, &keys)?)
}

/// The whole page.
fn told(port: u16, page: &Page, records: u64) -> Result<String, String> {
    let mut text = format!(
        "hopgate on http://127.0.0.1:{port}, two sample servers, three sample agents.\n\
         Below are the spans of their calls, as a tracing backend shows them.\n"
    );
    let Page {
        text: trees,
        answered,
        refused,
    } = page;
    let written = write!(
        text,
        "{trees}\n{answered} calls answered, {refused} refused.\n\
         {records} records, whole: proven as `hopgate audit verify` does, then thrown away with the demo.\n\
         `hopgate serve` keeps its records in `audit` below `data_dir`.\n"
    );
    written.map_err(|error| error.to_string())?;
    Ok(text)
}

/// One agent's work: it looks at the tools, writes a note, reads it, and tries to delete it.
async fn session(badge: &Badge, title: &str, modern: bool) -> Result<(), String> {
    let mut agent = Agent::connect(badge, "notes", modern).await?;
    agent.look().await?;
    let calls = [
        (
            "write_note",
            json!({ "title": title, "text": "written through the gate" }),
        ),
        ("read_note", json!({ "title": title })),
        ("delete_note", json!({ "title": title })),
    ];
    for (tool, arguments) in calls {
        agent.call(tool, arguments).await?;
    }
    agent.leave().await
}

/// A call to an agent that calls on.
async fn errand(badge: &Badge) -> Result<(), String> {
    let mut agent = Agent::connect(badge, "librarian", true).await?;
    let outcome = agent.call("tidy", json!({ "title": "plan" })).await?;
    agent.tells(outcome.texts().join("; "));
    agent.leave().await
}

/// How many records there are, all of them proven.
fn proven(folder: &Path, keys: &KeyRing) -> Result<u64, String> {
    let known = Known {
        keys: Keys::read(&keys.published())?,
        ..Known::default()
    };
    let proofs = verify(&mut Folder::reading(folder), &known);
    match proofs.iter().find_map(|proof| proof.bad.as_ref()) {
        Some(bad) => Err(format!("{}, line {}: {}", bad.file, bad.line, bad.fault)),
        None => Ok(proofs.iter().map(|proof| proof.lines).sum()),
    }
}

fn drain<T>(told: &mut UnboundedReceiver<T>) -> Vec<T> {
    std::iter::from_fn(|| told.try_recv().ok()).collect()
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
