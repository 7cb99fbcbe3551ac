//! `hopgate audit`: proves that the records are whole, and reads them to people.

mod read;
mod show;
mod tail;
#[cfg(test)]
mod tests;
mod tree;
mod verify;

use super::{Format, loaded, misused};
use crate::config::Gateway;
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to do about the records.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Prove that no record was changed, dropped, moved or added, up to the last checkpoint, and name the first that
    /// was. Exit codes: 0 whole, 1 not, 2 it cannot be done as asked.
    Verify(verify::Verify),
    /// Print the last records of a log. Exit codes: 0 done, 1 the log cannot be read.
    Tail(tail::Tail),
    /// Print all that is on record of one call, or of the calls of one batch, in order. Exit codes: 0 found, 1 not.
    Show(show::Show),
    /// Print the calls of a task, and those that grew from them, as a tree. Exit codes: 0 found, 1 not.
    Tree(tree::Tree),
}

/// Which records are meant.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The folder of the records, or a copy of it. Default: `audit` in the configuration's `data_dir`.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Does what was asked for.
pub(super) fn run(file: &Path, format: Format, action: &Audit) -> ExitCode {
    match action {
        Audit::Verify(asked) => verify::run(file, format, asked),
        Audit::Tail(asked) => tail::run(file, format, asked),
        Audit::Show(asked) => show::run(file, format, asked),
        Audit::Tree(asked) => tree::run(file, format, asked),
    }
}

/// The folder that is meant; it is there.
fn folder(file: &Path, format: Format, named: Option<&Path>) -> Result<PathBuf, ExitCode> {
    let folder = match named {
        Some(folder) => folder.to_owned(),
        None => gateway(file, format)?.data_dir.join("audit"),
    };
    match folder.is_dir() {
        true => Ok(folder),
        false => Err(misused(&format!(
            "there are no records in {}",
            folder.display()
        ))),
    }
}

fn gateway(file: &Path, format: Format) -> Result<Gateway, ExitCode> {
    Ok(loaded(file, format)?.config.gateway)
}

/// An id as records write it.
fn id(said: &str) -> String {
    said.replace('-', "").to_ascii_lowercase()
}
