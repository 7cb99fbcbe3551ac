//! `hopgate audit verify`: whether the records are as they were written.

use super::{Format, folder, gateway, misused};
use crate::audit::journal::verify::{Known, verify};
use crate::audit::journal::{CHECKPOINTS, Folder, Keys, Log, Proof};
use crate::task::keys::existing;
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What is to be proven, by what.
#[derive(Debug, Args)]
pub struct Verify {
    /// The folder of the records, or a copy of it. Default: `audit` in the configuration's `data_dir`.
    dir: Option<PathBuf>,
    /// The gateway's public keys, a JWK set, as it publishes them. Default: those of the configuration's own keys.
    #[arg(long, value_name = "JWKS-FILE")]
    keys: Option<PathBuf>,
    /// Checkpoints that were kept elsewhere, a line each: the folder must agree with them.
    #[arg(long, value_name = "FILE")]
    checkpoints: Option<PathBuf>,
    /// The first segment that is still kept, of every log or of one; it is believed about what came before.
    #[arg(long, value_name = "[LOG=]N")]
    first: Vec<String>,
}

/// Proves the records. Exit codes: 0 whole, 1 not, 2 it cannot be done as asked.
pub(super) fn run(file: &Path, format: Format, asked: &Verify) -> ExitCode {
    let folder = match folder(file, format, asked.dir.as_deref()) {
        Ok(folder) => folder,
        Err(code) => return code,
    };
    let keys = match asked.keys(file, format) {
        Ok(keys) => keys,
        Err(code) => return code,
    };
    let known = match asked.known(keys) {
        Ok(known) => known,
        Err(why) => return misused(&why),
    };
    let proofs = verify(&mut Folder::reading(&folder), &known);
    let whole = proofs.iter().all(|proof| proof.bad.is_none());
    super::super::print(&match format {
        Format::Human => human(&proofs),
        Format::Json => format!("{:#}\n", machine(&proofs)),
    });
    match whole {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

// === impl Verify ===

impl Verify {
    fn keys(&self, file: &Path, format: Format) -> Result<Keys, ExitCode> {
        let keys = match &self.keys {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| error.to_string())
                .and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()))
                .and_then(|set: Value| Keys::read(&set))
                .map_err(|why| format!("{}: {why}", path.display())),
            None => existing(&gateway(file, format)?)
                .and_then(|ring| Keys::read(&ring.published()))
                .map_err(|why| format!("no keys to prove checkpoints with: {why}")),
        };
        keys.map_err(|why| misused(&why))
    }

    fn known(&self, keys: Keys) -> Result<Known, String> {
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let elsewhere = self.checkpoints.as_ref().map(read).transpose()?;
        let (mut all, mut first) = (None, BTreeMap::new());
        for said in &self.first {
            let (log, number) = match said.split_once('=') {
                Some((log, number)) => (Some(log), number),
                None => (None, said.as_str()),
            };
            let number: u32 = number
                .parse()
                .ok()
                .filter(|number| *number > 0)
                .ok_or_else(|| format!("`--first {said}` names no segment"))?;
            match log {
                Some(log) if names().any(|name| name == log) => {
                    first.insert(log.to_owned(), number);
                }
                Some(log) => return Err(format!("there is no log `{log}`")),
                None => all = Some(number),
            }
        }
        for name in names() {
            if let Some(all) = all {
                first.entry(name.to_owned()).or_insert(all);
            }
        }
        Ok(Known {
            keys,
            elsewhere,
            first,
        })
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    Log::ALL.into_iter().map(Log::name).chain([CHECKPOINTS])
}

fn human(proofs: &[Proof]) -> String {
    let mut page = String::new();
    // A text that cannot be written to does not exist.
    for proof in proofs {
        let Proof {
            log,
            lines,
            unsealed,
            ..
        } = proof;
        let state = if proof.bad.is_some() { "BAD" } else { "whole" };
        let _ = write!(page, "{log:<12} {state:<6} {lines} records");
        if *unsealed > 0 {
            let _ = write!(page, ", {unsealed} of them unsealed");
        }
        if proof.unfinished > 0 {
            let _ = write!(
                page,
                ", and {} bytes of an unfinished one",
                proof.unfinished
            );
        }
        page.push('\n');
        if let Some(bad) = &proof.bad {
            let _ = writeln!(
                page,
                "  {}, line {}, record {}: {}",
                bad.file, bad.line, bad.seq, bad.fault
            );
        }
    }
    page
}

fn machine(proofs: &[Proof]) -> Value {
    let whole = proofs.iter().all(|proof| proof.bad.is_none());
    let logs = proofs.iter().map(|proof| {
        let bad = proof.bad.as_ref().map(|bad| {
            json!({ "file": bad.file, "line": bad.line, "seq": bad.seq, "fault": bad.fault.name(),
                "message": bad.fault.to_string() })
        });
        json!({ "log": proof.log, "records": proof.lines, "last": proof.last, "unsealed": proof.unsealed,
            "unfinished_bytes": proof.unfinished, "bad": bad })
    });
    json!({ "whole": whole, "logs": logs.collect::<Vec<_>>() })
}
