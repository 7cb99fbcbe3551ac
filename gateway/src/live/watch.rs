//! Notices that files have changed: folders are watched, not files, because editors and Kubernetes replace files
//! (and the links to them) rather than write into them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Live, Snapshot};

/// What folders say.
#[derive(Debug, Default)]
struct Bell {
    rung: Notify,
    /// A file that may be an include has come or gone.
    listing: AtomicBool,
}

/// The watched folders.
#[derive(Debug)]
struct Folders {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
}

/// Several writes that belong together count as one.
const SETTLE: Duration = Duration::from_millis(100);

/// Links followed from one name.
const LINKS_MAX: usize = 8;

/// Reloads when a file's contents change and on SIGHUP, until `stop` fires.
pub async fn watch<S: Snapshot>(live: Arc<Live<S>>, stop: CancellationToken) {
    let bell = Arc::new(Bell::default());
    let mut folders = Folders::new(bell.clone());
    let mut hangup = signal(SignalKind::hangup())
        .inspect_err(|why| tracing::warn!("SIGHUP will not reload: {why}"))
        .ok();
    folders.follow(live.look().files());
    // What changed between the first load and now has rung nobody.
    bell.rung.notify_one();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = bell.rung.notified() => {
                tokio::time::sleep(SETTLE).await;
                let listing = bell.listing.swap(false, Ordering::Relaxed);
                on_files(&live, move |live| live.refresh(listing)).await;
            }
            () = async { match &mut hangup {
                Some(hangup) => { hangup.recv().await; }
                None => std::future::pending().await,
            } } => {
                on_files(&live, |live| { let _logged = live.reload(); }).await;
            }
        }
        folders.follow(live.look().files());
    }
}

async fn on_files<S: Snapshot>(live: &Arc<Live<S>>, work: impl FnOnce(&Live<S>) + Send + 'static) {
    let live = live.clone();
    if tokio::task::spawn_blocking(move || work(&live))
        .await
        .is_err()
    {
        tracing::error!("a reload broke off; the old configuration stays");
    }
}

// === impl Folders ===

impl Folders {
    fn new(bell: Arc<Bell>) -> Self {
        let ring = move |event: notify::Result<Event>| match event {
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => {}
            Ok(event) => {
                if event.paths.iter().any(|path| may_be_include(path)) {
                    bell.listing.store(true, Ordering::Relaxed);
                }
                bell.rung.notify_one();
            }
            // Events were lost: look.
            Err(_lost) => bell.rung.notify_one(),
        };
        let watcher = notify::recommended_watcher(ring)
            .inspect_err(|why| tracing::warn!("files are not watched, SIGHUP reloads: {why}"))
            .ok();
        Self {
            watcher,
            watched: BTreeSet::new(),
        }
    }

    /// Watches the folders of these files and of what they link to, and no others.
    fn follow(&mut self, files: &[PathBuf]) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let wanted: BTreeSet<PathBuf> = files.iter().flat_map(|file| folders_of(file)).collect();
        for gone in self.watched.difference(&wanted) {
            let _ = watcher.unwatch(gone);
        }
        let mut watched = BTreeSet::new();
        for folder in wanted {
            // A folder may have been replaced under its name, so each is asked for again.
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(watched.insert(folder)),
                Err(why) if self.watched.contains(&folder) => {
                    tracing::warn!(folder = %folder.display(), "no longer watched: {why}");
                }
                Err(why) => tracing::warn!(folder = %folder.display(), "not watched: {why}"),
            }
        }
        self.watched = watched;
    }
}

/// Where the file is, and every folder its links pass through.
fn folders_of(file: &Path) -> Vec<PathBuf> {
    let parent = |path: &Path| match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let mut folders = vec![parent(file)];
    let mut at = file.to_path_buf();
    for _ in 0..LINKS_MAX {
        let Ok(target) = std::fs::read_link(&at) else {
            break;
        };
        at = parent(&at).join(target);
        folders.push(parent(&at));
    }
    if let Ok(real) = file.canonicalize() {
        folders.push(parent(&real));
    }
    folders
}

/// Includes are TOML files; Kubernetes swaps all files of a folder by a link named `..data`.
fn may_be_include(path: &Path) -> bool {
    let is_link = path
        .file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b".."));
    is_link
        || path
            .extension()
            .is_some_and(|extension| extension == "toml")
}
