//! The shape of the code: lengths, names, arrows, documents. What clippy checks (functions, arguments) is left to clippy.

mod dependencies;
mod documents;
mod sources;

use std::path::{Path, PathBuf};

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
}

/// Every file git would keep, as paths from the root.
fn files() -> Vec<PathBuf> {
    let output = std::process::Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output();
    let listed = output
        .ok()
        .filter(|output| output.status.success() && !output.stdout.is_empty());
    let mut files = Vec::new();
    match listed {
        Some(output) => {
            let text = String::from_utf8(output.stdout).expect("paths are UTF-8");
            files.extend(text.split_terminator('\0').map(PathBuf::from));
        }
        None => walk(root(), &mut files),
    }
    files.retain(|file| root().join(file).is_file());
    assert!(
        files.len() > 20,
        "this is not the repository: {}",
        root().display()
    );
    files
}

/// Without git (a source archive): everything but build output.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("folder").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir()
            && !["target", ".git", "node_modules", "hopgate-data"].contains(&name.as_str())
        {
            walk(&path, files);
        } else if path.is_file() {
            files.push(
                path.strip_prefix(root())
                    .expect("below the root")
                    .to_owned(),
            );
        }
    }
}

/// Files whose name ends so.
fn with_ending(ending: &str) -> Vec<PathBuf> {
    let mut all = files();
    all.retain(|file| file.to_string_lossy().ends_with(ending));
    all
}

/// A file's text.
fn read(file: &Path) -> String {
    std::fs::read_to_string(root().join(file))
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Fails with every offence at once.
fn none(what: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{what}:\n  {}", offences.join("\n  "));
}
