//! One message: its bytes, where its parts are, which method and which era.

use crate::pipeline::Refusal;
use adapters::wire::revision::{Era, Revision};
use adapters::wire::{Class, Member, Message, Method, text};
use bytes::Bytes;
use http::HeaderMap;
use std::borrow::Cow;

/// A message that means one thing.
#[derive(Debug)]
pub(crate) struct Said {
    /// The validated bytes, exactly as they came.
    pub(crate) body: Bytes,
    /// Where its parts are.
    pub(crate) message: Message,
    /// For requests and notifications; none where the method is not in the table.
    pub(crate) method: Option<Method>,
    /// Modern where the body or the version header says so.
    pub(crate) era: Era,
}

// === impl Said ===

impl Said {
    /// Names the method and the era, and holds the message against the rules both bring.
    ///
    /// # Errors
    ///
    /// A request in a notification's dress, a header that contradicts the body, a response in an era without them.
    pub(super) fn new(body: Bytes, message: Message, headers: &HeaderMap) -> Result<Self, Refusal> {
        let method = message
            .slice(Member::Method, &body)
            .and_then(|raw| Method::from_name(&text::unescape(raw)));
        let era = era(&body, &message, headers);
        let said = Self { body, message, method, era };
        said.check_dress()?;
        if era == Era::Modern {
            super::mirror::check(&said, headers)?;
        }
        Ok(said)
    }

    /// The raw bytes of one member.
    pub(crate) fn raw(&self, member: Member) -> Option<&[u8]> {
        self.message.slice(member, &self.body)
    }

    /// One member as text, where it is a string.
    pub(crate) fn text(&self, member: Member) -> Option<Cow<'_, str>> {
        let raw = self.raw(member)?;
        (raw.first() == Some(&b'"')).then(|| text::unescape(raw))
    }

    /// The raw id of a request or response.
    pub(crate) fn id(&self) -> Option<&[u8]> {
        self.raw(Member::Id)
    }

    /// What it is.
    pub(crate) fn class(&self) -> Class {
        self.message.class()
    }

    fn check_dress(&self) -> Result<(), Refusal> {
        let request = self.class() == Class::Request;
        match self.method {
            Some(method) if method.is_request() && !request => {
                Err(Refusal::Invalid("a request needs an id"))
            }
            Some(method) if !method.is_request() && request => {
                Err(Refusal::Invalid("a notification must not have an id"))
            }
            None if matches!(self.class(), Class::Result | Class::Error) && self.era == Era::Modern => {
                Err(Refusal::Invalid("in this revision a client sends no responses"))
            }
            _ => Ok(()),
        }
    }
}

fn era(body: &[u8], message: &Message, headers: &HeaderMap) -> Era {
    if message.slice(Member::MetaProtocolVersion, body).is_some() {
        return Era::Modern;
    }
    // An `initialize` is legacy whatever the header says; dates compare as text.
    let opens = message.slice(Member::Method, body).is_some_and(|raw| raw == b"\"initialize\"");
    match headers.get("mcp-protocol-version") {
        Some(version) if !opens && version.as_bytes() >= Revision::V2026_07_28.as_str().as_bytes() => {
            Era::Modern
        }
        _ => Era::Legacy,
    }
}
