//! Every suite in one binary: the real gateway over real sockets, one module for each promise.

mod admin;
mod authorization;
mod batch;
mod cancel;
mod check_cli;
mod cors;
mod drain;
mod era;
mod harness;
mod headers;
mod identity;
mod limits;
mod mrtr;
mod policy;
mod policy_cli;
mod records_cli;
mod regressions;
mod reload;
mod server_requests;
mod sessions;
mod streaming;
mod strict;
mod telemetry;
mod tls;
mod transparency;
mod upstream_faults;
