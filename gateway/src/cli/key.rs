//! `hopgate key`: a secret for the key ring, and the hash by which a static key is known.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io::Read as _;
use std::process::ExitCode;
use zeroize::Zeroizing;

/// Prints 32 random bytes in base64. Exit codes: 0 done, 1 the system has no randomness.
pub(super) fn new() -> ExitCode {
    let mut secret = Zeroizing::new([0; 32]);
    if rand::fill(&mut *secret).is_err() {
        eprintln!("hopgate: the system has no randomness");
        return ExitCode::FAILURE;
    }
    super::print(&format!("{}\n", STANDARD.encode(*secret)));
    ExitCode::SUCCESS
}

/// The fewest letters of a static key: what could be guessed is none, and its hash would not hide it.
const KEY_LEAST: usize = 32;

/// Prints the hash of a key read from standard input. Exit codes: 0 done, 1 it is no key.
pub(super) fn hash() -> ExitCode {
    let mut text = Zeroizing::new(String::new());
    if let Err(why) = std::io::stdin().take(4096).read_to_string(&mut text) {
        eprintln!("hopgate: cannot read the key: {why}");
        return ExitCode::FAILURE;
    }
    let key = text.trim_end_matches(['\r', '\n']);
    let mut letters: Vec<u8> = key.bytes().collect();
    letters.sort_unstable();
    letters.dedup();
    let plain = key.bytes().all(|byte| byte.is_ascii_graphic());
    if key.len() < KEY_LEAST || letters.len() < KEY_LEAST / 4 || !plain {
        eprintln!(
            "hopgate: a key has at least {KEY_LEAST} letters, no spaces, and is random: `hopgate key new` makes one"
        );
        return ExitCode::FAILURE;
    }
    let digits: String = digest(&SHA256, key.as_bytes())
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    super::print(&format!("sha256:{digits}\n"));
    ExitCode::SUCCESS
}
