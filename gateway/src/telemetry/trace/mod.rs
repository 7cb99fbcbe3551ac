//! Traces: W3C context in and out, which traces get spans, and the spans of a call.

pub mod attribute;
mod baggage;
mod context;
mod sampler;
mod span;

pub use baggage::Baggage;
pub use context::{TraceContext, Traceparent};
pub use sampler::Sampler;
pub use span::Span;
pub(crate) use span::weight;
