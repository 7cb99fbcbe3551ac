//! The case file in every cut, the bounds, and the filter over a connection.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::track::{Fault, Track};
use super::*;

const CASES: &str = include_str!("cases.txt");
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// What became of a stream: bytes passed on, and why the rest was not.
#[derive(Debug, PartialEq)]
pub(in crate::listener) struct Fate {
    pub(in crate::listener) passed: Vec<u8>,
    pub(in crate::listener) fault: Option<Reason>,
}

pub(in crate::listener) fn feed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Fate {
    let mut track = Track::default();
    let mut held = Vec::new();
    let mut passed = Vec::new();
    for piece in pieces {
        held.extend_from_slice(piece);
        let step = track.feed(&held);
        passed.extend(held.drain(..step.count));
        if let Some(Fault::Head(reason) | Fault::Body(reason)) = step.fault {
            return Fate {
                passed,
                fault: Some(reason),
            };
        }
    }
    Fate {
        passed,
        fault: None,
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut letters = text.bytes();
    while let Some(letter) = letters.next() {
        if letter != b'\\' {
            bytes.push(letter);
            continue;
        }
        match letters.next().unwrap() {
            b'r' => bytes.push(b'\r'),
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'x' => {
                let digits = [letters.next().unwrap(), letters.next().unwrap()];
                let digits = std::str::from_utf8(&digits).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
            }
            other => bytes.push(other),
        }
    }
    bytes
}

/// Each line with its expected reason (`None` = passes) and stream.
pub(in crate::listener) fn cases() -> Vec<(&'static str, Option<Reason>, Vec<u8>)> {
    let lines = CASES
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let case = |line: &'static str| {
        let (expected, stream) = line.split_once(' ').unwrap();
        let reason = (expected != "passes")
            .then(|| Reason::named(expected).unwrap_or_else(|| panic!("no such reason: {line}")));
        (line, reason, unescape(stream.trim_start()))
    };
    lines.map(case).collect()
}

#[test]
fn every_case() {
    let cases = cases();
    assert!(cases.len() >= 250, "{}", cases.len());
    for (line, expected, stream) in cases {
        let fate = feed([stream.as_slice()]);
        assert_eq!(fate.fault, expected, "{line}");
        if expected.is_none() {
            assert_eq!(fate.passed, stream, "{line}");
        }
    }
}

#[test]
fn every_case_in_every_cut() {
    for (line, expected, stream) in cases() {
        let whole = feed([stream.as_slice()]);
        let same = |fate: Fate, cut: &str| {
            assert_eq!(fate.fault.is_some(), expected.is_some(), "{cut}: {line}");
            assert_eq!(heads(&fate.passed), heads(&whole.passed), "{cut}: {line}");
        };
        for at in 1..stream.len() {
            let (a, b) = stream.split_at(at);
            same(feed([a, b]), &format!("cut at {at}"));
        }
        same(feed(stream.chunks(1)), "byte by byte");
        same(feed(stream.chunks(3)), "by three");
    }
}

/// How many heads went on: what a fault in a body lets through before it depends on the cut.
pub(in crate::listener) fn heads(passed: &[u8]) -> usize {
    memchr::memmem::find_iter(passed, b" HTTP/1.1\r\n").count()
}

#[test]
fn reasons_have_names() {
    for (reason, name) in REASONS {
        assert_eq!(Reason::named(name), Some(reason));
        assert_eq!(reason.name(), name);
        assert!(
            CASES.contains(name) || matches!(name, "head-size" | "fields" | "slow"),
            "{name}"
        );
    }
}

#[test]
fn fields_have_a_bound() {
    let head = |count: usize| {
        let more = "X: y\r\n".repeat(count - 1);
        format!("GET / HTTP/1.1\r\nHost: h\r\n{more}\r\n").into_bytes()
    };
    assert_eq!(check_head(&head(FIELDS_MAX)), Ok(Framing::Empty));
    assert_eq!(check_head(&head(FIELDS_MAX + 1)), Err(Reason::Fields));
}

#[test]
fn heads_have_a_bound() {
    let head = |length: usize| {
        let rest = "GET / HTTP/1.1\r\nHost: h\r\nX: \r\n\r\n".len();
        let value = "y".repeat(length - rest);
        format!("GET / HTTP/1.1\r\nHost: h\r\nX: {value}\r\n\r\n").into_bytes()
    };
    assert_eq!(check_head(&head(HEAD_MAX)), Ok(Framing::Empty));
    assert_eq!(check_head(&head(HEAD_MAX + 1)), Err(Reason::HeadSize));
    let endless = vec![b'G'; HEAD_MAX];
    assert_eq!(feed(endless.chunks(1000)).fault, Some(Reason::HeadSize));
    assert_eq!(feed(head(HEAD_MAX).chunks(1000)).fault, None);
}

#[test]
fn framing_is_what_the_head_says() {
    let check = |field: &str, expected| {
        let head = format!("POST / HTTP/1.1\r\nHost: h\r\n{field}\r\n\r\n");
        assert_eq!(check_head(head.as_bytes()), expected, "{field}");
    };
    check("X: y", Ok(Framing::Empty));
    check("Content-Length: 0", Ok(Framing::Empty));
    check(
        "Content-Length: 999999999999999999",
        Ok(Framing::Length(999_999_999_999_999_999)),
    );
    check("Transfer-Encoding: chunked", Ok(Framing::Chunked));
}

fn connection() -> (DuplexStream, Filter<DuplexStream>) {
    let (client, server) = duplex(1 << 20);
    (client, Filter::new(server, Duration::from_secs(10)))
}

/// Reads until nothing more comes.
async fn passed(filter: &mut Filter<DuplexStream>, piece: usize) -> (Vec<u8>, Option<String>) {
    let mut all = Vec::new();
    let mut buf = vec![0; piece];
    loop {
        let read = tokio::time::timeout(Duration::from_secs(60), filter.read(&mut buf)).await;
        match read {
            Ok(Ok(0)) => return (all, Some("end".to_owned())),
            Ok(Ok(count)) => all.extend_from_slice(&buf[..count]),
            Ok(Err(fault)) => return (all, Some(fault.to_string())),
            Err(_silence) => return (all, None),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_filter_passes_what_is_good_whatever_the_buffers() {
    for (line, _, stream) in cases()
        .into_iter()
        .filter(|(_, expected, _)| expected.is_none())
    {
        for piece in [1, 7, 8192] {
            let (mut client, mut filter) = connection();
            client.write_all(&stream).await.unwrap();
            client.shutdown().await.unwrap();
            let (got, end) = passed(&mut filter, piece).await;
            assert_eq!(got, stream, "{line}");
            assert_eq!(end.as_deref(), Some("end"), "{line}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn behind_a_violation_comes_only_the_verdict() {
    for cut in 0..=GET.len() {
        let (mut client, mut filter) = connection();
        let bad = b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\n\r\n";
        let stream = [GET, bad, GET].concat();
        let (first, second) = stream.split_at(GET.len() + cut);
        client.write_all(first).await.unwrap();
        let second = second.to_vec();
        let writer = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            client.write_all(&second).await.unwrap();
            client
        });
        let (got, end) = passed(&mut filter, 8192).await;
        let text = String::from_utf8(got).unwrap();
        let verdict = "TRACE /upgrade HTTP/1.1\r\nhost: -\r\nconnection: close\r\n\r\n";
        assert_eq!(text, format!("{}{verdict}", String::from_utf8_lossy(GET)));
        assert_eq!(end, None);
        drop(writer);
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_body_breaks_off() {
    let (mut client, mut filter) = connection();
    let head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n";
    client.write_all(head).await.unwrap();
    client.write_all(b"x\r\n").await.unwrap();
    client.write_all(GET).await.unwrap();
    let (got, end) = passed(&mut filter, 8192).await;
    assert_eq!(got, head);
    assert_eq!(end.as_deref(), Some("chunk"));
}

#[tokio::test(start_paused = true)]
async fn a_head_has_its_time() {
    let (mut client, mut filter) = connection();
    // Nothing at all: closed without a word.
    assert_eq!(
        passed(&mut filter, 8192).await,
        (Vec::new(), Some("end".to_owned()))
    );

    let (mut slow, mut filter) = connection();
    slow.write_all(GET).await.unwrap();
    let dripping = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        for byte in GET {
            slow.write_all(&[*byte]).await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        slow
    });
    let (got, _) = passed(&mut filter, 8192).await;
    let text = String::from_utf8(got).unwrap();
    assert!(
        text.ends_with("\r\n\r\nTRACE /slow HTTP/1.1\r\nhost: -\r\nconnection: close\r\n\r\n"),
        "{text}"
    );
    dripping.abort();
    client.shutdown().await.unwrap();
}
