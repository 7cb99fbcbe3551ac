//! Tests of the journal as a whole: on a disk that fails as it likes, and on a real one.

mod crashes;
mod live;
mod proofs;
mod simulated;

use super::disk::Disk;
use super::promise::{Waiting, promise};
use super::proof::Proof;
use super::status::Status;
use super::verify::{Known, verify};
use super::writer::{Entry, Moment, Writer};
use super::{CHECKPOINTS, Durability, Keys, Line, Lines, Log, Settings, Signer};
use crate::task::seal::KeyRing;
use std::sync::Arc;

fn ring() -> Arc<KeyRing> {
    Arc::new(KeyRing::new([("k1", [7; 32].as_slice())]).unwrap())
}

fn signer() -> Signer {
    Signer::new(ring()).unwrap()
}

fn known() -> Known {
    Known {
        keys: Keys::read(&ring().published()).unwrap(),
        ..Known::default()
    }
}

fn line(log: Log, kind: &'static str, id: u64) -> Line {
    let mut line = Line::new(log, kind);
    line.number("id", id);
    line
}

fn writer<D: Disk>(disk: D, settings: Settings, now: Moment) -> std::io::Result<Writer<D>> {
    let status = Arc::new(Status::new());
    Writer::open(disk, (settings, signer()), status, now)
}

/// Something to write that somebody waits for.
fn asked(lines: Lines, lasting: bool) -> (Entry, Waiting) {
    let (promise, waiting) = promise();
    let entry = Entry {
        lines,
        promise: Some(promise),
        lasting,
        undelivered: false,
        _place: None,
    };
    (entry, waiting)
}

/// What is wrong, of all logs.
fn bad(proofs: &[Proof]) -> Vec<String> {
    let bad = proofs.iter().filter_map(|proof| proof.bad.as_ref());
    bad.map(|bad| format!("{bad:?}")).collect()
}

/// Every line of a log, in order.
fn lines<D: Disk>(disk: &mut D, log: &str) -> Vec<String> {
    let mut names = disk.list(log).unwrap();
    names.retain(|name| name.ends_with(".jsonl"));
    names.sort();
    let texts = names
        .iter()
        .map(|name| disk.read(&format!("{log}/{name}")).unwrap());
    let text: Vec<u8> = texts.flatten().collect();
    let text = String::from_utf8(text).unwrap();
    text.lines().map(str::to_owned).collect()
}
