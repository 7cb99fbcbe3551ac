//! What it costs to look for a lease's secrets in an answer: `cargo bench -p tests --bench echo`.
//!
//! Answers of 64 KiB, of the kinds servers send and of kinds that look like what is looked for, beside copying them and
//! looking for one byte in them. Each number is the least of several rounds. Target: 10 µs for an answer of JSON or logs.
use adapters::wire::echo::{Patterns, Sieve};
use bytes::Bytes;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use tests::random::Random;
use tokio::time::Instant;

const LENGTH: usize = 65_536;
const ROUNDS: usize = 60;
const CALLS: usize = 50;
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn main() {
    let mut random = Random::new(1);
    let texts = texts(&mut random);
    print!("| µs for 64 KiB |");
    texts.iter().for_each(|(name, _)| print!(" {name} |"));
    println!(
        " JSON as a stream | made once |\n| --- |{}",
        " ---: |".repeat(texts.len() + 2)
    );
    for (name, secrets) in secrets(&mut random) {
        let make = || Patterns::new(secrets.iter().map(Vec::as_slice)).expect("long enough");
        let patterns = Arc::new(make());
        print!("| {name} |");
        for (_, text) in &texts {
            print!(
                " {:.1} |",
                least(|| _ = black_box(patterns.find(black_box(text))))
            );
        }
        let stream = least(|| {
            let mut sieve = Sieve::new(Arc::clone(&patterns));
            black_box(sieve.push(black_box(texts[0].1.clone())).expect("clean"));
        });
        println!(" {stream:.1} | {:.1} |", least(|| _ = black_box(make())));
    }
    let mut copy = vec![0; LENGTH];
    let copied = least(|| copy.copy_from_slice(black_box(&texts[0].1)));
    let searched = least(|| _ = black_box(memchr::memchr(1, black_box(&texts[0].1))));
    println!("| copying it | {copied:.1} |\n| looking for one byte | {searched:.1} |");
}

fn least(mut run: impl FnMut()) -> f64 {
    let round = |_| {
        let begun = Instant::now();
        (0..CALLS).for_each(|_| run());
        begun.elapsed().as_secs_f64() * 1e6 / CALLS as f64
    };
    (0..ROUNDS).map(round).fold(f64::MAX, f64::min)
}

fn texts(random: &mut Random) -> [(&'static str, Bytes); 5] {
    let mut long = |write: &mut dyn FnMut(&mut Random, &mut String)| {
        let mut text = String::new();
        while text.len() < LENGTH {
            write(random, &mut text);
        }
        text.truncate(LENGTH);
        Bytes::from(text)
    };
    let json = long(&mut |random, text| {
        let (item, user) = (random.below(10_000), random.below(100));
        write!(text, "{{\"type\":\"text\",\"text\":\"Item {item} of \\\"list\\\" by user{user}@example.com\\n\"}},").expect("text");
    });
    let logs = long(&mut |random, text| {
        let (path, bytes) = (random.below(10_000), random.below(100_000));
        writeln!(text, "2026-11-21T20:07:11.{bytes:06}Z INFO answered path=/api/v1/items/{path} status=200 bytes={bytes}").expect("text");
    });
    let base64 = long(&mut |random, text| text.push(char::from(LETTERS[random.below(64)])));
    let hex = long(&mut |random, text| write!(text, "{:x}", random.below(16)).expect("text"));
    let escapes =
        long(&mut |random, text| write!(text, "\\u04{:02x}", random.below(96)).expect("text"));
    [
        ("JSON", json),
        ("logs", logs),
        ("base64", base64),
        ("hex", hex),
        ("`\\u04xx`", escapes),
    ]
}

fn secrets(random: &mut Random) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let mut token = |prefix: &str, length| {
        let rest = (0..length).map(|_| LETTERS[random.below(62)]);
        prefix.bytes().chain(rest).collect::<Vec<u8>>()
    };
    let odd = b"p@s:w/r%d!x&y#z$k+q=".to_vec();
    vec![
        ("a token of 40 bytes", vec![token("ghs_", 36)]),
        (
            "a JWT of 900 bytes",
            vec![token("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.", 863)],
        ),
        ("a password of signs", vec![odd.clone()]),
        (
            "a key and a session token",
            vec![token("", 40), token("", 300)],
        ),
        (
            "four secrets",
            vec![token("", 40), token("", 20), token("", 300), odd],
        ),
    ]
}
