//! What calls go out with: where a credential goes, whom a lease serves, and what is left of it.

mod backends;
mod binding;
mod checked;
mod ending;
mod kinds;
mod lives;
mod mint;
mod mistakes;
mod places;
mod reloaded;
mod serving;
mod simulated;
mod steps;
mod vault;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use tests::records::Records;
use tests::upstream::plain;
use tests::{Gateway, Received, Setup, Upstream, json};

const SECRET: &str = "canary-static-4f1d0c77aa81b2";

/// A server that says what it was called with: path and headers.
async fn telling() -> Upstream {
    Upstream::mcp(|received: Received, wire| async move {
        let said = json::said("done");
        plain(wire, (200, "", json::result(&received.id(), &said))).await
    })
    .await
}

/// A folder of this test's own.
pub(crate) fn folder() -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("hopgate-secrets-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).expect("folder");
    folder
}

/// A static credential in a file, and further keys of its table.
pub(crate) fn fixed(folder: &Path, keys: &str) -> String {
    let file = folder.join("static.token");
    std::fs::write(&file, SECRET).expect("secret");
    let file = file.display();
    format!("\n[credentials.own]\nkind = \"static\"\nfrom = {{ file = \"{file}\" }}\n{keys}\n")
}

/// A server whose calls go out with the credential `own`.
fn armed(url: &str, tables: &str) -> Setup {
    Setup::empty()
        .server_with("up", url, "credential = \"own\"")
        .tail(tables)
}

/// What the records say of leases, in order: event and record.
fn leases(gateway: &Gateway) -> Vec<(String, Value)> {
    let records = Records::read(&gateway.place);
    let lines = records.kind("secrets", "lease");
    let event = |line: &&Value| line["event"].as_str().expect("event").to_owned();
    lines
        .iter()
        .map(|line| (event(line), (*line).clone()))
        .collect()
}

/// The events alone.
pub(crate) fn events(gateway: &Gateway) -> Vec<String> {
    leases(gateway)
        .into_iter()
        .map(|(event, _)| event)
        .collect()
}
