//! Tests are read and run as they are written.
