//! Replays what fuzzing has found worth keeping: every property, over every file of its corpus.

use crate::properties;
use std::path::Path;

fn replay(target: &str, hold: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut count = 0;
    for file in std::fs::read_dir(&folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        hold(&bytes);
        count += 1;
    }
    assert!(count >= 8, "the corpus of {target} holds {count} files");
}

#[test]
fn scan() {
    replay("scan", properties::scan::hold);
}

#[test]
fn sse() {
    replay("sse", properties::sse::hold);
}

#[test]
fn answer() {
    replay("answer", properties::answer::hold);
}

#[test]
fn header() {
    replay("header", properties::header::hold);
}

#[test]
fn list() {
    replay("list", properties::list::hold);
}
