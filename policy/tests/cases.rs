//! The case files: a policy, calls, and under the last line of each what must come of them: every decision, why, and
//! every diagnostic. `HOPGATE_UPDATE=1 cargo test -p policy --test cases` writes that part anew.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may stop, and reads files"
)]

use policy::cases::{barred, read, run};
use policy::lint::lint;
use policy::{Decision, Document, Now, Report, Source, compile, explain, words};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What stands between a policy and what must come of it.
const MARK: &str = "\n# === what comes of it ===\n";
const NOW: Now = Now(1_800_000_000);

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    files
}

/// What comes of a text, as comments.
fn outcome(text: &str) -> String {
    let sources = vec![Source::new("policy", text)];
    let (document, mut found) = Document::read(sources.clone());
    let mut page = String::new();
    if let Some(document) = document {
        let (policy, mistakes) = compile(&document);
        found.extend(mistakes);
        if found.is_empty() {
            found = lint(&document, &policy, NOW);
            let report = Report::new(sources.clone(), Vec::new());
            let (cases, _) = read(&document, &policy);
            for (case, ran) in cases.iter().zip(run(&policy, &cases, NOW)) {
                let request = case.call.request();
                let explanation = explain(&policy, &request, ran.now);
                let passed = if ran.passed {
                    "as expected"
                } else {
                    "NOT AS EXPECTED"
                };
                writeln!(page, "{}: {passed}", case.name).unwrap();
                match barred(&policy, &case.call.request(), ran.now) {
                    Some(why) => writeln!(page, "  deny: {why}").unwrap(),
                    None => writeln!(page, "  {}", words::decision(&explanation)).unwrap(),
                }
                if let Some(message) = told(&explanation.decision) {
                    writeln!(page, "  the caller is told: {message}").unwrap();
                }
                let measure = explanation.decision.measure().map(words::measure);
                let lines = words::lines(&explanation, &report) + &measure.unwrap_or_default();
                for line in lines.lines() {
                    writeln!(page, "    {line}").unwrap();
                }
            }
        }
    }
    let report = Report::new(sources, found);
    page.push_str(&report.human(false));
    let lines = page
        .lines()
        .map(|line| format!("# {line}").trim_end().to_owned() + "\n");
    lines.collect()
}

/// What the caller may be told of a decision.
fn told(decision: &Decision) -> Option<&str> {
    match decision {
        Decision::Allow(_) => None,
        Decision::Ask(asking) => asking.message().map(|message| &**message),
        Decision::Deny(denial) => {
            let message = denial.message().filter(|_| denial.visible());
            message.map(|message| &**message)
        }
    }
}

#[test]
fn every_case_file_comes_out_as_it_says() {
    let update = std::env::var_os("HOPGATE_UPDATE").is_some();
    let mut wrong = Vec::new();
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        let (policy, expected) = text.split_once(MARK).unwrap_or((&text, ""));
        let policy = policy.trim_end().to_owned() + "\n";
        let got = outcome(&policy);
        if update {
            std::fs::write(&file, format!("{policy}{MARK}{got}")).unwrap();
        } else if got != expected {
            wrong.push(format!(
                "{}\nexpected:\n{expected}\ngot:\n{got}",
                file.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A case that fails is no case: what it expects is written above what comes of it.
#[test]
fn every_test_in_a_case_file_passes() {
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(
            text.contains(MARK),
            "{}: run with HOPGATE_UPDATE=1",
            file.display()
        );
        assert!(!text.contains("NOT AS EXPECTED"), "{}", file.display());
        assert!(
            text.starts_with("# "),
            "{} does not say what it shows",
            file.display()
        );
    }
}

/// Each key of a rule, each warning, and what else is promised has its file.
#[test]
fn everything_has_its_case_file() {
    let texts: Vec<String> = files()
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    let all = texts.join("\n");
    let keys = policy::keys::RULE.iter().filter(|key| key.built());
    for key in keys.map(|key| key.name).chain(["chain", "labels", "@"]) {
        let written = [format!("\n{key} "), format!("{key} = "), key.to_owned()];
        let found = if key == "@" {
            all.contains("\"@")
        } else {
            written.iter().take(2).any(|one| all.contains(one))
        };
        assert!(found, "no case file has `{key}`");
    }
    for lint in policy::lint::LINTS {
        let warning = format!("warning[{}]", lint.code.name());
        assert!(all.contains(&warning), "no case file has {warning}");
    }
}
