//! SPIFFE as its callers meet it: IDs, chains that were made to be judged, files that change, an agent that misbehaves.
#![expect(clippy::unwrap_used, reason = "a test may stop")]

mod agent;
mod authority;
mod bundles;
mod chains;
mod files;
mod ids;
mod leaves;
mod tls;
mod workload_api;
