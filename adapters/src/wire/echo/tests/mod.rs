//! Every form of random secrets, in every carrier, however it is cut; and nothing else.

mod encodings;
mod random;

use super::form::WIDEST;
use super::{Found, Patterns, SHORTEST, Search, Sieve};
use bytes::Bytes;
use encodings::{ALWAYS, Encoding, NEVER, OF_TOKENS};
use random::Random;
use std::sync::Arc;

/// What stands before and after a secret in an answer.
const CARRIERS: [(&[u8], &[u8]); 6] = [
    (b"", b""),
    (
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"text\":\"Bearer ",
        b"\"}}",
    ),
    (b"data: {\"x\":\"a=", b"&b=c\"}\n\n"),
    (b"https://example.com/?token=", b"#top"),
    (b"\\\\", b"\\\\"),
    (b"%%\\u00", b"%\\u"),
];

fn patterns(secret: &[u8]) -> Patterns {
    Patterns::new([secret]).expect("long enough")
}

fn carried(carrier: (&[u8], &[u8]), echo: &[u8]) -> Vec<u8> {
    [carrier.0, echo, carrier.1].concat()
}

fn show(secret: &[u8], name: &str) -> String {
    format!("{name}: {}", secret.escape_ascii())
}

#[test]
fn forty_encodings_of_which_thirty_are_found() {
    let mut random = Random(1);
    for round in 0..200 {
        let length = SHORTEST + random.below(60);
        let secret = random.token(length);
        let patterns = patterns(&secret);
        let found: Vec<&Encoding> = ALWAYS.iter().chain(&OF_TOKENS).collect();
        assert_eq!(found.len() + NEVER.len(), 40);
        for carrier in CARRIERS {
            for (name, encode) in &found {
                let text = carried(carrier, &encode(&secret));
                assert!(patterns.find(&text), "{round}: {}", show(&secret, name));
            }
            for (name, encode) in &NEVER {
                let text = carried(carrier, &encode(&secret));
                assert!(!patterns.find(&text), "{round}: {}", show(&secret, name));
            }
        }
    }
}

#[test]
fn whatever_a_secret_is_made_of_its_forms_are_found() {
    let mut random = Random(2);
    for _ in 0..1500 {
        let length = SHORTEST + {
            let most = if random.below(4) == 0 { 190 } else { 20 };
            random.below(most)
        };
        let secret = random.secret(length);
        let patterns = patterns(&secret);
        for (name, encode) in &ALWAYS {
            let carrier = CARRIERS[random.below(4)];
            let text = carried(carrier, &encode(&secret));
            assert!(patterns.find(&text), "{}", show(&secret, name));
        }
        let bytes: Vec<u8> = (0..length)
            .map(|_| random.number().to_le_bytes()[0])
            .collect();
        let patterns = self::patterns(&bytes);
        // What is no text stands in no JSON.
        for (name, encode) in &ALWAYS[..15] {
            assert!(patterns.find(&encode(&bytes)), "{}", show(&bytes, name));
        }
    }
}

#[test]
fn no_byte_of_a_found_secret_has_left_wherever_it_is_cut() {
    let mut random = Random(3);
    for round in 0..20 {
        let length = SHORTEST + random.below(20);
        let secret = random.secret(length);
        let patterns = Arc::new(patterns(&secret));
        for (name, encode) in &ALWAYS {
            let carrier = CARRIERS[1 + round % 3];
            let echo = encode(&secret);
            let text = Bytes::from(carried(carrier, &echo));
            // The neighbours of base64 that are no secret, and `Basic `, may leave.
            let own = carrier.0.len()
                + match *name {
                    "Basic" => "Basic c29tZS51c2VyOj".len(),
                    "base64 behind one byte" | "base64url behind two bytes" => 3,
                    "base64 of a header" => 30,
                    _ => 0,
                };
            for cut in 0..=text.len() {
                let left = until_found(&patterns, [text.slice(..cut), text.slice(cut..)]);
                assert!(
                    left <= own,
                    "cut at {cut}, {left} left; {}",
                    show(&secret, name)
                );
            }
            let bytes = (0..text.len()).map(|at| text.slice(at..=at));
            let left = until_found(&patterns, bytes);
            assert!(
                left <= own,
                "byte by byte, {left} left; {}",
                show(&secret, name)
            );
        }
    }
}

/// How many bytes left before the secret was found.
fn until_found(patterns: &Arc<Patterns>, chunks: impl IntoIterator<Item = Bytes>) -> usize {
    let mut sieve = Sieve::new(Arc::clone(patterns));
    let (mut taken, mut left) = (0, 0);
    for chunk in chunks {
        taken += chunk.len();
        match sieve.push(chunk) {
            Ok(clean) => left += clean.len(),
            Err(Found) => return left,
        }
        assert!(taken - left < patterns.longest());
    }
    panic!("not found");
}

#[test]
fn beginnings_are_held_and_then_let_go() {
    let mut random = Random(4);
    for _ in 0..200 {
        let length = SHORTEST + random.below(20);
        let secret = random.secret(length);
        let patterns = Arc::new(patterns(&secret));
        for (name, encode) in &ALWAYS[..20] {
            let echo = encode(&secret);
            let begun = &echo[..random.below(echo.len())];
            let text = carried(CARRIERS[1], &[begun, b" no more. "].concat());
            if patterns.find(&text) {
                continue; // What was cut off was padding, or the last bits.
            }
            let at = random.below(text.len());
            let mut sieve = Sieve::new(Arc::clone(&patterns));
            let mut out = Vec::new();
            for part in [&text[..at], &text[at..]] {
                out.push(sieve.push(Bytes::copy_from_slice(part)).expect(name));
            }
            out.extend(sieve.finish());
            assert_eq!(out.concat(), text, "{}", show(&secret, name));
        }
    }
}

#[test]
fn a_whole_clean_chunk_passes_as_it_is() {
    let patterns = Arc::new(patterns(b"ghs_0123456789abcdefABCDEF"));
    let mut sieve = Sieve::new(patterns);
    let chunk = Bytes::from_static(b"{\"nothing\":\"to be seen\"}\n");
    let out = sieve.push(chunk.clone()).unwrap();
    assert_eq!((out.as_ptr(), out.len()), (chunk.as_ptr(), chunk.len()));
    assert_eq!(sieve.finish(), None);
}

#[test]
fn a_hundred_thousand_bodies_raise_no_alarm() {
    let mut random = Random(5);
    let kinds: Vec<Bytes> = (0..6)
        .map(|kind| random.corpus(kind, 1 << 20).into())
        .collect();
    for _ in 0..500 {
        let length = 16 + random.below(185);
        let patterns = Arc::new(patterns(&random.token(length)));
        for number in 0..200 {
            let corpus = &kinds[number % kinds.len()];
            let at = random.below(corpus.len() - 4096);
            let body = corpus.slice(at..at + 64 + random.below(2000));
            let mut sieve = Sieve::new(Arc::clone(&patterns));
            let mut out = vec![sieve.push(body.clone()).expect("a false alarm")];
            out.extend(sieve.finish());
            assert_eq!(out.concat(), body);
        }
    }
}

#[test]
fn less_than_a_whole_secret_is_none() {
    let mut random = Random(6);
    for _ in 0..500 {
        let length = SHORTEST + random.below(40);
        // `%30` also holds the digits of a secret that begins with `30`, and every escape a `u` for one that ends so.
        let secret = [b"g", random.token(length).as_slice(), b"g"].concat();
        let patterns = patterns(&secret);
        for (name, encode) in ALWAYS
            .iter()
            .filter(|(name, _)| !name.contains("base64") && *name != "Basic")
        {
            for part in [&secret[1..], &secret[..secret.len() - 1]] {
                assert!(!patterns.find(&encode(part)), "{}", show(&secret, name));
            }
            let mut other = secret.clone();
            let at = random.below(other.len());
            other[at] ^= 1;
            assert!(!patterns.find(&encode(&other)), "{}", show(&secret, name));
        }
    }
}

#[test]
fn each_of_several_secrets_is_found() {
    let mut random = Random(7);
    for _ in 0..100 {
        let secrets: Vec<Vec<u8>> = (0..1 + random.below(7))
            .map(|_| random.secret(20))
            .collect();
        let patterns = Patterns::new(secrets.iter().map(Vec::as_slice)).unwrap();
        for secret in &secrets {
            for (name, encode) in &ALWAYS {
                assert!(patterns.find(&encode(secret)), "{}", show(secret, name));
            }
        }
        assert!(!patterns.find(&random.corpus(3, 5000)));
    }
}

#[test]
fn processors_without_vectors_find_the_same() {
    let mut random = Random(8);
    for _ in 0..100 {
        let secret = random.secret(24);
        let mut patterns = patterns(&secret);
        let rendered = super::anchors(&secret);
        let anchors: Vec<&[u8]> = rendered.iter().map(|anchor| anchor.as_slice()).collect();
        patterns.searches = vec![Search::automaton(&anchors).unwrap()];
        for (name, encode) in &ALWAYS {
            let text = carried(CARRIERS[1], &encode(&secret));
            assert!(patterns.find(&text), "{}", show(&secret, name));
        }
    }
}

#[test]
fn short_secrets_are_not_looked_for() {
    assert!(Patterns::new([]).is_none());
    assert!(Patterns::new([b"elevenbytes".as_slice(), b""]).is_none());
    let patterns = Patterns::new([b"elevenbytes".as_slice(), b"twelve.bytes"]).unwrap();
    assert!(!patterns.find(b"elevenbytes"));
    assert!(patterns.find(b"twelve.bytes"));
    assert_eq!(patterns.longest(), 12 * WIDEST);
}

#[test]
fn strange_secrets_do_no_harm() {
    for secret in [
        "\\\\\\\\\\\\\\\\\\\\\\\\",
        "aaaaaaaaaaaa",
        "%%%%%%%%%%%%",
        "++++++++++++",
        "            ",
    ] {
        let patterns = Arc::new(patterns(secret.as_bytes()));
        assert!(patterns.find(secret.as_bytes()), "{secret}");
        assert!(
            !patterns.find(b"\\\\ aaaa %%%% ++++ {\"a\":\"\\\"\"}"),
            "{secret}"
        );
        let mut sieve = Sieve::new(Arc::clone(&patterns));
        let mut left = 0;
        for taken in 1..2000 {
            match sieve.push(Bytes::from_static(b"\\")) {
                Ok(clean) => left += clean.len(),
                Err(Found) => break,
            }
            assert!(taken - left < patterns.longest(), "{secret}");
        }
    }
}

#[test]
fn nothing_of_a_secret_is_printed() {
    let secret = b"qZ7wK2vT9xL4mP6r";
    let patterns = patterns(secret);
    let shown = format!(
        "{patterns:?} {patterns:#?} {:?}",
        Sieve::new(Arc::new(self::patterns(secret)))
    );
    assert!(
        !shown.contains("qZ7") && !shown.contains("113, 90"),
        "{shown}"
    );
}
