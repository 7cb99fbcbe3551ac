//! More narrowing never allows more (G5), and no order of anything matters.
