//! A text that goes through a header comes back, agrees with itself and with nothing else; no schema stops the walk.

use adapters::wire::{header, text};

/// Runs the property. Up to the first line feed stands a header's value, behind it a text or a tool.
pub fn hold(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let value = parts.next().unwrap_or_default();
    let rest = parts.next().unwrap_or_default();
    if let Ok(own) = std::str::from_utf8(rest) {
        let encoded = header::encode(own);
        let raw = text::quote(own);
        assert!(
            encoded
                .bytes()
                .all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
        );
        assert_eq!(header::decode(encoded.as_bytes()).as_deref(), Some(own));
        assert!(header::agrees(encoded.as_bytes(), raw.as_bytes()));
        let said = header::decode(value);
        let same = said.as_deref() == Some(own);
        // Whitespace around a value is the transport's.
        assert_eq!(header::agrees(value.trim_ascii(), raw.as_bytes()), same);
        if let Some(said) = said {
            let again = header::encode(&said);
            assert_eq!(header::decode(again.as_bytes()).as_deref(), Some(&*said));
        }
    }
    if serde_json::from_slice::<serde_json::Value>(rest).is_ok() {
        // A number agrees with itself.
        if rest.first().is_some_and(u8::is_ascii_digit) && rest.len() < 16 {
            assert!(header::agrees(rest.trim_ascii(), rest.trim_ascii()));
        }
        if let Ok(found) = header::annotations(rest) {
            for one in found {
                assert!(one.header_name().as_str().starts_with("mcp-param-"));
                assert!(one.agrees(None, b"{}") && !one.agrees(Some(value), b"{}"));
            }
        }
    }
}
