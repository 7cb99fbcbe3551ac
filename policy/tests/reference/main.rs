//! The engine beside a slow, obvious reading of the same rules, and what must hold of any policy.
//!
//! `world` is a policy in plain lists, `judge` decides over those lists by loops in the order of the file, `chance`
//! makes random worlds and questions. `agreement` compares the two, `narrowing` and `insight` hold properties.
#![expect(clippy::unwrap_used, reason = "a test may stop")]
#![expect(clippy::indexing_slicing, reason = "a test may stop")]

mod agreement;
mod chance;
mod condition;
mod dice;
mod engine;
mod glob;
mod insight;
mod judge;
mod lease;
mod narrowing;
mod text;
mod world;
