//! Who can reach what, by which rule.
