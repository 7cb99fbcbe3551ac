//! What outlives the process: a small durable table in one file; what several gateways share, in a Redis or Valkey.

mod durable;
pub mod limit;
pub mod redis;

pub use durable::{Durable, Entry, StateError};
