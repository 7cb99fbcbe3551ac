//! The dashboard and the documentation name metrics that exist, and the documentation names them all.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tests::{Gateway, Setup, Upstream};

fn read(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let file: PathBuf = root.join(file);
    std::fs::read_to_string(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()))
}

/// The names that `/metrics` declares.
async fn declared() -> BTreeSet<String> {
    let upstream = Upstream::saying("ok").await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let (_, text) = gateway.admin("/metrics", false).await;
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .filter_map(|line| Some(line.split(' ').next()?.to_owned()))
        .collect()
}

/// Words that look like metrics of ours.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    let ours = |word: &&str| {
        ["hopgate_", "mcp_client_", "mcp_server_", "process_"]
            .iter()
            .any(|start| word.starts_with(start))
    };
    words.filter(ours).map(str::to_owned).collect()
}

fn bare(name: &str) -> &str {
    ["_bucket", "_sum", "_count"]
        .iter()
        .find_map(|end| {
            name.strip_suffix(end)
                .filter(|name| name.ends_with("_seconds"))
        })
        .unwrap_or(name)
}

/// Labels that begin as metrics do.
const LABELS: [&str; 1] = ["hopgate_server"];

#[tokio::test]
async fn the_dashboard_asks_only_for_what_there_is() {
    let declared = declared().await;
    let text = read("docker/grafana/hopgate.json");
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
    let asked: String = targets
        .map(|target| format!("{}\n", target["expr"].as_str().unwrap()))
        .collect();
    let names = named(&asked);
    assert!(names.len() > 10, "{names:?}");
    let unknown: Vec<_> = names
        .iter()
        .filter(|name| !declared.contains(bare(name)) && !LABELS.contains(&name.as_str()))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[tokio::test]
async fn every_metric_is_documented() {
    let (declared, text) = (declared().await, read("docs/tracing.md"));
    let table = text
        .split("## Metrics")
        .nth(1)
        .unwrap()
        .split("\n## ")
        .next()
        .unwrap();
    let told: BTreeSet<String> = named(table)
        .into_iter()
        .filter(|name| !LABELS.contains(&name.as_str()))
        .collect();
    assert_eq!(told, declared);
}
