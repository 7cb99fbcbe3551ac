//! Where proofs of identity come from and how each is checked; what they mean is the caller's business.

pub mod spiffe;
