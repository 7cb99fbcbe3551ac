//! Every suite in one binary: the real gateway over real sockets, one module for each promise.

mod batch;
mod cancel;
mod harness;
mod headers;
mod mrtr;
mod server_requests;
mod sessions;
mod streaming;
mod strict;
mod transparency;
