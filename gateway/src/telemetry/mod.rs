//! What the gateway says about itself: log lines and numbers.

pub mod log;
pub mod metrics;

pub use metrics::Metrics;
