//! Globs by recursion, as the words say: `*` is any run without `/`, `**` any run.

/// Whether the whole text matches.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    matches(pattern.as_bytes(), text.as_bytes())
}

fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        // A third star adds nothing.
        ([b'*', b'*', b'*', ..], _) => matches(&pattern[1..], text),
        ([b'*', b'*', rest @ ..], _) => run(pattern, rest, text, true),
        ([b'*', rest @ ..], _) => run(pattern, rest, text, false),
        ([one, rest @ ..], [other, more @ ..]) => one == other && matches(rest, more),
        _ => false,
    }
}

/// The run is over, or it takes one byte more.
fn run(pattern: &[u8], rest: &[u8], text: &[u8], deep: bool) -> bool {
    matches(rest, text)
        || match text {
            [taken, more @ ..] => (deep || *taken != b'/') && matches(pattern, more),
            [] => false,
        }
}

#[test]
fn the_words_mean_what_they_say() {
    for (pattern, text) in [
        ("a", "a"),
        ("*", ""),
        ("*", "abc"),
        ("a*c", "abbc"),
        ("**", "a/b"),
        ("a**b", "a/x/b"),
        ("***", "a/b"),
        ("*/b", "a/b"),
    ] {
        assert!(glob(pattern, text), "{pattern} {text}");
    }
    for (pattern, text) in [
        ("a", ""),
        ("*", "a/b"),
        ("a*c", "a/c"),
        ("a*", "ba"),
        ("", "a"),
    ] {
        assert!(!glob(pattern, text), "{pattern} {text}");
    }
}
