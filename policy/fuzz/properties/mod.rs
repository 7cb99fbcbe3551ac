//! What must hold for any bytes: each property is run by a fuzz target, and over its corpus by every test run.

pub mod decide;
pub mod parse;
