//! The properties that fuzzing checks, held against its corpus and against random input with a fixed seed.
#![expect(clippy::unwrap_used, reason = "a test may stop")]
#![expect(
    unreachable_pub,
    reason = "the fuzz targets take the same modules from a library"
)]

mod corpus;
mod differential;
#[path = "../../fuzz/properties/mod.rs"]
mod properties;
