//! What the gateway says about itself: log lines, numbers and spans.

mod bridge;
mod export;
pub mod fault;
pub mod log;
pub mod metrics;
pub mod trace;

pub use bridge::Sink;
pub(crate) use export::Collectors;
pub use export::{Outlets, Tracer};
pub use metrics::Metrics;
