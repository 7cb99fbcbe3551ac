//! The gateway, room by room: `listener` lets a request in, `pipeline` takes it its way, `live` holds the
//! snapshot it runs under, `admin` and `telemetry` show what happens, `cli` starts it all.

pub mod admin;
pub mod cli;
pub mod config;
pub mod listener;
pub mod live;
pub mod pipeline {
    //! The way of a call.
    pub mod inbound;
}
pub mod telemetry;
