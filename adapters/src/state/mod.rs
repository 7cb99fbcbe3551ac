//! What outlives the process: a small durable table in one file.

mod durable;
pub mod limit;

pub use durable::{Durable, Entry, StateError};
