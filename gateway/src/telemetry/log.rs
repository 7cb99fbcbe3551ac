//! Log lines on stderr, for people or as JSON, with nothing in them that could forge another line.

use super::bridge::Sink;
use std::io::{self, Write};
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging for the process; a second call changes nothing (tests share a process).
///
/// `level` is a level or a filter such as `info,hyper=warn`. Lines are put into `sink` as well, where there is one.
///
/// # Errors
/// Says what is wrong with `level`.
pub fn start(json: bool, level: &str, sink: Option<&Sink>) -> Result<(), String> {
    let filter = EnvFilter::try_new(level).map_err(|why| format!("`--log {level}`: {why}"))?;
    let stderr = if json {
        let lines = tracing_subscriber::fmt::layer().json().flatten_event(true);
        lines.with_ansi(false).with_writer(io::stderr).boxed()
    } else {
        let lines = tracing_subscriber::fmt::layer().with_target(false);
        lines.with_ansi(false).with_writer(Escaping).boxed()
    };
    let _already = tracing_subscriber::registry()
        .with(filter)
        .with(stderr)
        .with(sink.map(Sink::layer))
        .try_init();
    Ok(())
}

/// Writes whole lines to stderr with control characters spelled out (JSON escapes them by itself).
#[derive(Debug, Clone, Copy)]
struct Escaping;

/// One line on its way.
#[derive(Debug)]
struct Line<W: Write>(W);

// === impl Escaping ===

impl<'a> MakeWriter<'a> for Escaping {
    type Writer = Line<io::Stderr>;

    fn make_writer(&'a self) -> Self::Writer {
        Line(io::stderr())
    }
}

// === impl Line ===

impl<W: Write> Write for Line<W> {
    /// The formatter hands over one event with its newline in one call.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event.strip_suffix(b"\n").unwrap_or(event));
        let mut line = String::with_capacity(text.len().saturating_add(1));
        for letter in text.chars() {
            if letter.is_control() {
                line.extend(letter.escape_default());
            } else {
                line.push(letter);
            }
        }
        line.push('\n');
        self.0.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_start_a_line_or_speak_to_the_terminal() {
        let mut out = Vec::new();
        let event = b"server=\x1b[31mred\nINFO forged\r\t\x9b\x7f end\n";
        assert_eq!(Line(&mut out).write(event).unwrap(), event.len());
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches('\n').count(), 1);
        assert!(
            text.contains("\\u{1b}[31mred\\nINFO forged\\r\\t"),
            "{text}"
        );
        assert!(text.ends_with("\\u{7f} end\n"), "{text}");
    }

    #[test]
    fn a_bad_level_is_said() {
        assert!(
            start(false, "info,=,=x=", None)
                .unwrap_err()
                .contains("--log")
        );
    }
}
