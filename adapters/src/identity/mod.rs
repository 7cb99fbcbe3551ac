//! Where proofs of identity come from and how each is checked; what they mean is the caller's business.

pub mod dpop;
pub mod jwks;
pub mod jwt;
pub(crate) mod metadata;
pub mod spiffe;
