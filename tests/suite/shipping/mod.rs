//! Records off the host: checkpoints that are kept elsewhere, copies for a collector, and what a crash leaves behind.

mod copies;
mod drill;
mod keys;
mod lost;

use serde_json::Value;
use std::process::Output;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use tests::setup::Place;
use tests::upstream::plain;
use tests::{Gateway, Upstream};

/// Who keeps checkpoints on another host: takes them, or answers with a status of its own.
struct Receiver {
    upstream: Upstream,
    taken: Arc<Mutex<Vec<String>>>,
    status: Arc<AtomicU16>,
}

impl Receiver {
    async fn start() -> Self {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let status = Arc::new(AtomicU16::new(204));
        let (kept, mood) = (Arc::clone(&taken), Arc::clone(&status));
        let upstream = Upstream::start(move |received, wire| {
            let status = mood.load(Ordering::SeqCst);
            if status < 300 {
                kept.lock().unwrap().push(received.text());
            }
            plain(wire, (status, "", String::new()))
        })
        .await;
        Self {
            upstream,
            taken,
            status,
        }
    }

    /// `checkpoints = { url = …, … }`.
    fn key(&self, more: &str) -> String {
        let url = self.upstream.url();
        format!("checkpoints = {{ url = \"{url}\"{more} }}\n")
    }

    fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// What it took, one after the other.
    fn text(&self) -> String {
        self.taken.lock().unwrap().concat()
    }
}

/// Every line of a log, as it stands in its files.
fn lines(place: &Place, log: &str) -> Vec<String> {
    let folder = place.folder.join("data/audit").join(log);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("a log")
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .collect();
    files.sort();
    let text: String = files
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    text.lines().map(str::to_owned).collect()
}

/// Every line of this kind.
fn of_kind(place: &Place, log: &str, kind: &str) -> Vec<Value> {
    let read = |line: &String| serde_json::from_str::<Value>(line).unwrap();
    let all = lines(place, log);
    let all = all.iter().map(read);
    all.filter(|line| line["kind"] == kind).collect()
}

/// `hopgate audit verify`, with these arguments too.
fn verify(gateway: &Gateway, more: &[&str]) -> Output {
    let folder = &gateway.place.folder;
    let args = [&["--format", "json", "audit", "verify"], more].concat();
    tests::gateway::run(folder, &args)
}

/// Whether it found all whole, and what is wrong with each log that is not.
fn found(output: &Output) -> (bool, Vec<(String, String)>) {
    let said: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let logs = said["logs"].as_array().unwrap().iter();
    let bad = logs.filter(|log| !log["bad"].is_null()).map(|log| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&log["log"]), text(&log["bad"]["fault"]))
    });
    (said["whole"] == true, bad.collect())
}
