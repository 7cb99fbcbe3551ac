//! `check` of limits, budgets and of state that several gateways share: what is taken, what is refused, what is warned of.

use crate::check_cli::{GOOD, both, folder, mistaken};
use tests::gateway::run;

/// What `check` says of a good configuration with this in `[gateway]`; keys and a password are there.
fn check(gateway: &str) -> (Option<i32>, String) {
    let into = format!("[gateway]\n{gateway}");
    let folder = folder(&GOOD.replacen("[gateway]", &into, 1));
    let key = both(&run(&folder.0, &["key", "new"]));
    std::fs::write(folder.0.join("seal.key"), key).unwrap();
    std::fs::write(folder.0.join("cache.password"), "correct horse\n").unwrap();
    std::fs::write(folder.0.join("empty.password"), "\n").unwrap();
    let output = run(&folder.0, &["check"]);
    (output.status.code(), both(&output))
}

const KEYS: &str = "keys = [{ id = \"k1\", file = \"seal.key\" }]";

#[test]
fn state_that_is_shared_is_taken() {
    for state in [
        "\"memory\"",
        "{ redis = \"rediss://cache.example.com\" }",
        "{ redis = \"redis://127.0.0.1:6379/3\" }",
        "{ redis = \"redis://[::1]:6379\", prefix = \"blue\", timeout = \"1s\", stale = \"2s\" }",
        "{ redis = \"rediss://10.0.0.7:6380/0\", username = \"hopgate\", password = { file = \"cache.password\" }, allow_private = [\"10.0.0.0/8\"] }",
    ] {
        let (code, text) = check(&format!("state = {state}\n{KEYS}"));
        assert_eq!(code, Some(0), "{state}:\n{text}");
        assert!(!text.contains("unencrypted"), "{state}:\n{text}");
    }
}

/// Everybody on the way would read and write who may call what.
#[test]
fn state_in_the_open_is_warned_of() {
    let (code, text) = check(&format!(
        "state = {{ redis = \"redis://cache.example.com\" }}\n{KEYS}"
    ));
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("warning[unencrypted]") && text.contains("rediss://"),
        "{text}"
    );
}

/// What is written, and what is said of it.
const MISTAKES: &[(&str, &str)] = &[
    (
        "{ redis = \"redis://h:6379/x\" }",
        "no number of a database",
    ),
    ("{ redis = \"redis://h?db=1\" }", "has a query"),
    ("{ redis = \"https://h\" }", "rediss://host:6380"),
    ("{ redis = \"redis-sentinel://h\" }", "rediss://host:6380"),
    (
        "{ redis = \"unix:///run/redis.sock\" }",
        "rediss://host:6380",
    ),
    (
        "{ redis = \"rediss://me:s3cret@h\" }",
        "a user or a password is written into a URL",
    ),
    (
        "{ redis = \"rediss://h\", password = \"s3cret\" }",
        "a secret is written into the file",
    ),
    (
        "{ redis = \"rediss://h\", password = { file = \"no.password\" } }",
        "no.password",
    ),
    (
        "{ redis = \"rediss://h\", password = { file = \"empty.password\" } }",
        "is empty",
    ),
    (
        "{ redis = \"rediss://h\", username = \"me\" }",
        "a `username` without a `password`",
    ),
    (
        "{ redis = \"rediss://h\", timeout = \"2s\" }",
        "not between 1ms and 1s",
    ),
    (
        "{ redis = \"rediss://h\", stale = \"1s\" }",
        "not between 2s and 1h",
    ),
    (
        "{ redis = \"rediss://h\", prefix = \"a b\" }",
        "cannot begin keys",
    ),
    (
        "{ redis = \"redis://127.0.0.1\", ca = \"seal.key\" }",
        "`ca` has no meaning without TLS",
    ),
    (
        "{ redis = \"rediss://h\", shard = 1 }",
        "unknown key `shard`",
    ),
    ("{}", "`redis` is missing"),
    ("\"disk\"", "`disk` is not one of `memory`"),
    ("5", "expected a string"),
];

#[test]
fn mistakes_of_shared_state() {
    for (state, expected) in MISTAKES {
        let (code, text) = check(&format!("state = {state}\n{KEYS}"));
        assert_eq!(code, Some(1), "{state}:\n{text}");
        assert!(
            text.contains(expected),
            "{state}: no `{expected}` in\n{text}"
        );
        assert!(
            !text.contains("s3cret"),
            "{state}: a secret is shown:\n{text}"
        );
    }
    let (code, text) = check("state = { redis = \"rediss://h\" }");
    assert_eq!(code, Some(1), "{text}");
    for words in [
        "need the same `keys`",
        "[[gateway.keys]]",
        "hopgate key new",
    ] {
        assert!(text.contains(words), "no `{words}` in\n{text}");
    }
}

#[test]
fn limits_are_taken_wherever_they_stand() {
    let limit = "{ rate = \"60/min\", burst = 10, concurrency = 4, per = \"subject\", queue = { size = 16, wait = \"2s\" } }";
    let config = GOOD
        .replacen("[gateway]", &format!("[gateway]\nlimit = [{limit}, {{ concurrency = 9, per = \"server\" }}]"), 1)
        .replacen("\"destroy\"] }", &format!("\"destroy\"], limit = {limit}, budget = {{ task = {{ calls = 200, bytes = \"50MiB\", minutes = 30, cost = 500 }}, day = {{ calls = 5000 }} }} }}"), 1)
        .replacen("builtin = \"notes\"", &format!("builtin = \"notes\"\nlimit = {limit}\ntools = {{ write_note = {{ effect = \"write\", cost = 5 }}, \"**\" = {{ effect = \"read\" }} }}"), 1)
        .replacen("allow = true", &format!("allow = true\nlimit = {limit}"), 1);
    let folder = folder(&config);
    let output = run(&folder.0, &["check"]);
    assert_eq!(output.status.code(), Some(0), "{}", both(&output));
    let call = ["explain", "--agent", "tester", "--tool", "notes/write_note"];
    let said = both(&run(&folder.0, &call));
    for line in [
        "limited to 60/min with a burst of 10 and 4 at once per subject, 16 waiting up to 2 s, by rule `notes`",
        "by the envelope of `tester`",
        "at most 200 calls, 50MiB, 30 minutes, a cost of 500 in one task",
        "it costs 5",
    ] {
        assert!(said.contains(line), "no `{line}` in\n{said}");
    }
    let json = run(&folder.0, &[&call[..], &["--format", "json"]].concat());
    let said: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let held = &said["measure"];
    assert_eq!(
        (&held["cost"], &held["limits"][0]["rule"]),
        (&5.into(), &"notes".into())
    );
    assert_eq!(held["limits"][1]["envelope"], "tester");
    assert_eq!(held["limits"][0]["rate"]["burst"], 10);
    assert_eq!(held["budgets"][0]["task"]["bytes"], 50 << 20);
    assert!(held["budgets"][0]["day"]["bytes"].is_null());
}

#[test]
fn mistakes_of_limits() {
    let of = |place: &'static str| move |limit: &str| format!("{place}\nlimit = {limit}");
    for (limit, expected) in [
        ("{ rate = \"60/m\" }", "`60/m` is no rate"),
        ("{ burst = 5, concurrency = 1 }", "`burst` without `rate`"),
        (
            "{ per = \"agent\" }",
            "a limit needs `rate` or `concurrency`",
        ),
        (
            "{ concurrency = 1, queue = { size = 1, wait = \"2m\" } }",
            "longer than a minute",
        ),
        (
            "{ concurrency = 1, per = \"user\" }",
            "`user` is not one of",
        ),
    ] {
        for place in ["[gateway]", "builtin = \"notes\"", "allow = true"] {
            mistaken((place, place, &of(place)(limit), expected));
        }
    }
    mistaken((
        "a deny limits nothing",
        "allow = true",
        "deny = \"no\"\nlimit = { concurrency = 1 }",
        "has nothing to limit",
    ));
}
