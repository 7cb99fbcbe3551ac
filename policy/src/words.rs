//! An explanation in words.
