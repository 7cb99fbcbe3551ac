//! The records of one log, segment after segment.

use super::{Damage, Line};
use memchr::memmem::Finder;
use std::fs::{File, read_dir};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

/// The most bytes of one line: the largest request there can be, and more.
const LINE_MOST: u64 = 256 << 20;

/// The records of one log, in order; iterate.
#[derive(Debug)]
pub(crate) struct Lines {
    segments: std::vec::IntoIter<PathBuf>,
    open: Option<Segment>,
    /// Only lines that hold this are wanted; the others are not even looked at.
    only: Option<Finder<'static>>,
    damage: Damage,
}

/// A segment that is being read.
#[derive(Debug)]
struct Segment {
    path: PathBuf,
    reader: BufReader<File>,
    /// The line that was read last, from 1.
    number: u64,
}

/// What came of reading on.
enum Step {
    Line(Vec<u8>),
    /// The file ends before the line does.
    Torn,
    TooLong,
    End,
}

// === impl Lines ===

impl Lines {
    /// The records of a log, `calls` or another, below `folder`.
    ///
    /// # Errors
    ///
    /// Why there is nothing to read.
    pub(crate) fn of(folder: &Path, log: &str) -> Result<Self, String> {
        let folder = folder.join(log);
        let unread = |why: &dyn std::fmt::Display| format!("`{}`: {why}", folder.display());
        let entries = read_dir(&folder).map_err(|why| unread(&why))?;
        let mut segments: Vec<(u64, PathBuf)> = Vec::new();
        for entry in entries {
            let path = entry.map_err(|why| unread(&why))?.path();
            segments.extend(number(&path).map(|number| (number, path)));
        }
        if segments.is_empty() {
            return Err(unread(&"no segment of a log is there"));
        }
        segments.sort();
        let segments: Vec<PathBuf> = segments.into_iter().map(|(_, path)| path).collect();
        Ok(Self {
            segments: segments.into_iter(),
            open: None,
            only: None,
            damage: Damage::default(),
        })
    }

    /// Only those that hold this text.
    pub(crate) fn containing(self, text: &str) -> Self {
        Self {
            only: Some(Finder::new(text).into_owned()),
            ..self
        }
    }

    /// What could not be read so far.
    pub(crate) fn into_damage(self) -> Damage {
        self.damage
    }

    /// The next segment that can be opened; the others are damage.
    fn turn(&mut self) -> Option<&mut Segment> {
        while self.open.is_none() {
            let path = self.segments.next()?;
            match File::open(&path) {
                Ok(file) => {
                    self.open = Some(Segment {
                        path,
                        reader: BufReader::with_capacity(1 << 16, file),
                        number: 0,
                    });
                }
                Err(why) => self.damage.note(&path, 0, why.to_string()),
            }
        }
        self.open.as_mut()
    }
}

impl Iterator for Lines {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        loop {
            let segment = self.turn()?;
            let step = segment.step();
            let (path, number) = (segment.path.clone(), segment.number);
            let why = match step {
                Ok(Step::Line(text)) => {
                    let unwanted = |only: &Finder<'_>| only.find(&text).is_none();
                    if self.only.as_ref().is_some_and(unwanted) {
                        continue;
                    }
                    match Line::read(text) {
                        Ok(line) => return Some(line),
                        Err(why) => why,
                    }
                }
                Ok(Step::TooLong) => format!("it has more than {LINE_MOST} bytes"),
                Ok(Step::End) => {
                    self.open = None;
                    continue;
                }
                Ok(Step::Torn) => {
                    self.open = None;
                    // At the end of a log it is being written, or was when the gateway stopped.
                    if self.segments.as_slice().is_empty() {
                        continue;
                    }
                    "the file ends before the line does".to_owned()
                }
                Err(why) => {
                    self.open = None;
                    why.to_string()
                }
            };
            self.damage.note(&path, number, why);
        }
    }
}

// === impl Segment ===

impl Segment {
    fn step(&mut self) -> io::Result<Step> {
        let mut text = Vec::new();
        let mut bounded = (&mut self.reader).take(LINE_MOST);
        bounded.read_until(b'\n', &mut text)?;
        let at_bound = bounded.limit() == 0;
        self.number += 1;
        Ok(match text.pop() {
            None => Step::End,
            Some(b'\n') => Step::Line(text),
            Some(_) if at_bound => {
                self.reader.skip_until(b'\n')?;
                Step::TooLong
            }
            Some(_) => Step::Torn,
        })
    }
}

/// The number of a segment; `None` of what is none, such as what was torn and set aside.
fn number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".jsonl")?;
    let digits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| name.parse().ok()).flatten()
}
