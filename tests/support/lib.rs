//! The harness of the suites: the real binary, upstreams that behave or misbehave byte by byte, and agents that speak raw HTTP.
//!
//! Nothing here uses the gateway's own parsers: a mistake in them must not hide itself.

pub mod agent;
pub mod answer;
pub mod authority;
pub mod certificates;
pub mod collector;
pub mod gateway;
pub mod issuer;
pub mod json;
pub mod leaks;
pub mod lines;
pub mod random;
pub mod records;
pub mod setup;
pub mod sse;
pub mod store;
pub mod upstream;
pub mod wire;

pub use agent::{Agent, Era};
pub use answer::{Answer, Whole};
pub use collector::Collector;
pub use gateway::Gateway;
pub use issuer::Issuer;
pub use records::Records;
pub use setup::Setup;
pub use store::Store;
pub use upstream::{Received, Upstream};
pub use wire::{Head, Wire};

use std::time::Duration;

/// How long anything may take before a test calls it hung.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A moment in which nothing is expected to happen.
pub const MOMENT: Duration = Duration::from_millis(300);

/// Waits until `true`, checking often; panics with `what` after [`PATIENCE`].
pub async fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while !check() {
        assert!(tokio::time::Instant::now() < end, "did not happen: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
