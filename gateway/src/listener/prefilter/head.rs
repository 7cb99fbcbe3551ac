//! One request head: unmistakable, or a reason. Pure; no allocation.

use memchr::{memchr, memchr2};

use super::{FIELDS_MAX, HEAD_MAX, Reason};

/// How a head says its body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    Empty,
    /// This many bytes, at least one.
    Length(u64),
    /// Chunks.
    Chunked,
}

/// What the fields of one head said so far.
#[derive(Debug, Default)]
struct Fields<'a> {
    count: usize,
    host: Option<&'a [u8]>,
    length: Option<u64>,
    chunked: bool,
    expects: bool,
}

/// Names whose underscore twin other parsers (CGI, WSGI) take for the same: those we or a server act on.
const KNOWN: [&[u8]; 22] = [
    b"content-length",
    b"transfer-encoding",
    b"content-type",
    b"content-encoding",
    b"mcp-session-id",
    b"mcp-protocol-version",
    b"mcp-method",
    b"mcp-name",
    b"last-event-id",
    b"txn-token",
    b"x-real-ip",
    b"proxy-authorization",
    b"proxy-connection",
    b"keep-alive",
    b"www-authenticate",
    b"http2-settings",
    b"accept-encoding",
    b"x-http-method-override",
    b"x-original-url",
    b"x-rewrite-url",
    b"x-api-key",
    b"hopgate-call",
];

/// Beginnings of such names.
const KNOWN_STARTS: [&[u8]; 3] = [b"mcp-param-", b"x-forwarded-", b"hopgate-"];

/// Checks one head, from its first byte to the empty line's end, both included.
///
/// # Errors
/// Why two parsers could disagree about it, or why it is none we serve.
pub fn check_head(head: &[u8]) -> Result<Framing, Reason> {
    if head.len() > HEAD_MAX {
        return Err(Reason::HeadSize);
    }
    let (line, mut rest) = split_line(head)?;
    let (method, target) = request_line(line).map_err(|why| blame(line, why))?;
    let mut fields = Fields::default();
    loop {
        let (line, after) = split_line(rest)?;
        rest = after;
        if line.is_empty() {
            break;
        }
        fields.take(line).map_err(|why| blame(line, why))?;
    }
    if !rest.is_empty() {
        return Err(Reason::LineEnd);
    }
    let host = fields.host.ok_or(Reason::Host)?;
    check_target(target, host)?;
    fields.framing(method)
}

/// Whether a name with underscores passes for one that matters. Names without cost one search.
pub(crate) fn is_lookalike(name: &[u8]) -> bool {
    if memchr(b'_', name).is_none() {
        return false;
    }
    let same = |(a, b): (&u8, &u8)| {
        *b == if *a == b'_' {
            b'-'
        } else {
            a.to_ascii_lowercase()
        }
    };
    let starts = |known: &[u8]| known.len() <= name.len() && name.iter().zip(known).all(same);
    KNOWN
        .iter()
        .any(|known| known.len() == name.len() && starts(known))
        || KNOWN_STARTS.iter().any(|known| starts(known))
}

// === impl Fields ===

impl<'a> Fields<'a> {
    fn take(&mut self, line: &'a [u8]) -> Result<(), Reason> {
        self.count = self.count.saturating_add(1);
        if self.count > FIELDS_MAX {
            return Err(Reason::Fields);
        }
        let colon = line
            .iter()
            .position(|byte| !is_token(*byte))
            .ok_or(Reason::FieldName)?;
        let (name, value) = line.split_at_checked(colon).ok_or(Reason::FieldName)?;
        let value = value.strip_prefix(b":").ok_or(Reason::FieldName)?;
        if name.is_empty() {
            return Err(Reason::FieldName);
        }
        // A fold over all bytes, without early exit, so that it is done many bytes at a time.
        let is_control = |byte: u8| (byte < 0x20 && byte != b'\t') || byte == 0x7f;
        if value
            .iter()
            .fold(false, |found, byte| found | is_control(*byte))
        {
            return Err(Reason::FieldValue);
        }
        self.mind(name, value.trim_ascii())
    }

    /// The few fields that decide where a message ends, whom it is for, or what the connection becomes.
    fn mind(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), Reason> {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        match name.len() {
            4 if is(b"host") => return self.name_host(value),
            14 if is(b"content-length") => {
                let length = decimal(value).ok_or(Reason::ContentLength)?;
                if self.length.replace(length).is_some() {
                    return Err(Reason::ContentLength);
                }
            }
            17 if is(b"transfer-encoding") => {
                if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Reason::TransferEncoding);
                }
                self.chunked = true;
            }
            7 if is(b"upgrade") => return Err(Reason::Upgrade),
            14 if is(b"http2-settings") => return Err(Reason::Upgrade),
            6 if is(b"expect") => {
                if self.expects || !value.eq_ignore_ascii_case(b"100-continue") {
                    return Err(Reason::Expect);
                }
                self.expects = true;
            }
            _ if is_lookalike(name) => return Err(Reason::Lookalike),
            _ => {}
        }
        Ok(())
    }

    fn name_host(&mut self, value: &'a [u8]) -> Result<(), Reason> {
        let repeated = self.host.replace(value).is_some();
        if repeated || !is_authority(value) {
            Err(Reason::Host)
        } else {
            Ok(())
        }
    }

    fn framing(&self, method: &[u8]) -> Result<Framing, Reason> {
        let framing = match (self.chunked, self.length) {
            (true, Some(_)) => return Err(Reason::BothLengths),
            (true, None) => Framing::Chunked,
            (false, None | Some(0)) => Framing::Empty,
            (false, Some(length)) => Framing::Length(length),
        };
        let bodiless = matches!(method, b"GET" | b"HEAD" | b"DELETE" | b"OPTIONS");
        if bodiless && framing != Framing::Empty {
            return Err(Reason::Body);
        }
        Ok(framing)
    }
}

/// The first line up to its CR, and what follows its LF. A bare LF is left in the line, where nothing allows one.
fn split_line(bytes: &[u8]) -> Result<(&[u8], &[u8]), Reason> {
    let end = memchr(b'\r', bytes).ok_or(Reason::LineEnd)?;
    let (line, rest) = bytes.split_at_checked(end).ok_or(Reason::LineEnd)?;
    Ok((line, rest.strip_prefix(b"\r\n").ok_or(Reason::LineEnd)?))
}

/// A bare LF is the fault behind whatever else seems wrong with its line.
fn blame(line: &[u8], why: Reason) -> Reason {
    if memchr(b'\n', line).is_some() {
        Reason::LineEnd
    } else {
        why
    }
}

/// `METHOD SP target SP HTTP/1.1`, nothing else.
fn request_line(line: &[u8]) -> Result<(&[u8], &[u8]), Reason> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Reason::RequestLine);
    };
    if method.is_empty() || method.iter().any(|byte| !is_token(*byte)) {
        return Err(Reason::RequestLine);
    }
    // Also HTTP/2's preface: no method but PRI has version 2.0.
    if version != b"HTTP/1.1" {
        return Err(Reason::Version);
    }
    if method == b"CONNECT" || method == b"TRACE" {
        return Err(Reason::Method);
    }
    Ok((method, target))
}

fn check_target(target: &[u8], host: &[u8]) -> Result<(), Reason> {
    let is_odd = |byte: u8| !(0x21..0x7f).contains(&byte) || byte == b'#' || byte == b'\\';
    if target
        .iter()
        .fold(false, |found, byte| found | is_odd(*byte))
    {
        return Err(Reason::Target);
    }
    if target.first() == Some(&b'/') {
        return Ok(());
    }
    let authority = target
        .strip_prefix(b"http://")
        .or_else(|| target.strip_prefix(b"https://"));
    let authority = authority.ok_or(Reason::Target)?;
    let end = memchr2(b'/', b'?', authority).unwrap_or(authority.len());
    match authority.get(..end) {
        Some(named) if named.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(Reason::Target),
    }
}

/// Only letters of a name, an address or a port; which name is another room's question.
fn is_authority(value: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(byte);
    !value.is_empty() && value.iter().all(plain)
}

/// Digits alone, no leading zero, below 10^18.
fn decimal(digits: &[u8]) -> Option<u64> {
    let well = match digits {
        [] => false,
        [b'0'] => true,
        [first, ..] => *first != b'0' && digits.len() <= 18,
    };
    let add = |sum: u64, byte: &u8| {
        byte.is_ascii_digit()
            .then(|| sum.wrapping_mul(10).wrapping_add(u64::from(byte & 0x0f)))
    };
    if well {
        digits.iter().try_fold(0, add)
    } else {
        None
    }
}

/// RFC 9110 `tchar`, by one look: every byte of every name is asked about.
fn is_token(byte: u8) -> bool {
    const TOKEN: [bool; 256] = {
        let mut table = [false; 256];
        let mut rest: &[u8] = b"!#$%&'*+-.^_`|~0123456789\
            abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        while let [byte, after @ ..] = rest {
            if let (_, [known, ..]) = table.split_at_mut(*byte as usize) {
                *known = true;
            }
            rest = after;
        }
        table
    };
    TOKEN.get(usize::from(byte)).copied().unwrap_or(false)
}
