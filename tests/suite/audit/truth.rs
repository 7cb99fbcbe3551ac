//! The truth of the records (R3, T71): each decision on record is the one its own configuration makes, and the
//! commands that read them tell what happened.

use super::books::close;
use super::id;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tests::gateway::run;
use tests::random::Random;
use tests::records::text;
use tests::{Agent, Gateway, Records, Setup, Upstream, json as raw};
use tokio::task::JoinSet;

/// A rule of that name with these lines.
fn rule(name: &str, lines: &str) -> String {
    format!("\n[[rules]]\nname = \"{name}\"\n{lines}\n")
}

/// Three configurations under which the same calls are judged differently.
fn variants(setup: &Setup) -> [Setup; 3] {
    let echo = |most: u8| {
        rule(
            "echo",
            &format!("tools = [\"up/echo\"]\nargs = {{ n = {{ max = {most} }} }}\nallow = true"),
        )
    };
    let all = rule(
        "the rest",
        "tools = [\"up/slow\", \"up/mirrored\"]\nallow = true",
    );
    [
        setup.clone().rules(&(echo(5) + &all)),
        setup.clone().rules(
            &(echo(15) + &all + &rule("no slow", "tools = [\"up/slow\"]\ndeny = \"not slow\"")),
        ),
        setup.clone().rules(
            &(all
                + &rule("secret too", "tools = [\"up/secret\"]\nallow = true")
                + &rule(
                    "odd",
                    "tools = [\"up/mirrored\"]\nwhen = \"call.args.n > 10\"\ndeny = \"too many\"",
                )
                + &rule(
                    "soon",
                    "tools = [\"up/slow\"]\nmode = \"shadow\"\ndeny = \"later\"",
                )),
        ),
    ]
}

async fn digest(gateway: &Gateway) -> String {
    let (_, board) = gateway.admin("/config", false).await;
    raw::text(board.as_bytes(), &["digest"]).expect("a digest")
}

/// Puts a configuration into force.
async fn load(gateway: &Gateway, setup: &Setup) -> String {
    let before = digest(gateway).await;
    gateway.rewrite(setup);
    gateway.signal("HUP");
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    loop {
        let now = digest(gateway).await;
        if now != before {
            return now;
        }
        assert!(tokio::time::Instant::now() < end, "never loaded");
        tokio::task::yield_now().await;
    }
}

/// Calls this and that until told to stop; gives how many it made.
async fn calls(agent: Agent, seed: u64, stop: Arc<AtomicBool>) -> usize {
    let (mut random, mut made) = (Random::new(seed), 0);
    while !stop.load(Ordering::Relaxed) {
        let n = random.below(20);
        let answer = match random.below(6) {
            0 => agent.request("tools/list", "{}").await,
            1 => agent.call("secret", "{}").await,
            2 => agent.call("slow", "{}").await,
            3 => agent.call("mirrored", &format!("{{\"n\":{n}}}")).await,
            _ => agent.call("echo", &format!("{{\"n\":{n}}}")).await,
        };
        // Allowed or refused: never broken by a reload.
        assert_eq!(answer.status(), 200, "{answer:?}");
        made += 1;
    }
    made
}

/// Copies of the records, one for each snapshot: its decisions, and the calls they are of.
fn divided(records: &Records, folder: &Path) -> Vec<String> {
    // Who and what stands with the first record of a call.
    let mut of: HashMap<&str, &str> = HashMap::new();
    for record in records.log("calls") {
        of.entry(text(record, "call"))
            .or_insert(text(record, "snapshot"));
    }
    let mut lines: BTreeMap<(String, &str), String> = BTreeMap::new();
    for log in ["calls", "decisions"] {
        let all = records.log(log).iter();
        for record in all.filter(|record| record.get("call").is_some()) {
            let snapshot = of[text(record, "call")].to_owned();
            *lines.entry((snapshot, log)).or_default() += &format!("{record}\n");
        }
    }
    for ((snapshot, log), text) in &lines {
        let folder = folder.join(snapshot).join(log);
        std::fs::create_dir_all(&folder).expect("folder");
        std::fs::write(folder.join("00000001.jsonl"), text).expect("records");
    }
    let mut snapshots: Vec<_> = lines.into_keys().map(|(snapshot, _)| snapshot).collect();
    snapshots.dedup();
    snapshots
}

fn replay(folder: &Path, records: &str, against: &str) -> Value {
    let output = run(
        folder,
        &[
            "--format",
            "json",
            "replay",
            "--records",
            records,
            "--against",
            against,
        ],
    );
    serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {output:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_decision_is_that_of_its_own_snapshot() {
    let upstream = Upstream::saying("ok").await;
    let variants =
        variants(&Setup::new(&upstream.url()).audit("arguments = \"full\"\nrefusals = 1000000"));
    let mut gateway = Gateway::start(&variants[0]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut traffic = JoinSet::new();
    for seed in 0..4 {
        traffic.spawn(calls(Agent::modern(&gateway), seed, Arc::clone(&stop)));
    }
    let mut digests = vec![digest(&gateway).await];
    for number in 1..30 {
        let loaded = load(&gateway, &variants[number % 3]).await;
        match digests.get(number % 3) {
            Some(known) => assert_eq!(*known, loaded, "the same configuration has the same digest"),
            None => digests.push(loaded),
        }
    }
    stop.store(true, Ordering::Relaxed);
    let made: usize = traffic.join_all().await.into_iter().sum();
    let records = close(&mut gateway).await;
    assert_eq!(records.kind("calls", "outcome").len(), made);
    let configs = records.kind("decisions", "config").into_iter();
    let others = configs.filter(|one| text(one, "snapshot") != text(one, "previous"));
    assert_eq!(others.count(), 29);
    let folder = gateway.place.folder.clone();
    let mut snapshots = divided(&records, &folder);
    snapshots.sort();
    let mut expected = digests.clone();
    expected.sort();
    assert_eq!(snapshots, expected);
    let (mut judged, mut others) = (0, 0);
    for (own, setup) in digests.iter().zip(&variants) {
        let file = format!("{own}.toml");
        std::fs::write(folder.join(&file), setup.text(&gateway.place)).unwrap();
        let said = replay(&folder, own, &file);
        assert_eq!(said["changes"], json!([]), "{said}");
        assert_eq!(said["decisions"], said["same"], "{said}");
        judged += said["decisions"].as_u64().unwrap();
        for other in digests.iter().filter(|other| *other != own) {
            others += replay(&folder, other, &file)["changed"].as_u64().unwrap();
        }
    }
    assert_eq!(judged as usize, records.kind("decisions", "decision").len());
    assert_eq!(judged as usize, made, "every call was judged");
    // Under each other's configuration many would be others: the comparison can tell.
    assert!(others > 0);
}

#[tokio::test]
async fn the_commands_tell_what_happened() {
    let upstream = Upstream::saying("ok").await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::modern(&gateway);
    let call = id(&agent.call("echo", "{}").await.head);
    let last = id(&agent.call("slow", "{}").await.head);
    let folder = gateway.place.folder.clone();
    let said = |args: &[&str]| {
        let output = run(&folder, args);
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, shown) = said(&["--format", "json", "audit", "show", &call]);
    assert_eq!(code, Some(0));
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let mut kinds: Vec<_> = shown["records"].as_array().unwrap().iter().collect();
    assert!(
        kinds.iter().all(|one| one["call"]
            .as_str()
            .unwrap_or_else(|| text(&one["record"], "call"))
            == call),
        "{shown}"
    );
    kinds.sort_by_key(|one| one.to_string());
    assert_eq!(kinds.len(), 3, "{shown}");
    let (code, shown) = said(&["audit", "show", &call]);
    assert!(
        code == Some(0) && shown.lines().count() >= 3 && shown.contains("echo"),
        "{shown}"
    );
    assert_eq!(
        said(&["audit", "show", "0190000000007000800000000000abcd"]).0,
        Some(1)
    );
    let (code, tail) = said(&["audit", "tail", "-n", "2"]);
    assert_eq!(code, Some(0));
    assert_eq!(tail.lines().count(), 2, "{tail}");
    assert!(tail.contains(&last) && !tail.contains(&call), "{tail}");
    let task = text(Records::read(&gateway.place).who(&call), "task").to_owned();
    let (code, tree) = said(&["audit", "tree", &task]);
    assert_eq!(code, Some(0));
    assert!(
        tree.contains(&call) && tree.contains(&last) && tree.contains("answered"),
        "{tree}"
    );
    let explained = said(&["explain", "--call", &call]);
    assert!(
        explained.0 == Some(0) && explained.1.contains("under this configuration"),
        "{explained:?}"
    );
}
