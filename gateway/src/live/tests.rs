//! Reloads with real files in a folder of their own.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::*;

/// The contents of `main.toml` (and of `*.toml` beside it); `bad` is no configuration.
#[derive(Debug)]
struct Texts {
    files: Vec<PathBuf>,
    text: String,
}

impl Snapshot for Texts {
    fn files(&self) -> &[PathBuf] {
        &self.files
    }

    fn digest(&self) -> &str {
        &self.text
    }

    fn restart_needed(&self, next: &Self) -> Vec<String> {
        if next.text.contains("listen") {
            vec!["`listen`".to_owned()]
        } else {
            Vec::new()
        }
    }
}

fn read(folder: &Path) -> Result<Texts, String> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    files.sort();
    let texts: Vec<_> = files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok())
        .collect();
    let text = texts.join("+");
    if text.contains("bad") {
        Err("it is bad".to_owned())
    } else {
        Ok(Texts { files, text })
    }
}

struct World {
    folder: PathBuf,
    live: Arc<Live<Texts>>,
    built: Arc<AtomicUsize>,
    stop: CancellationToken,
}

impl World {
    fn new(name: &str, lay: impl FnOnce(&Path)) -> Self {
        let folder =
            std::env::temp_dir().join(format!("hopgate-live-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        lay(&folder);
        let built = Arc::new(AtomicUsize::new(0));
        let count = built.clone();
        let from = folder.clone();
        let build = move |_: &Texts| {
            count.fetch_add(1, Ordering::SeqCst);
            read(&from)
        };
        let live = Arc::new(Live::new(
            read(&folder).unwrap(),
            Arc::default(),
            build,
            Following {
                settle: Box::new(|_| {}),
                record: Box::new(|_, _| Ok(())),
            },
        ));
        Self {
            folder,
            live,
            built,
            stop: CancellationToken::new(),
        }
    }

    async fn watched(name: &str, lay: impl FnOnce(&Path)) -> Self {
        let world = Self::new(name, lay);
        tokio::spawn(watch(world.live.clone(), world.stop.clone()));
        // The first look.
        tokio::time::sleep(Duration::from_millis(300)).await;
        world
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).unwrap();
    }

    async fn soon(&self, text: &str, version: u64, error: Option<&str>) {
        for _ in 0..300 {
            let standing = self.live.standing();
            if self.live.look().text == text
                && standing.version == version
                && standing.last_error.as_deref() == error
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?} {:?}", self.live.look().text, self.live.standing());
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn one(folder: &Path) {
    fs::write(folder.join("main.toml"), "one").unwrap();
}

#[test]
fn a_reload_is_whole_or_not_at_all() {
    let world = World::new("whole", one);
    let before = world.live.snapshot();
    world.write("main.toml", "bad");
    assert_eq!(world.live.reload(), Err("it is bad".to_owned()));
    assert_eq!(world.live.look().text, "one");
    assert_eq!(
        world.live.standing().last_error.as_deref(),
        Some("it is bad")
    );
    world.write("main.toml", "listen");
    assert_eq!(
        world.live.reload(),
        Err("a change of `listen` needs a restart".to_owned())
    );
    world.write("main.toml", "two");
    assert_eq!(world.live.reload(), Ok(()));
    assert_eq!(world.live.look().text, "two");
    assert_eq!(world.live.standing().version, 2);
    assert_eq!(world.live.standing().last_error, None);
    assert_eq!(before.text, "one", "who holds the old one keeps it");
    assert_eq!(world.live.metrics.reloads.total(Reload::Refused), 2);
    assert_eq!(world.live.metrics.reloads.total(Reload::Loaded), 1);
}

#[tokio::test]
async fn changed_contents_are_loaded_and_touches_are_not() {
    let world = World::watched("change", one).await;
    world.write("main.toml", "two");
    world.soon("two", 2, None).await;
    world.write("main.toml", "two");
    world.write("other.log", "noise");
    tokio::time::sleep(Duration::from_millis(400)).await;
    world.soon("two", 2, None).await;
    // Replaced, as editors do.
    world.write("new", "three");
    fs::rename(world.folder.join("new"), world.folder.join("main.toml")).unwrap();
    world.soon("three", 3, None).await;
}

#[tokio::test]
async fn noise_beside_the_files_builds_nothing() {
    let world = World::watched("noise", one).await;
    let before = world.built.load(Ordering::SeqCst);
    for _ in 0..5 {
        world.write("audit.log", "more");
        tokio::time::sleep(Duration::from_millis(120)).await;
    }
    assert_eq!(world.built.load(Ordering::SeqCst), before);
}

#[tokio::test]
async fn a_broken_file_keeps_the_old_one_and_a_mended_one_clears_the_error() {
    let world = World::watched("broken", one).await;
    world.write("main.toml", "bad");
    world.soon("one", 1, Some("it is bad")).await;
    world.write("main.toml", "one");
    world.soon("one", 1, None).await;
    world.write("main.toml", "bad");
    world.soon("one", 1, Some("it is bad")).await;
    world.write("main.toml", "two");
    world.soon("two", 2, None).await;
}

#[tokio::test]
async fn a_new_include_is_seen() {
    let world = World::watched("include", one).await;
    world.write("more.toml", "x");
    world.soon("one+x", 2, None).await;
    fs::remove_file(world.folder.join("more.toml")).unwrap();
    world.soon("one", 3, None).await;
}

#[tokio::test]
async fn links_are_followed_as_kubernetes_swaps_them() {
    let world = World::watched("links", |folder| {
        for (version, text) in [("..1", "one"), ("..2", "two")] {
            fs::create_dir(folder.join(version)).unwrap();
            fs::write(folder.join(version).join("main.toml"), text).unwrap();
        }
        symlink("..1", folder.join("..data")).unwrap();
        symlink("..data/main.toml", folder.join("main.toml")).unwrap();
    })
    .await;
    symlink("..2", world.folder.join("..tmp")).unwrap();
    fs::rename(world.folder.join("..tmp"), world.folder.join("..data")).unwrap();
    world.soon("two", 2, None).await;
    // And a change where the link leads.
    fs::write(world.folder.join("..2/main.toml"), "three").unwrap();
    world.soon("three", 3, None).await;
}

#[test]
fn a_print_tells_files_apart() {
    let world = World::new("prints", one);
    let file = |name: &str| world.folder.join(name);
    world.write("a", "xy");
    world.write("b", "");
    world.write("c", "x");
    world.write("d", "y");
    let print =
        |names: &[&str]| Print::of(&names.iter().map(|name| file(name)).collect::<Vec<_>>());
    assert_ne!(print(&["a", "b"]), print(&["c", "d"]));
    assert_ne!(print(&["a", "b"]), print(&["a", "missing"]));
    assert_eq!(print(&["a", "b"]), print(&["a", "b"]));
}
