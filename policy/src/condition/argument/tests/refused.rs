//! What is refused: the kind of mistake, what is underlined, and in how many places.

use super::read;

/// Checks that exactly these mistakes are found, each with help: code, underlined text, and how many places.
fn refused(text: &str, expected: &[(&str, &str, usize)]) {
    let (arguments, report) = read(text);
    let records = report.records();
    let found: Vec<_> = records
        .iter()
        .map(|one| (one.code, one.places[0].text, one.places.len()))
        .collect();
    assert_eq!(found, expected, "{text}\n{}", report.human(false));
    for one in report
        .diagnostics()
        .iter()
        .filter(|one| one.code.name() != "wrong-type")
    {
        assert!(one.help.is_some(), "{one:?}");
    }
    assert!(arguments.is_empty(), "{text}");
}

#[test]
fn what_contradicts_itself_is_refused() {
    let case = |condition: &str, expected: &[(&str, &str, usize)]| {
        refused(&format!("args.a = {condition}\n"), expected);
    };
    case("{}", &[("invalid-value", "{}", 1)]);
    case("{ in = [] }", &[("invalid-value", "[]", 1)]);
    case("{ length = {} }", &[("invalid-value", "{}", 1)]);
    case("{ like = [] }", &[("invalid-value", "[]", 1)]);
    case("{ is = 1, absent = true }", &[("conflict", "absent", 2)]);
    case(
        "{ absent = true, present = true }",
        &[("conflict", "present", 2)],
    );
    case("{ is = 1, in = [1] }", &[("conflict", "in", 2)]);
    case("{ like = \"a\", is = \"a\" }", &[("conflict", "is", 2)]);
    case("{ min = 1, like = \"a\" }", &[("conflict", "like", 2)]);
    case("{ length = 1, max = 1 }", &[("conflict", "max", 2)]);
    case("{ min = 1, within = \"/a\" }", &[("conflict", "within", 2)]);
    case("{ min = 1.1, max = 1 }", &[("conflict", "1.1", 2)]);
    case("{ length = { min = 2, max = 1 } }", &[("conflict", "2", 2)]);
    case("{ is = nan }", &[("invalid-value", "nan", 1)]);
    case("{ max = -inf }", &[("invalid-value", "-inf", 1)]);
    case("{ in = [1, +inf] }", &[("invalid-value", "+inf", 1)]);
    case("{ like = \"\" }", &[("invalid-value", "\"\"", 1)]);
    case(
        "{ within = [\"/a\", \"b\"] }",
        &[("invalid-value", "\"b\"", 1)],
    );
    case("{ iss = 1 }", &[("unknown-key", "iss", 1)]);
    case("{ present = false }", &[("invalid-value", "false", 1)]);
}

#[test]
fn what_has_another_form_is_refused() {
    let case = |condition: &str, at: &str| {
        refused(&format!("args.a = {condition}\n"), &[("wrong-type", at, 1)]);
    };
    case("1", "1");
    case("{ is = [1] }", "[1]");
    case("{ is = 2027-01-01 }", "2027-01-01");
    case("{ in = 1 }", "1");
    case("{ max = \"1\" }", "\"1\"");
    case("{ like = 1 }", "1");
    case("{ length = 1.5 }", "1.5");
    let (_, report) = read("args.a = { length = -1 }\n");
    assert_eq!(report.records()[0].places[0].text, "-1");
    refused(
        "args.\"a..b\" = { is = 1 }\n",
        &[("invalid-value", "\"a..b\"", 1)],
    );
    refused("args.\"\" = { is = 1 }\n", &[("invalid-value", "\"\"", 1)]);
    let long = format!("\"{}\"", "a".repeat(256));
    refused(
        &format!("args.{long} = {{ is = 1 }}\n"),
        &[("invalid-value", &long, 1)],
    );
}
