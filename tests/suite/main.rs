//! All suites in one binary.
