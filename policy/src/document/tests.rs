//! Several sources as one tree.

use super::{Document, Source};

fn read(texts: &[&str]) -> (Option<Document>, Vec<String>) {
    let sources = texts
        .iter()
        .enumerate()
        .map(|(at, text)| Source::new(format!("f{at}"), *text))
        .collect();
    let (document, found) = Document::read(sources);
    (document, found.into_iter().map(|one| one.message).collect())
}

#[test]
fn tables_of_several_files_merge() {
    let (document, found) = read(&[
        "[servers.a]\nurl = \"x\"\n[[rules]]\nname = \"1\"\n",
        "[servers.b]\n[[rules]]\nname = \"2\"\n",
    ]);
    assert!(found.is_empty(), "{found:?}");
    let root = document.unwrap().root;
    assert_eq!(root.table("servers").unwrap().iter().count(), 2);
    assert_eq!(root.items("rules").len(), 2);
}

#[test]
fn a_name_defined_twice_is_one_mistake_with_both_places() {
    let sources = vec![
        Source::new("a", "[servers.a]\n"),
        Source::new("b", "[servers.a]\n"),
    ];
    let (_, found) = Document::read(sources);
    assert_eq!(found.len(), 1, "{found:?}");
    let places: Vec<usize> = found[0]
        .labels
        .iter()
        .map(|label| label.span.source)
        .collect();
    assert!(places.contains(&0) && places.contains(&1), "{places:?}");
}

#[test]
fn a_key_given_twice_does_not_hide_the_rest() {
    let (document, found) = read(&["a = 1\na = 2\nb = 3\n"]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(document.unwrap().root.get("b").is_some());
}
