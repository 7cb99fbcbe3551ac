//! Authorization servers that misbehave, asked by the issuers `oauth` and `exchange`. That they agree with a real one is
//! shown by `tests/credentials`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

mod answers;
mod clients;
mod exchanges;
mod metadata;
mod peer;
mod revocation;
