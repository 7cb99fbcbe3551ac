//! Texts as others would write them: the conformance suite of TOML, and configurations that mean harm (T85).
#![expect(clippy::unwrap_used, reason = "a test may stop")]

mod bombs;
mod conformance;
