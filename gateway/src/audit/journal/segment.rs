//! One log on disk: segments that continue each other's chain, the last of them open, and what is staged for it.
//!
//! A batch is staged, written with one call, synced where that is asked for, and then either committed or rolled back;
//! until it is committed nothing of it counts. What can go wrong, and why the answer is right:
//!
//! * **A write fails or is short** (`ENOSPC`, `EIO`). The file is cut back to its last committed byte; the segment is as
//!   good as before. Where even that fails, the log stays [`State::Torn`] and is cut before anything else is written.
//! * **A sync fails** (`EIO`). The kernel then marks the pages it could not write as clean: they stay readable, are lost
//!   with the machine's memory, and a second `fdatasync` of the same file succeeds without them. So success after
//!   failure proves nothing about bytes written before it, and this segment never takes another one: it is cut back to
//!   its last committed byte, which an earlier sync has brought to the disk, and a new segment continues from there.
//!   Whoever waited for the lost bytes was told that they are unwritten; what must not be lost is kept in memory and
//!   written anew, into the new segment. A segment that held no committed line is removed and made again.
//! * **The machine stops between the two.** The cut itself may be lost: the old segment may then end in lines of the
//!   batch that was refused, whole or in part, beyond what the next segment says it continues. Recovery sets them aside.

use super::chain::{Head, Opening};
use super::disk::Disk;
use super::settings::{Durability, Settings};
use std::io::{self, ErrorKind};
use std::time::SystemTime;

/// Whether the open segment can be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Sound,
    /// It may hold more than was committed.
    Torn,
    /// A sync of it has failed, or it is not where it was.
    Doubtful,
}

/// One log: its last segment, open, and what is staged for it.
#[derive(Debug)]
pub(super) struct Segment<D: Disk> {
    log: &'static str,
    /// Which segment is open; 0 before the first.
    number: u32,
    file: Option<D::File>,
    /// Bytes that are committed.
    good: u64,
    /// The last committed line.
    head: Head,
    /// When this segment began.
    began: SystemTime,
    staged: Vec<u8>,
    /// The last staged line.
    next: Head,
    state: State,
    /// Whether the folder does not yet surely know the file.
    fresh: bool,
    /// Whether a batch has failed here, and no later one succeeded.
    failed: bool,
}

/// Where a log stands: what recovery found.
#[derive(Debug)]
pub(super) struct Found<F> {
    pub(super) number: u32,
    pub(super) file: Option<F>,
    pub(super) good: u64,
    pub(super) head: Head,
    pub(super) began: SystemTime,
}

/// The name of a segment's file.
pub(crate) fn name(number: u32) -> String {
    format!("{number:08}.jsonl")
}

/// The number of a segment's file.
pub(crate) fn number(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".jsonl")?;
    let plain = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|number| plain && *number > 0)
}

// === impl Segment ===

impl<D: Disk> Segment<D> {
    pub(super) fn new(log: &'static str, found: Found<D::File>) -> Self {
        Self {
            log,
            number: found.number,
            file: found.file,
            good: found.good,
            head: found.head,
            began: found.began,
            staged: Vec::new(),
            next: found.head,
            state: State::Sound,
            // A crash may have come before the folder was synced.
            fresh: true,
            failed: false,
        }
    }

    /// Stages an open line, in a new segment where the open one is full or old.
    pub(super) fn stage(
        &mut self,
        disk: &mut D,
        settings: &Settings,
        line: &Open<'_>,
    ) -> io::Result<()> {
        if self.staged.is_empty() {
            if self.file.is_none() || self.is_done(settings, line.now) {
                self.rotate(disk)?;
            }
            if self.good == 0 {
                self.began = line.now;
                Opening::write(&self.next, line.now, &mut self.staged);
                self.next.end(&mut self.staged, 0);
            }
        }
        let from = self.staged.len();
        self.staged.extend_from_slice(line.text.as_bytes());
        if line.undelivered {
            self.staged.extend_from_slice(br#","undelivered":true"#);
        }
        self.next.end(&mut self.staged, from);
        Ok(())
    }

    /// Writes what is staged.
    pub(super) fn write(&mut self, disk: &mut D) -> io::Result<()> {
        let Some(file) = self.file.as_mut().filter(|_| !self.staged.is_empty()) else {
            return Ok(());
        };
        self.state = State::Torn;
        let mut rest = self.staged.as_slice();
        while !rest.is_empty() {
            // Of a disk that took a part only the next attempt says why.
            let taken = disk.write(file, rest)?;
            if taken == 0 {
                let none = "the disk took part of a write only";
                return Err(io::Error::new(ErrorKind::StorageFull, none));
            }
            rest = rest.get(taken..).unwrap_or_default();
        }
        self.state = State::Sound;
        Ok(())
    }

    /// Brings what was written to stable storage, and the file's name where it is new.
    pub(super) fn sync(&mut self, disk: &mut D) -> io::Result<()> {
        let Some(file) = self.file.as_mut() else {
            return Ok(());
        };
        let synced = disk.sync(file).and_then(|()| match self.fresh {
            true => disk.sync_folder(self.log),
            false => Ok(()),
        });
        match synced {
            Ok(()) => self.fresh = false,
            Err(_) => self.state = State::Doubtful,
        }
        synced
    }

    /// Makes sure that the file is still where readers look for it: what is written to one that was moved or removed is
    /// on nobody's record. Such a segment is given up as one whose sync failed.
    pub(super) fn find(&mut self, disk: &mut D) -> io::Result<()> {
        let path = self.path(self.number);
        let Some(file) = &self.file else {
            return Ok(());
        };
        if disk.is_at(&path, file)? {
            return Ok(());
        }
        self.state = State::Doubtful;
        let why = format!("`{path}` was moved or removed");
        Err(io::Error::new(ErrorKind::NotFound, why))
    }

    /// What is staged counts from here on.
    pub(super) fn commit(&mut self) {
        if !self.staged.is_empty() {
            self.good += self.staged.len() as u64;
            self.head = self.next;
            self.failed = false;
            self.staged.clear();
        }
        // One huge batch must not hold its memory for ever.
        self.staged.shrink_to(1 << 20);
    }

    /// Nothing of what is staged counts; what was written of it is cut off.
    pub(super) fn roll_back(&mut self, disk: &mut D) {
        if self.staged.is_empty() && self.state == State::Sound {
            return;
        }
        self.failed = true;
        self.staged.clear();
        self.next = self.head;
        if self.state == State::Sound {
            self.state = State::Torn;
        }
        // Where this fails, the next repair tries again.
        let _ = self.repair_file(disk);
    }

    /// Makes the log fit to be written to again.
    pub(super) fn repair(&mut self, disk: &mut D) -> io::Result<()> {
        self.repair_file(disk)?;
        if self.state != State::Doubtful {
            return Ok(());
        }
        if self.good == 0 {
            self.file = None;
            match disk.remove(&self.path(self.number)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => self.number -= 1,
            }
        } else {
            self.rotate(disk)?;
        }
        self.state = State::Sound;
        Ok(())
    }

    fn repair_file(&mut self, disk: &mut D) -> io::Result<()> {
        if let Some(file) = self.file.as_mut().filter(|_| self.state != State::Sound) {
            disk.cut(file, self.good)?;
        }
        if self.state == State::Torn {
            self.state = State::Sound;
        }
        Ok(())
    }

    /// Goes on to a new file; its first line is staged with what follows.
    fn rotate(&mut self, disk: &mut D) -> io::Result<()> {
        let number = self.number + 1;
        let path = self.path(number);
        let created = disk.create(&path).or_else(|error| {
            // Made by an attempt that failed afterwards: as good, as long as nothing is in it.
            let left = error.kind() == ErrorKind::AlreadyExists && disk.read(&path)?.is_empty();
            if left { disk.open(&path) } else { Err(error) }
        });
        match created {
            Ok(file) => {
                self.file = Some(file);
                self.number = number;
                self.good = 0;
                self.fresh = true;
                Ok(())
            }
            Err(error) => {
                self.failed = true;
                Err(error)
            }
        }
    }

    fn is_done(&self, settings: &Settings, now: SystemTime) -> bool {
        let age = now.duration_since(self.began).unwrap_or_default();
        // A segment that holds its first line only has nothing to hand on.
        self.good >= settings.segment_bytes.max(1) || (self.good > 0 && age >= settings.segment_age)
    }

    fn path(&self, number: u32) -> String {
        format!("{}/{}", self.log, name(number))
    }

    pub(super) fn log(&self) -> &'static str {
        self.log
    }

    /// The last committed line.
    pub(super) fn head(&self) -> Head {
        self.head
    }

    /// Whether anything is staged.
    pub(super) fn is_staged(&self) -> bool {
        !self.staged.is_empty()
    }

    /// The lines that are staged, ended as they will stand in the file.
    pub(super) fn staged(&self) -> &[u8] {
        &self.staged
    }

    /// Whether the last batch failed here.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// The last staged line, as it will stand in the file, without its newline.
    pub(super) fn last_staged(&self) -> &str {
        let text = self.staged.strip_suffix(b"\n").unwrap_or(&self.staged);
        let from = memchr::memrchr(b'\n', text).map_or(0, |at| at + 1);
        std::str::from_utf8(text.get(from..).unwrap_or_default()).unwrap_or_default()
    }
}

/// A line on its way into a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open<'a> {
    pub(super) text: &'a str,
    pub(super) undelivered: bool,
    pub(super) now: SystemTime,
}

// === impl Durability ===

impl Durability {
    /// Whether batches are synced before they count.
    pub(super) fn syncs(self) -> bool {
        self == Self::Power
    }
}
