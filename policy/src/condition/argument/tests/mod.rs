//! What conditions say of arguments.

mod random;
mod refused;

use super::{ARGUMENT, Argument, PATH, Truth};
use crate::diagnostic::Report;
use crate::document::{Document, Source};
use crate::json::Json;
use crate::shape::{Key, Shape, check_entry};

const ARGS: Key = Key::new("args", Shape::Map(PATH, ARGUMENT), "");

/// The conditions of a text and all that is wrong with it.
fn read(text: &str) -> (Vec<Argument>, Report) {
    let source = Source::new("p", text);
    let (document, mut found) = Document::read(vec![source.clone()]);
    let root = document.map(|document| document.root).unwrap_or_default();
    let mut arguments = Vec::new();
    if let Some(entry) = root.get("args") {
        found.extend(check_entry(&ARGS, entry));
        let entries = entry
            .value
            .table()
            .into_iter()
            .flat_map(|table| table.iter());
        for (path, entry) in entries {
            arguments.extend(Argument::read(path, entry, &mut found));
        }
    }
    (arguments, Report::new(vec![source], found))
}

fn argument(path: &str, condition: &str) -> Argument {
    let (mut arguments, report) = read(&format!("args.\"{path}\" = {condition}\n"));
    assert!(report.is_empty(), "{}", report.human(false));
    arguments.pop().unwrap()
}

fn truth(argument: &Argument, json: &str) -> Truth {
    argument.truth(Some(Json::new(json.as_bytes())))
}

/// What a condition says of the argument `a`, one value after the other.
fn check(condition: &str, expected: &[(&str, Truth)]) {
    let argument = argument("a", condition);
    for (value, expected) in expected {
        let json = format!("{{\"b\":1,\"a\":{value}}}");
        assert_eq!(truth(&argument, &json), *expected, "{condition} of {value}");
    }
}

use Truth::{Maybe, No, Yes};

#[test]
fn one_of_several_values() {
    check(
        "{ is = \"ops\" }",
        &[
            ("\"ops\"", Yes),
            ("\"\\u006fps\"", Yes),
            ("\"Ops\"", No),
            ("\"\"", No),
            ("null", Maybe),
            ("1", Maybe),
            ("true", Maybe),
            ("[\"ops\"]", Maybe),
            ("{}", Maybe),
        ],
    );
    check(
        "{ is = true }",
        &[
            ("true", Yes),
            ("false", No),
            ("\"true\"", Maybe),
            ("1", Maybe),
        ],
    );
    check(
        "{ in = [1, \"1\"] }",
        &[
            ("1", Yes),
            ("1.0", Yes),
            ("\"1\"", Yes),
            ("\"1.0\"", No),
            ("2", No),
            ("true", Maybe),
        ],
    );
    check("{ is = 0x10 }", &[("16", Yes), ("1.6e1", Yes), ("17", No)]);
    check("{ is = \"todo\" }", &[("\"todo\"", Yes)]);
}

#[test]
fn numbers_are_what_is_written() {
    check(
        "{ is = 0.1 }",
        &[
            ("0.1", Yes),
            ("1e-1", Yes),
            ("0.10", Yes),
            ("0.1000000000000000055511151231257827", No),
        ],
    );
    check(
        "{ is = 9007199254740993 }",
        &[
            ("9007199254740993", Yes),
            ("9007199254740992", No),
            ("9007199254740993.0", Yes),
        ],
    );
    check("{ is = 1_000.5e-1_0 }", &[("0.00000010005", Yes)]);
    check(
        "{ is = 18446744073709551615.0 }",
        &[("18446744073709551615", Yes), ("18446744073709551616", No)],
    );
    check(
        "{ is = 1e400 }",
        &[("1e400", Yes), ("10E399", Yes), ("1e401", No)],
    );
    check("{ is = -0.0 }", &[("0", Yes), ("-0", Yes)]);
    check(
        "{ min = -1.5, max = 100 }",
        &[
            ("100", Yes),
            ("100.0", Yes),
            ("1e2", Yes),
            ("100.0000000000000000000000001", No),
            ("-1.5", Yes),
            ("-1.50001", No),
            ("1e999999999", No),
            ("-1e999999999", No),
            ("1e-999999999", Yes),
            ("1e99999999999999999999", Maybe),
            ("\"5\"", Maybe),
            ("null", Maybe),
        ],
    );
    check("{ max = 1e400 }", &[("1e399", Yes), ("2e400", No)]);
}

#[test]
fn patterns_and_lengths() {
    check(
        "{ like = [\"acme/*\", \"**.md\"] }",
        &[
            ("\"acme/a\"", Yes),
            ("\"acme/\"", Yes),
            ("\"acme/a/b\"", No),
            ("\"x/y.md\"", Yes),
            ("\"x/y.md\\n\"", No),
            ("5", Maybe),
            ("null", Maybe),
        ],
    );
    check("{ like = \"a\" }", &[("\"a\"", Yes), ("\"b\"", No)]);
    check(
        "{ length = 2 }",
        &[
            ("\"éé\"", Yes),
            ("\"\\ud83d\\ude00\"", No),
            ("[1,[2,3]]", Yes),
            ("[]", No),
            ("{}", Maybe),
            ("22", Maybe),
        ],
    );
    check(
        "{ length = { min = 1 } }",
        &[("\"\"", No), ("\"a\"", Yes), ("[0]", Yes)],
    );
    check("{ length = { max = 1 } }", &[("\"\"", Yes), ("\"ab\"", No)]);
    check(
        "{ like = \"a*\", length = { max = 2 } }",
        &[("\"ab\"", Yes), ("\"abc\"", No), ("\"b\"", No)],
    );
}

#[test]
fn there_or_not() {
    let says = |condition: &str, expected: [Truth; 4]| {
        let argument = argument("a", condition);
        let found = [
            argument.truth(None),
            truth(&argument, "{\"b\":1}"),
            truth(&argument, "{\"a\":null}"),
            truth(&argument, "{\"a\":1}"),
        ];
        assert_eq!(found, expected, "{condition}");
    };
    says("{ is = 1 }", [Maybe, Maybe, Maybe, Yes]);
    says("{ is = 1, present = true }", [No, No, Maybe, Yes]);
    says("{ is = 2, present = true }", [No, No, Maybe, No]);
    says("{ present = true }", [No, No, Yes, Yes]);
    says("{ absent = true }", [Yes, Yes, No, No]);
}

#[test]
fn a_path_leads_through_objects() {
    let says = |path: &str, condition: &str, json: &str, expected: Truth| {
        assert_eq!(
            truth(&argument(path, condition), json),
            expected,
            "{path} {condition} {json}"
        );
    };
    let one = r#"{"filter":{"repo":"a","x":{"y":1}},"list":[1]}"#;
    says("filter.repo", "{ is = \"a\" }", one, Yes);
    says("filter.x.y", "{ is = 1 }", one, Yes);
    says("filter.none", "{ present = true }", one, No);
    says("none.repo", "{ absent = true }", one, Yes);
    says("filter.repo.deeper", "{ is = \"a\" }", one, Maybe);
    // A server may read JSON out of a string, or a member out of a list, so nobody can tell.
    for json in [
        r#"{"filter":"{\"repo\":\"b\"}"}"#,
        r#"{"filter":[{"repo":"b"}]}"#,
        r#"{"filter":null}"#,
        "[]",
        "3",
    ] {
        for condition in ["{ is = \"b\" }", "{ absent = true }", "{ present = true }"] {
            says("filter.repo", condition, json, Maybe);
        }
    }
    says("list.0", "{ is = 1 }", one, Maybe);
}

#[test]
fn each_of_several_is_asked() {
    let says = |path: &str, condition: &str, json: &str, expected: Truth| {
        assert_eq!(
            truth(&argument(path, condition), json),
            expected,
            "{path} {condition} {json}"
        );
    };
    let small = "{ max = 9 }";
    says("a.*", small, r#"{"a":[1,2]}"#, Yes);
    says("a.*", small, r#"{"a":[10,20]}"#, No);
    says("a.*", small, r#"{"a":[1,20]}"#, Maybe);
    says("a.*", small, r#"{"a":[20,1]}"#, Maybe);
    says("a.*", small, r#"{"a":[1,"1"]}"#, Maybe);
    says("a.*", small, r#"{"a":[20,"1"]}"#, Maybe);
    says("a.*", small, r#"{"a":{"x":1,"y":2}}"#, Yes);
    says("a.*", small, r#"{"a":{"x":1,"y":20}}"#, Maybe);
    says("a.*", small, r#"{"a":[]}"#, Maybe);
    says("a.*", "{ present = true }", r#"{"a":[]}"#, No);
    says("a.*", "{ absent = true }", r#"{"a":{}}"#, Yes);
    says("a.*", "{ absent = true }", r#"{"a":1}"#, Maybe);
    says("a.*", small, r#"{"a":1}"#, Maybe);
    says("*", "{ is = 1 }", r#"{"a":1,"b":1}"#, Yes);
    says(
        "*.*.x",
        "{ is = 1 }",
        r#"{"a":[{"x":1},{"x":1}],"b":{"c":{"x":1}}}"#,
        Yes,
    );
    says("*.*.x", "{ is = 1 }", r#"{"a":[{"x":1},{"y":1}]}"#, Maybe);
    says(
        "*.*.x",
        "{ is = 2, present = true }",
        r#"{"a":[{"x":1},{"y":1}]}"#,
        No,
    );
    says(
        "*.*.x",
        "{ absent = true }",
        r#"{"a":[{"y":1},{"x":1}]}"#,
        Maybe,
    );
}
