//! `inject`: where a credential goes in a request, and the template of what is put there.

use policy::shape::{ANY, Fault, Form, Key, Shape};

use http::HeaderName;

/// Where a credential goes, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inject {
    /// Where.
    pub place: Where,
    /// What.
    pub value: Template,
}

/// A place in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// A header.
    Header(HeaderName),
    /// A parameter of the query.
    Query(Box<str>),
    /// A cookie.
    Cookie(Box<str>),
    /// `Authorization: Basic`, of `user:password`.
    Basic,
    /// An argument of the tool that is called.
    Body(Box<str>),
}

/// Text with fields of the credential in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// In order; at least one is a field.
    pub parts: Vec<Part>,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// As it stands.
    Text(Box<str>),
    /// `{token}`.
    Field(Box<str>),
}

/// `inject = { … }`.
pub(in crate::config) const INJECT: &[Key] = &[
    Key::new(
        "header",
        Shape::Text(HEADER),
        "The header the credential goes in.",
    )
    .default("\"Authorization\""),
    Key::new(
        "value",
        Shape::Text(VALUE),
        "What is put there; `{token}`, `{username}`, `{password}` … are what the issuer gave.",
    )
    .default("\"Bearer {token}\""),
    Key::new(
        "query",
        Shape::Text(WORD),
        "Instead of `header`: a parameter of the query. Servers write those into their logs.",
    ),
    Key::new(
        "cookie",
        Shape::Text(WORD),
        "Instead of `header`: a cookie.",
    ),
    Key::new(
        "basic",
        Shape::Text(VALUE),
        "Instead of `header`: Basic authentication with this `user:password`.",
    ),
    Key::new(
        "body",
        Shape::Text(ANY),
        "Instead of `header`: an argument of the tool that is called; a caller may not bring it.",
    ),
];

/// Headers that are the gateway's or the protocol's.
const OWN: [&str; 13] = [
    "accept",
    "accept-encoding",
    "baggage",
    "connection",
    "content-length",
    "content-type",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "txn-token",
    "upgrade",
    "user-agent",
];
const OWN_PREFIXES: [&str; 4] = ["mcp-", "proxy-", "trace", "hopgate-"];

const HEADER: Form = Form {
    name: "the name of a header",
    pattern: Some("^[A-Za-z0-9-]+$"),
    check: |text| {
        let lower = text.to_ascii_lowercase();
        let invalid = |why: &str, help: &str| {
            Err(Fault::new(format!("`{}` {why}", text.escape_debug()), help))
        };
        if HeaderName::from_bytes(text.as_bytes()).is_err() {
            return invalid("is no name of a header", "letters, digits and `-`");
        }
        if OWN.contains(&lower.as_str()) || OWN_PREFIXES.iter().any(|own| lower.starts_with(own)) {
            return invalid("is a header of the protocol", "name another one");
        }
        Ok(())
    },
};

const WORD: Form = Form {
    name: "a name such as \"api_key\"",
    pattern: Some("^[A-Za-z0-9_.-]+$"),
    check: |text| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        match !text.is_empty() && text.bytes().all(plain) {
            true => Ok(()),
            false => Err(Fault::new(
                format!("`{}` is no plain name", text.escape_debug()),
                "letters, digits, `_`, `.` and `-`",
            )),
        }
    },
};

const VALUE: Form = Form {
    name: "a text such as \"Bearer {token}\"",
    pattern: Some(r"\{[a-z][a-z0-9_]*\}"),
    check: |text| Template::parse(text).map(|_| ()),
};

/// Whether a text can name a field.
pub(super) fn name(text: &str) -> Result<(), Fault> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    match text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(plain) {
        true => Ok(()),
        false => Err(Fault::new(
            format!("`{}` cannot name a field", text.escape_debug()),
            "lower case letters, digits and `_`, a letter first",
        )),
    }
}

// === impl Template ===

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let invalid =
            |why: &str, help: &str| Fault::new(format!("`{}` {why}", text.escape_debug()), help);
        if text.chars().any(char::is_control) || !text.is_ascii() {
            let help = "printable ASCII and fields such as `{token}`";
            return Err(invalid("cannot stand in a request", help));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((field, after)) = after.split_once('}') else {
                return Err(invalid("has `{` without `}`", "write fields as `{token}`"));
            };
            name(field)?;
            if !before.is_empty() {
                parts.push(Part::Text(before.into()));
            }
            parts.push(Part::Field(field.into()));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        let mut texts = parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text),
            Part::Field(_) => None,
        });
        if texts.any(|text| text.contains('}')) {
            return Err(invalid("has `}` without `{`", "write fields as `{token}`"));
        }
        let template = Self { parts };
        let named = template.fields().next().is_some();
        match named {
            true => Ok(template),
            false => Err(invalid(
                "holds no field of the credential",
                "write fields as `{token}`; a secret itself is never written into the file",
            )),
        }
    }

    /// The fields it names.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Field(name) => Some(&**name),
            Part::Text(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates() {
        let template = Template::parse("Bearer {token}").unwrap();
        assert_eq!(
            template.parts,
            [Part::Text("Bearer ".into()), Part::Field("token".into())]
        );
        let both = Template::parse("{username}:{password}").unwrap();
        assert_eq!(both.fields().collect::<Vec<_>>(), ["username", "password"]);
        for bad in [
            "", "Bearer", "{", "{token", "token}", "{}", "{Token}", "{a}}", "a\r\n{b}",
        ] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn headers_of_the_protocol_are_not_ours_to_set() {
        for bad in ["Host", "Mcp-Session-Id", "traceparent", "a b", ""] {
            assert!((HEADER.check)(bad).is_err(), "{bad}");
        }
        assert!((HEADER.check)("X-Api-Key").is_ok());
    }
}
