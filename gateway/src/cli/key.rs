//! `hopgate key new`: a secret for the key ring.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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
