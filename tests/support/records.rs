//! The records of a gateway as any reader can read them: lines of JSON, whose numbers and hashes are worked out anew.

use crate::gateway::run;
use crate::setup::Place;
use aws_lc_rs::digest::{Context, SHA256};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// The logs a gateway keeps.
pub const LOGS: [&str; 4] = ["calls", "decisions", "secrets", "checkpoints"];

/// One log, read on from where the last reading ended.
#[derive(Debug)]
pub struct Log {
    folder: PathBuf,
    segment: u32,
    offset: u64,
    seq: u64,
    hash: String,
}

/// All logs, read whole.
#[derive(Debug)]
pub struct Records {
    logs: BTreeMap<&'static str, Vec<Value>>,
}

/// Where a gateway keeps its records.
pub fn folder(place: &Place) -> PathBuf {
    place.folder.join("data/audit")
}

/// What `hopgate audit verify` says of them: whether they are whole, and its report.
pub fn verify(place: &Place) -> (bool, Value) {
    let output = run(&place.folder, &["--format", "json", "audit", "verify"]);
    let said = serde_json::from_slice(&output.stdout).unwrap_or_else(|why| {
        let said = String::from_utf8_lossy(&output.stderr);
        panic!("audit verify says nothing: {why}: {said}")
    });
    (output.status.success(), said)
}

/// A text member; empty where there is none.
pub fn text<'a>(record: &'a Value, name: &str) -> &'a str {
    record[name].as_str().unwrap_or_default()
}

// === impl Log ===

impl Log {
    /// A log from its beginning.
    pub fn new(folder: &Path, name: &str) -> Self {
        Self {
            folder: folder.join(name),
            segment: 1,
            offset: 0,
            seq: 0,
            hash: "0".repeat(64),
        }
    }

    /// The whole lines that came since; panics where one does not follow the one before.
    pub fn more(&mut self) -> Vec<Value> {
        let mut records = Vec::new();
        loop {
            // Asked first: a segment that has a successor is complete.
            let followed = self.path(self.segment + 1).exists();
            let text = self.read();
            for line in text.split_inclusive('\n') {
                let Some(line) = line.strip_suffix('\n') else {
                    break;
                };
                let opens = self.offset == 0;
                records.push(self.follow(line, opens));
                self.offset += line.len() as u64 + 1;
            }
            if !followed {
                return records;
            }
            (self.segment, self.offset) = (self.segment + 1, 0);
        }
    }

    /// How many segments there are.
    pub fn segments(&self) -> u32 {
        self.segment
    }

    fn path(&self, segment: u32) -> PathBuf {
        self.folder.join(format!("{segment:08}.jsonl"))
    }

    fn read(&self) -> String {
        let mut bytes = Vec::new();
        if let Ok(mut file) = File::open(self.path(self.segment)) {
            file.seek(SeekFrom::Start(self.offset)).expect("seek");
            file.read_to_end(&mut bytes).expect("read");
        }
        // A line that is being written may end within a letter.
        match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let whole = error.utf8_error().valid_up_to();
                String::from_utf8_lossy(&error.as_bytes()[..whole]).into_owned()
            }
        }
    }

    fn follow(&mut self, line: &str, opens: bool) -> Value {
        let at = format!("{} {}: {line}", self.folder.display(), self.segment);
        let record: Value = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {at}"));
        let (before, _) = line.rsplit_once(",\"hash\":").expect("a hash");
        let mut context = Context::new(&SHA256);
        context.update(&unhex(&self.hash));
        context.update(before.as_bytes());
        let hash = hex(context.finish().as_ref());
        assert_eq!(text(&record, "hash"), hash, "another hash: {at}");
        self.seq += 1;
        assert_eq!(record["seq"], self.seq, "another number: {at}");
        assert_eq!(
            text(&record, "kind") == "segment",
            opens,
            "a segment's opening: {at}"
        );
        if opens {
            assert_eq!(text(&record, "prev"), self.hash, "{at}");
        }
        self.hash = hash;
        record
    }
}

// === impl Records ===

impl Records {
    /// Reads them from the beginning.
    pub fn read(place: &Place) -> Self {
        let folder = folder(place);
        let read = |name: &'static str| (name, Log::new(&folder, name).more());
        Self {
            logs: LOGS.map(read).into(),
        }
    }

    /// One log.
    pub fn log(&self, name: &str) -> &[Value] {
        &self.logs[name]
    }

    /// What a log holds of a kind.
    pub fn kind<'a>(&'a self, log: &str, kind: &str) -> Vec<&'a Value> {
        let all = self.log(log).iter();
        all.filter(|record| text(record, "kind") == kind).collect()
    }

    /// What a log holds of a call, by kind, in order.
    pub fn of<'a>(&'a self, log: &str, call: &str) -> Vec<(&'a str, &'a Value)> {
        let all = self.log(log).iter();
        all.filter(|record| text(record, "call") == call)
            .map(|record| (text(record, "kind"), record))
            .collect()
    }

    /// The only outcome of a call; panics where there is none or another.
    pub fn outcome(&self, call: &str) -> &Value {
        let of = self.of("calls", call);
        let all: Vec<_> = of.iter().filter(|(kind, _)| *kind == "outcome").collect();
        assert_eq!(all.len(), 1, "outcomes of {call}: {of:?}");
        all[0].1
    }

    /// Who and what of a call: its intent, or its outcome where it has none.
    pub fn who(&self, call: &str) -> &Value {
        let of = self.of("calls", call);
        let intent = of.iter().find(|(kind, _)| *kind == "intent");
        intent.map_or_else(|| self.outcome(call), |(_, record)| record)
    }
}

/// Bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
    (0..text.len()).step_by(2).map(pair).collect()
}
