//! What is on record beside calls: the gateway's own life, its configurations, its keys; and how the files are kept.

use super::books::{books, close};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tests::records::{LOGS, Log, folder, text};
use tests::setup::allow;
use tests::{Agent, Gateway, Setup, Upstream};

fn mode(path: &Path) -> u32 {
    let found = std::fs::metadata(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    found.permissions().mode() & 0o7777
}

#[tokio::test]
async fn a_life_of_a_gateway_is_on_record() {
    let upstream = Upstream::saying("ok").await;
    let setup = Setup::new(&upstream.url());
    let mut gateway = Gateway::start(&setup).await;
    let first = gateway.admin("/config", false).await.1;
    let changed = setup.clone().rules(&(allow("everything", "up/**")));
    gateway.rewrite(&changed);
    gateway.stderr().wait("configuration loaded").await;
    gateway.rewrite_text("nonsense = = 1");
    gateway.stderr().wait("new configuration refused").await;
    gateway.rewrite(&setup.clone().audit("durability = \"power\""));
    gateway.signal("HUP");
    gateway
        .stderr()
        .wait("`audit.durability` needs a restart")
        .await;
    let records = close(&mut gateway).await;
    let digest = |text: &str| tests::json::text(text.as_bytes(), &["digest"]).unwrap();
    let decisions = |kind: &str| records.kind("decisions", kind);
    let config = gateway.place.config();
    let named = |record: &serde_json::Value| {
        let file = &record["files"][0];
        assert_eq!(text(file, "path"), config.display().to_string(), "{record}");
        assert!(
            file["owner"].is_u64() && file["modified"].as_i64() > Some(1_700_000_000),
            "{record}"
        );
    };
    let start = decisions("start")[0];
    assert_eq!(text(start, "snapshot"), digest(&first));
    assert_eq!(text(start, "version"), env!("CARGO_PKG_VERSION"));
    named(start);
    assert_eq!((decisions("start").len(), decisions("stop").len()), (1, 1));
    let configs = decisions("config");
    let loaded: Vec<_> = configs
        .iter()
        .filter(|one| text(one, "result") == "loaded")
        .collect();
    assert_eq!(loaded.len(), 1, "{configs:?}");
    named(loaded[0]);
    assert_eq!(text(loaded[0], "previous"), text(start, "snapshot"));
    assert_ne!(text(loaded[0], "snapshot"), text(start, "snapshot"));
    let refused: Vec<_> = configs
        .iter()
        .filter(|one| text(one, "result") == "refused")
        .collect();
    for word in ["nonsense", "`audit.durability` needs a restart"] {
        assert!(
            refused.iter().any(|one| text(one, "reason").contains(word)),
            "{word}: {refused:?}"
        );
    }
    assert!(
        refused
            .iter()
            .all(|one| text(one, "previous") == text(loaded[0], "snapshot"))
    );
    let keys = records.kind("secrets", "key");
    assert_eq!(keys.len(), 1);
    assert!(
        !text(keys[0], "id").is_empty() && text(keys[0], "fingerprint").len() == 32,
        "{keys:?}"
    );
}

#[tokio::test]
async fn the_files_can_be_given_to_three_readers() {
    let upstream = Upstream::saying("ok").await;
    let mut gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    Agent::modern(&gateway).call("echo", "{}").await;
    let folder = folder(&gateway.place);
    assert_eq!(mode(&folder), 0o711);
    close(&mut gateway).await;
    for log in LOGS {
        assert_eq!(mode(&folder.join(log)), 0o750, "{log}");
        assert_eq!(
            mode(&folder.join(log).join("00000001.jsonl")),
            0o640,
            "{log}"
        );
    }
}

/// Segments follow each other, through a restart too, and the chain goes through all of them.
#[tokio::test]
async fn a_log_of_many_segments_is_one_chain() {
    for durability in ["process", "power"] {
        let upstream = Upstream::saying("ok").await;
        let setup = Setup::new(&upstream.url()).audit(&format!(
            "segment = \"64KiB\"\narguments = \"full\"\ndurability = \"{durability}\""
        ));
        let mut gateway = Gateway::start(&setup).await;
        for _ in 0..2 {
            let agent = Agent::modern(&gateway);
            let arguments = format!("{{\"a\":\"{}\"}}", "x".repeat(20_000));
            for _ in 0..12 {
                assert_eq!(agent.call("echo", &arguments).await.said(), "ok");
            }
            gateway = gateway.restart().await;
        }
        let records = books(&gateway);
        assert_eq!(records.kind("calls", "outcome").len(), 24);
        assert_eq!(records.kind("decisions", "start").len(), 3);
        let mut calls = Log::new(&folder(&gateway.place), "calls");
        calls.more();
        assert!(calls.segments() >= 6, "{}", calls.segments());
        let closed = folder(&gateway.place).join("calls/00000001.jsonl");
        assert!(closed.metadata().unwrap().len() >= 60_000);
        // A byte of a segment long closed is missed.
        let mut bytes = std::fs::read(&closed).unwrap();
        bytes[30_000] ^= 1;
        std::fs::write(&closed, bytes).unwrap();
        let (whole, said) = tests::records::verify(&gateway.place);
        assert!(!whole, "{said}");
        let mut bad = said["logs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|log| &log["bad"]);
        let bad = bad.find(|bad| bad.is_object()).expect("a log");
        assert_eq!(
            (text(bad, "file"), text(bad, "fault")),
            ("calls/00000001.jsonl", "changed"),
            "{said}"
        );
        gateway.terminate().await;
    }
}
