//! The binary: reads the command line and hands over.

use std::process::ExitCode;

use clap::Parser as _;
use gateway::cli::{self, Cli};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run(&Cli::parse())
}
