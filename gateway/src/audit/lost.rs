//! Calls that the end of the last process cut off: their intent is on record and their outcome is not. At a start each
//! gets its outcome, so that every call has exactly one.
//!
//! The log is read backwards segment by segment until no call that was open at the end can have begun before, and then
//! once forwards, of each line only as much as says what it is: it is a start that waits. Whether the log is whole is
//! not asked here; where it cannot be read, or a segment is missing, nothing is written, because an outcome may stand
//! in what was not read.

use super::journal::{Line, Lines, Log, Stamp, number};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// How far back calls are looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    /// The longest a call may have been open.
    pub(crate) time: Duration,
    /// Of the log's files.
    pub(crate) bytes: u64,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// The calls without an outcome, in the order they began.
    pub(crate) calls: Vec<Uuid>,
    /// Whether the bytes did not reach as far back as the time.
    pub(crate) short: bool,
}

/// As much of a line as says of which kind it is and of which call.
const HEAD: u64 = 128;
/// As many outcomes are written as one.
const BATCH: usize = 512;

/// Looks for them below `folder`, the `audit` of a `data_dir`, in which nobody writes meanwhile.
///
/// # Errors
///
/// A file that cannot be read.
pub(crate) fn find(folder: &Path, reach: Reach) -> io::Result<Found> {
    let folder = folder.join(Log::Calls.name());
    let mut segments = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let entry = entry?;
        let number = entry.file_name().to_str().and_then(number);
        segments.extend(number.map(|number| (number, entry.path())));
    }
    segments.sort();
    let mut wanted: Vec<File> = Vec::new();
    let (mut began, mut bytes, mut after) = (None, 0_u64, None);
    let mut short = false;
    for (number, path) in segments.into_iter().rev() {
        // What was before a gap may have ended in the gap.
        if after.is_some_and(|after| number.checked_add(1) != Some(after)) {
            break;
        }
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        if !wanted.is_empty() && bytes.saturating_add(size) > reach.bytes {
            short = true;
            break;
        }
        let opened = opened(&mut file)?;
        // The last segment was open when the process ended, so calls of its first instant may have been.
        let end = *began.get_or_insert(opened);
        (bytes, after) = (bytes.saturating_add(size), Some(number));
        wanted.push(file);
        if opened
            .checked_add(reach.time)
            .is_some_and(|last| last < end)
        {
            break;
        }
    }
    let calls = open_at_the_end(wanted.into_iter().rev())?;
    Ok(Found { calls, short })
}

/// Their outcomes.
pub(crate) fn outcomes(calls: &[Uuid]) -> impl Iterator<Item = Lines> {
    calls.chunks(BATCH).map(|calls| {
        let line = |call: &Uuid| {
            let mut line = Line::new(Log::Calls, "outcome");
            line.id("call", *call).text("ending", "lost");
            line
        };
        calls.iter().map(line).collect()
    })
}

/// When a segment began; the file is read from its start afterwards.
fn opened(file: &mut File) -> io::Result<SystemTime> {
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head)?;
    io::Seek::rewind(file)?;
    let at = head.strip_prefix(AT).and_then(|rest| rest.get(..27));
    let at = at.and_then(|at| Stamp::read(std::str::from_utf8(at).ok()?));
    // One that does not say so is older than anything: nothing is looked for before it.
    Ok(at.unwrap_or(SystemTime::UNIX_EPOCH))
}

fn open_at_the_end(segments: impl Iterator<Item = File>) -> io::Result<Vec<Uuid>> {
    let mut open = Open::default();
    let mut head = Vec::new();
    for file in segments {
        let mut reader = BufReader::with_capacity(1 << 18, file);
        while read(&mut reader, &mut head)? {
            match said(&head) {
                Some((Kind::Intent, call)) => open.begin(call),
                Some((Kind::Outcome, call)) => open.end(call),
                None => {}
            }
        }
    }
    Ok(open.into_calls())
}

/// The head of the next line; the rest is passed over. No where the file ends.
fn read(reader: &mut BufReader<File>, head: &mut Vec<u8>) -> io::Result<bool> {
    head.clear();
    reader.by_ref().take(HEAD).read_until(b'\n', head)?;
    if !head.is_empty() && head.last() != Some(&b'\n') {
        reader.skip_until(b'\n')?;
    }
    Ok(!head.is_empty())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Intent,
    Outcome,
}

const AT: &[u8] = br#"{"at":""#;

/// What a line is, where it is the beginning or the end of a call.
fn said(head: &[u8]) -> Option<(Kind, Uuid)> {
    let rest = head.strip_prefix(AT)?.get(27..)?;
    let rest = rest.strip_prefix(br#"","kind":""#)?;
    let (kind, rest) = match rest.strip_prefix(b"intent") {
        Some(rest) => (Kind::Intent, rest),
        None => (Kind::Outcome, rest.strip_prefix(b"outcome")?),
    };
    let call = rest.strip_prefix(br#"","call":""#)?.get(..32)?;
    Uuid::try_parse_ascii(call).ok().map(|call| (kind, call))
}

/// Calls that have begun and not ended, at one point of the log.
#[derive(Debug, Default)]
struct Open {
    calls: HashSet<Uuid>,
    /// Those that began, in order; from time to time without those that have ended.
    order: Vec<Uuid>,
}

// === impl Open ===

impl Open {
    fn begin(&mut self, call: Uuid) {
        self.calls.insert(call);
        self.order.push(call);
        if self.order.len() > self.calls.len().saturating_mul(2).max(1 << 16) {
            self.order.retain(|call| self.calls.contains(call));
        }
    }

    fn end(&mut self, call: Uuid) {
        self.calls.remove(&call);
    }

    fn into_calls(mut self) -> Vec<Uuid> {
        self.order.retain(|call| self.calls.contains(call));
        self.order
    }
}
