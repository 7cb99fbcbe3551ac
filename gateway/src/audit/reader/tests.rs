//! Logs written by hand, and what is read of them.

use super::{Arguments, Joined, Judged, Lines, find};
use policy::{Document, Outcome, Policy, Source, Target};
use std::path::PathBuf;

/// A folder of its own, gone with the test.
struct Books(PathBuf);

impl Drop for Books {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

impl Books {
    fn new() -> Self {
        let name = format!("hopgate-records-{}", uuid::Uuid::now_v7().simple());
        let folder = std::env::temp_dir().join(name);
        for log in ["calls", "decisions"] {
            std::fs::create_dir_all(folder.join(log)).unwrap();
        }
        Self(folder)
    }

    fn segment(&self, name: &str, text: &str) -> &Self {
        std::fs::write(self.0.join(name), text).unwrap();
        self
    }

    fn joined(&self) -> Joined {
        Joined::open(&self.0).unwrap()
    }
}

const SEGMENT: &str =
    "{\"at\":\"2026-11-21T09:00:00.000000Z\",\"kind\":\"segment\",\"seq\":1,\"hash\":\"00\"}\n";

/// One record `second` seconds after ten.
fn record(second: u32, kind: &str, members: &str) -> String {
    let at = format!("2026-11-21T10:{:02}:{:02}.5Z", second / 60, second % 60);
    format!("{{\"at\":\"{at}\",\"kind\":\"{kind}\",{members},\"seq\":9,\"hash\":\"00\"}}\n")
}

fn intent(second: u32, call: &str, more: &str) -> String {
    let who = format!(
        "\"call\":\"{call}\",\"agent\":\"ada\",\"chain\":[\"bob\",\"ada\"],\"server\":\"s\",\"method\":\"tools/call\",\"target\":\"x\"{more}"
    );
    record(second, "intent", &who)
}

fn outcome(second: u32, call: &str) -> String {
    let members = format!("\"call\":\"{call}\",\"ending\":\"answered\"");
    record(second, "outcome", &members)
}

fn decision(second: u32, call: &str, more: &str) -> String {
    let members = format!(
        "\"call\":\"{call}\",\"event\":\"call\",\"decision\":\"allow\",\"rules\":[\"a\"]{more}"
    );
    record(second, "decision", &members)
}

fn names(lines: &mut Lines) -> Vec<String> {
    let calls = lines.map(|line| line.text("call").unwrap_or_default().into_owned());
    calls.collect()
}

#[test]
fn lines_come_in_the_order_of_segments_and_what_is_none_is_told() {
    let books = Books::new();
    let torn = format!("{}{{\"at\":\"2026", outcome(3, "c"));
    books
        .segment("calls/00000010.jsonl", &torn)
        .segment(
            "calls/00000002.jsonl",
            &format!(
                "{}{}{{\"at\":\n{}torn",
                outcome(1, "a"),
                SEGMENT,
                outcome(2, "b")
            ),
        )
        .segment("calls/00000002.torn-1", &outcome(1, "z"))
        .segment("calls/notes.txt", "x");
    let mut lines = Lines::of(&books.0, "calls").unwrap();
    assert_eq!(names(&mut lines), ["a", "", "b", "c"]);
    let damage = lines.into_damage();
    let text = damage.to_string();
    assert_eq!(damage.json()["lines"], 2, "{text}");
    assert!(text.contains("00000002.jsonl:3: no record"), "{text}");
    assert!(
        text.contains("00000002.jsonl:5: no record: the file ends"),
        "{text}"
    );
    // A record has an instant and a kind, and every member once.
    for bad in [
        "{}",
        "[]",
        "{\"at\":\"soon\",\"kind\":\"x\"}",
        "{\"kind\":\"x\",\"kind\":\"y\",\"at\":\"2026-11-21T10:00:00Z\"}",
    ] {
        books.segment("decisions/00000001.jsonl", &format!("{bad}\n"));
        let mut lines = Lines::of(&books.0, "decisions").unwrap();
        assert_eq!(names(&mut lines).len(), 0, "{bad}");
        assert_eq!(lines.into_damage().json()["first"][0]["line"], 1);
    }
    assert!(
        Lines::of(&books.0, "secrets")
            .unwrap_err()
            .contains("secrets")
    );
}

#[test]
fn a_torn_end_is_no_damage_wherever_it_is() {
    let books = Books::new();
    let (whole, last) = (outcome(1, "a"), intent(2, "b", ",\"user\":\"ü\""));
    for end in 0..last.len() {
        let bytes = [whole.as_bytes(), &last.as_bytes()[..end]].concat();
        std::fs::write(books.0.join("calls/00000001.jsonl"), bytes).unwrap();
        let mut lines = Lines::of(&books.0, "calls").unwrap();
        assert_eq!(names(&mut lines), ["a"], "{end}");
        assert_eq!(lines.into_damage().json()["lines"], 0, "{end}");
    }
}

/// Whatever comes first, the decision or the call, and however late; a call that has ended is still known.
#[test]
fn decisions_find_their_calls() {
    let books = Books::new();
    let client = "\"call\":\"a\",\"event\":\"client\",\"decision\":\"deny\"";
    let strange = "\"call\":\"a\",\"event\":\"dream\",\"decision\":\"allow\"";
    books
        .segment(
            "calls/00000001.jsonl",
            &[
                SEGMENT,
                &intent(1, "a", ""),
                &outcome(5, "a"),
                &intent(9, "b", ""),
                &record(10, "refusals", "\"count\":7"),
            ]
            .concat(),
        )
        .segment(
            "decisions/00000001.jsonl",
            &[
                SEGMENT,
                &decision(0, "a", ""),
                &decision(2, "b", ""),
                &record(3, "list", "\"call\":\"a\""),
            ]
            .concat(),
        )
        .segment(
            "decisions/00000002.jsonl",
            &[
                record(6, "decision", client),
                record(7, "decision", strange),
                decision(8, "nobody", ""),
            ]
            .concat(),
        );
    let mut joined = books.joined();
    let met: Vec<_> = joined
        .by_ref()
        .map(|past| (past.decided.call.to_string(), past.decided.outcome.unwrap()))
        .collect();
    let [allow, deny] = [Outcome::Allow, Outcome::Deny];
    assert_eq!(
        met,
        [
            ("a".to_owned(), allow),
            ("a".to_owned(), deny),
            ("b".to_owned(), allow)
        ]
    );
    assert_eq!(joined.orphans(), 2);
    let reach = joined.reach();
    assert_eq!(reach.since.as_deref(), Some("2026-11-21T09:00:00.000000Z"));
    assert_eq!(reach.until.as_deref(), Some("2026-11-21T10:00:08.5Z"));
}

/// Calls that never end and decisions nobody made do not fill the memory: the oldest are let go.
#[test]
fn what_is_held_is_bounded() {
    let books = Books::new();
    let id = |number: u32| format!("{number:08}");
    let calls: String = (0..400)
        .map(|number| intent(number, &id(number), ""))
        .collect();
    let decisions: String = (0..400)
        .map(|number| decision(number + 5, &id(number), ""))
        .collect();
    let lone: String = (400..800)
        .map(|number| decision(number + 5, &id(number), ""))
        .collect();
    books
        .segment("calls/00000001.jsonl", &calls)
        .segment("decisions/00000001.jsonl", &(decisions + &lone));
    let mut joined = books.joined().within(16 << 10);
    assert_eq!(joined.by_ref().count(), 400, "a few seconds are held");
    assert_eq!(joined.orphans(), 400);
    // With less than a call's worth nothing is held at all.
    let mut joined = books.joined().within(100);
    assert_eq!(joined.by_ref().count(), 0);
    assert_eq!(joined.orphans(), 800);
}

fn policy(rules: &str) -> Policy {
    let text = format!(
        "[agents.ada]\nenvelope = {{ tools = [\"s/**\"], hops = 2 }}\n[agents.bob]\nenvelope = {{ tools = [\"s/**\"], hops = 2 }}\n\
         [servers.s.tools]\n\"**\" = {{ effect = \"read\" }}\n{rules}"
    );
    let (document, _) = Document::read(vec![Source::new("p", text)]);
    policy::compile(&document.unwrap()).0
}

fn judged(books: &Books, rules: &str) -> Vec<Judged> {
    let policy = policy(rules);
    books.joined().map(|past| past.judge(&policy)).collect()
}

fn sure(outcome: Outcome, rule: &str) -> Judged {
    let rule = (!rule.is_empty()).then(|| rule.into());
    Judged::Sure { outcome, rule }
}

#[test]
fn a_decision_is_asked_again_as_it_was_asked() {
    const ALLOW: &str = "[[rules]]\nname = \"a\"\nallow = true\n";
    let rule = |keys: &str| format!("{ALLOW}[[rules]]\nname = \"d\"\n{keys}\ndeny = \"no\"\n");
    let books = Books::new();
    let more = ",\"identity\":\"corp\",\"user\":\"al\",\"scopes\":[\"r\"],\"arguments\":{\"full\":{\"n\":9007199254740993}}";
    books
        .segment("calls/00000001.jsonl", &intent(1, "a", more))
        .segment(
            "decisions/00000001.jsonl",
            &decision(1, "a", ",\"label\":\"confidential\",\"untrusted\":true"),
        );
    let [allow, deny] = [sure(Outcome::Allow, "a"), sure(Outcome::Deny, "d")];
    for (keys, expected) in [
        ("on_behalf_of = [\"corp:al\"]", &deny),
        ("on_behalf_of = [\"corp:bo\"]", &allow),
        ("after = { label = \"confidential\" }", &deny),
        ("after = { label = \"restricted\" }", &allow),
        ("after = { untrusted = true }", &deny),
        ("args = { n = { is = 9007199254740993 } }", &deny),
        ("args = { n = { is = 9007199254740992 } }", &allow),
        (
            "during = { from = \"10:00\", to = \"10:01\", zone = \"UTC\" }",
            &deny,
        ),
        (
            "during = { from = \"10:01\", to = \"11:00\", zone = \"UTC\" }",
            &allow,
        ),
        ("when = \"chain == ['bob']\"", &deny),
        ("tools = [\"s/x\"]", &deny),
    ] {
        assert_eq!(&judged(&books, &rule(keys))[0], expected, "{keys}");
    }
    let scoped = "[[rules]]\nname = \"a\"\nrequires = [\"r\"]\nallow = true\n";
    assert_eq!(judged(&books, scoped)[0], allow);
    // The agents before it are asked too, and must be let in.
    let text = format!("{ALLOW}[agents.eve]\n");
    let narrow = policy(&text);
    let past = books.joined().next().unwrap();
    assert_eq!(past.requests()[0].chain.len(), 1);
    assert_eq!(past.judge(&narrow), allow);
    assert!(past.reason(&policy("")).starts_with("deny: no rule"));
}

#[test]
fn what_was_not_kept_is_not_guessed() {
    const SMALL: &str = "[[rules]]\nname = \"a\"\nargs = { n = { max = 9 } }\nallow = true\n";
    let books = Books::new();
    let calls = [
        intent(1, "a", ",\"arguments\":{\"sha256\":\"ab\",\"bytes\":7}"),
        intent(2, "b", ",\"arguments\":{\"bytes\":7}"),
        intent(3, "c", ",\"arguments\":{\"full\":{\"n\":1}}"),
        intent(4, "d", ",\"arguments\":{\"full\":{\"n\":1}}").replace("\"target\":\"x\",", ""),
    ];
    let decided = ["a", "b", "c", "d"].iter().zip(1..);
    let decided: String = decided
        .map(|(call, second)| decision(second, call, ""))
        .collect();
    books
        .segment("calls/00000001.jsonl", &calls.concat())
        .segment("decisions/00000001.jsonl", &decided);
    let open = || Judged::Open(vec!["a".into()]);
    let told = judged(&books, SMALL);
    assert_eq!(
        told,
        [open(), open(), sure(Outcome::Allow, "a"), Judged::Unclear]
    );
    let found = find(&books.0, "a").unwrap();
    let past = found.past.unwrap();
    assert!(matches!(&past.who.arguments, Arguments::Unread(Some(digest)) if **digest == *"ab"));
    // What holds whatever the arguments are is sure without them.
    let told = judged(&books, "[[rules]]\nname = \"b\"\nallow = true\n");
    assert!(
        told[..3]
            .iter()
            .all(|one| *one == sure(Outcome::Allow, "b")),
        "{told:?}"
    );
    assert!(find(&books.0, "e").is_ok_and(|found| !found.known && found.past.is_none()));
}

fn target(books: &Books, method: &str, name: &str) -> Vec<String> {
    let line = intent(1, "a", "")
        .replace("tools/call", method)
        .replace("\"x\"", &format!("\"{name}\""));
    books.segment("calls/00000001.jsonl", &line);
    let past = books.joined().next().unwrap();
    let requests = past.requests();
    requests
        .iter()
        .map(|one| format!("{:?}", one.target))
        .collect()
}

#[test]
fn methods_say_what_was_asked_for() {
    let books = Books::new();
    books.segment("decisions/00000001.jsonl", &decision(1, "a", ""));
    for (method, name, expected) in [
        ("tools/call", "t", &[Target::Tool("t")][..]),
        ("prompts/get", "p", &[Target::Prompt("p")]),
        ("resources/read", "u:r", &[Target::Resource("u:r")]),
        ("resources/subscribe", "u:r", &[Target::Resource("u:r")]),
        (
            "completion/complete",
            "p",
            &[Target::Prompt("p"), Target::Resource("p")],
        ),
        ("tools/list", "t", &[Target::Server]),
        ("GET", "", &[Target::Server]),
        ("acme/do", "t", &[Target::Method("acme/do")]),
    ] {
        let expected: Vec<_> = expected.iter().map(|one| format!("{one:?}")).collect();
        assert_eq!(target(&books, method, name), expected, "{method}");
    }
    // A server's request to its client: which, where that was kept, else any.
    let client = |more: &str| {
        let members = format!("\"call\":\"a\",\"event\":\"client\",\"decision\":\"deny\"{more}");
        books.segment("decisions/00000001.jsonl", &record(1, "decision", &members));
        let past = books.joined().next().unwrap();
        (past.requests().len(), past.subject())
    };
    let named = ",\"method\":\"roots/list\"";
    assert_eq!(client(named), (1, "s/client:roots".to_owned()));
    assert_eq!(client(""), (3, "s/client:*".to_owned()));
}
