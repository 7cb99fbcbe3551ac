//! Reads records that were written: line by line, so that no log has to fit into memory, and tolerant of what it does
//! not know.
//!
//! It proves nothing: whether a log is whole and unchanged, `hopgate audit verify` says. What is no record at all is
//! passed over and told with file and line; a line that ends with its file is one that is being written, or was torn.

mod damage;
mod find;
mod join;
mod line;
mod lines;
mod past;
#[cfg(test)]
mod tests;

use damage::Damage;
use line::Line;
use lines::Lines;
use past::{Decided, Event, Who};

pub(crate) use find::find;
pub(crate) use join::{Joined, Reach};
pub(crate) use past::{Arguments, Judged, Past};
