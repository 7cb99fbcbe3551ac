//! One resource, several URIs: what servers read as the same.

use url::Url;

/// The plainest way to write a URI, where it is written otherwise: needless escapes undone, dot segments resolved, scheme
/// and host in lower case, `localhost` of a file left out, and what no server reads: a fragment, an empty query, any query of
/// a file. `None` of what is plain already, or no URI at all.
pub fn plain(uri: &str) -> Option<String> {
    let unescaped = unescape(uri);
    let mut parsed = Url::parse(&unescaped).ok()?;
    parsed.set_fragment(None);
    if parsed.query() == Some("") || parsed.scheme() == "file" {
        parsed.set_query(None);
    }
    // What cannot be a base has no path to resolve, and the library leaves its host alone.
    let plain = match parsed.cannot_be_a_base() {
        true => parsed.to_string(),
        false => merged(&parsed),
    };
    (plain != uri).then_some(plain)
}

/// Undoes escapes of what needs none, as often as there are any: servers differ in how often they do.
fn unescape(uri: &str) -> String {
    let mut text = uri.to_owned();
    for _ in 0..ROUNDS {
        let next = once(&text);
        if next == text {
            break;
        }
        text = next;
    }
    text
}

const ROUNDS: usize = 3;

fn once(uri: &str) -> String {
    let mut plain = String::with_capacity(uri.len());
    let mut rest = uri;
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        let byte = after
            .get(..2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte.filter(|byte| needless(*byte)) {
            Some(byte) => {
                plain.push(char::from(byte));
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                plain.push('%');
                rest = after;
            }
        }
    }
    plain + rest
}

/// Letters, digits and what else a URI may hold anywhere (RFC 3986, 2.3); the separators too, which some servers undo.
fn needless(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/' | b'%')
}

/// The same with slashes in a row made one: directories know no empty names.
fn merged(url: &Url) -> String {
    let mut merged = url.clone();
    let mut path = url.path().to_owned();
    while path.contains("//") {
        path = path.replace("//", "/");
    }
    merged.set_path(&path);
    merged.to_string()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn what_servers_read_as_the_same_is_one() {
        for written in [
            "file:///x/../secret/a",
            "file:///%73ecret/a",
            "file:///%2573ecret/a",
            "FILE:///secret/a",
            "file://localhost/secret/a",
            "file:///secret//a",
            "file:///./secret/./a",
            "file:///secret%2fa",
            "file:///%2e%2e/secret/a",
            "file:///secret/a#x",
            "file:///secret/a?",
            "file:///secret/a?x=1#y",
            "file:/secret/a",
        ] {
            let found = plain(written);
            assert_eq!(found.as_deref(), Some("file:///secret/a"), "{written}");
        }
        for fine in [
            "file:///secret/a",
            "note:///a%20b",
            "https://example.com/x?y=%20z",
            "urn:isbn:1",
            "no uri",
            "",
        ] {
            assert_eq!(plain(fine), None, "{fine}");
        }
    }
}
