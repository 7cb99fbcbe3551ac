//! What callers may learn, and what operators are told.
