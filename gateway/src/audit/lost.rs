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
struct Found {
    /// The calls without an outcome, in the order they began.
    calls: Vec<Uuid>,
    /// Whether the bytes did not reach as far back as the time.
    short: bool,
}

/// As much of a line as says of which kind it is and of which call.
const HEAD: u64 = 128;
/// As many outcomes are written as one.
const BATCH: usize = 512;

/// The outcomes of those below `folder`, the `audit` of a `data_dir`, in which nobody writes meanwhile.
pub(crate) fn ended(folder: &Path, reach: Reach) -> impl Iterator<Item = Lines> + use<> {
    let found = find(folder, reach).unwrap_or_else(|why| {
        tracing::error!(
            "calls that were cut off get no outcome: the records cannot be read back: {why}"
        );
        Found::default()
    });
    if found.short {
        let bytes = reach.bytes;
        tracing::warn!(
            bytes,
            "calls that were cut off were looked for in the newest records only"
        );
    }
    if !found.calls.is_empty() {
        let calls = found.calls.len();
        tracing::warn!(
            calls,
            "calls were cut off by the end of the last process: recorded as lost"
        );
    }
    outcomes(found.calls)
}

/// Looks for them.
fn find(folder: &Path, reach: Reach) -> io::Result<Found> {
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

fn outcomes(calls: Vec<Uuid>) -> impl Iterator<Item = Lines> {
    let mut left = calls.into_iter();
    std::iter::from_fn(move || {
        let line = |call: Uuid| {
            let mut line = Line::new(Log::Calls, "outcome");
            line.id("call", call).text("ending", "lost");
            line
        };
        let lines: Lines = left.by_ref().take(BATCH).map(line).collect();
        (!lines.is_empty()).then_some(lines)
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

#[cfg(test)]
mod tests {
    use super::super::journal::{Journal, Settings, Signer};
    use super::super::{Arguments, CallId, Ending, Record, entry};
    use super::*;
    use crate::task::seal::KeyRing;
    use std::net::{IpAddr, Ipv4Addr};
    use std::path::PathBuf;
    use std::sync::Arc;

    const ALL: Reach = Reach {
        time: Duration::from_secs(24 * 60 * 60),
        bytes: u64::MAX,
    };

    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let name = format!("hopgate-lost-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            drop(fs::remove_dir_all(&path));
            fs::create_dir_all(path.join("calls")).unwrap();
            Self(path)
        }

        /// A segment of these lines: when, what, which call.
        fn segment(&self, number: u32, lines: &[(&str, &str, u128)]) {
            let line = |(at, kind, call): &(&str, &str, u128)| {
                format!(
                    "{{\"at\":\"2026-11-{at}:00.000000Z\",\"kind\":\"{kind}\",\"call\":\"{call:032x}\",\"x\":\"{}\"}}\n",
                    // What a caller says cannot make a line another one.
                    r#"{\"kind\":\"outcome\",\"call\":\""#.repeat(20)
                )
            };
            let text: String = lines.iter().map(line).collect();
            let name = super::super::journal::name(number);
            fs::write(self.0.join("calls").join(name), text).unwrap();
        }

        fn find(&self, reach: Reach) -> (Vec<u128>, bool) {
            let found = find(&self.0, reach).unwrap();
            let calls = found.calls.iter().map(Uuid::as_u128).collect();
            (calls, found.short)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    fn journal(place: &Place) -> Journal {
        let ring = KeyRing::new([("k1", [7; 32].as_slice())]).unwrap();
        let settings = Settings {
            segment_bytes: 3_000,
            ..Settings::default()
        };
        Journal::open(&place.0, settings, Signer::new(Arc::new(ring)).unwrap()).unwrap()
    }

    /// As the gateway writes its records, over many segments: every call that has not ended, and only once.
    #[tokio::test]
    async fn each_call_gets_one_outcome() {
        let place = Place::new("once");
        let journal = journal(&place);
        let mut open = Vec::new();
        for number in 0..40 {
            let (snapshot, server) = (Arc::from("digest"), Arc::from("up"));
            let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let mut record = Record::begin(CallId::new(), snapshot, server, address);
            record.arguments = Some(Arguments::Full("{\"a\":1}".repeat(50).into()));
            journal.write(entry::intent(&record)).await.unwrap();
            record.intended = true;
            if number % 3 == 0 {
                open.push(record.call.uuid());
            } else {
                record.end(Ending::Answered);
                journal.write(entry::outcome(&record)).await.unwrap();
            }
        }
        assert!(fs::read_dir(place.0.join("calls")).unwrap().count() > 3);
        let found = find(&place.0, ALL).unwrap();
        assert_eq!(found.calls, open);
        for lines in ended(&place.0, ALL) {
            journal.write(lines).await.unwrap();
        }
        assert_eq!(find(&place.0, ALL).unwrap(), Found::default());
        journal.close(Vec::new()).await.unwrap();
    }

    #[test]
    fn no_further_back_than_a_call_may_last() {
        let place = Place::new("time");
        place.segment(1, &[("20T10:00", "intent", 1), ("20T11:00", "intent", 2)]);
        place.segment(2, &[("21T12:00", "intent", 3), ("21T13:00", "outcome", 2)]);
        place.segment(3, &[("21T13:01", "intent", 4), ("21T13:02", "outcome", 3)]);
        let hours = |hours: u64| Reach {
            time: Duration::from_secs(hours * 60 * 60),
            ..ALL
        };
        assert_eq!(place.find(hours(24)), (vec![1, 4], false));
        assert_eq!(place.find(hours(1)), (vec![4], false));
        assert_eq!(place.find(Reach { bytes: 1, ..ALL }), (vec![4], true));
    }

    /// An outcome may stand in what is not there.
    #[test]
    fn a_gap_ends_the_search() {
        let place = Place::new("gap");
        place.segment(1, &[("21T10:00", "intent", 1)]);
        place.segment(3, &[("21T10:02", "intent", 3)]);
        assert_eq!(place.find(ALL), (vec![3], false));
        place.segment(2, &[("21T10:01", "outcome", 1)]);
        assert_eq!(place.find(ALL), (vec![3], false));
    }

    #[test]
    fn what_is_no_such_line_is_passed_over() {
        let place = Place::new("odd");
        place.segment(1, &[("21T10:00", "segment", 1), ("21T10:00", "opened", 2)]);
        assert_eq!(place.find(ALL), (vec![], false));
        for text in [
            "",
            "\n\n",
            "{\"at\":\"",
            "{\"at\":\"é\",\"kind\":\"intent\"}\n",
        ] {
            fs::write(place.0.join("calls/00000002.jsonl"), text).unwrap();
            assert_eq!(place.find(ALL), (vec![], false), "{text}");
        }
        fs::create_dir(place.0.join("calls/00000003.jsonl")).unwrap();
        assert!(find(&place.0, ALL).is_err());
    }
}
