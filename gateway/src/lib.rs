//! The gateway, room by room, in the order of a call's way: `listener` lets a request in, `pipeline` takes it through
//! `identity`, `ask`, `task`, `authorize`, `limit`, `credentials`, `audit` and `forward`. `config` and `assemble` make
//! the `snapshot` it runs under, `live` swaps it, `fleet` keeps several gateways one, `admin` and `telemetry` show what happens, `cli` starts it all.

pub mod admin;
mod ask;
pub mod assemble;
pub mod audit;
mod authorize;
pub mod cli;
pub mod config;
mod credentials;
mod demo;
mod fleet;
mod forward;
mod identity;
mod limit;
pub mod listener;
pub mod live;
pub mod pipeline;
mod snapshot;
mod task;
pub mod telemetry;
