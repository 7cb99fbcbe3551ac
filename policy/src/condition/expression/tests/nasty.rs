//! Arguments nobody would send in good faith, and expressions nobody would write: no panic, and no truth that is not one.

use super::{check, truth_for, with_facts};
use crate::condition::Truth;
use crate::condition::expression::Expression;
use std::cmp::Ordering;

/// A generator whose numbers are always the same.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

#[test]
fn numbers_are_exact_or_not_told() {
    for (number, holds) in [
        (
            "9007199254740993",
            "x == 9007199254740993 && x != 9007199254740992",
        ),
        (
            "9007199254740992.0",
            "x == 9007199254740992 && x < 9007199254740993",
        ),
        ("9223372036854775807", "x == 9223372036854775807 && x > 1.5"),
        ("-9223372036854775808", "x == -9223372036854775808"),
        (
            "18446744073709551615",
            "x == 18446744073709551615u && x > 9223372036854775807",
        ),
        ("1e19", "x == 10000000000000000000u && x > 0"),
        ("1e20", "x > 18446744073709551615u && x > 0"),
        ("-1e300", "x < -9223372036854775808"),
        ("0.1", "x == 0.1 && x < 0.2 && x < 1"),
        ("15e-1", "x == 1.5"),
        ("0.00015E+4", "x == 1.5"),
        ("1.50", "x == 1.5"),
        ("-0", "x == 0"),
        ("-0.0", "x == 0 && x == 0.0"),
        ("5e-324", "x > 0"),
        ("1.0", "x == 1"),
    ] {
        let arguments = format!("{{\"x\":{number}}}");
        check(
            Truth::Yes,
            &arguments,
            &[&holds.replace('x', "call.args.x")],
        );
    }
    for number in [
        "1e400",
        "-1e400",
        "1e-400",
        "18446744073709551616",
        "-9223372036854775809",
        "9007199254740993.0",
        "0.10000000000000000555",
        "1e99999999999999999999",
        "123456789012345678901234567890",
        "1.7976931348623159e308",
    ] {
        let arguments = format!("{{\"x\":{number},\"deep\":[[{{\"y\":{number}}}]]}}");
        let expressions = [
            "call.args.x == 1 || call.args.x != 1",
            "type(call.args.x) == int || type(call.args.x) != int",
            "call.args.x in [1, 2] || !(call.args.x in [1, 2])",
            "call.args.deep == [] || call.args.deep != []",
            "size(call.args.deep) < 9",
            "size(call.args) < 9",
        ];
        check(Truth::Maybe, &arguments, &expressions);
        check(
            Truth::Yes,
            &arguments,
            &["has(call.args.x)", "has(call.args.deep)"],
        );
    }
}

/// Two numbers are compared as what is written, or not at all.
#[test]
fn no_comparison_of_numbers_is_wrong() {
    let mut random = Random(3);
    let less = Expression::new("call.args.a < call.args.b").unwrap();
    let same = Expression::new("call.args.a == call.args.b").unwrap();
    let mut told = 0;
    for _ in 0..20_000 {
        let mut number = || {
            let near = [0, 1 << 53, 1 << 62, 1 << 63, 1 << 64][random.below(5)];
            let step = [1, 10, 10, 10][random.below(4)];
            let tenths = near * 10 + step * (i128::try_from(random.below(7)).unwrap() - 3);
            let sign = if tenths < 0 { "-" } else { "" };
            let (whole, tenth) = (tenths.abs() / 10, tenths.abs() % 10);
            let text = match random.below(3) {
                0 if tenth == 0 => format!("{sign}{whole}"),
                1 => format!("{sign}{whole}{tenth}e-1"),
                _ => format!("{sign}{whole}.{tenth}"),
            };
            (tenths, text)
        };
        let ((a, a_text), (b, b_text)) = (number(), number());
        let arguments = format!("{{\"a\":{a_text},\"b\":{b_text}}}");
        for (expression, expected) in [
            (&less, a.cmp(&b) == Ordering::Less),
            (&same, a.cmp(&b) == Ordering::Equal),
        ] {
            let truth = with_facts(&arguments, |facts| expression.truth(facts));
            let right = truth == Truth::Maybe || truth == Truth::from(expected);
            assert!(right, "{arguments} {truth:?}");
            told += u32::from(truth != Truth::Maybe);
        }
    }
    assert!(told > 5_000, "too few were told to mean anything: {told}");
}

const NASTY: &[&str] = &[
    "",
    "null",
    "[]",
    "{}",
    "\"a\"",
    "{",
    "{\"x\":",
    "{\"x\":\"\\ud800\",\"y\":\"\\udc00\\ud800\"}",
    "{\"x\":\"\\u0000\",\"\":\"\",\"\\u0078\":1}",
    "{\"x\":1,\"x\":\"a\",\"y\":{\"y\":1,\"y\":2}}",
    "{\"x\":1e400,\"y\":-0,\"z\":[1e400]}",
    "{\"x\":[[],{},null,true,\"\",0],\"y\":{\"y\":{\"y\":null}}}",
    "{\"x\":\"9999-12-31T23:59:59.999999999Z\",\"y\":\"-99999999999999h\"}",
    "{\"x\":\"0000-00-00T00:00:00Z\",\"y\":\"1e400\"}",
    "{\"x\":\"0001-01-01T00:00:00+23:59\",\"y\":\"Europe/Berlin\"}",
    "{\"x\":9223372036854775807,\"y\":-9223372036854775808}",
    "{\"x\":-1,\"y\":18446744073709551615}",
    "{\"x\":\"+14:00\",\"y\":\"-23:59\"}",
    "{\"x\":\"99999999999999999999999999999:99\",\"y\":\"é\"}",
    "{\"x\":1e308,\"y\":5e-324}",
    "{\"x\":\"2562047h47m16.854775807s\",\"y\":\"-2562047h47m16.854775808s\"}",
    "{\"x\":253402300799,\"y\":-62135596800}",
];

const ATOMS: &[&str] = &[
    "call.args.x",
    "call.args.y",
    "call.args.x[0]",
    "call.args.y.y",
    "call.args[\"\"]",
    "call.args",
    "call.name",
    "agent.owner",
    "agent.purpose",
    "user",
    "chain",
    "task.untrusted",
    "tool.effect",
    "now",
    "null",
    "true",
    "0",
    "-1",
    "9223372036854775807",
    "18446744073709551615u",
    "0.5",
    "\"x\"",
    "\"UTC\"",
    "[1, \"x\", null]",
    "{\"x\": 1, 2: [true]}",
    "b\"\\xff\"",
    "duration(\"1h\")",
    "timestamp(253402300799)",
];

const SHAPES: &[&str] = &[
    "A + B",
    "A - B",
    "A * B",
    "A / B",
    "A % B",
    "-A",
    "!A",
    "A == B",
    "A != B",
    "A < B",
    "A >= B",
    "A in B",
    "A && B",
    "A || B",
    "A ? B : A",
    "A[B]",
    "[A, B]",
    "{A: B}",
    "size(A)",
    "A.size()",
    "A.contains(B)",
    "A.startsWith(B)",
    "A.endsWith(B)",
    "A.matches(\"^.+x?$\")",
    "int(A)",
    "uint(A)",
    "double(A)",
    "string(A)",
    "bool(A)",
    "timestamp(A)",
    "duration(A)",
    "type(A)",
    "min(A, B)",
    "max(A, B)",
    "min(A)",
    "A.getHours()",
    "A.getHours(B)",
    "A.getFullYear(B)",
    "A.getMilliseconds()",
    "A.getDayOfYear(\"-23:59\")",
    "A.x",
    "has(call.args.x)",
    "has(call.args.y.y)",
    "[1, \"x\"].exists(v, v == A)",
    "[1, 2].all(v, A < v)",
    "[0, 1].map(v, A)",
    "[0].exists_one(v, B == A)",
    "[[1], [2]].filter(v, A in v)",
];

fn grown(random: &mut Random, depth: usize) -> String {
    if depth == 0 || random.below(6) == 0 {
        return random.of(ATOMS).to_owned();
    }
    let shape = random.of(SHAPES);
    let (one, other) = (grown(random, depth - 1), grown(random, depth - 1));
    shape
        .chars()
        .map(|char| match char {
            'A' => format!("({one})"),
            'B' => format!("({other})"),
            char => char.to_string(),
        })
        .collect()
}

/// Whatever is said of whatever is sent: no panic, and the same answer twice.
#[test]
fn nothing_panics_and_everything_is_said_twice() {
    let mut random = Random(11);
    let mut told = [0_u32; 3];
    for round in 0..6_000 {
        let depth = 1 + random.below(4);
        let mut text = grown(&mut random, depth);
        if round % 2 == 0 {
            text = format!("({text}) == ({})", grown(&mut random, 1));
        }
        let Ok(expression) = Expression::new(&text) else {
            continue;
        };
        for arguments in NASTY {
            let truth = with_facts(arguments, |facts| expression.truth(facts));
            let again = with_facts(arguments, |facts| expression.truth(facts));
            assert_eq!(truth, again, "{text} of {arguments}");
            told[truth as usize] += 1;
        }
    }
    assert!(told.iter().all(|count| *count > 2_000), "{told:?}");
}

/// Texts that are hardly expressions: refused or not, no panic.
#[test]
fn no_text_is_too_much() {
    let pieces = [
        "call",
        ".",
        "args",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "\"",
        "'",
        "\\",
        "x",
        "1",
        "1.",
        "e9",
        "u",
        "-",
        "!",
        "?",
        ":",
        "&&",
        "||",
        "==",
        "in",
        "has",
        "all",
        ",",
        " ",
        "\n",
        "\u{0}",
        "é",
        "`",
        "r\"",
        "b'",
        "\\u",
        "\\xZ",
        "//",
        "0x",
        "99999999999999999999",
        "true",
        "null",
        "@0",
        "@result",
        "\u{2028}",
        "1e999",
    ];
    let mut random = Random(5);
    for _ in 0..4_000 {
        let text: String = (0..=random.below(12)).map(|_| random.of(&pieces)).collect();
        if let Ok(expression) = Expression::new(&text) {
            with_facts("{\"x\":1}", |facts| expression.truth(facts));
        }
    }
}

#[test]
fn arguments_that_are_large_or_deep_are_not_told() {
    let large = format!("{{\"x\":\"{}\"}}", "a".repeat(400_000));
    assert_eq!(truth_for("call.args.x == \"a\"", &large), Truth::Maybe);
    let half = format!("{{\"x\":\"{}\\n\"}}", "a".repeat(100_000));
    assert_eq!(truth_for("call.args.x == \"a\"", &half), Truth::Maybe);
    assert_eq!(truth_for("has(call.args.x)", &half), Truth::Yes);
    assert_eq!(truth_for("agent.name == \"helper\"", &large), Truth::Yes);
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(truth_for("call.args.x == []", &deep), Truth::Maybe);
    let nested = format!("{{\"x\":{}{}}}", "[".repeat(30), "]".repeat(30));
    assert_eq!(truth_for("call.args.x == []", &nested), Truth::No);
    let many = format!("{{\"x\":[{}0]}}", "0,".repeat(5_000));
    assert_eq!(truth_for("0 in call.args.x", &many), Truth::Maybe);
    assert_eq!(truth_for("call.args.x[7] == 0", &many), Truth::Yes);
}
