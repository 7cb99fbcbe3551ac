//! What a start finds: the end of each log is read, and what is no whole record of its chain is set aside, never thrown
//! away. Only the last segment is proven here, and that the one before it ends where the last begins; the rest is
//! `hopgate audit verify`'s.

use super::chain::{Hash, Head, Opening, hex, hex_text, plain};
use super::checkpoint::Checkpoint;
use super::disk::Disk;
use super::line::Line;
use super::segment::{Found, name, number};
use super::{CHECKPOINTS, Log};
use std::io::{self, ErrorKind};
use std::time::SystemTime;

/// One log, ready to be continued.
#[derive(Debug)]
pub(super) struct Recovered<F> {
    pub(super) found: Found<F>,
    /// What was set aside.
    pub(super) asides: Vec<Aside>,
    /// The first of the records that a checkpoint has sealed and that are not there.
    pub(super) missing_from: Option<u64>,
}

/// Bytes that were no whole record.
#[derive(Debug)]
pub(super) struct Aside {
    pub(super) bytes: u64,
    pub(super) sha256: String,
    /// Where they are kept.
    pub(super) file: String,
}

/// What is good of a segment.
struct Walk {
    good: u64,
    head: Head,
    opening: Opening,
    /// Whether a line has the sealed number and another hash.
    differs: bool,
}

/// Reads the end of a log and makes it fit to be continued.
pub(super) fn recover<D: Disk>(
    disk: &mut D,
    log: &str,
    sealed: Option<Head>,
) -> io::Result<Recovered<D::File>> {
    disk.folder(log)?;
    let mut numbers: Vec<u32> = disk
        .list(log)?
        .iter()
        .filter_map(|name| number(name))
        .collect();
    numbers.sort_unstable();
    let mut asides = Vec::new();
    while let Some(last) = numbers.pop() {
        let path = format!("{log}/{}", name(last));
        let bytes = disk.read(&path)?;
        let walk = walk(&bytes, sealed);
        let good = walk.as_ref().map_or(0, |walk| walk.good);
        let kept = usize::try_from(good).unwrap_or(usize::MAX);
        let torn = bytes.get(kept..).unwrap_or_default();
        if !torn.is_empty() {
            asides.push(set_aside(disk, (log, last), torn)?);
        }
        let Some(walk) = walk else {
            disk.remove(&path)?;
            continue;
        };
        let mut file = disk.open(&path)?;
        if !torn.is_empty() {
            disk.cut(&mut file, good)?;
            disk.sync(&mut file)?;
        }
        if let Some(before) = numbers.pop() {
            asides.extend(join(disk, (log, before), walk.opening.before)?);
        }
        let found = Found {
            number: last,
            file: Some(file),
            good,
            head: walk.head,
            began: walk.opening.at,
        };
        let missing = sealed.filter(|sealed| sealed.seq > walk.head.seq);
        let differs = sealed.filter(|_| walk.differs);
        return Ok(Recovered {
            found,
            asides,
            missing_from: missing
                .map(|_| walk.head.seq + 1)
                .or(differs.map(|sealed| sealed.seq)),
        });
    }
    Ok(Recovered {
        found: Found {
            number: 0,
            file: None,
            good: 0,
            head: Head::START,
            began: SystemTime::UNIX_EPOCH,
        },
        asides,
        missing_from: sealed.map(|_| 1),
    })
}

/// As far as a segment's lines follow each other.
fn walk(bytes: &[u8], sealed: Option<Head>) -> Option<Walk> {
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next()?.strip_suffix(b"\n")?;
    let opening = Opening::read(first)?;
    let mut head = opening.before.next(first).ok()?;
    let mut good = first.len() as u64 + 1;
    let differs =
        |head: Head| sealed.is_some_and(|sealed| sealed.seq == head.seq && sealed != head);
    let mut differ = differs(head);
    for line in lines {
        let Some(Ok(next)) = line.strip_suffix(b"\n").map(|line| head.next(line)) else {
            break;
        };
        head = next;
        good += line.len() as u64;
        differ |= differs(head);
    }
    Some(Walk {
        good,
        head,
        opening,
        differs: differ,
    })
}

/// Cuts off what a refused batch may have left in a segment beyond where the next one continues.
fn join<D: Disk>(disk: &mut D, (log, number): (&str, u32), end: Head) -> io::Result<Option<Aside>> {
    let path = format!("{log}/{}", name(number));
    let bytes = disk.read(&path)?;
    if ends_with(&bytes, &end.hash) {
        return Ok(None);
    }
    let mut good = 0;
    let found = bytes.split_inclusive(|byte| *byte == b'\n').any(|line| {
        good += line.len();
        ends_with(line, &end.hash)
    });
    let Some(torn) = bytes.get(good..).filter(|_| found) else {
        tracing::error!(
            log,
            segment = number,
            "the last two segments of a record do not follow each other; `hopgate audit verify` says where it breaks"
        );
        return Ok(None);
    };
    let aside = set_aside(disk, (log, number), torn)?;
    let mut file = disk.open(&path)?;
    disk.cut(&mut file, good as u64)?;
    disk.sync(&mut file)?;
    Ok(Some(aside))
}

fn ends_with(bytes: &[u8], hash: &Hash) -> bool {
    bytes
        .strip_suffix(b"\"}\n")
        .is_some_and(|bytes| bytes.ends_with(&hex(hash)))
}

/// Copies bytes into a file of their own, durably, before anybody cuts them off.
fn set_aside<D: Disk>(disk: &mut D, (log, number): (&str, u32), torn: &[u8]) -> io::Result<Aside> {
    let taken = disk.list(log)?;
    let names = (1_u32..).map(|copy| format!("{number:08}.torn-{copy}"));
    let mut free = names.skip_while(|name| taken.contains(name));
    let file = free.next().ok_or(ErrorKind::AlreadyExists)?;
    let mut copy = disk.create(&format!("{log}/{file}"))?;
    let mut left = torn;
    while !left.is_empty() {
        let written = disk.write(&mut copy, left)?;
        if written == 0 {
            return Err(ErrorKind::WriteZero.into());
        }
        left = left.get(written..).unwrap_or_default();
    }
    disk.sync(&mut copy)?;
    disk.sync_folder(log)?;
    Ok(Aside {
        bytes: torn.len() as u64,
        sha256: hex_text(&plain(torn)),
        file,
    })
}

/// The newest checkpoint of a log of them.
pub(super) fn newest<D: Disk>(
    disk: &mut D,
    log: &str,
    last: u32,
) -> io::Result<Option<Checkpoint>> {
    for number in (1..=last).rev() {
        let bytes = match disk.read(&format!("{log}/{}", name(number))) {
            Err(error) if error.kind() == ErrorKind::NotFound => break,
            bytes => bytes?,
        };
        let found = bytes
            .rsplit(|byte| *byte == b'\n')
            .find_map(Checkpoint::read);
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// What recovery has to say of a log, loudly where records are missing that were sealed.
pub(super) fn told<F>(
    log: Option<Log>,
    now: SystemTime,
    found: &Recovered<F>,
    expected: Option<u64>,
) -> Vec<(Option<Log>, Line)> {
    let name = log.map_or(CHECKPOINTS, Log::name);
    let mut lines = Vec::new();
    // A line of the fourth log is ended like any other; which of the three it names does not matter.
    let line = || Line::at(now, log.unwrap_or(Log::Decisions), "recovered");
    for aside in &found.asides {
        let (file, bytes) = (&aside.file, aside.bytes);
        tracing::warn!(
            log = name,
            file,
            bytes,
            "the end of a record was no whole line: it is set aside"
        );
        let mut line = line();
        line.text("file", file)
            .number("bytes", bytes)
            .text("sha256", &aside.sha256);
        lines.push((log, line));
    }
    if let (Some(missing_from), Some(expected)) = (found.missing_from, expected) {
        tracing::error!(
            log = name,
            missing_from,
            expected,
            "RECORDS ARE MISSING that a checkpoint has sealed: the log was cut, rewritten or restored"
        );
        let mut line = line();
        line.number("missing_from", missing_from)
            .number("expected", expected);
        lines.push((log, line));
    }
    lines
}
