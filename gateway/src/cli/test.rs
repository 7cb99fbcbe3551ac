//! `hopgate test`: runs `[[tests]]` of the configuration and of files, and shows what came otherwise than expected.

use super::account::Account;
use super::{Format, check, loaded};
use crate::config::read_file;
use crate::identity::now;
use policy::cases::{Case, Ran, read, run as run_cases};
use policy::diagnostic::Span;
use policy::document::Document;
use policy::{Code, Diagnostic, Now, Outcome, Policy, Report, Source, explain, keys, shape, words};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Some tests, and where they are written.
struct Suite {
    cases: Vec<Case>,
    report: Report,
}

/// One test that has been run.
struct Line<'a> {
    case: &'a Case,
    /// Where the test is written.
    report: &'a Report,
    ran: Ran,
}

/// Runs the tests. Exit codes: 0 all pass, 1 some fail or there are mistakes.
pub(super) fn run(file: &Path, format: Format, files: &[PathBuf]) -> ExitCode {
    let loaded = match loaded(file, format) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let policy = &loaded.config.policy;
    let own = Suite {
        cases: loaded.cases,
        report: loaded.report,
    };
    let mut suites = vec![own];
    for file in files {
        match suite(file, policy) {
            Ok(suite) => suites.push(suite),
            Err(report) => {
                match format {
                    Format::Human => eprint!("{}", check::human(&report, false)),
                    Format::Json => super::print(&format!("{}\n", check::machine(&report))),
                }
                return ExitCode::FAILURE;
            }
        }
    }
    let now = Now(i64::try_from(now()).unwrap_or(i64::MAX));
    let mut lines = Vec::new();
    for suite in &suites {
        let ran = run_cases(policy, &suite.cases, now);
        lines.extend(suite.cases.iter().zip(ran).map(|(case, ran)| Line {
            case,
            report: &suite.report,
            ran,
        }));
    }
    let rules = suites.first().map(|suite| &suite.report);
    let page = match format {
        Format::Human => human(policy, rules, &lines),
        Format::Json => format!("{:#}\n", machine(policy, rules, &lines)),
    };
    super::print(&page);
    match failed(&lines) {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// The tests of one file, which may hold nothing else.
fn suite(file: &Path, policy: &Policy) -> Result<Suite, Report> {
    let name = file.display().to_string();
    let text = read_file(file).map_err(|why| {
        let message = format!("`{name}`: {why}");
        Report::new(
            Vec::new(),
            vec![Diagnostic::placeless(Code::Unreadable, message)],
        )
    })?;
    let sources = vec![Source::new(name, text.as_str())];
    let (document, mut found) = Document::read(sources.clone());
    let mut cases = Vec::new();
    if let Some(document) = document {
        found.extend(shape::check(
            &[keys::TESTS],
            &document.root,
            Span::start_of(0),
        ));
        let (read, mistakes) = read(&document, policy);
        found.extend(mistakes);
        cases = read;
    }
    let report = Report::new(sources, found);
    match report.errors() {
        0 => Ok(Suite { cases, report }),
        _ => Err(report),
    }
}

fn failed(lines: &[Line<'_>]) -> usize {
    lines.iter().filter(|line| !line.ran.passed).count()
}

fn human(policy: &Policy, rules: Option<&Report>, lines: &[Line<'_>]) -> String {
    let mut page = String::new();
    // A text that cannot be written to does not exist.
    for line in lines {
        if line.ran.passed {
            let _ = writeln!(page, "ok    {}", line.case.name);
            continue;
        }
        let place = words::place(line.report, line.case.span);
        let expected = &line.case.expected;
        let _ = writeln!(page, "FAIL  {}  ({place})", line.case.name);
        let _ = writeln!(
            page,
            "  - expected {}",
            said(expected.outcome, expected.rule.as_deref())
        );
        let _ = writeln!(
            page,
            "  + got      {}",
            said(line.ran.outcome, line.ran.rule.as_deref())
        );
        let request = line.case.call.request();
        let explanation = explain(policy, &request, line.ran.now);
        let account = rules.map(|report| line.account(policy, report, &explanation));
        if let Some(account) = account {
            let _ = writeln!(page, "  {}", account.headline());
            for told in account.lines().lines() {
                let _ = writeln!(page, "    {told}");
            }
        }
    }
    let many = if lines.len() == 1 { "" } else { "s" };
    let _ = writeln!(page, "{} test{many}, {} failed", lines.len(), failed(lines));
    page
}

fn machine(policy: &Policy, rules: Option<&Report>, lines: &[Line<'_>]) -> Value {
    let results = lines.iter().map(|line| {
        let place = line.report.place(line.case.span);
        let (file, at) = place.map_or((None, None), |place| (Some(place.file), Some(place.line)));
        let expected = &line.case.expected;
        let request = line.case.call.request();
        let explanation = explain(policy, &request, line.ran.now);
        let account = rules.filter(|_| !line.ran.passed);
        let account = account.map(|report| line.account(policy, report, &explanation).json());
        json!({ "name": line.case.name, "file": file, "line": at, "passed": line.ran.passed,
            "expected": { "decision": expected.outcome.name(), "rule": expected.rule },
            "got": { "decision": line.ran.outcome.name(), "rule": line.ran.rule }, "explanation": account })
    });
    let results: Vec<Value> = results.collect();
    json!({ "tests": lines.len(), "failed": failed(lines), "results": results })
}

fn said(outcome: Outcome, rule: Option<&str>) -> String {
    match rule {
        Some(rule) => format!("{} by `{rule}`", outcome.name()),
        None => outcome.name().to_owned(),
    }
}

// === impl Line ===

impl Line<'_> {
    fn account<'a>(
        &'a self,
        policy: &'a Policy,
        report: &'a Report,
        explanation: &'a policy::Explanation<'a>,
    ) -> Account<'a> {
        Account {
            policy,
            report,
            request: self.case.call.request(),
            now: self.ran.now,
            explanation,
        }
    }
}
