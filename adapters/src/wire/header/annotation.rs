//! The parameters that a tool's definition mirrors into headers, and the annotations that no client may follow.

use super::super::{Span, array, list, text};
use http::HeaderName;

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

/// Annotations in schemas nested deeper are invalid.
const DEPTH: usize = 32;
/// What makes a member of a schema an annotation.
const ANNOTATION: &str = "x-mcp-header";

/// What the definition of a tool mirrors into headers.
///
/// # Errors
///
/// [`Invalid`] where an annotation breaks the rules: then no client may call the tool with it.
pub fn annotations(tool: &[u8]) -> Result<Vec<Annotation>, Invalid> {
    // An escape could hide the word; where there is neither, nothing is looked for.
    if [ANNOTATION, "\\u00"]
        .iter()
        .all(|word| memchr::memmem::find(tool, word.as_bytes()).is_none())
    {
        return Ok(Vec::new());
    }
    let mut walk = Walk {
        tool,
        path: Vec::new(),
        depth: 0,
        found: Vec::new(),
    };
    if let Some(schema) = list::member(tool, Span::new(0, tool.len()), "inputSchema") {
        walk.schema(schema, true)?;
    }
    Ok(walk.found)
}

/// Through the schemas of one tool.
struct Walk<'a> {
    tool: &'a [u8],
    path: Vec<String>,
    depth: usize,
    found: Vec<Annotation>,
}

// === impl Walk ===

impl Walk<'_> {
    /// Only what plain `properties` lead to can be mirrored; an annotation anywhere else is invalid.
    fn schema(&mut self, schema: Span, reachable: bool) -> Result<(), Invalid> {
        let tool = self.tool;
        if self.depth >= DEPTH {
            let annotated = memchr::memmem::find(schema.of(tool), ANNOTATION.as_bytes()).is_some();
            return if annotated { Err(Invalid) } else { Ok(()) };
        }
        self.depth += 1;
        for (key, value) in array::members(tool, schema) {
            match &*text::unescape(key.of(tool)) {
                ANNOTATION if reachable => self.annotation(schema, value)?,
                ANNOTATION => return Err(Invalid),
                "properties" => self.properties(value, reachable)?,
                "patternProperties" | "$defs" | "definitions" | "dependentSchemas" => {
                    for (_, schema) in array::members(tool, value) {
                        self.schema(schema, false)?;
                    }
                }
                "allOf"
                | "anyOf"
                | "oneOf"
                | "prefixItems"
                | "items"
                | "not"
                | "if"
                | "then"
                | "else"
                | "contains"
                | "additionalItems"
                | "additionalProperties"
                | "propertyNames"
                | "unevaluatedItems"
                | "unevaluatedProperties" => {
                    for schema in array::elements(tool, value) {
                        self.schema(schema, false)?;
                    }
                    self.schema(value, false)?;
                }
                _ => {}
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn properties(&mut self, properties: Span, reachable: bool) -> Result<(), Invalid> {
        for (key, schema) in array::members(self.tool, properties) {
            self.path
                .push(text::unescape(key.of(self.tool)).into_owned());
            self.schema(schema, reachable)?;
            self.path.pop();
        }
        Ok(())
    }

    fn annotation(&mut self, schema: Span, name: Span) -> Result<(), Invalid> {
        let string = |raw: &Span| raw.of(self.tool).first() == Some(&b'"');
        let kind = list::member(self.tool, schema, "type").filter(string);
        let kind = kind.map(|kind| text::unescape(kind.of(self.tool)));
        let name = Some(name)
            .filter(string)
            .map(|name| text::unescape(name.of(self.tool)));
        let name = name.filter(|name| !name.is_empty()).ok_or(Invalid)?;
        if !matches!(kind.as_deref(), Some("string" | "integer" | "boolean"))
            || self.path.is_empty()
        {
            return Err(Invalid);
        }
        let header = format!("mcp-param-{}", name.to_ascii_lowercase());
        let header = HeaderName::from_bytes(header.as_bytes()).map_err(|_| Invalid)?;
        if self.found.iter().any(|known| known.header == header) {
            return Err(Invalid);
        }
        self.found.push(Annotation {
            header,
            path: self.path.clone(),
        });
        Ok(())
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
        match (
            value,
            at.map(|span| span.of(arguments))
                .filter(|raw| *raw != b"null"),
        ) {
            (None, None) => true,
            (Some(value), Some(raw)) => super::agrees(value, raw),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_lead_to_arguments() {
        let tool = br#"{"name":"t","inputSchema":{"type":"object","properties":{
            "region":{"type":"string","x-mcp-header":"Region"},
            "deep":{"type":"object","properties":{"n":{"type":"integer","x-mcp-header":"N"}}}}}}"#;
        let found = annotations(tool).unwrap();
        assert_eq!(found.len(), 2);
        let region = found
            .iter()
            .find(|one| one.header_name() == "mcp-param-region")
            .unwrap();
        assert!(region.agrees(Some(b"eu"), br#"{"region":"eu"}"#));
        assert!(!region.agrees(Some(b"us"), br#"{"region":"eu"}"#));
        assert!(!region.agrees(None, br#"{"region":"eu"}"#));
        assert!(region.agrees(None, br#"{"region":null}"#) && region.agrees(None, b"{}"));
        let deep = found
            .iter()
            .find(|one| one.header_name() == "mcp-param-n")
            .unwrap();
        assert!(deep.agrees(Some(b"7.0"), br#"{"deep":{"n":7}}"#));
    }

    #[test]
    fn annotations_that_break_the_rules_are_invalid() {
        for property in [
            r#"{"type":"number","x-mcp-header":"N"}"#,
            r#"{"type":"string","x-mcp-header":""}"#,
            r#"{"type":"string","x-mcp-header":"a b"}"#,
            r#"{"type":"string","x-mcp-header":"a\r\nb"}"#,
            r#"{"type":"string","x-mcp-header":5}"#,
            r#"{"type":["string","null"],"x-mcp-header":"N"}"#,
            r#"{"x-mcp-header":"N"}"#,
            r#"{"type":"array","items":{"type":"string","x-mcp-header":"N"}}"#,
            r#"{"oneOf":[{"type":"string","x-mcp-header":"N"}]}"#,
            r#"{"not":{"properties":{"q":{"type":"string","x-mcp-he\u0061der":"N"}}}}"#,
            r#"{"$defs":{"d":{"type":"string","x-mcp-header":"N"}}}"#,
            r#"{"properties":{"a":{"type":"string","x-mcp-header":"N"},"b":{"type":"string","x-mcp-header":"n"}}}"#,
        ] {
            let tool = format!(r#"{{"inputSchema":{{"properties":{{"p":{property}}}}}}}"#);
            assert_eq!(annotations(tool.as_bytes()), Err(Invalid), "{property}");
        }
    }

    #[test]
    fn what_is_no_annotation_is_none() {
        for schema in [
            r#"{"properties":{"x-mcp-header":{"type":"array"}}}"#,
            r#"{"default":{"x-mcp-header":1},"properties":{"a":{"enum":["x-mcp-header"]}}}"#,
            r#"true"#,
        ] {
            let tool = format!(r#"{{"name":"x-mcp-header","inputSchema":{schema}}}"#);
            assert_eq!(annotations(tool.as_bytes()), Ok(Vec::new()), "{schema}");
        }
        let root = br#"{"inputSchema":{"type":"string","x-mcp-header":"N"}}"#;
        assert_eq!(annotations(root), Err(Invalid));
        let mut deep = r#"{"type":"string","x-mcp-header":"N"}"#.to_owned();
        for _ in 0..2 * DEPTH {
            deep = format!(r#"{{"properties":{{"p":{deep}}}}}"#);
        }
        assert_eq!(
            annotations(format!(r#"{{"inputSchema":{deep}}}"#).as_bytes()),
            Err(Invalid)
        );
    }
}
