//! Names that a lenient parser could take for another: letter case, compatibility forms, the long s and the Kelvin sign.

use unicode_normalization::UnicodeNormalization as _;

/// Whether a name folds to one of the known names, which it is not.
pub(super) fn of_any<Names: Iterator<Item = &'static str>>(
    name: &str,
    known: impl Fn() -> Names,
) -> bool {
    if name.is_ascii() {
        return known().any(|known| name != known && name.eq_ignore_ascii_case(known));
    }
    // A name so much longer is none, and folding it would cost whoever reads it.
    let longest = known().map(str::len).max().unwrap_or_default();
    if name.len() > LONGER * longest {
        return false;
    }
    let seen = name.chars().filter(|letter| !is_hidden(*letter)).nfkc();
    let folded: String = seen.flat_map(char::to_lowercase).flat_map(fold).collect();
    known().any(|known| folded.eq_ignore_ascii_case(known))
}

/// How many times as long as a known name a look-alike can be: four bytes for each of its letters, as many hidden.
const LONGER: usize = 8;

/// What lower-casing leaves apart and case folding does not.
fn fold(letter: char) -> impl Iterator<Item = char> {
    let (first, second) = match letter {
        'ſ' => ('s', None),
        'ß' => ('s', Some('s')),
        'ı' => ('i', None),
        _ => (letter, None),
    };
    std::iter::once(first).chain(second)
}

/// Whether a name or URI holds a character that a reader cannot see or that turns the text around.
pub(super) fn is_deceptive(text: &str) -> bool {
    text.chars().any(is_hidden)
}

fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folds_to(name: &str, known: &'static str) -> bool {
        of_any(name, || std::iter::once(known))
    }

    #[test]
    fn every_look_alike_folds_and_others_do_not() {
        for name in ["Name", "NAME", "nAme", "ｎame", "ｎａｍｅ", "𝐧ame"] {
            assert!(folds_to(name, "name"), "{name}");
        }
        for name in ["paramſ", "PARAMS", "paramＳ"] {
            assert!(folds_to(name, "params"), "{name}");
        }
        assert!(folds_to("progressTo\u{212a}en", "progressToken"));
        assert!(folds_to("ıd", "id"));
        assert!(folds_to("meßage", "message"));
        assert!(folds_to("na\u{200b}me", "name"));
        for name in ["name", "names", "nàme", "名"] {
            assert!(!folds_to(name, "name"), "{name}");
        }
    }

    #[test]
    fn hidden_characters_are_seen() {
        for text in [
            "a\0",
            "a\u{7f}",
            "a\u{85}",
            "a\u{200b}b",
            "\u{202e}cod.exe",
            "\u{feff}a",
            "a\u{e0041}",
        ] {
            assert!(is_deceptive(text), "{text:?}");
        }
        for text in ["read_note", "note:///café", "名前", "a b"] {
            assert!(!is_deceptive(text), "{text:?}");
        }
    }
}
