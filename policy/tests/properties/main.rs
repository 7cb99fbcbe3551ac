//! The properties that fuzzing checks, held against its corpus: what it has found worth keeping.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]
#![expect(clippy::disallowed_methods, reason = "the corpus is in files")]
#![expect(
    unreachable_pub,
    reason = "the fuzz targets take the same modules from a library"
)]

use std::path::Path;

#[path = "../../fuzz/properties/mod.rs"]
mod properties;

fn replay(target: &str, hold: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut count = 0;
    for file in std::fs::read_dir(&folder).unwrap() {
        hold(&std::fs::read(file.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count >= 8, "the corpus of {target} holds {count} files");
}

#[test]
fn parse() {
    replay("parse", properties::parse::hold);
}

#[test]
fn decide() {
    replay("decide", properties::decide::hold);
}
