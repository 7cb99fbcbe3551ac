//! The file system as the journal needs it: a trait of few operations, so that tests can put a disk beneath it that
//! tears writes, loses what was not synced and fails when it likes; and the real one.

use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

/// Folders of files that only grow, or are cut back. Paths are `LOG` and `LOG/NAME`.
pub(crate) trait Disk: Debug {
    /// A file open for appending.
    type File: Debug;

    /// Makes the folder of a log where there is none.
    fn folder(&mut self, log: &str) -> io::Result<()>;
    /// The names of a log's files; none where it has no folder.
    fn list(&mut self, log: &str) -> io::Result<Vec<String>>;
    /// All of a file.
    fn read(&mut self, path: &str) -> io::Result<Vec<u8>>;
    /// Makes a file that must not exist.
    fn create(&mut self, path: &str) -> io::Result<Self::File>;
    /// Opens a file that must exist.
    fn open(&mut self, path: &str) -> io::Result<Self::File>;
    /// Removes a file.
    fn remove(&mut self, path: &str) -> io::Result<()>;
    /// Whether an open file is still the one at this path.
    fn is_at(&mut self, path: &str, file: &Self::File) -> io::Result<bool>;
    /// Appends; says how much was taken.
    fn write(&mut self, file: &mut Self::File, bytes: &[u8]) -> io::Result<usize>;
    /// Cuts a file back.
    fn cut(&mut self, file: &mut Self::File, length: u64) -> io::Result<()>;
    /// Brings what was written to stable storage.
    fn sync(&mut self, file: &mut Self::File) -> io::Result<()>;
    /// Brings the names in a log's folder to stable storage.
    fn sync_folder(&mut self, log: &str) -> io::Result<()>;
}

/// A folder on this machine.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Held as long as this process writes here.
    _lock: Option<File>,
}

/// Its owner writes, a group may read.
const FILE: u32 = 0o640;
const LOG: u32 = 0o750;
/// Each log's readers pass through to theirs, and see nothing else.
const WHOLE: u32 = 0o711;

// === impl Folder ===

impl Folder {
    /// To write here, alone.
    ///
    /// # Errors
    ///
    /// A folder that cannot be made, or in which another process writes.
    pub(crate) fn writing(path: &Path) -> Result<Self, String> {
        let at = |error: io::Error| format!("{}: {error}", path.display());
        make(path, WHOLE).map_err(at)?;
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path.join("lock"))
            .map_err(at)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                format!(
                    "{}: another gateway writes its records here",
                    path.display()
                )
            }
            TryLockError::Error(error) => at(error),
        })?;
        Ok(Self {
            path: path.to_owned(),
            _lock: Some(lock),
        })
    }

    /// To read only, beside whoever writes.
    pub(crate) fn reading(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            _lock: None,
        }
    }
}

impl Disk for Folder {
    type File = File;

    fn folder(&mut self, log: &str) -> io::Result<()> {
        make(&self.path.join(log), LOG)
    }

    fn list(&mut self, log: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.path.join(log)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect()
    }

    fn read(&mut self, path: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path.join(path))
    }

    fn create(&mut self, path: &str) -> io::Result<File> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(FILE)
            .open(self.path.join(path))?;
        // Whatever the process's mask says: a log's readers must be able to read.
        file.set_permissions(Permissions::from_mode(FILE))?;
        Ok(file)
    }

    fn open(&mut self, path: &str) -> io::Result<File> {
        OpenOptions::new().append(true).open(self.path.join(path))
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(path))
    }

    fn is_at(&mut self, path: &str, file: &File) -> io::Result<bool> {
        let there = match fs::metadata(self.path.join(path)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            there => there?,
        };
        let own = file.metadata()?;
        Ok((there.dev(), there.ino()) == (own.dev(), own.ino()))
    }

    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match file.write(bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                taken => return taken,
            }
        }
    }

    fn cut(&mut self, file: &mut File, length: u64) -> io::Result<()> {
        file.set_len(length)
    }

    fn sync(&mut self, file: &mut File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_folder(&mut self, log: &str) -> io::Result<()> {
        File::open(self.path.join(log))?.sync_all()
    }
}

/// Makes a folder; one that is there keeps the mode its operator gave it.
fn make(path: &Path, mode: u32) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(mode).create(path)?;
    fs::set_permissions(path, Permissions::from_mode(mode))
}
