//! Headers that mirror a body: decoding, comparing with the raw JSON they repeat, and the annotations that ask for them.

use super::{Span, array, list, text};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;
use std::borrow::Cow;

/// A parameter of a tool that its definition mirrors into a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    header: HeaderName,
    /// The members that lead to the argument.
    path: Vec<String>,
}

/// An annotation that no client may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invalid;

const OPENS: &str = "=?base64?";
const CLOSES: &str = "?=";
/// Schemas nested deeper mirror nothing.
const DEPTH: usize = 16;

/// The text a header value stands for; `None` where it claims to be encoded and is not, or is no text.
#[must_use]
pub fn decode(value: &[u8]) -> Option<Cow<'_, str>> {
    let value = std::str::from_utf8(value.trim_ascii()).ok()?;
    match value.strip_prefix(OPENS).and_then(|rest| rest.strip_suffix(CLOSES)) {
        None => Some(Cow::Borrowed(value)),
        Some(encoded) => {
            let bytes = STANDARD.decode(encoded).ok()?;
            String::from_utf8(bytes).ok().map(Cow::Owned)
        }
    }
}

/// A text as a header value.
#[must_use]
pub fn encode(text: &str) -> Cow<'_, str> {
    let plain = text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
        && text.trim_ascii().len() == text.len()
        && !(text.starts_with(OPENS) && text.ends_with(CLOSES));
    if plain {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{OPENS}{}{CLOSES}", STANDARD.encode(text)))
}

/// Whether a header value says what a raw JSON scalar says.
#[must_use]
pub fn agrees(value: &[u8], raw: &[u8]) -> bool {
    // The ordinary case: a plain value and a string without escapes.
    if raw.len() == value.len() + 2 && raw.get(1..=value.len()) == Some(value) && raw.first() == Some(&b'"') {
        if memchr::memchr(b'\\', value).is_none() && !value.starts_with(OPENS.as_bytes()) {
            return true;
        }
    }
    let Some(value) = decode(value) else {
        return false;
    };
    match raw.first() {
        Some(b'"') => text::unescape(raw) == value,
        Some(b't' | b'f') => raw == value.as_bytes(),
        Some(b'-' | b'0'..=b'9') => same_integer(&value, raw),
        _ => false,
    }
}

/// Integers compared as numbers: `42.0` is `42`.
fn same_integer(value: &str, raw: &[u8]) -> bool {
    let integer = |text: &str| {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let zeros = !fraction.is_empty() && fraction.bytes().all(|digit| digit == b'0');
        whole.parse::<i64>().ok().filter(|_| zeros)
    };
    let raw = std::str::from_utf8(raw).ok().and_then(integer);
    raw.is_some() && raw == integer(value)
}

/// What the definition of a tool mirrors into headers.
///
/// # Errors
///
/// [`Invalid`] where an annotation breaks the rules: then no client may call the tool with it.
pub fn annotations(tool: &[u8]) -> Result<Vec<Annotation>, Invalid> {
    let mut found = Vec::new();
    if memchr::memmem::find(tool, b"x-mcp-header").is_none() {
        return Ok(found);
    }
    let whole = Span::new(0, tool.len());
    if let Some(schema) = list::member(tool, whole, "inputSchema") {
        let mut walk = Walk { tool, path: Vec::new(), found: &mut found };
        walk.properties(schema)?;
    }
    Ok(found)
}

struct Walk<'a> {
    tool: &'a [u8],
    path: Vec<String>,
    found: &'a mut Vec<Annotation>,
}

// === impl Walk ===

impl Walk<'_> {
    /// Only what plain `properties` lead to can be mirrored.
    fn properties(&mut self, schema: Span) -> Result<(), Invalid> {
        let Some(properties) = list::member(self.tool, schema, "properties") else {
            return Ok(());
        };
        if self.path.len() >= DEPTH {
            return Err(Invalid);
        }
        for (key, schema) in array::members(self.tool, properties) {
            self.path.push(text::unescape(key.of(self.tool)).into_owned());
            self.property(schema)?;
            self.path.pop();
        }
        Ok(())
    }

    fn property(&mut self, schema: Span) -> Result<(), Invalid> {
        if let Some(name) = list::member(self.tool, schema, "x-mcp-header") {
            let name = text::unescape(name.of(self.tool));
            let kind = list::member(self.tool, schema, "type").map(|kind| text::unescape(kind.of(self.tool)));
            if !matches!(kind.as_deref(), Some("string" | "integer" | "boolean")) || name.is_empty() {
                return Err(Invalid);
            }
            let header = format!("mcp-param-{}", name.to_ascii_lowercase());
            let header = HeaderName::from_bytes(header.as_bytes()).map_err(|_| Invalid)?;
            if self.found.iter().any(|known| known.header == header) {
                return Err(Invalid);
            }
            self.found.push(Annotation { header, path: self.path.clone() });
        }
        self.properties(schema)
    }
}

// === impl Annotation ===

impl Annotation {
    /// The header that repeats the argument.
    #[must_use]
    pub fn header_name(&self) -> &HeaderName {
        &self.header
    }

    /// Whether the header says what the arguments say. An absent or null argument has no header.
    #[must_use]
    pub fn agrees(&self, value: Option<&[u8]>, arguments: &[u8]) -> bool {
        let mut at = Some(Span::new(0, arguments.len()));
        for name in &self.path {
            at = at.and_then(|span| list::member(arguments, span, name));
        }
        match (value, at.map(|span| span.of(arguments)).filter(|raw| *raw != b"null")) {
            (None, None) => true,
            (Some(value), Some(raw)) => agrees(value, raw),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_comes_back() {
        for text in ["read_note", "café", " padded", "tab\there", "=?base64?YQ==?=", "", "a\nb"] {
            let encoded = encode(text);
            assert!(encoded.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')));
            assert_eq!(decode(encoded.as_bytes()).unwrap(), text);
        }
        assert_eq!(decode(b"=?base64?***?="), None);
        assert_eq!(decode(b"=?BASE64?YQ==?=").unwrap(), "=?BASE64?YQ==?=");
        assert_eq!(decode(b"\xff"), None);
    }

    #[test]
    fn values_agree_in_meaning_only() {
        for (value, raw) in [
            ("a", r#""a""#), ("a", r#""\u0061""#), (" a ", r#""a""#), ("=?base64?YQ==?=", r#""a""#),
            ("=?base64?YQ==", r#""=?base64?YQ==""#), ("42", "42"), ("42.0", "42"), ("42", "42.0"), ("true", "true"),
        ] {
            assert!(agrees(value.as_bytes(), raw.as_bytes()), "{value} {raw}");
        }
        for (value, raw) in [
            ("A", r#""a""#), ("a,b", r#""a""#), ("", r#""a""#), ("42.5", "42"), ("43", "42"), ("true", r#"true "#),
            ("null", "null"), ("=?base64?YQ==?=", r#""=?base64?YQ==?=""#), (r"\u0061", r#""\u0061""#), ("x", "{}"),
        ] {
            assert!(!agrees(value.as_bytes(), raw.as_bytes()), "{value} {raw}");
        }
    }

    #[test]
    fn annotations_lead_to_arguments() {
        let tool = br#"{"name":"t","inputSchema":{"type":"object","properties":{
            "region":{"type":"string","x-mcp-header":"Region"},
            "deep":{"type":"object","properties":{"n":{"type":"integer","x-mcp-header":"N"}}}}}}"#;
        let found = annotations(tool).unwrap();
        assert_eq!(found.len(), 2);
        let region = found.iter().find(|one| one.header_name() == "mcp-param-region").unwrap();
        assert!(region.agrees(Some(b"eu"), br#"{"region":"eu"}"#));
        assert!(!region.agrees(Some(b"us"), br#"{"region":"eu"}"#));
        assert!(!region.agrees(None, br#"{"region":"eu"}"#));
        assert!(region.agrees(None, br#"{"region":null}"#) && region.agrees(None, b"{}"));
        let deep = found.iter().find(|one| one.header_name() == "mcp-param-n").unwrap();
        assert!(deep.agrees(Some(b"7.0"), br#"{"deep":{"n":7}}"#));
    }

    #[test]
    fn annotations_that_break_the_rules_are_invalid() {
        for property in [
            r#"{"type":"number","x-mcp-header":"N"}"#,
            r#"{"type":"string","x-mcp-header":""}"#,
            r#"{"type":"string","x-mcp-header":"a b"}"#,
            r#"{"type":"string","x-mcp-header":"a\r\nb"}"#,
        ] {
            let tool = format!(r#"{{"inputSchema":{{"properties":{{"p":{property}}}}}}}"#);
            assert_eq!(annotations(tool.as_bytes()), Err(Invalid), "{property}");
        }
    }
}
