//! Anchors: a few bytes that every text holds which holds a form of the secret, chosen so that few other texts do.
//!
//! Only they are looked for in every answer. They come from one short region near the secret's beginning, so that they
//! tell little of it: the search keeps them in memory that is not zeroed.

use super::form::{character, sextet, skipped};
use std::ops::Range;
use zeroize::Zeroizing;

/// A region ends before this offset of a secret.
pub(super) const FIRST: usize = 32;
/// How long an anchor is where it can be.
const LENGTH: usize = 6;
/// Below this a run of bytes that nobody escapes is no anchor.
const SHORTEST: usize = 4;
/// The bytes on either side of the best run that other forms may take their anchors from.
const AROUND: usize = 3;

type Rendered = Zeroizing<Vec<u8>>;

/// The digits of hexadecimal numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Lower,
    Upper,
}

/// Anchors for every form of `secret`.
pub(super) fn anchors(secret: &[u8]) -> Vec<Rendered> {
    let run = best_run(secret);
    let region = region(secret, run.as_ref());
    let part = secret.get(region).unwrap_or_default();
    let mut anchors = Vec::with_capacity(10);
    match run.and_then(|run| secret.get(run)) {
        Some(run) => anchors.push(Zeroizing::new(run.to_vec())),
        None => odd(part, &mut anchors),
    }
    of_both_cases(|case| hex(part, case), LENGTH, &mut anchors);
    percents(part, &mut anchors);
    escapes(part, &mut anchors);
    for before in 0..3 {
        base64(part, before, &mut anchors);
    }
    anchors
}

/// The least common run of bytes that every encoder leaves as they are, if there is one.
fn best_run(secret: &[u8]) -> Option<Range<usize>> {
    let first = secret.get(..FIRST).unwrap_or(secret);
    for length in (SHORTEST..=LENGTH).rev() {
        let runs = first.windows(length).enumerate();
        let runs = runs.filter(|(_, run)| run.iter().all(|byte| is_left(*byte)));
        if let Some((at, _)) = runs.min_by_key(|(_, run)| commonness(run)) {
            return Some(at..at + length);
        }
    }
    None
}

/// The run and what stands around it, cut between characters.
fn region(secret: &[u8], run: Option<&Range<usize>>) -> Range<usize> {
    let (start, end) = match run {
        Some(run) => (
            run.start.saturating_sub(AROUND),
            (run.end + AROUND).max(LENGTH + 2 * AROUND),
        ),
        None => (0, LENGTH + 2 * AROUND),
    };
    let within = |at: usize| {
        let byte = secret.get(at);
        byte.is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000)
    };
    let back = (start.saturating_sub(3)..=start).rev();
    let on = end..=end + 3;
    let start = back.clone().find(|at| !within(*at)).unwrap_or(start);
    let end = on.clone().find(|at| !within(*at)).unwrap_or(end);
    start..end.min(secret.len())
}

/// What stands in neither percent-encoding nor JSON for anything but itself.
fn is_left(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

/// How often such bytes stand in texts, roughly.
fn commonness(run: &[u8]) -> u32 {
    let weigh = |byte: &u8| match byte {
        b'a' | b'e' | b'i' | b'n' | b'o' | b'r' | b's' | b't' | b'0' | b'1' | b' ' | b'"'
        | b'\\' | b'%' => 4,
        b'a'..=b'z' | b'0'..=b'9' => 3,
        b'J' | b'K' | b'Q' | b'V' | b'W' | b'X' | b'Y' | b'Z' => 1,
        _ => 2,
    };
    run.iter().map(weigh).sum()
}

/// Anchors of a region in which every few bytes are written differently by somebody.
fn odd(part: &[u8], anchors: &mut Vec<Rendered>) {
    let mut forms = vec![Zeroizing::new(part.to_vec())];
    for case in [Case::Lower, Case::Upper] {
        for left in [b"-_.!~*'()".as_slice(), b"-_.~", b"*-._", b"-_.~+", b""] {
            let keeps = |byte: u8| byte.is_ascii_alphanumeric() || left.contains(&byte);
            let form = percent(part, case, keeps);
            forms.push(Zeroizing::new(
                String::from_utf8_lossy(&form)
                    .replace("%20", "+")
                    .into_bytes(),
            ));
            forms.push(form);
        }
        for (slash, ascii) in [(false, false), (true, false), (false, true), (true, true)] {
            let form = json(part, (slash, ascii), case);
            let nested = json(&form, (slash, ascii), case);
            forms.push(json(&nested, (slash, ascii), case));
            forms.extend([nested, form]);
        }
    }
    for form in forms {
        let holds = |anchor: &Rendered| form.windows(anchor.len()).any(|part| *part == ***anchor);
        if anchors.iter().any(holds) {
            continue;
        }
        let windows = form.windows(LENGTH.min(form.len()));
        if let Some(window) = windows.min_by_key(|window| commonness(window)) {
            anchors.push(Zeroizing::new(window.to_vec()));
        }
    }
}

/// One anchor of digits that have no case, or one of each case.
fn of_both_cases(render: impl Fn(Case) -> Rendered, length: usize, anchors: &mut Vec<Rendered>) {
    let (lower, upper) = (render(Case::Lower), render(Case::Upper));
    let pairs = || lower.windows(length).zip(upper.windows(length));
    let same = pairs().filter(|(lower, upper)| lower == upper);
    if let Some((both, _)) = same.min_by_key(|(lower, _)| commonness(lower)) {
        anchors.push(Zeroizing::new(both.to_vec()));
        return;
    }
    if let Some((lower, upper)) = pairs().min_by_key(|(lower, _)| commonness(lower)) {
        anchors.push(Zeroizing::new(lower.to_vec()));
        anchors.push(Zeroizing::new(upper.to_vec()));
    }
}

/// Anchors of a region in which every byte is percent-encoded. A letter or digit nobody encodes but who encodes all, so
/// three bytes do; the search is the faster for one that is so short.
fn percents(part: &[u8], anchors: &mut Vec<Rendered>) {
    let caseless = |byte: &&u8| pair(**byte, Case::Lower) == pair(**byte, Case::Upper);
    let letters = || part.iter().filter(|byte| byte.is_ascii_alphanumeric());
    let Some(byte) = letters().find(caseless).or_else(|| letters().next()) else {
        of_both_cases(|case| percent(part, case, |_| false), LENGTH, anchors);
        return;
    };
    let render = |case| percent(&[*byte], case, |_| false);
    of_both_cases(render, 3, anchors);
}

/// Anchors of a region in which every character is an escape: four digits and the backslash of the next.
fn escapes(part: &[u8], anchors: &mut Vec<Rendered>) {
    let mut units: Vec<u16> = Vec::with_capacity(part.len());
    let mut rest = part;
    while let Some((character, width)) = character(rest) {
        units.extend_from_slice(character.encode_utf16(&mut [0; 2]));
        rest = rest.get(width..).unwrap_or_default();
    }
    units.pop();
    let digits = |unit: u16, case| match case {
        Case::Lower => format!("{unit:04x}\\"),
        Case::Upper => format!("{unit:04X}\\"),
    };
    let caseless = |unit: &&u16| digits(**unit, Case::Lower) == digits(**unit, Case::Upper);
    let mut best = units.iter().filter(caseless).chain(&units);
    let Some(unit) = best.next() else {
        return;
    };
    for case in [Case::Lower, Case::Upper] {
        let anchor = Zeroizing::new(digits(*unit, case).into_bytes());
        if !anchors.contains(&anchor) {
            anchors.push(anchor);
        }
    }
}

/// An anchor of digits that both alphabets have, or one of each and one with the slash escaped.
fn base64(part: &[u8], before: u8, anchors: &mut Vec<Rendered>) {
    let bits = (skipped(before)..).step_by(6);
    let digits: Zeroizing<Vec<u8>> =
        Zeroizing::new(bits.map_while(|bit| sextet(part, bit)).collect());
    let clean = |length| {
        let mut windows = digits.windows(length);
        windows.find(|window| window.iter().all(|digit| *digit < 62))
    };
    let window = (SHORTEST..=LENGTH).rev().find_map(clean);
    let window = window.or_else(|| digits.windows(LENGTH).next());
    for last in ["+/", "-_", "+\\/"] {
        let letters = window.unwrap_or_default().iter();
        let anchor: Rendered = Zeroizing::new(letters.flat_map(|d| letter(*d, last)).collect());
        if !anchors.contains(&anchor) {
            anchors.push(anchor);
        }
    }
}

/// The letters of a digit, in an alphabet whose last two are written so.
fn letter(digit: u8, last: &'static str) -> impl Iterator<Item = u8> {
    let (plus, slash) = last.split_at_checked(1).unwrap_or_default();
    let (own, last) = match digit {
        0..26 => (Some(b'A' + digit), ""),
        26..52 => (Some(b'a' + (digit - 26)), ""),
        52..62 => (Some(b'0' + (digit - 52)), ""),
        62 => (None, plus),
        _ => (None, slash),
    };
    own.into_iter().chain(last.bytes())
}

fn hex(part: &[u8], case: Case) -> Rendered {
    Zeroizing::new(part.iter().flat_map(|byte| pair(*byte, case)).collect())
}

fn pair(byte: u8, case: Case) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|digit| match (digit, case) {
        (0..10, _) => b'0' + digit,
        (_, Case::Lower) => b'a' + (digit - 10),
        (_, Case::Upper) => b'A' + (digit - 10),
    })
}

fn percent(part: &[u8], case: Case, keeps: impl Fn(u8) -> bool) -> Rendered {
    let mut out = Zeroizing::new(Vec::with_capacity(part.len() * 3));
    for byte in part {
        if keeps(*byte) {
            out.push(*byte);
        } else {
            out.push(b'%');
            out.extend_from_slice(&pair(*byte, case));
        }
    }
    out
}

/// As a serializer of JSON writes it that escapes the slash, or all that is not ASCII, or neither.
fn json(part: &[u8], (slash, ascii): (bool, bool), case: Case) -> Rendered {
    let mut out = Zeroizing::new(Vec::with_capacity(part.len() * 6));
    let mut rest = part;
    while let Some((character, width)) = character(rest) {
        let (own, left) = rest.split_at(width);
        rest = left;
        match own {
            b"\n" => out.extend_from_slice(b"\\n"),
            b"\r" => out.extend_from_slice(b"\\r"),
            b"\t" => out.extend_from_slice(b"\\t"),
            b"\"" | b"\\" => out.extend_from_slice(&[b'\\', own.first().copied().unwrap_or(0)]),
            b"/" if slash => out.extend_from_slice(b"\\/"),
            _ if character < ' ' || (ascii && !character.is_ascii()) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let [high, low] = unit.to_be_bytes();
                    out.extend_from_slice(b"\\u");
                    out.extend_from_slice(&pair(high, case));
                    out.extend_from_slice(&pair(low, case));
                }
            }
            _ => out.extend_from_slice(own),
        }
    }
    out
}
