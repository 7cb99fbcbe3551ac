//! The result as the page shows it, put between two marks of docs/performance.md.

use crate::Row;
use crate::machine::{Cores, about, commit};
use crate::memory::Memory;
use crate::subjects::Subject;
use std::fmt::Write;

pub(crate) fn render(cores: &Cores, rows: &[Row], start: f64, memory: &Memory) -> String {
    let mut text = format!(
        "Commit `{}` on {}; the proxy on one core, the rest on the other(s).\n\n",
        commit(),
        about(cores)
    );
    text += "| load | subject | CPU µs per call | against nginx | calls/s | p50 µs | p99 µs | p99.9 µs | RSS MiB |\n";
    text += "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
    for row in rows {
        let same = |other: &&Row| other.load == row.load && other.subject == Subject::Nginx;
        let nginx = rows.iter().find(same).and_then(Row::cpu);
        let number = |value: Option<f64>, digits: usize| {
            value.map_or("–".to_owned(), |value| format!("{value:.digits$}"))
        };
        let ratio = row.cpu().zip(nginx).map(|(own, nginx)| own / nginx);
        let rss = (row.rss > 0).then(|| row.rss as f64 / 1_048_576.0);
        let (p50, p99, p999) = (row.quantile(0.5), row.quantile(0.99), row.quantile(0.999));
        let name = row.subject.name();
        writeln!(
            text,
            "| {} | {name} | {} | {} | {:.0} | {p50:.0} | {p99:.0} | {p999:.0} | {} |",
            row.load,
            number(row.cpu(), 1),
            number(ratio, 2),
            row.rate(),
            number(rss, 1)
        )
        .expect("text");
    }
    text + &other(rows, start, memory)
}

/// The numbers of hopgate alone, each beside its aim.
fn other(rows: &[Row], start: f64, memory: &Memory) -> String {
    let kib = |bytes: usize| bytes as f64 / 1024.0 / memory.count as f64;
    let ratio = |size: &str| {
        let of = |subject| {
            rows.iter()
                .find(|row| row.subject == subject && row.load.starts_with(size))
                .and_then(Row::cpu)
        };
        of(Subject::Hopgate)
            .zip(of(Subject::Nginx))
            .map_or(f64::NAN, |(own, nginx)| own / nginx)
    };
    let session = kib(memory.sessions.saturating_sub(memory.idle));
    let stream = kib(memory.streams.saturating_sub(memory.sessions));
    let whole = memory.streams as f64 / 1_048_576.0;
    let line = |what: String, value: f64, unit: &str, aim: f64| {
        let met = if value <= aim { "met" } else { "missed" };
        format!("| {what} | {value:.2} {unit} | ≤ {aim} {unit} | {met} |\n")
    };
    let count = memory.count;
    let mut text = "\n| hopgate | measured | aim | |\n| --- | ---: | ---: | --- |\n".to_owned();
    text += &line(
        "CPU per small call, against nginx".to_owned(),
        ratio("200 B"),
        "×",
        1.5,
    );
    text += &line(
        "CPU per 64 KiB call, against nginx".to_owned(),
        ratio("64 KiB"),
        "×",
        1.1,
    );
    text += &line(
        "memory per session with its connection".to_owned(),
        session,
        "KiB",
        20.0,
    );
    text += &line("more per idle GET stream".to_owned(), stream, "KiB", 20.0);
    text += &line(
        format!("{count} sessions with a stream each, altogether"),
        whole,
        "MiB",
        0.04 * count as f64,
    );
    text += &line(
        "start to the first answered call".to_owned(),
        start,
        "ms",
        15.0,
    );
    text
}

/// Replaces what stands between the two marks of this name.
pub(crate) fn write(mark: &str, report: &str) {
    let begin = format!("<!-- {mark}: begin -->\n");
    let end = format!("<!-- {mark}: end -->");
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance.md");
    let page = std::fs::read_to_string(&file).expect("docs/performance.md");
    let (before, rest) = page.split_once(&begin).expect("the first mark");
    let (_, after) = rest.split_once(&end).expect("the second mark");
    std::fs::write(&file, format!("{before}{begin}{report}{end}{after}"))
        .expect("docs/performance.md");
}
