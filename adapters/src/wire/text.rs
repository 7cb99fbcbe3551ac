//! JSON strings: from their raw form, quotes and all, to text and back.

use std::borrow::Cow;

/// The text of a raw JSON string that the scanner has passed. Without escapes nothing is copied.
#[must_use]
pub fn unescape(raw: &[u8]) -> Cow<'_, str> {
    let inner = raw
        .strip_prefix(b"\"")
        .and_then(|raw| raw.strip_suffix(b"\""))
        .unwrap_or(raw);
    if memchr::memchr(b'\\', inner).is_none() {
        return String::from_utf8_lossy(inner);
    }
    // Scanned strings parse; one that was not scanned becomes a text that equals no name.
    serde_json::from_slice::<String>(raw).map_or(Cow::Borrowed("\u{fffd}"), Cow::Owned)
}

/// A text as a raw JSON string.
#[must_use]
pub fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether a raw JSON string says this text.
#[must_use]
pub fn says(raw: &[u8], text: &str) -> bool {
    unescape(raw) == text
}

#[cfg(test)]
mod tests {
    use super::{quote, unescape};
    use std::borrow::Cow;

    #[test]
    fn plain_strings_are_borrowed() {
        assert!(matches!(
            unescape(b"\"caf\xc3\xa9\""),
            Cow::Borrowed("café")
        ));
        assert_eq!(unescape(br#""\u0061\n\ud83d\ude00""#), "a\n😀");
    }

    #[test]
    fn quoting_comes_back() {
        for text in ["", "a\"b\\c", "\u{0}\u{1f}", "é😀"] {
            assert_eq!(unescape(quote(text).as_bytes()), text);
        }
    }
}
