//! `hopgate completions SHELL`.

use super::Cli;
use clap::CommandFactory as _;
use clap_complete::{Shell, generate};
use std::process::ExitCode;

/// Prints the completions of a shell.
pub(super) fn run(shell: Shell) -> ExitCode {
    let mut text = Vec::new();
    generate(shell, &mut Cli::command(), "hopgate", &mut text);
    super::print(&String::from_utf8_lossy(&text));
    ExitCode::SUCCESS
}
