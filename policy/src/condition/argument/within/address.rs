//! Addresses: scheme, host and port are the same, and the path lies below.
//!
//! Hosts are compared by name as the URL standard writes it. A text that another reader could take to another host or
//! another path is `Maybe`: a user before the host, a host in disguise, escapes that need not be, dots that one server
//! resolves and the next does not. It is not `No`, which would let each of them past a deny.

use url::{Host, Url};

use super::{Truth, begins};
use crate::shape::Fault;

/// Schemes whose hosts and paths everybody reads alike.
const SCHEMES: [&str; 5] = ["http", "https", "ws", "wss", "ftp"];

/// Letters that two editions of the rules for international names read differently.
const DISPUTED: [char; 4] = ['ß', 'ς', '\u{200c}', '\u{200d}'];

/// Everything at an origin below a path.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Address {
    origin: Origin,
    path: Box<[Box<str>]>,
}

/// Whom a URL reaches.
#[derive(Debug, Clone, PartialEq)]
enum Origin {
    /// A host and port, by a scheme of ours.
    Known {
        scheme: String,
        host: String,
        port: u16,
    },
    /// Something else.
    Other,
}

/// How a server may read the dots and slashes of a path.
#[derive(Debug, Clone, Copy)]
enum Reading {
    /// As they are.
    Literal,
    /// `.` and `..` resolved.
    Resolved,
    /// `//` made one, then resolved.
    Merged,
}

/// Which escapes a server undoes before it looks for a path.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Escapes {
    /// All.
    All,
    /// Those that had to be.
    Needed,
}

// === impl Address ===

impl Address {
    /// Reads a URL, written plainly.
    pub(super) fn new(text: &str) -> Result<Self, Fault> {
        let url = Url::parse(text).map_err(|error| {
            Fault::new(
                format!(
                    "`{}` is no absolute path or URL: {error}",
                    text.escape_debug()
                ),
                "write `/srv/data` or `https://api.example.com/v1`",
            )
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Fault::new(
                "the URL names a user",
                "leave user and password out: only scheme, host, port and path are compared",
            )
            .of(crate::diagnostic::Code::LiteralSecret));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Fault::new(
                "the URL has a query or fragment",
                "leave it out: only scheme, host, port and path are compared",
            ));
        }
        if !SCHEMES.contains(&url.scheme()) {
            return Err(Fault::new(
                format!(
                    "nothing can be said to lie within a URL of scheme `{}`",
                    url.scheme()
                ),
                format!(
                    "it is one of {}",
                    SCHEMES.map(|one| format!("`{one}`")).join(", ")
                ),
            ));
        }
        let disguised = || {
            Fault::new(
                "the URL can be read in more than one way",
                "write the host as it is and the path without `//`, `.`, `..`, `;`, `\\` and needless escapes",
            )
        };
        let (origin, rest) = split(text).ok_or_else(disguised)?;
        let mut path = segments(rest, Escapes::All).ok_or_else(disguised)?;
        if path.last().is_some_and(String::is_empty) {
            path.pop();
        }
        let path: Box<[Box<str>]> = path.into_iter().map(String::into_boxed_str).collect();
        if below(rest, &path) != Truth::Yes {
            return Err(disguised());
        }
        Ok(Self { origin, path })
    }

    /// Whether a URL lies below it; it lies below itself.
    pub(super) fn truth(&self, text: &str) -> Truth {
        match split(text) {
            Some((origin, path)) if origin == self.origin => below(path, &self.path),
            Some(_) => Truth::No,
            None => Truth::Maybe,
        }
    }
}

// === impl Reading ===

impl Reading {
    fn path(self, segments: &[String]) -> Vec<&str> {
        let mut path = Vec::with_capacity(segments.len());
        for segment in segments {
            match (self, segment.as_str()) {
                (Self::Literal, name) => path.push(name),
                (Self::Merged, "") | (_, ".") => {}
                (_, "..") => drop(path.pop()),
                (_, name) => path.push(name),
            }
        }
        path
    }
}

/// Whom a URL reaches, and its path as written; `None` where that depends on the reader.
fn split(text: &str) -> Option<(Origin, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let proper = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if text.contains(|c: char| c.is_control() || c.is_whitespace()) || !scheme.bytes().all(proper) {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end)?;
    // Some look for the user's `@` behind a `?` or `#` that ends the host for everybody else.
    if !rest.starts_with('/') && rest.contains('@') {
        return None;
    }
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    Some((origin(scheme, authority)?, path))
}

fn origin(scheme: &str, authority: &str) -> Option<Origin> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:[]".contains(c) || !c.is_ascii();
    if authority.is_empty() || !authority.chars().all(plain) {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    if !SCHEMES.contains(&scheme.as_str()) {
        return Some(Origin::Other);
    }
    let url = Url::parse(&format!("{scheme}://{authority}/")).ok()?;
    let port = url.port_or_known_default()?;
    let host = host(&url, authority)?;
    Some(Origin::Known { scheme, host, port })
}

/// The host, if it is written as what it is: an address in hexadecimal, or a letter that stands for another, is taken
/// for a host by some and for a mistake by others.
fn host(url: &Url, authority: &str) -> Option<String> {
    let bare = |name: &str| name.strip_suffix('.').unwrap_or(name).to_owned();
    let written = match authority.rsplit_once(':') {
        Some((host, _)) if !authority.ends_with(']') => host,
        _ => authority,
    };
    let written = bare(&written.to_lowercase());
    match url.host()? {
        Host::Domain(name) => {
            let name = bare(name);
            let plain = written == name;
            let international =
                || written == url::quirks::domain_to_unicode(&name) && !written.contains(DISPUTED);
            let whole = name.split('.').all(|label| !label.is_empty());
            (whole && (plain || international())).then_some(name)
        }
        Host::Ipv4(address) => Some(address.to_string()).filter(|name| *name == written),
        // An address of version 4 in the clothes of version 6 is the same place under another name.
        Host::Ipv6(address) => {
            let embedded = address.to_ipv4().map(|inner| inner.octets());
            let disguised = embedded.is_some_and(|[first, ..]| first != 0);
            (!disguised && address.to_ipv4_mapped().is_none()).then(|| address.to_string())
        }
    }
}

/// Whether a path as written lies below another, if all ways to read it agree.
fn below(path: &str, root: &[Box<str>]) -> Truth {
    if root.is_empty() {
        return Truth::Yes;
    }
    let mut agreed = None;
    for escapes in [Escapes::All, Escapes::Needed] {
        let Some(segments) = segments(path, escapes) else {
            return Truth::Maybe;
        };
        for reading in [Reading::Literal, Reading::Resolved, Reading::Merged] {
            let truth = begins(&reading.path(&segments), root);
            if *agreed.get_or_insert(truth) != truth {
                return Truth::Maybe;
            }
        }
    }
    agreed.unwrap_or(Truth::Maybe)
}

/// The segments of a path behind its first slash, escapes undone; `None` where a slash may hide in one, or what some
/// servers cut off (`;`).
fn segments(path: &str, escapes: Escapes) -> Option<Vec<String>> {
    if path.contains(['\\', ';']) {
        return None;
    }
    let segments = path.split('/').skip(1);
    segments.map(|one| unescaped(one, escapes)).collect()
}

fn unescaped(segment: &str, escapes: Escapes) -> Option<String> {
    let mut out = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let (escape, tail) = rest.split_at_checked(2)?;
        let escaped = hex(escape)?;
        let twice = escaped == b'%' && tail.get(..2).and_then(hex).is_some();
        if twice || escaped.is_ascii_control() || b"/\\;".contains(&escaped) {
            return None;
        }
        let needless = escaped.is_ascii_alphanumeric() || b"-._~".contains(&escaped);
        if needless && escapes == Escapes::Needed {
            out.push(b'%');
        } else {
            out.push(escaped);
            rest = tail;
        }
    }
    String::from_utf8(out).ok()
}

/// The byte that two hexadecimal digits are.
fn hex(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let [high, low] = digits else { return None };
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}
