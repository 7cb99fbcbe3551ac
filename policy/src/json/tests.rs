//! What is found is what a JSON library finds.

use super::{Json, Kind, Unclear};
use serde_json::Value;

/// The tree the walk finds.
fn tree(json: Json<'_>) -> Value {
    match json.kind().unwrap() {
        Kind::Null => Value::Null,
        Kind::Bool => Value::Bool(json.bool().unwrap()),
        Kind::Number => serde_json::from_str(json.number().unwrap()).unwrap(),
        Kind::Text => Value::String(json.text().unwrap().into_owned()),
        Kind::List => Value::Array(json.items().map(tree).collect()),
        Kind::Object => {
            let members = json.members();
            Value::Object(
                members
                    .map(|(key, value)| (key.into_owned(), tree(value)))
                    .collect(),
            )
        }
    }
}

#[test]
fn it_finds_what_is_there() {
    for text in [
        "null",
        " true ",
        "-1.5e+7",
        r#""""#,
        r#""a\"b\\\u00e9\ud83d\ude00""#,
        "[]",
        "{}",
        "[ 1 ,[2, [ ] ],{\"a\":[]} , \"x,]\" ]",
        r#"{"a":{"b":[1,2,{"c":"}"}]},"":0,"\u0061b":false , "z" : null }"#,
    ] {
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(tree(Json::new(text.as_bytes())), expected, "{text}");
    }
    let json = Json::new(br#"{"a":{"b":1},"\u0063":2}"#);
    assert_eq!(
        json.member("a").unwrap().member("b").unwrap().number(),
        Some("1")
    );
    assert_eq!(json.member("c").unwrap().number(), Some("2"));
    assert!(json.member("b").is_none() && json.member("a").unwrap().member("c").is_none());
}

/// Nothing that is handed over makes it panic or run on.
#[test]
fn no_text_is_too_much() {
    let text = r#"{"a":[1,{"b":"\"\\"}],"c":tru,"d":-,"e":"\ud800"}"#.as_bytes();
    for end in 0..=text.len() {
        for start in 0..=end {
            let json = Json::new(&text[start..end]);
            assert!(json.items().count() <= text.len());
            assert!(json.members().count() <= text.len());
            let _ = (
                json.kind(),
                json.text(),
                json.number(),
                json.bool(),
                json.member("b"),
            );
        }
    }
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    assert_eq!(Json::new(deep.as_bytes()).items().count(), 1);
}

#[test]
fn a_name_that_could_be_another_is_unclear() {
    let json = Json::new(r#"{"path":1,"Force":2,"\u017fize":3,"\u212aey":4}"#.as_bytes());
    assert_eq!(
        json.sole_member("path").unwrap().unwrap().number(),
        Some("1")
    );
    assert_eq!(json.sole_member("paths"), Ok(None));
    for name in ["force", "size", "key", "Path"] {
        assert_eq!(json.sole_member(name), Err(Unclear), "{name}");
    }
    assert!(json.sole_member("Force").unwrap().is_some());
}
