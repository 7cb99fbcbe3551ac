//! `hopgate demo`: everything at once, in a folder that is gone afterwards.

use crate::{demo, telemetry};
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs the demo and prints what was recorded. Exit codes: 0 it went as it should, 1 it did not.
pub(super) fn run(level: &str) -> ExitCode {
    // The records are the point; the log only speaks up when asked to.
    let level = if level == "info" { "off" } else { level };
    match folder().and_then(|folder| in_folder(level, &folder)) {
        Ok(page) => {
            super::print(&page);
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("hopgate demo: {why}");
            ExitCode::FAILURE
        }
    }
}

fn in_folder(level: &str, folder: &PathBuf) -> Result<String, String> {
    telemetry::log::start(false, level, None).map_err(|why| why.to_string())?;
    let runtime = super::runtime().map_err(|why| why.to_string())?;
    let page = runtime.block_on(demo::run(folder));
    // The folder held nothing anybody needs again.
    let _ = std::fs::remove_dir_all(folder);
    page
}

fn folder() -> Result<PathBuf, String> {
    let folder = std::env::temp_dir().join(format!("hopgate-demo-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    Ok(folder)
}
