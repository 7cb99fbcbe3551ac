//! The only way out: every connection of the gateway is resolved, judged and opened here.
//!
//! The address that was judged is the address that is dialled, at every connection anew; no proxy variable is read.

mod address;
mod caller;
mod connect;
mod dial;
mod fetch;
mod tls;

pub use address::{embedded, is_public};
pub use caller::{CallError, Caller, Content};
pub use connect::{ConnectError, Connector, Settings, Wire};
pub use dial::{DialError, Dialer, Resolve, SystemResolver};
pub use fetch::{FetchError, Fetcher};
pub use tls::{Identity, TlsError, client_config, handshake_fault, refuses_identity};
