//! Egress as its callers meet it: which addresses are public, and servers over real sockets with real certificates.
#![expect(clippy::unwrap_used, reason = "a test may stop")]

mod addresses;
mod authority;
mod peer;
mod plain;
mod tls;
