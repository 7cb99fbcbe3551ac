//! Reads the files: the main one, what it includes, and what its values point at. Each is read once.

use super::Config;
use super::file;
use super::keys::ROOT;
use super::resolve::Resolver;
use crate::identity::now;
use aws_lc_rs::digest::{Context, SHA256};
use policy::cases::Case;
use policy::diagnostic::Span;
use policy::document::{Document, Table, Value};
use policy::{Code, Diagnostic, Now, Policy, Report, Source, cases, lint, shape};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files that may be included.
const FILES_MOST: usize = 1_000;

/// A configuration without mistakes, and what is worth a look in it.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// `[[tests]]`.
    pub cases: Vec<Case>,
    /// Warnings only.
    pub report: Report,
}

/// Everything that is wrong.
#[derive(Debug)]
pub struct Broken {
    /// At least one error.
    pub report: Report,
}

/// Loads the configuration in a file.
///
/// # Errors
///
/// Every mistake of every file, at once.
pub fn load(path: &Path) -> Result<Loaded, Broken> {
    let mut reading = Reading::default();
    reading.main(path);
    let mut diagnostics = reading.diagnostics;
    let names: Vec<Source> = reading.sources.clone();
    let (document, found) = Document::read(reading.sources);
    diagnostics.extend(found);
    let Some(document) = document else {
        return Err(Broken {
            report: Report::new(names, diagnostics),
        });
    };
    diagnostics.extend(shape::check(ROOT, &document.root, Span::start_of(0)));
    let (policy, found) = policy::compile(&document);
    diagnostics.extend(found);
    diagnostics.extend(unknown_credentials(&policy, &document));
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut resolver = Resolver::new(folder, &document.root, &mut diagnostics);
    let resolved = resolver.resolve(policy);
    let files = [reading.files, resolver.into_files()].concat();
    let mut report = Report::new(document.sources.clone(), diagnostics);
    match resolved {
        Some(mut config) if report.errors() == 0 => {
            let now = Now(i64::try_from(now()).unwrap_or(i64::MAX));
            let warnings = lint::lint(&document, &config.policy, now);
            let (cases, _) = cases::read(&document, &config.policy);
            let known = report.diagnostics().to_vec();
            config.digest = digest(&document.sources);
            config.files = files;
            report = Report::new(document.sources, [known, warnings].concat());
            Ok(Loaded {
                config,
                cases,
                report,
            })
        }
        _ => Err(Broken { report }),
    }
}

/// Credentials that rules name and no table bears.
fn unknown_credentials(policy: &Policy, document: &Document) -> Vec<Diagnostic> {
    let known = document.root.table("credentials");
    let known = || {
        known
            .into_iter()
            .flat_map(Table::iter)
            .map(|(name, _)| name)
    };
    let unknown = policy
        .credentials()
        .filter(|(name, _)| known().all(|one| one != *name));
    let diagnostic = |(name, span): (&str, Span)| {
        let message = format!("no credential is named `{name}`");
        let help = match shape::nearest(name, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add `[credentials.{name}]`, name one that is there, or write `none`"),
        };
        Diagnostic::error(Code::UnknownName, span, message).help(help)
    };
    unknown.map(diagnostic).collect()
}

/// The files as they were read.
#[derive(Debug, Default)]
struct Reading {
    sources: Vec<Source>,
    files: Vec<PathBuf>,
    diagnostics: Vec<Diagnostic>,
}

// === impl Reading ===

impl Reading {
    fn main(&mut self, path: &Path) {
        if !self.file(path, None) {
            return;
        }
        let Some(source) = self.sources.first() else {
            return;
        };
        // Mistakes of the text itself are told when all files are read.
        let (Some(table), _) = Document::read_one(0, source) else {
            return;
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        for value in includes(&table) {
            let Some(pattern) = value.text() else {
                continue;
            };
            let files = matching(&folder.join(pattern));
            if files.is_empty() && !pattern.contains('*') {
                self.file(&folder.join(pattern), Some(value.span));
            }
            // A pattern that matches nothing may match something tomorrow.
            self.files.extend(
                folder
                    .join(pattern)
                    .parent()
                    .filter(|_| pattern.contains('*'))
                    .map(Path::to_owned),
            );
            for file in files {
                self.file(&file, Some(value.span));
            }
        }
    }

    /// Reads one file; what cannot be read is a mistake at the place that names it.
    fn file(&mut self, path: &Path, named: Option<Span>) -> bool {
        // Two patterns may mean one file, and one of them the main file itself.
        let known = |other: &PathBuf| {
            path.canonicalize()
                .is_ok_and(|path| other.canonicalize().is_ok_and(|other| other == path))
        };
        if self.files.iter().any(known) {
            return true;
        }
        self.files.push(path.to_owned());
        let text = match file::read(path) {
            Ok(_) if self.sources.len() >= FILES_MOST => {
                Err("too many files are included".to_owned())
            }
            read => read,
        };
        match text {
            Ok(text) => {
                self.sources
                    .push(Source::new(path.display().to_string(), text.as_str()));
                true
            }
            Err(why) => {
                let message = format!("`{}`: {why}", path.display());
                self.diagnostics.push(match named {
                    Some(span) => Diagnostic::error(Code::Unreadable, span, message),
                    None => Diagnostic::placeless(Code::Unreadable, message)
                        .help("name a configuration with `--config FILE`"),
                });
                false
            }
        }
    }
}

fn includes(table: &Table) -> &[Value] {
    table.items("include")
}

/// The files a path with `*` in its last part stands for, in order.
fn matching(path: &Path) -> Vec<PathBuf> {
    let Some(pattern) = path
        .file_name()
        .and_then(|name| name.to_str())
        .filter(|name| name.contains('*'))
    else {
        return if path.exists() {
            vec![path.to_owned()]
        } else {
            Vec::new()
        };
    };
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let mut files: Vec<PathBuf> = names
        .filter(|name| !name.starts_with('.') && stands_for(pattern, name))
        .map(|name| folder.join(name))
        .collect();
    files.sort();
    files
}

/// Whether a name fits a pattern in which `*` stands for anything.
pub(crate) fn stands_for(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part).and_then(|at| rest.get(at + part.len()..)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The name of what was read.
fn digest(sources: &[Source]) -> Arc<str> {
    let mut hash = Context::new(&SHA256);
    for source in sources {
        hash.update(&(source.text.len() as u64).to_be_bytes());
        hash.update(source.text.as_bytes());
    }
    hash.finish()
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>()
        .into()
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the configuration has mistakes\n\n{}",
            self.report.human(false)
        )
    }
}

impl std::error::Error for Broken {}

#[cfg(test)]
mod tests {
    use super::stands_for;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name) in [
            ("*.toml", "a.toml"),
            ("a*", "a"),
            ("*", "x"),
            ("a*b*c", "a1b2b3c"),
            ("a", "a"),
        ] {
            assert!(stands_for(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("*.toml", "a.toml~"),
            ("a*", "b"),
            ("a*b*c", "ac"),
            ("a", "ab"),
            ("ab*b", "ab"),
        ] {
            assert!(!stands_for(pattern, name), "{pattern} {name}");
        }
    }
}
