//! The commands over records that the journal wrote.

use super::read::{Record, of_calls};
use super::{Audit, run};
use crate::audit::journal::{Durability, Journal, Line, Log, Settings, Signer};
use crate::cli::{Cli, Command, Format};
use crate::task::keys;
use clap::Parser as _;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

const CONFIG: &str = r#"[gateway]
listen = "127.0.0.1:3000"
admin = "127.0.0.1:15000"
public_url = "http://127.0.0.1:3000"
data_dir = "data"
"#;

struct World(PathBuf);

impl World {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("hopgate-audit-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("hopgate.toml"), CONFIG).unwrap();
        Self(path)
    }

    fn config(&self) -> PathBuf {
        self.0.join("hopgate.toml")
    }

    /// Two calls of a task, a call that grew from the first, and one of somebody else's.
    async fn written(&self) {
        let loaded = crate::config::load(&self.config()).unwrap();
        let ring = keys::load(&loaded.config.gateway).unwrap();
        let settings = Settings {
            durability: Durability::Power,
            ..Settings::default()
        };
        let signer = Signer::new(Arc::new(ring)).unwrap();
        let journal = Journal::open(&self.0.join("data/audit"), settings, signer).unwrap();
        let calls = [
            ("01", "t1", None),
            ("02", "t2", Some("01")),
            ("03", "t1", None),
            ("04", "t9", None),
        ];
        for (call, task, parent) in calls {
            let mut intent = Line::new(Log::Calls, "intent");
            intent
                .text("call", call)
                .text("task", task)
                .text("agent", "ada");
            intent
                .text("server", "notes")
                .text("method", "tools/call")
                .text("target", "\u{1b}[2J");
            if let Some(parent) = parent {
                intent.text("parent", parent);
            }
            if call != "04" {
                intent.text("request", "b0");
            }
            let mut decision = Line::new(Log::Decisions, "decision");
            decision
                .text("call", call)
                .text("decision", "allow")
                .texts("rules", ["all may"]);
            let place = journal.place().unwrap();
            journal.write(vec![intent, decision]).await.unwrap();
            let mut outcome = Line::new(Log::Calls, "outcome");
            outcome
                .text("call", call)
                .text("ending", "answered")
                .number("took_us", 1_234);
            place.deliver(vec![outcome]).await.unwrap();
        }
        journal
            .close(vec![Line::new(Log::Decisions, "stop")])
            .await
            .unwrap();
    }

    fn run(&self, command: &[&str]) -> String {
        let config = self.config();
        let all = [&["hopgate", "audit"], command].concat();
        let Command::Audit { action } = Cli::try_parse_from(all).unwrap().command else {
            panic!("not audit");
        };
        format!("{:?}", run(&config, Format::Json, &action))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn code(number: u8) -> String {
    format!("{:?}", std::process::ExitCode::from(number))
}

#[tokio::test]
async fn verify_tells_whole_from_changed_and_from_misused() {
    let world = World::new("verify");
    assert_eq!(world.run(&["verify"]), code(2), "no records");
    world.written().await;
    assert_eq!(world.run(&["verify"]), code(0));
    let folder = world.0.join("data/audit");
    let file = folder.join("calls/00000001.jsonl");
    let copy = folder
        .join("checkpoints/00000001.jsonl")
        .display()
        .to_string();
    assert_eq!(world.run(&["verify", "--checkpoints", &copy]), code(0));
    assert_eq!(
        world.run(&["verify", "--first", "2"]),
        code(1),
        "there is no second segment"
    );
    assert_eq!(world.run(&["verify", "--first", "none=2"]), code(2));
    let whole = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        whole.replace("\"agent\":\"ada\"", "\"agent\":\"bob\""),
    )
    .unwrap();
    assert_eq!(world.run(&["verify"]), code(1));
    std::fs::write(&file, whole).unwrap();
    // Without the ring nothing is proven, and none is made on the way.
    std::fs::remove_dir_all(world.0.join("data/keys")).unwrap();
    assert_eq!(world.run(&["verify"]), code(2));
    assert!(!world.0.join("data/keys").exists());
}

#[tokio::test]
async fn show_and_tree_find_what_belongs_together() {
    let world = World::new("tree");
    world.written().await;
    let folder = world.0.join("data/audit");
    assert_eq!(world.run(&["show", "02"]), code(0));
    assert_eq!(world.run(&["show", "b0"]), code(0));
    assert_eq!(world.run(&["show", "99"]), code(1));
    assert_eq!(world.run(&["tail", "decisions", "-n", "3"]), code(0));
    assert_eq!(world.run(&["tree", "t1"]), code(0));
    assert_eq!(world.run(&["tree", "t0"]), code(1));
    let page = super::tree::page(&folder, "t1").unwrap();
    let lines: Vec<_> = page.lines().collect();
    let is = |at: usize, begin: &str, call: &str| {
        let line = lines[at];
        assert!(line.starts_with(begin) && line.ends_with(call), "{page}");
    };
    is(
        1,
        "├─ ada → notes  tools/call \\u{1b}[2J  answered  1.234 ms  allow by `all may`",
        "01",
    );
    is(2, "│  └─ ada", "02");
    is(3, "└─ ada", "03");
    assert_eq!(lines.len(), 4, "{page}");
    let found = of_calls(&folder, &HashSet::from(["01".to_owned()]));
    let kinds: Vec<_> = found
        .iter()
        .filter_map(|record| record.text("kind"))
        .collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "decision").count(), 1);
    assert_eq!(
        (kinds.first(), kinds.last(), kinds.len()),
        (Some(&"intent"), Some(&"outcome"), 3)
    );
    assert!(
        !found
            .iter()
            .map(Record::human)
            .collect::<String>()
            .contains('\u{1b}')
    );
}

#[test]
fn the_arguments_are_what_the_help_says() {
    for good in [
        &[
            "verify",
            "dir",
            "--keys",
            "k",
            "--checkpoints",
            "c",
            "--first",
            "calls=3",
            "--first",
            "2",
        ][..],
        &["tail", "--follow", "-n", "4"],
        &["show", "x", "--dir", "d"],
    ] {
        let all = [&["hopgate", "audit"], good].concat();
        let cli = Cli::try_parse_from(all).unwrap();
        assert!(matches!(
            cli.command,
            Command::Audit {
                action: Audit::Verify(_) | Audit::Tail(_) | Audit::Show(_)
            }
        ));
    }
    assert!(Cli::try_parse_from(["hopgate", "audit", "tail", "nothing"]).is_err());
}
