//! A disk in memory that fails as disks do: it takes part of a write, forgets what was not synced, loses what it failed
//! to sync although the file still reads well, forgets names of files, and stops at any point.

use super::Disk;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

/// What was done to a file since its last sync.
#[derive(Debug, Clone)]
enum Change {
    Write(u64, Vec<u8>),
    Cut(u64),
}

#[derive(Debug, Clone, Default)]
struct Content {
    /// As programs read it.
    cached: Vec<u8>,
    /// As the platter has it.
    durable: Vec<u8>,
    changes: Vec<Change>,
    /// Whether its name is on the platter.
    named: bool,
    /// A sync of it has failed: until the machine starts anew, later ones succeed and bring nothing to the platter.
    bad: bool,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Content>,
    random: u64,
    /// Operations until everything stops.
    left: Option<u32>,
    stopped: bool,
    /// One operation in so many fails; 0: none.
    trouble: u64,
}

/// The disk; its clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Simulated(Arc<Mutex<State>>);

// === impl Simulated ===

impl Simulated {
    pub(super) fn new(seed: u64) -> Self {
        let disk = Self::default();
        disk.state().random = seed;
        disk
    }

    /// From now on one operation in so many fails, and after `left` of them everything stops.
    pub(super) fn trouble(&self, one_in: u64, left: Option<u32>) {
        let mut state = self.state();
        (state.trouble, state.left) = (one_in, left);
    }

    /// The process was killed: what was written stays.
    pub(super) fn after_kill(&self) {
        let mut state = self.state();
        (state.stopped, state.left, state.trouble) = (false, None, 0);
    }

    /// The power failed: of what was not synced any part may be there, and the last part of that torn.
    pub(super) fn after_power_loss(&self) {
        self.after_kill();
        let mut guard = self.state();
        let state = &mut *guard;
        let random = &mut state.random;
        state
            .files
            .retain(|_, content| content.named || next(random).is_multiple_of(2));
        for content in state.files.values_mut() {
            let survive = below(random, content.changes.len() as u64 + 1);
            let changes = std::mem::take(&mut content.changes);
            for (at, mut change) in changes.into_iter().enumerate() {
                if at as u64 > survive {
                    break;
                }
                if let (Change::Write(_, bytes), true) = (&mut change, at as u64 == survive) {
                    let torn = below(random, bytes.len() as u64 + 1) as usize;
                    match next(random).is_multiple_of(2) {
                        true => bytes.truncate(torn),
                        // The length reached the disk before the bytes did.
                        false => bytes.iter_mut().skip(torn).for_each(|byte| *byte = 0),
                    }
                }
                apply(&mut content.durable, &change);
            }
            content.cached = content.durable.clone();
            content.named = true;
            content.bad = false;
        }
    }

    /// Changes the bytes of a file, as somebody with an editor would.
    pub(super) fn edit(&self, path: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        edit(&mut self.state().files.get_mut(path).unwrap().cached);
    }

    /// A disk of its own with the same files.
    pub(super) fn copy(&self) -> Self {
        let copy = Self::default();
        copy.state().files = self.state().files.clone();
        copy
    }

    pub(super) fn rename(&self, from: &str, to: &str) {
        let mut state = self.state();
        let content = state.files.remove(from).unwrap();
        state.files.insert(to.to_owned(), content);
    }

    pub(super) fn random(&self, end: u64) -> u64 {
        below(&mut self.state().random, end)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Counts an operation; says whether it fails, and whether as the last.
    fn step(state: &mut State) -> io::Result<bool> {
        if state.stopped {
            return Err(io::Error::other("stopped"));
        }
        if let Some(left) = &mut state.left {
            *left = left.saturating_sub(1);
            state.stopped = *left == 0;
        }
        let trouble = state.trouble;
        let fails = trouble > 0 && next(&mut state.random).is_multiple_of(trouble);
        Ok(fails || state.stopped)
    }
}

impl Disk for Simulated {
    type File = String;

    fn folder(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn list(&mut self, log: &str) -> io::Result<Vec<String>> {
        let state = self.state();
        let within = state.files.keys().filter_map(|path| path.split_once('/'));
        let names = within.filter(|(folder, _)| *folder == log);
        Ok(names.map(|(_, name)| name.to_owned()).collect())
    }

    fn read(&mut self, path: &str) -> io::Result<Vec<u8>> {
        let state = self.state();
        let content = state.files.get(path).ok_or(ErrorKind::NotFound)?;
        Ok(content.cached.clone())
    }

    fn create(&mut self, path: &str) -> io::Result<String> {
        let mut state = self.state();
        let fails = Self::step(&mut state)?;
        if state.files.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        if !fails || next(&mut state.random).is_multiple_of(2) {
            state.files.insert(path.to_owned(), Content::default());
        }
        match fails {
            true => Err(io::Error::other("create")),
            false => Ok(path.to_owned()),
        }
    }

    fn open(&mut self, path: &str) -> io::Result<String> {
        match self.state().files.contains_key(path) {
            true => Ok(path.to_owned()),
            false => Err(ErrorKind::NotFound.into()),
        }
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        match Self::step(&mut state)? {
            true => Err(io::Error::other("remove")),
            false => state
                .files
                .remove(path)
                .map(drop)
                .ok_or(ErrorKind::NotFound.into()),
        }
    }

    fn write(&mut self, file: &mut String, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state();
        let fails = Self::step(&mut state)?;
        let taken = match fails {
            true => below(&mut state.random, bytes.len() as u64 + 1) as usize,
            false => bytes.len(),
        };
        let short = next(&mut state.random).is_multiple_of(2);
        let content = state.files.get_mut(file).ok_or(ErrorKind::NotFound)?;
        let change = Change::Write(content.cached.len() as u64, bytes[..taken].to_vec());
        apply(&mut content.cached, &change);
        content.changes.push(change);
        match fails && (short || taken == bytes.len()) {
            true => Err(io::Error::other("write")),
            false => Ok(taken),
        }
    }

    fn is_at(&mut self, path: &str, file: &String) -> io::Result<bool> {
        Ok(path == file && self.state().files.contains_key(path))
    }

    fn cut(&mut self, file: &mut String, length: u64) -> io::Result<()> {
        let mut state = self.state();
        if Self::step(&mut state)? {
            return Err(io::Error::other("cut"));
        }
        let content = state.files.get_mut(file).ok_or(ErrorKind::NotFound)?;
        let change = Change::Cut(length);
        apply(&mut content.cached, &change);
        content.changes.push(change);
        Ok(())
    }

    fn sync(&mut self, file: &mut String) -> io::Result<()> {
        let mut guard = self.state();
        let state = &mut *guard;
        let fails = Self::step(state)?;
        let content = state.files.get_mut(file).ok_or(ErrorKind::NotFound)?;
        for change in std::mem::take(&mut content.changes) {
            // What a sync fails to write is clean from then on, and lost; a cut is kept by the file system's own log.
            let lost = fails
                && matches!(change, Change::Write(..))
                && next(&mut state.random).is_multiple_of(2);
            if !(lost || content.bad && matches!(change, Change::Write(..))) {
                apply(&mut content.durable, &change);
            }
        }
        content.bad |= fails;
        match fails {
            true => Err(io::Error::other("sync")),
            false => Ok(()),
        }
    }

    fn sync_folder(&mut self, log: &str) -> io::Result<()> {
        let mut state = self.state();
        if Self::step(&mut state)? {
            return Err(io::Error::other("sync_folder"));
        }
        let within = |path: &str| {
            path.split_once('/')
                .is_some_and(|(folder, _)| folder == log)
        };
        let files = state.files.iter_mut().filter(|(path, _)| within(path));
        files.for_each(|(_, content)| content.named = true);
        Ok(())
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(at, new) => {
            let (from, to) = (*at as usize, *at as usize + new.len());
            bytes.resize(bytes.len().max(to), 0);
            bytes[from..to].copy_from_slice(new);
        }
        Change::Cut(length) => bytes.truncate(*length as usize),
    }
}

/// SplitMix64.
fn next(random: &mut u64) -> u64 {
    *random = random.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*random ^ (*random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn below(random: &mut u64, end: u64) -> u64 {
    next(random) % end.max(1)
}
