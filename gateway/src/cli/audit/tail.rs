//! `hopgate audit tail`: the last records of a log, and those that come.

use super::read::{Record, segments};
use super::{Format, Place, folder};
use crate::audit::journal::{CHECKPOINTS, Log, name};
use clap::Args;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Which records.
#[derive(Debug, Args)]
pub struct Tail {
    /// Which log.
    #[arg(default_value = "calls", value_parser = ["calls", "decisions", "secrets", "checkpoints"])]
    log: String,
    /// Go on with those that come.
    #[arg(long, short)]
    follow: bool,
    /// How many.
    #[arg(short, value_name = "N", default_value_t = 10)]
    number: usize,
    #[command(flatten)]
    place: Place,
}

/// How often a log is looked at for what has come.
const GLANCE: Duration = Duration::from_millis(250);

/// How far a log was read.
struct Reader {
    folder: PathBuf,
    log: &'static str,
    segment: u32,
    offset: u64,
}

/// Prints the end of a log. Exit codes: 0 done, 1 the log cannot be read, 2 there are no records.
pub(super) fn run(file: &Path, format: Format, asked: &Tail) -> ExitCode {
    let folder = match folder(file, format, asked.place.dir.as_deref()) {
        Ok(folder) => folder,
        Err(code) => return code,
    };
    let log = Log::ALL.into_iter().map(Log::name);
    let log = log.chain([CHECKPOINTS]).find(|log| *log == asked.log);
    let mut reader = Reader {
        folder,
        log: log.unwrap_or(CHECKPOINTS),
        segment: 0,
        offset: 0,
    };
    match reader.run(format, asked) {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that has left, such as `head`, has what it wanted.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hopgate: `{}`: {error}", asked.log);
            ExitCode::FAILURE
        }
    }
}

// === impl Reader ===

impl Reader {
    fn run(&mut self, format: Format, asked: &Tail) -> io::Result<()> {
        let mut last = VecDeque::new();
        // From the end: the last segments that hold as many records as are asked for.
        for number in segments(&self.folder, self.log)?.into_iter().rev() {
            let (at, lines) = self.lines(number, 0)?;
            if self.segment == 0 {
                (self.segment, self.offset) = (number, at);
            }
            for line in lines.into_iter().rev() {
                last.push_front(line);
            }
            if last.len() >= asked.number {
                break;
            }
        }
        let skipped = last.len().saturating_sub(asked.number);
        for line in last.iter().skip(skipped) {
            self.print(format, line)?;
        }
        if !asked.follow {
            return Ok(());
        }
        loop {
            if !self.step(format)? {
                std::thread::sleep(GLANCE);
            }
        }
    }

    /// Prints what has come; says whether there was anything.
    fn step(&mut self, format: Format) -> io::Result<bool> {
        // Asked before the file is read: a segment with a successor grows no more.
        let next = segments(&self.folder, self.log)?;
        let next = next.into_iter().find(|number| *number > self.segment);
        let mut any = false;
        if self.segment > 0 {
            let (at, lines) = self.lines(self.segment, self.offset)?;
            self.offset = at;
            any = !lines.is_empty();
            for line in &lines {
                self.print(format, line)?;
            }
        }
        if let Some(next) = next {
            (self.segment, self.offset) = (next, 0);
            any = true;
        }
        Ok(any)
    }

    /// The whole lines of a segment from an offset on, and where they end.
    fn lines(&self, number: u32, offset: u64) -> io::Result<(u64, Vec<String>)> {
        let mut file = File::open(self.folder.join(self.log).join(name(number)))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = memchr::memrchr(b'\n', &bytes).map_or(0, |at| at + 1);
        bytes.truncate(whole);
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().map(str::to_owned).collect();
        Ok((offset + whole as u64, lines))
    }

    fn print(&self, format: Format, line: &str) -> io::Result<()> {
        let text = match (format, serde_json::from_str(line)) {
            (Format::Human, Ok(said)) => Record {
                log: self.log,
                said,
            }
            .human(),
            (Format::Human, Err(_)) => format!("{}\n", super::read::shown(line)),
            (Format::Json, _) => format!("{line}\n"),
        };
        let mut out = io::stdout();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}
