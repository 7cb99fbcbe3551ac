//! Random JSON, sound and damaged, read by the scanner and by another parser: where ours admits, both see one tree.
//!
//! The damage is what attackers send: members twice, swapped bytes, cut ends, escapes in odd places. The seed is fixed,
//! so a failure comes again.

use crate::properties;
use std::fmt::Write as _;

/// A generator that anybody can repeat: splitmix64.
struct Random(u64);

// === impl Random ===

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap_or_default()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let at = self.below(from.len());
        from.get(at).copied().unwrap_or_default()
    }
}

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1",
    "1.0",
    "1.5e3",
    "1E-7",
    "1e400",
    "9007199254740993",
    "12345678901234567890",
    "01",
    "1.",
    ".5",
    "+1",
    "1e",
    "NaN",
    "-",
    "0x1",
];
const PIECES: &[&str] = &[
    "a",
    "b",
    " ",
    "é",
    "😀",
    "\\n",
    "\\\"",
    "\\\\",
    "\\/",
    "\\u0061",
    "\\u00e9",
    "\\ud83d\\ude00",
    "\\ud800",
    "\\udc00",
    "\\x",
    "\u{202e}",
    "\u{feff}",
    "\\u0000",
    "\t",
    "/*",
    "{",
    "]",
    ",",
    ":",
];
const KEYS: &[&str] = &[
    "name",
    "n\\u0061me",
    "Name",
    "uri",
    "arguments",
    "_meta",
    "id",
    "x",
    "y",
    "",
    "é",
    "\\u00e9",
    "taskId",
    "ref",
    "requestState",
    "progressToken",
    "dev.hopgate/task",
    "io.modelcontextprotocol/protocolVersion",
    "ſ",
    "notifications",
    "resourceSubscriptions",
    "taskIds",
    "protocolVersion",
];
const SPACE: &[&str] = &["", "", "", "", " ", "\n", "\r\n\t"];

fn value(random: &mut Random, depth: usize, out: &mut String) {
    out.push_str(random.pick(SPACE));
    match random.below(if depth > 6 { 6 } else { 10 }) {
        0 => out.push_str(random.pick(&["true", "false", "null", "nul", "True"][..])),
        1 | 2 => {
            // Sound numbers are most, else nothing sound would come of it.
            let sound = random.below(20) > 0;
            let bound = if sound { 10 } else { NUMBERS.len() };
            out.push_str(random.pick(NUMBERS.get(..bound).unwrap_or_default()));
        }
        3..6 => string(random, out),
        6 | 7 => {
            let count = random.below(4);
            out.push('[');
            for at in 0..count {
                out.push_str(if at > 0 { "," } else { "" });
                value(random, depth + 1, out);
            }
            out.push(']');
        }
        _ => object(random, depth, out),
    }
    out.push_str(random.pick(SPACE));
}

fn object(random: &mut Random, depth: usize, out: &mut String) {
    let count = random.below(5);
    out.push('{');
    for at in 0..count {
        let comma = if at > 0 { "," } else { "" };
        let key = random.pick(KEYS);
        let _ = write!(
            out,
            "{comma}{}\"{key}\"{}:",
            random.pick(SPACE),
            random.pick(SPACE)
        );
        value(random, depth + 1, out);
    }
    out.push('}');
}

fn string(random: &mut Random, out: &mut String) {
    out.push('"');
    for _ in 0..random.below(6) {
        let sound = random.below(30) > 0;
        out.push_str(
            random.pick(
                PIECES
                    .get(..if sound { 12 } else { PIECES.len() })
                    .unwrap_or_default(),
            ),
        );
    }
    out.push('"');
}

fn message(random: &mut Random) -> Vec<u8> {
    let mut out = String::new();
    let id = random.pick(
        &[
            "1",
            "\"1\"",
            "\"\\u0031\"",
            "9007199254740993",
            "-2",
            "null",
            "1.0",
        ][..],
    );
    let head = random.pick(
        &[
            "\"jsonrpc\":\"2.0\"",
            "\"jsonrpc\" : \"2.0\"",
            "\"json\\u0072pc\":\"2.0\"",
        ][..],
    );
    let _ = match random.below(5) {
        0 | 1 => write!(
            out,
            "{{{head},\"id\":{id},\"method\":\"tools/call\",\"params\":"
        ),
        2 => write!(
            out,
            "{{{head},\"method\":\"notifications/progress\",\"params\":"
        ),
        3 => write!(out, "{{{head},\"id\":{id},\"result\":"),
        _ => write!(
            out,
            "{{\"id\":{id},{head},\"error\":{{\"code\":-1,\"message\":\"m\",\"data\":{{}}}},\"x\":"
        ),
    };
    object(random, 0, &mut out);
    out.push('}');
    let mut body = out.into_bytes();
    damage(random, &mut body);
    body
}

/// Three of four stay as they are.
fn damage(random: &mut Random, body: &mut Vec<u8>) {
    if random.below(4) > 0 || body.is_empty() {
        return;
    }
    let at = random.below(body.len());
    let byte = u8::try_from(random.below(256)).unwrap_or_default();
    match random.below(5) {
        0 => body.truncate(at),
        1 => body.insert(at, byte),
        2 => drop(body.remove(at)),
        3 => body.extend_from_slice(b" {}"),
        _ => {
            let other = random.below(body.len());
            body.swap(at, other);
        }
    }
}

#[test]
fn what_the_scanner_admits_both_read_alike() {
    let mut random = Random(20_260_728);
    let (mut admitted, mut all) = (0, 0);
    for _ in 0..60_000 {
        let body = message(&mut random);
        all += 1;
        admitted += usize::from(adapters::wire::read(&body, &properties::scan::BOUNDS).is_ok());
        properties::scan::hold(&body);
    }
    // A generator that only made refusals, or none, would prove nothing.
    assert!(
        admitted > all / 10 && admitted < all * 9 / 10,
        "{admitted} of {all} admitted"
    );
}

#[test]
fn answers_are_judged_the_same_however_they_are_cut() {
    let mut random = Random(1);
    for _ in 0..8_000 {
        let mut answer = vec![u8::try_from(random.below(256)).unwrap_or_default()];
        answer.extend(message(&mut random));
        properties::answer::hold(&answer);
    }
}

#[test]
fn streams_say_the_same_however_they_are_cut() {
    const PARTS: &[&str] = &[
        "data: a",
        "data:b",
        "data",
        "id: 1",
        "id",
        "event: message",
        "retry: 10",
        "retry: x",
        ": c",
        "foo: bar",
        "\n",
        "\n",
        "\n\n",
        "\r",
        "\r\n",
        "\r\r",
        "\0",
        "é",
        "\u{2028}",
        " ",
        ":",
    ];
    let mut random = Random(2);
    for _ in 0..20_000 {
        let mut stream = vec![u8::try_from(random.below(256)).unwrap_or_default()];
        for _ in 0..random.below(24) {
            stream.extend_from_slice(random.pick(PARTS).as_bytes());
        }
        properties::sse::hold(&stream);
    }
}
