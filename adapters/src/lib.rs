//! Everything that touches the world, and none of what it means: wire formats, egress, what stands behind a server.
//!
//! `wire` turns bytes into positions and back, without I/O. `egress` is the only dialer. `identity` checks proofs
//! of identity against the keys it watches. `upstream` is the port to a server and its implementations. `state` keeps
//! what outlives the process. `collector` sends telemetry. `credential` is the port to an issuer of credentials and its
//! implementations.

pub mod collector;
pub mod credential;
pub mod egress;
pub mod identity;
pub mod secret;
pub mod state;
pub mod upstream;
pub mod wire;
