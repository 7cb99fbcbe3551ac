//! `hopgate audit show`: all that is on record of one call, or of the calls of one batch.

use super::read::{Record, each, holds, of_calls};
use super::{Format, Place, folder, id};
use crate::audit::journal::Log;
use clap::Args;
use serde_json::json;
use std::collections::HashSet;
use std::path::Path;
use std::process::ExitCode;

/// Which call.
#[derive(Debug, Args)]
pub struct Show {
    /// The `Hopgate-Call` of an answer.
    id: String,
    #[command(flatten)]
    place: Place,
}

/// Shows a call. Exit codes: 0 found, 1 not, 2 there are no records.
pub(super) fn run(file: &Path, format: Format, asked: &Show) -> ExitCode {
    let folder = match folder(file, format, asked.place.dir.as_deref()) {
        Ok(folder) => folder,
        Err(code) => return code,
    };
    let id = id(&asked.id);
    let mut calls = HashSet::from([id.clone()]);
    each(&folder, Log::Calls.name(), holds(&id), |record| {
        if let (Some(request), Some(call)) = (record.text("request"), record.text("call"))
            && request == id
        {
            calls.insert(call.to_owned());
        }
    });
    let found = of_calls(&folder, &calls);
    super::super::print(&match format {
        Format::Human => found.iter().map(Record::human).collect(),
        Format::Json => {
            let records: Vec<_> = found.iter().map(Record::machine).collect();
            format!("{:#}\n", json!({ "records": records }))
        }
    });
    if found.is_empty() {
        eprintln!("hopgate: nothing is on record of {}", asked.id);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
