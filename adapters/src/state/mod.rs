//! What outlives the process: a small durable table in one file.

mod durable;

pub use durable::{Durable, Entry, StateError};
