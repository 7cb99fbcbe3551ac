//! Proofs of identity as an attacker makes them: tokens, key sets, issuers that misbehave, proofs sent twice.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

mod claims;

mod dpop;
mod forge;
mod headers;
mod instants;
mod keys;
mod outages;
mod peer;

mod replays;
mod sets;
mod sources;
mod storms;

mod vectors;
