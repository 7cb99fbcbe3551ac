//! Egress as its callers meet it: which addresses are public, and servers over real sockets with real certificates.

mod addresses;
