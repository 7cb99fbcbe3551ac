//! The body of a request to a token or revocation endpoint.

use crate::egress::Content;
use crate::secret::Secret;
use bytes::Bytes;
use http::HeaderValue;
use url::form_urlencoded::{Serializer, byte_serialize};

/// Parameters, in order.
pub(crate) struct Form(String);

const KIND: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

// === impl Form ===

impl Form {
    pub(crate) fn new() -> Self {
        Self(String::new())
    }

    pub(crate) fn add(&mut self, name: &str, value: &str) {
        let mut pairs = Serializer::new(std::mem::take(&mut self.0));
        pairs.append_pair(name, value);
        self.0 = pairs.finish();
    }

    /// The value may be any bytes.
    pub(crate) fn add_secret(&mut self, name: &str, value: &Secret) {
        self.add(name, "");
        self.0.extend(byte_serialize(value.expose()));
    }

    pub(crate) fn content(self) -> Content {
        (KIND, Bytes::from(self.0))
    }
}
