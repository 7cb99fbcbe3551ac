//! SPIFFE: workload identity by X.509-SVID and JWT-SVID, one bundle of authorities per trust domain.
//!
//! A [`Source`] keeps the bundles and the gateway's own SVID current, from the Workload API or from files. [`verify`]
//! judges a client's chain against them. [`Offered`] and [`OwnCertificate`] are the two ends of a TLS listener.

mod bundle;
mod files;
mod id;
mod source;
mod svid;
mod tls;
mod workload_api;

pub use bundle::{Bundle, BundleFault};
pub use id::{IdFault, SpiffeId};
pub use source::{From, STALE, Settings, Source};
pub use svid::{Fault, Svid, verify};
pub use tls::{Offered, OwnCertificate};
