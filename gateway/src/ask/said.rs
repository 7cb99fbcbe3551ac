//! One message: its bytes, where its parts are, which method and which era.

use super::Context;
use crate::audit::Arguments;
use crate::config;
use crate::pipeline::Refusal;
use adapters::wire::revision::{Era, Revision};
use adapters::wire::scan::Bounds;
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
    /// The task of the gateway's that it names; what is no text names nothing that could be open.
    pub(crate) task: Option<Box<str>>,
    /// The hop token it brings.
    pub(crate) hop: Option<Box<str>>,
    /// Modern where the body or the version header says so.
    pub(crate) era: Era,
}

/// How much of a method nobody knows is recorded.
const NAMED_MOST: usize = 128;

// === impl Said ===

impl Said {
    /// Names the method and the era.
    ///
    /// # Errors
    ///
    /// What is left without the gateway's own keys is read anew, which cannot fail where the whole did not.
    pub(super) fn new(
        body: Bytes,
        message: Message,
        bounds: &Bounds,
        headers: &HeaderMap,
    ) -> Result<Self, Refusal> {
        let own = |name| {
            let raw = message.gateway_value(&body, name)?.of(&body);
            Some(match raw.first() {
                Some(b'"') => Box::from(&*text::unescape(raw)),
                _ => Box::default(),
            })
        };
        let (task, hop) = (own("dev.hopgate/task"), own("dev.hopgate/hop"));
        let (body, message) = without_gateway_keys(body, message, bounds)?;
        let method = message
            .slice(Member::Method, &body)
            .and_then(|raw| Method::from_name(&text::unescape(raw)));
        let era = era(&body, &message, headers);
        Ok(Self {
            body,
            message,
            method,
            task,
            hop,
            era,
        })
    }

    /// Holds the message against the rules of its method and era.
    ///
    /// # Errors
    ///
    /// A method outside the table, a request in a notification's dress, a header that contradicts the body, a response
    /// in an era without them.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        self.check_dress()?;
        if self.era == Era::Modern {
            super::mirror::check(self, headers)?;
        }
        let answers = matches!(self.class(), Class::Result | Class::Error);
        let known = match self.method {
            Some(method) => method.from_client() && method.exists_in(self.era),
            // It is said later: who reaches nothing here must not learn what is known here.
            None => true,
        };
        match self.class() {
            _ if known || answers => Ok(()),
            Class::Request => Err(Refusal::MethodUnknown),
            _ => Err(Refusal::Invalid("a notification of an unknown method")),
        }
    }

    /// Whether the operator has said what this method does, which no revision knows.
    pub(crate) fn classified(&self, context: &Context) -> bool {
        let server = context.snapshot.config.policy.server(&context.name);
        self.text(Member::Method)
            .zip(server)
            .is_some_and(|(method, server)| server.methods.knows(&method))
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

    /// The raw id of a message that gets an answer.
    pub(crate) fn answerable_id(&self) -> Option<Bytes> {
        let span = self.message.span(Member::Id)?;
        (self.class() == Class::Request).then(|| self.body.slice(span.range()))
    }

    /// What the record calls its target.
    pub(super) fn label(&self) -> Option<Cow<'_, str>> {
        let members = [Member::Name, Member::Uri, Member::RefName, Member::RefUri];
        members.into_iter().find_map(|member| self.text(member))
    }

    /// What the record calls its method: as the table has it, or as it was sent, if it is not too long.
    pub(super) fn named(&self) -> Option<Cow<'static, str>> {
        if let Some(method) = self.method {
            return Some(Cow::Borrowed(method.name()));
        }
        let sent = self.text(Member::Method)?;
        let most = sent.floor_char_boundary(NAMED_MOST);
        Some(sent.get(..most)?.to_owned().into())
    }

    /// The revision it speaks, where it or its request says so.
    pub(super) fn revision(&self, headers: &HeaderMap) -> Option<Revision> {
        if let Some(own) = self.text(Member::MetaProtocolVersion) {
            return Revision::parse(&own);
        }
        let header = headers.get("mcp-protocol-version")?;
        Revision::parse(header.to_str().ok()?)
    }

    /// Its arguments, as far as they are recorded.
    pub(super) fn recorded(&self, how: config::Arguments) -> Option<Arguments> {
        let span = self.message.span(Member::Arguments)?;
        let raw = self.body.slice(span.range());
        Some(match how {
            config::Arguments::Digest => Arguments::Digest(raw),
            config::Arguments::Full => Arguments::Full(raw),
            config::Arguments::None => Arguments::Size(raw.len()),
        })
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
            None if matches!(self.class(), Class::Result | Class::Error)
                && self.era == Era::Modern =>
            {
                Err(Refusal::Invalid(
                    "in this revision a client sends no responses",
                ))
            }
            _ => Ok(()),
        }
    }
}

/// `_meta` keys under `dev.hopgate/` are the gateway's: a client's are taken off before anything reads the message.
fn without_gateway_keys(
    body: Bytes,
    message: Message,
    bounds: &Bounds,
) -> Result<(Bytes, Message), Refusal> {
    match message.without_gateway_keys(&body) {
        None => Ok((body, message)),
        Some(body) => {
            let message = adapters::wire::read(&body, bounds).map_err(Refusal::Malformed)?;
            Ok((body, message))
        }
    }
}

fn era(body: &[u8], message: &Message, headers: &HeaderMap) -> Era {
    if message.slice(Member::MetaProtocolVersion, body).is_some() {
        return Era::Modern;
    }
    // An `initialize` is legacy whatever the header says; dates compare as text.
    let opens = message
        .slice(Member::Method, body)
        .is_some_and(|raw| raw == b"\"initialize\"");
    match headers.get("mcp-protocol-version") {
        Some(version)
            if !opens && version.as_bytes() >= Revision::V2026_07_28.as_str().as_bytes() =>
        {
            Era::Modern
        }
        _ => Era::Legacy,
    }
}
