//! The one that owns the files: takes batches, ends their lines, writes, syncs, and tells who waits; keeps what must
//! not be lost while the disk fails, and goes on by itself when the disk does. It knows nothing of threads or queues.

use super::chain::Hash;
use super::checkpoint::{Checkpoint, Signer};
use super::disk::Disk;
use super::line::{Line, Lines, Stamp};
use super::promise::Promise;
use super::recovery::{newest, recover, told};
use super::segment::{Open, Segment};
use super::settings::Settings;
use super::status::Status;
use super::{CHECKPOINTS, Log};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

/// What a caller hands over at once.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) lines: Lines,
    /// Who waits for it.
    pub(super) promise: Option<Promise>,
    /// Whether it must be written even when nobody waits any more.
    pub(super) lasting: bool,
    /// Whether its caller was told that it is not written.
    pub(super) undelivered: bool,
    /// Its place in the queue, until it is written: held, never read.
    pub(super) _place: Option<OwnedSemaphorePermit>,
}

/// Now, by the clock on the wall and by the one that only goes forward.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) wall: SystemTime,
    pub(super) steady: Instant,
}

#[derive(Debug)]
struct Failing {
    since: SystemTime,
    why: String,
    retry: Instant,
}

/// Owns the files of all logs.
#[derive(Debug)]
pub(super) struct Writer<D: Disk> {
    disk: D,
    settings: Settings,
    signer: Signer,
    status: Arc<Status>,
    logs: [Segment<D>; 3],
    checkpoints: Segment<D>,
    /// The hash of the last checkpoint.
    sealed: Hash,
    /// Records after it, and since when there are any.
    unsealed: u64,
    changed: Option<Instant>,
    kept: Vec<Entry>,
    failing: Option<Failing>,
}

// === impl Moment ===

impl Moment {
    pub(super) fn now() -> Self {
        Self {
            wall: SystemTime::now(),
            steady: Instant::now(),
        }
    }
}

// === impl Writer ===

impl<D: Disk> Writer<D> {
    /// Recovers the logs, and puts on record what was amiss with them.
    pub(super) fn open(
        mut disk: D,
        (settings, signer): (Settings, Signer),
        status: Arc<Status>,
        now: Moment,
    ) -> io::Result<Self> {
        let checkpoints = recover(&mut disk, CHECKPOINTS, None)?;
        let last = newest(&mut disk, CHECKPOINTS, checkpoints.found.number)?;
        let sealed = |log: &str| {
            let logs = last.iter().flat_map(|last| &last.logs);
            let mut heads = logs.filter(|(name, _)| name == log);
            heads.next().map(|(_, head)| *head)
        };
        let mut one = |log: Log| recover(&mut disk, log.name(), sealed(log.name()));
        let found = [one(Log::Calls)?, one(Log::Decisions)?, one(Log::Secrets)?];
        let mut news = told(None, now.wall, &checkpoints, None);
        for (log, found) in Log::ALL.into_iter().zip(&found) {
            let expected = sealed(log.name()).map(|head| head.seq);
            news.extend(told(Some(log), now.wall, found, expected));
        }
        let [calls, decisions, secrets] = found;
        let mut writer = Self {
            disk,
            settings,
            signer,
            status,
            logs: [
                Segment::new(Log::Calls.name(), calls.found),
                Segment::new(Log::Decisions.name(), decisions.found),
                Segment::new(Log::Secrets.name(), secrets.found),
            ],
            checkpoints: Segment::new(CHECKPOINTS, checkpoints.found),
            sealed: last.as_ref().map_or(Checkpoint::NONE, |last| last.hash),
            unsealed: 0,
            changed: None,
            kept: Vec::new(),
            failing: None,
        };
        for (log, line) in &news {
            writer.stage(*log, line.as_str(), (false, now))?;
        }
        writer.flush()?;
        let heads = writer.logs.iter().map(|log| (log.log(), log.head()));
        let open =
            heads.filter(|(log, head)| head.seq > sealed(log).map_or(0, |sealed| sealed.seq));
        if open.count() > 0 {
            writer.changed = Some(now.steady);
        }
        Ok(writer)
    }

    /// Writes what nobody waits for and everything else comes after.
    pub(super) fn begin(&mut self, lines: Lines, now: Moment) -> io::Result<()> {
        let mut entries = vec![Entry {
            lines,
            promise: None,
            lasting: true,
            undelivered: false,
            _place: None,
        }];
        self.put(&entries, now)?;
        self.flush()?;
        self.done(&mut entries, now);
        Ok(())
    }

    /// Writes what callers handed over, and tells those who wait.
    pub(super) fn accept(&mut self, entries: &mut Vec<Entry>, now: Moment) {
        if self.failing.is_some() {
            self.refuse(entries);
            return;
        }
        entries.retain_mut(|entry| {
            let timely = entry.promise.as_ref().is_none_or(Promise::begin);
            entry.undelivered |= !timely;
            timely || entry.lasting
        });
        if let Err(error) = self.put(entries, now).and_then(|()| self.flush()) {
            self.fail(&error, now);
            self.refuse(entries);
            return;
        }
        self.done(entries, now);
        if self.unsealed >= self.settings.checkpoint_records {
            self.checkpoint(now);
        }
    }

    /// Does what is due by now: another attempt, a checkpoint.
    pub(super) fn tick(&mut self, now: Moment) {
        match &self.failing {
            Some(failing) if failing.retry <= now.steady => self.retry(now),
            Some(_) => {}
            None if self.due(now).is_some_and(|wait| wait.is_zero()) => self.checkpoint(now),
            None => {}
        }
    }

    /// After how long there is something to do, though nobody asks for anything.
    pub(super) fn due(&self, now: Moment) -> Option<Duration> {
        let checkpoint = || Some(self.changed? + self.settings.checkpoint_age);
        let at = match &self.failing {
            Some(failing) => Some(failing.retry),
            None => checkpoint(),
        };
        at.map(|at| at.saturating_duration_since(now.steady))
    }

    /// The end: all that is kept is written, sealed and synced. Says whether that worked.
    pub(super) fn finish(&mut self, now: Moment) -> bool {
        if self.failing.is_some() {
            self.retry(now);
        }
        if self.failing.is_none() && self.changed.is_some() {
            self.checkpoint(now);
        }
        let mut all = true;
        for log in self.logs.iter_mut().chain([&mut self.checkpoints]) {
            all &= log.sync(&mut self.disk).is_ok();
        }
        all && self.failing.is_none()
    }

    fn put(&mut self, entries: &[Entry], now: Moment) -> io::Result<()> {
        for entry in entries {
            for line in &entry.lines {
                self.stage(Some(line.log()), line.as_str(), (entry.undelivered, now))?;
            }
        }
        Ok(())
    }

    /// Stages an open line in its log; checkpoints have none of the three.
    fn stage(
        &mut self,
        log: Option<Log>,
        text: &str,
        (undelivered, now): (bool, Moment),
    ) -> io::Result<()> {
        let [calls, decisions, secrets] = &mut self.logs;
        let segment = match log {
            Some(Log::Calls) => calls,
            Some(Log::Decisions) => decisions,
            Some(Log::Secrets) => secrets,
            None => &mut self.checkpoints,
        };
        let open = Open {
            text,
            undelivered,
            now: now.wall,
        };
        segment.stage(&mut self.disk, &self.settings, &open)
    }

    /// Writes and syncs what is staged; then it counts.
    fn flush(&mut self) -> io::Result<()> {
        let segments = self.logs.iter_mut().chain([&mut self.checkpoints]);
        write_all(segments, &mut self.disk, &self.settings)
    }

    fn done(&mut self, entries: &mut Vec<Entry>, now: Moment) {
        for entry in entries.drain(..) {
            for line in &entry.lines {
                self.status.count(line.log());
                self.unsealed += 1;
            }
            if let Some(promise) = &entry.promise {
                promise.settle(true);
            }
        }
        if self.unsealed > 0 && self.changed.is_none() {
            self.changed = Some(now.steady);
        }
    }

    /// Says no to those who wait; keeps what must not be lost.
    fn refuse(&mut self, entries: &mut Vec<Entry>) {
        for mut entry in entries.drain(..) {
            let promise = entry.promise.take();
            if promise.is_some() {
                self.status.refuse();
            }
            if entry.lasting {
                entry.undelivered |= promise.is_some();
                self.kept.push(entry);
                self.status.kept.store(self.kept.len(), Ordering::Relaxed);
            }
            if let Some(promise) = promise {
                promise.settle(false);
            }
        }
    }

    fn fail(&mut self, error: &io::Error, now: Moment) {
        self.status.fail(now.steady);
        self.roll_back();
        let why = error.to_string();
        tracing::error!(
            reason = why,
            "records cannot be written: calls are refused until they can"
        );
        self.failing = Some(Failing {
            since: now.wall,
            why,
            retry: now.steady + self.settings.retry,
        });
    }

    fn roll_back(&mut self) {
        for log in self.logs.iter_mut().chain([&mut self.checkpoints]) {
            log.roll_back(&mut self.disk);
        }
    }

    fn retry(&mut self, now: Moment) {
        let Some(mut failing) = self.failing.take() else {
            return;
        };
        if let Err(error) = self.again(&failing, now) {
            self.roll_back();
            failing.why = error.to_string();
            failing.retry = now.steady + self.settings.retry;
            self.failing = Some(failing);
            return;
        }
        let refused = self.status.refused();
        self.status.resume();
        tracing::warn!(refused, "records are written again");
    }

    /// One attempt: every log is made fit, says that it was not, and takes what was kept for it.
    fn again(&mut self, failing: &Failing, now: Moment) -> io::Result<()> {
        for log in self.logs.iter_mut().chain([&mut self.checkpoints]) {
            log.repair(&mut self.disk)?;
        }
        for (at, log) in Log::ALL.into_iter().enumerate() {
            if self.logs.get(at).is_some_and(Segment::has_failed) {
                let mut line = Line::at(now.wall, log, "resumed");
                line.text("since", Stamp::of(failing.since).as_str())
                    .number("refused", self.status.refused())
                    .text("reason", &failing.why);
                self.stage(Some(log), line.as_str(), (false, now))?;
                self.unsealed += 1;
            }
        }
        let mut kept = std::mem::take(&mut self.kept);
        let written = self.put(&kept, now).and_then(|()| self.flush());
        if written.is_ok() {
            self.done(&mut kept, now);
        }
        self.kept = kept;
        self.status.kept.store(self.kept.len(), Ordering::Relaxed);
        written.and_then(|()| self.seal(now))
    }

    fn checkpoint(&mut self, now: Moment) {
        if let Err(error) = self.seal(now) {
            self.fail(&error, now);
        }
    }

    /// Signs the last line of each log.
    fn seal(&mut self, now: Moment) -> io::Result<()> {
        for log in self.logs.iter_mut().chain([&mut self.checkpoints]) {
            log.find(&mut self.disk)?;
        }
        let heads = self.logs.iter().map(|log| (log.log(), log.head()));
        let text = self
            .signer
            .write(now.wall, heads, &self.sealed)
            .ok_or_else(|| io::Error::other("a checkpoint cannot be signed"))?;
        self.stage(None, &text, (false, now))?;
        let line = self.checkpoints.last_staged().to_owned();
        self.flush()?;
        self.sealed = self.checkpoints.head().hash;
        (self.unsealed, self.changed) = (0, None);
        self.status.count_checkpoint();
        if let Some(carry) = &self.settings.on_checkpoint {
            carry(&line);
        }
        Ok(())
    }
}

/// Nothing counts before all of it is written, and synced where that is asked for.
fn write_all<'a, D: Disk + 'a>(
    segments: impl Iterator<Item = &'a mut Segment<D>>,
    disk: &mut D,
    settings: &Settings,
) -> io::Result<()> {
    let syncs = settings.durability.syncs();
    let mut staged: Vec<_> = segments.filter(|segment| segment.is_staged()).collect();
    for segment in &mut staged {
        segment.write(disk)?;
    }
    for segment in staged.iter_mut().filter(|_| syncs) {
        segment.sync(disk)?;
    }
    for segment in staged {
        if let Some(copy) = &settings.on_written {
            copy(segment.log(), segment.staged());
        }
        segment.commit();
    }
    Ok(())
}
