//! One JSON-RPC message: what it is and where its parts are.

use super::member::{COUNT, Member, Place};
use super::scan::{self, Bounds, Flaw, FlawKind, Notes};
use super::{Span, array, look_alike, text};
use bytes::{Bytes, BytesMut};

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Wants an answer.
    Request,
    /// Wants none.
    Notification,
    /// Answers with a result.
    Result,
    /// Answers with an error.
    Error,
}

/// A message that means one thing. Holds positions only.
#[derive(Debug, Clone)]
pub struct Message {
    class: Class,
    spans: [Option<Span>; COUNT],
}

/// Reads one message, strictly.
///
/// # Errors
///
/// The first [`Flaw`].
pub fn read(body: &[u8], bounds: &Bounds) -> Result<Message, Flaw> {
    let mut message = Message {
        class: Class::Notification,
        spans: [None; COUNT],
    };
    scan::value(body, bounds, Place::Envelope, &mut message)?;
    message.classify(body)?;
    message.check_names(body)?;
    Ok(message)
}

/// Holds any JSON text against the scanner's rules: one value, no member twice, bounded.
///
/// # Errors
///
/// The first [`Flaw`].
pub fn sound(text: &[u8], bounds: &Bounds) -> Result<(), Flaw> {
    scan::value(text, bounds, Place::Other, &mut scan::Unnoted)
}

/// Whether the body is an array.
#[must_use]
pub fn is_batch(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'[')
}

/// Reads a batch: one strict pass over the whole, then each message.
///
/// # Errors
///
/// The first [`Flaw`]; a batch that is empty or larger than `most`.
pub fn read_batch(body: &[u8], bounds: &Bounds, most: usize) -> Result<Vec<(Span, Message)>, Flaw> {
    scan::value(body, bounds, Place::Other, &mut scan::Unnoted)?;
    let items = array::top(body);
    if items.is_empty() || items.len() > most {
        return Err(Flaw::of(FlawKind::Batch, Span::default()));
    }
    items
        .into_iter()
        .map(|span| read(span.of(body), bounds).map(|message| (span, message)))
        .collect()
}

impl Notes for Message {
    fn note(&mut self, member: Member, span: Span) {
        if let Some(place) = self.spans.get_mut(member as usize) {
            *place = Some(span);
        }
    }
}

// === impl Message ===

impl Message {
    /// What it is.
    #[must_use]
    pub fn class(&self) -> Class {
        self.class
    }

    /// Where a member's value is.
    #[must_use]
    pub fn span(&self, member: Member) -> Option<Span> {
        self.spans.get(member as usize).copied().flatten()
    }

    /// A member's raw value in the body this message was read from.
    #[must_use]
    pub fn slice<'a>(&self, member: Member, body: &'a [u8]) -> Option<&'a [u8]> {
        self.span(member).map(|span| span.of(body))
    }

    /// The body without the `_meta` keys that are the gateway's; `None` where it has none.
    #[must_use]
    pub fn without_gateway_keys(&self, body: &Bytes) -> Option<Bytes> {
        self.span(Member::MetaGateway)?;
        let meta = self.span(Member::Meta)?;
        let members = array::members(body, meta);
        let kept = members.iter().filter(|(key, _)| {
            Place::Meta.member(&text::unescape(key.of(body))) != Some(Member::MetaGateway)
        });
        let mut with = BytesMut::from(&b"{"[..]);
        for (key, value) in kept {
            if with.len() > 1 {
                with.extend_from_slice(b",");
            }
            with.extend_from_slice(
                body.get(key.range().start..value.range().end)
                    .unwrap_or_default(),
            );
        }
        with.extend_from_slice(b"}");
        Some(super::splice::apply(
            body,
            vec![super::splice::Edit::replace(meta, with)],
        ))
    }

    /// Where the value of a `_meta` key of the gateway's is.
    #[must_use]
    pub fn gateway_value(&self, body: &[u8], name: &str) -> Option<Span> {
        self.span(Member::MetaGateway)?;
        let members = array::members(body, self.span(Member::Meta)?);
        let found = members
            .iter()
            .find(|(key, _)| text::says(key.of(body), name));
        found.map(|(_, value)| *value)
    }

    fn classify(&mut self, body: &[u8]) -> Result<(), Flaw> {
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(Flaw::shape("a message is an object"));
        }
        match self.slice(Member::Jsonrpc, body) {
            Some(b"\"2.0\"") => {}
            _ => return Err(Flaw::shape("`jsonrpc` must be \"2.0\"")),
        }
        let has = |member| self.span(member).is_some();
        self.class = match (has(Member::Method), has(Member::Result), has(Member::Error)) {
            (true, false, false) if has(Member::Id) => Class::Request,
            (true, false, false) => Class::Notification,
            (false, true, false) => Class::Result,
            (false, false, true) => Class::Error,
            (false, false, false) => return Err(Flaw::shape("neither request nor response")),
            _ => return Err(Flaw::shape("request and response at once")),
        };
        self.check_shape(body)
    }

    fn check_shape(&self, body: &[u8]) -> Result<(), Flaw> {
        let opens = |member, with: u8| {
            self.slice(member, body)
                .is_none_or(|raw| raw.first() == Some(&with))
        };
        if !opens(Member::Method, b'"') {
            return Err(Flaw::shape("`method` must be a string"));
        }
        if !opens(Member::Params, b'{') {
            return Err(Flaw::shape("`params` must be an object"));
        }
        if !opens(Member::Meta, b'{') {
            return Err(Flaw::shape("`_meta` must be an object"));
        }
        let id = self.slice(Member::Id, body);
        match (self.class, id) {
            (Class::Notification, None) => Ok(()),
            (Class::Error, None | Some(b"null")) => self.check_error(body),
            (_, None) => Err(Flaw::shape("a response needs an id")),
            (_, Some(id)) if !is_id(id) => Err(Flaw::shape("`id` must be a string or an integer")),
            (Class::Error, _) => self.check_error(body),
            _ => Ok(()),
        }
    }

    fn check_error(&self, body: &[u8]) -> Result<(), Flaw> {
        let code = self.slice(Member::ErrorCode, body).is_some_and(is_integer);
        let message = self
            .slice(Member::ErrorMessage, body)
            .is_some_and(|raw| raw.first() == Some(&b'"'));
        if code && message {
            Ok(())
        } else {
            Err(Flaw::shape("`error` needs a code and a message"))
        }
    }

    /// Names and URIs that stages decide on hold nothing that cannot be seen.
    fn check_names(&self, body: &[u8]) -> Result<(), Flaw> {
        let named = [
            Member::Method,
            Member::Name,
            Member::Uri,
            Member::TaskId,
            Member::RefName,
            Member::RefUri,
        ];
        for member in named {
            let Some(span) = self.span(member) else {
                continue;
            };
            let raw = span.of(body);
            let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b'\\';
            if raw.iter().all(is_plain) {
                continue;
            }
            // A log line's fields are no names: only strings are judged.
            if raw.first() == Some(&b'"') && look_alike::is_deceptive(&text::unescape(raw)) {
                return Err(Flaw::of(FlawKind::Deceptive, span));
            }
        }
        Ok(())
    }
}

/// A string, or an integer without fraction or exponent.
fn is_id(raw: &[u8]) -> bool {
    raw.first() == Some(&b'"') || is_integer(raw)
}

fn is_integer(raw: &[u8]) -> bool {
    let digits = raw.strip_prefix(b"-").unwrap_or(raw);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}
