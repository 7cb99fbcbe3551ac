//! The command line: one file per command, one match.

mod access;
mod account;
mod audit;
mod check;
mod completions;
mod demo;
mod ends;
mod explain;
mod key;
mod leases;
mod memory;
mod operator;
mod recorded;
mod replay;
mod schema;
pub mod serve;
mod table;
mod tasks;
mod test;
mod uses;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::{assemble, config};
use clap::{Parser, Subcommand, ValueEnum};
use tokio::runtime::{Builder, Runtime};

/// hopgate: a transparent gateway between AI agents and their tools.
#[derive(Debug, Parser)]
#[command(name = "hopgate", version, about, max_term_width = 100)]
pub struct Cli {
    /// The configuration.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "hopgate.toml"
    )]
    pub config: PathBuf,

    /// How results are printed.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub format: Format,

    /// What is logged: error, warn, info, debug, trace, or a filter such as `info,gateway=debug`.
    #[arg(long, global = true, value_name = "LEVEL", default_value = "info")]
    pub log: String,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve agents until SIGTERM or SIGINT. Exit codes: 0 drained, 1 could not start.
    Serve,
    /// Report every mistake of the configuration at once. Exit codes: 0 none, 1 some.
    Check,
    /// Say what would be decided of a call, by which rules, and why the others are silent. Exit codes: 0 allow, 3 ask,
    /// 4 deny, 1 the configuration has mistakes or the records cannot be read, 2 the call cannot be understood.
    Explain(explain::Explain),
    /// Run the `[[tests]]` of the configuration and of files. Exit codes: 0 all pass, 1 some fail or there are
    /// mistakes.
    Test {
        /// Files with `[[tests]]` and nothing else, to run against the configuration.
        files: Vec<PathBuf>,
    },
    /// Say who can reach what, by which rule. Exit codes: 0 done, 1 the configuration has mistakes or the records cannot
    /// be read, 2 a name is unknown.
    Access(access::Access),
    /// Say which recorded decisions would be others under another configuration. Exit codes: 0 none, 3 some, 1 the
    /// configuration has mistakes or the records cannot be read, 2 usage.
    Replay(replay::Replay),
    /// Print a JSON Schema of the configuration, for editors.
    Schema,
    /// Start a gateway with sample servers, run two sample agents through it, and show what was recorded.
    Demo,
    /// Make keys.
    Key {
        /// What to make.
        #[command(subcommand)]
        action: Key,
    },
    /// See and end the tasks of a running gateway, over its operators' port. Exit codes: 0 done, 1 not.
    Tasks {
        /// What to do; without it, list what is open.
        #[command(subcommand)]
        action: Option<Tasks>,
    },
    /// See and revoke the credentials that a running gateway has out, over its operators' port. Exit codes: 0 done, 1 not.
    Leases {
        /// What to do; without it, list what may be good.
        #[command(subcommand)]
        action: Option<leases::Leases>,
    },
    /// Prove and read the records. Exit codes: 0 whole or found, 1 not, 2 it cannot be done as asked.
    Audit {
        /// What to do.
        #[command(subcommand)]
        action: audit::Audit,
    },
    /// Print completions for a shell.
    Completions {
        /// Which one.
        shell: clap_complete::Shell,
    },
}

/// What to do about keys.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Print 32 random bytes in base64, for a file named in `[gateway] keys`.
    New,
    /// Read a key from standard input and print its hash, for `keys` of an identity of kind `key`.
    Hash,
}

/// What to do about tasks.
#[derive(Debug, Subcommand)]
pub enum Tasks {
    /// Who runs what, since when, through which chain.
    List,
    /// One task, open or lately ended.
    Show {
        /// Its id.
        id: String,
    },
    /// End a task: its calls are cancelled, and so are the tasks under it.
    End {
        /// Its id.
        id: String,
    },
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// For programs.
    Json,
}

/// Does what was asked for.
pub fn run(cli: &Cli) -> ExitCode {
    match &cli.command {
        Command::Serve => serve::run(
            &cli.log,
            config::load(&cli.config).map(|loaded| loaded.config),
            |config, outlets| assemble::house(&cli.config, config, outlets),
        ),
        Command::Demo => demo::run(&cli.log),
        Command::Check => check::run(&cli.config, cli.format),
        Command::Explain(asked) => explain::run(&cli.config, cli.format, asked),
        Command::Test { files } => test::run(&cli.config, cli.format, files),
        Command::Access(asked) => access::run(&cli.config, cli.format, asked),
        Command::Replay(asked) => replay::run(&cli.config, cli.format, asked),
        Command::Schema => schema::run(),
        Command::Key { action: Key::New } => key::new(),
        Command::Key { action: Key::Hash } => key::hash(),
        Command::Tasks { action } => tasks::run(&cli.config, cli.format, action.as_ref()),
        Command::Leases { action } => leases::run(&cli.config, cli.format, action.as_ref()),
        Command::Audit { action } => audit::run(&cli.config, cli.format, action),
        Command::Completions { shell } => completions::run(*shell),
    }
}

/// What a command was asked cannot be done as it was asked.
const USAGE: u8 = 2;

/// The configuration, or the exit code after its mistakes have been told.
fn loaded(file: &Path, format: Format) -> Result<config::Loaded, ExitCode> {
    config::load(file).map_err(|broken| {
        match format {
            Format::Human => eprint!("{}", check::human(&broken.report, false)),
            Format::Json => print(&format!("{}\n", check::machine(&broken.report))),
        }
        ExitCode::FAILURE
    })
}

/// Says why a command cannot be done as it was asked.
fn misused(why: &str) -> ExitCode {
    eprintln!("hopgate: {why}");
    ExitCode::from(USAGE)
}

/// Prints a command's result. A reader that has left, such as `head`, has what it wanted.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Where the records are: the folder that is named, or the configuration's own.
fn records(file: &Path, format: Format, named: Option<&Path>) -> Result<PathBuf, ExitCode> {
    match named {
        Some(folder) => Ok(folder.to_owned()),
        None => {
            let loaded = loaded(file, format)?;
            Ok(own_records(&loaded.config))
        }
    }
}

/// Where a configuration's own records are.
fn own_records(config: &config::Config) -> PathBuf {
    config.gateway.data_dir.join("audit")
}

/// Says why records cannot be read.
fn unread(why: &str) -> ExitCode {
    eprintln!("hopgate: the records cannot be read: {why}");
    ExitCode::FAILURE
}

/// What a caller named, without what would move a terminal.
fn printable(text: &str) -> String {
    let shown = |c: char| match c {
        '"' | '\'' | '\\' => c.to_string(),
        _ => c.escape_debug().to_string(),
    };
    text.chars().map(shown).collect()
}

/// One thread where there is one core: no work is handed around between threads that cannot run at once.
///
/// # Errors
/// When the system gives no threads or no event queue.
pub fn runtime() -> io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = match cores {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.worker_threads(cores).enable_all().build()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_frame_holds() {
        Cli::command().debug_assert();
        let cli = Cli::try_parse_from(["hopgate", "serve", "--config", "x.toml", "--log", "debug"]);
        let cli = cli.unwrap();
        assert_eq!(cli.config, PathBuf::from("x.toml"));
        assert_eq!(cli.log, "debug");
        assert!(matches!(cli.command, Command::Serve));
        let cli = Cli::try_parse_from(["hopgate", "--format", "json", "check"]).unwrap();
        assert_eq!(cli.config, PathBuf::from("hopgate.toml"));
        assert_eq!(cli.format, Format::Json);
        let cli = Cli::try_parse_from(["hopgate", "key", "new"]).unwrap();
        assert!(matches!(cli.command, Command::Key { action: Key::New }));
        for bad in [
            &["hopgate"][..],
            &["hopgate", "audit"],
            &["hopgate", "serve", "now"],
        ] {
            assert!(Cli::try_parse_from(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_runtime_for_this_machine() {
        let answer = runtime()
            .unwrap()
            .block_on(async { tokio::spawn(async { 7 }).await });
        assert_eq!(answer.unwrap(), 7);
    }
}
