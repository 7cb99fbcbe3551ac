//! List results: which items they show, and the same result without those a caller may not see.

use super::splice::{self, Edit};
use super::{Span, array, scan, text};
use bytes::Bytes;
use std::borrow::Cow;

/// A list a server answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    /// `tools/list`.
    Tools,
    /// `prompts/list`.
    Prompts,
    /// `resources/list`.
    Resources,
    /// `resources/templates/list`.
    ResourceTemplates,
}

/// One item.
#[derive(Debug)]
pub struct Item<'a> {
    /// The name of a tool or prompt, the URI of a resource, the URI template of a template.
    pub name: Cow<'a, str>,
    /// The item's raw JSON.
    pub raw: &'a [u8],
}

/// A list as a caller may see it.
#[derive(Debug)]
pub struct Filtered {
    /// The answer; the same bytes where nothing was removed.
    pub bytes: Bytes,
    /// How many items are left.
    pub kept: u64,
    /// How many items are missing.
    pub removed: u64,
}

// === impl ListKind ===

impl ListKind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Tools,
        Self::Prompts,
        Self::Resources,
        Self::ResourceTemplates,
    ];

    /// The member of the result, and the member that names an item.
    fn members(self) -> (&'static str, &'static str) {
        match self {
            Self::Tools => ("tools", "name"),
            Self::Prompts => ("prompts", "name"),
            Self::Resources => ("resources", "uri"),
            Self::ResourceTemplates => ("resourceTemplates", "uriTemplate"),
        }
    }
}

/// Takes the items out of a list answer that `shown` rejects. What is left is private to this caller; everything else
/// stays as it was, byte for byte. Of a list that could be read in two ways nothing is shown.
pub fn filter(
    answer: &Bytes,
    kind: ListKind,
    mut shown: impl FnMut(&Item<'_>) -> bool,
) -> Filtered {
    let (list, name) = kind.members();
    let whole = Span::new(
        answer.len() - answer.trim_ascii_start().len(),
        answer.trim_ascii_end().len(),
    );
    let Some(result) = member(answer, whole, "result") else {
        return Filtered {
            bytes: answer.clone(),
            kept: 0,
            removed: 0,
        };
    };
    let Some(items) = member(answer, result, list) else {
        return Filtered {
            bytes: answer.clone(),
            kept: 0,
            removed: 0,
        };
    };
    if scan::strict(answer).is_err() {
        // What cannot be counted counts as one: something is missing.
        let count = array::elements(answer, items).len().max(1);
        let removed = u64::try_from(count).unwrap_or(u64::MAX);
        let nothing = Edit::replace(result, format!("{{\"{list}\":[]}}"));
        return Filtered {
            bytes: splice::apply(answer, vec![nothing]),
            kept: 0,
            removed,
        };
    }
    let (mut kept, mut removed) = (0, 0);
    let mut edits = array::cut(answer, items, |item| {
        // An item without a name cannot be called, and nobody can say what it is.
        let named = member(answer, item, name).map(|span| span.of(answer));
        let keep = named
            .filter(|raw| raw.first() == Some(&b'"'))
            .is_some_and(|raw| {
                shown(&Item {
                    name: text::unescape(raw),
                    raw: item.of(answer),
                })
            });
        match keep {
            true => kept += 1,
            false => removed += 1,
        }
        keep
    });
    if edits.is_empty() {
        return Filtered {
            bytes: answer.clone(),
            kept,
            removed,
        };
    }
    if let Some(scope) = member(answer, result, "cacheScope") {
        edits.push(Edit::replace(scope, "\"private\""));
    }
    Filtered {
        bytes: splice::apply(answer, edits),
        kept,
        removed,
    }
}

/// The value of one member of the object at `span`.
pub(super) fn member(body: &[u8], span: Span, name: &str) -> Option<Span> {
    array::members(body, span)
        .into_iter()
        .find(|(key, _)| text::says(key.of(body), name))
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &'static str, kind: ListKind, hidden: &[&str], expected: &str) {
        let filtered = filter(&Bytes::from_static(answer.as_bytes()), kind, |item| {
            !hidden.contains(&&*item.name)
        });
        assert_eq!(filtered.bytes, expected);
    }

    #[test]
    fn hidden_items_go_and_the_rest_stays() {
        check(
            r#"{"id":1,"result":{"tools":[ {"name":"a","x":1.0} , {"name":"b"}],"nextCursor":"","cacheScope":"public"}}"#,
            ListKind::Tools,
            &["b"],
            r#"{"id":1,"result":{"tools":[{"name":"a","x":1.0}],"nextCursor":"","cacheScope":"private"}}"#,
        );
        let untouched = r#"{"result":{"cacheScope":"public", "prompts":[ {"name":"a"} ]}}"#;
        check(untouched, ListKind::Prompts, &[], untouched);
        check(
            r#"{"result":{"resources":[{"uri":"x:1"}]}}"#,
            ListKind::Resources,
            &["x:1"],
            r#"{"result":{"resources":[]}}"#,
        );
        check(
            r#"{"result":{"resourceTemplates":[{"uriTemplate":"x:{a}","name":"n"},7,{}]}}"#,
            ListKind::ResourceTemplates,
            &[],
            r#"{"result":{"resourceTemplates":[{"uriTemplate":"x:{a}","name":"n"}]}}"#,
        );
    }

    #[test]
    fn a_list_with_two_meanings_shows_nothing() {
        for result in [
            r#"{"tools":[{"name":"a"}],"tools":[{"name":"b"}]}"#,
            r#"{"tools":[{"name":"a"}],"t\u006fols":[{"name":"b"}]}"#,
            r#"{"tools":[{"name":"a","name":"b"}]}"#,
            r#"{"tools":[{"name":"a"}],"x":'}"#,
        ] {
            let answer = Bytes::from(format!(r#"{{"id":1,"result":{result}}}"#));
            let filtered = filter(&answer, ListKind::Tools, |item| item.name != "b");
            assert_eq!(
                filtered.bytes, r#"{"id":1,"result":{"tools":[]}}"#,
                "{result}"
            );
            assert!(filtered.removed > 0);
        }
    }

    #[test]
    fn an_escaped_name_is_the_name_it_means() {
        check(
            r#"{"result":{"tools":[{"n\u0061me":"\u0062"}]}}"#,
            ListKind::Tools,
            &["b"],
            r#"{"result":{"tools":[]}}"#,
        );
    }
}
