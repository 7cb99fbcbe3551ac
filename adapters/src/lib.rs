//! Everything that touches the world, and none of what it means: wire formats, egress, what stands behind a server.

pub mod upstream;
pub mod wire;
