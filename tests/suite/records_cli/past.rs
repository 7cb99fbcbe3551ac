//! One recorded call explained, and what no recorded call used.

use super::{ask, folder, id, json};

#[test]
fn a_recorded_call_is_explained() {
    let folder = folder();
    let (code, out, error) = ask(&folder, &["explain", "--call", &id(1)]);
    assert_eq!(code, Some(0), "{out}{error}");
    for word in [
        "2026-11-21T16:32:01.000001Z  clerk  ledger/refund: was allow by `small refunds`, under another configuration: snapshot old, now ",
        "\nallow: rule `small refunds` allows it\n",
    ] {
        assert!(out.contains(word), "{word}\n{out}");
    }
    let (code, said) = json(&folder, &["explain", "--call", &id(3)]);
    assert_eq!(code, Some(4));
    assert_eq!(said["decision"], "deny");
    assert_eq!(said["recorded"]["decision"], "deny");
    assert_eq!(said["recorded"]["same_snapshot"], false);
    let silent = said["rules"]
        .as_array()
        .unwrap()
        .iter()
        .find(|rule| rule["name"] == "small refunds");
    assert_eq!(silent.unwrap()["silent"]["key"], "args.amount");
    // Only the digest was kept: what depends on the arguments needs them, what does not does not.
    let (code, _, error) = ask(&folder, &["explain", "--call", &id(2)]);
    assert!(
        code == Some(2) && error.contains("`small refunds`: give them with `--args JSON`"),
        "{error}"
    );
    let (code, out, _) = ask(
        &folder,
        &["explain", "--call", &id(2), "--args", "{\"amount\":20}"],
    );
    assert!(code == Some(0) && !out.contains("note:"), "{out}");
    let (code, out, _) = ask(
        &folder,
        &["explain", "--call", &id(2), "--args", "{\"amount\":500}"],
    );
    assert!(
        code == Some(4) && out.contains("note: the arguments given are not, byte for byte"),
        "{out}"
    );
    let (code, out, _) = ask(&folder, &["explain", "--call", &id(5)]);
    assert!(
        code == Some(0) && out.contains("the outcome is the same with any"),
        "{out}"
    );
    // With dashes, as other tools write ids, it is the same call.
    let dashed = format!("01900000-0000-7000-8000-0000000{}", &id(4)[27..]);
    let (code, out, error) = ask(
        &folder,
        &["explain", "--call", &dashed, "--records", "data/audit"],
    );
    assert!(
        code == Some(0) && out.contains("ledger/get_a"),
        "{out}{error}"
    );
}

#[test]
fn the_snapshot_of_the_record_is_compared() {
    let folder = folder();
    let (_, said) = json(&folder, &["replay", "--against", "hopgate.toml"]);
    let digest = said["against"]["snapshot"].as_str().unwrap();
    let file = folder.0.join("data/audit/decisions/00000001.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"old\"", &format!("\"{digest}\""))).unwrap();
    let (_, out, _) = ask(&folder, &["explain", "--call", &id(1)]);
    assert!(
        out.contains("by `small refunds`, under this configuration\n"),
        "{out}"
    );
}

#[test]
fn grants_that_nobody_used_are_found() {
    let folder = folder();
    let (code, out, _) = ask(&folder, &["access", "--records", "data/audit"]);
    assert_eq!(code, Some(0), "{out}");
    for word in [
        "used 2 times since 2026-11-21T16:32:01.000001Z, last 2026-11-21T16:32:05.000001Z: ledger/get_a, ledger/get_b\n",
        "used 2 times since 2026-11-21T16:32:01.000001Z, last 2026-11-21T16:32:02.000001Z: ledger/refund\n",
        "unused since 2026-11-21T16:32:01.000001Z, where the records begin\n",
    ] {
        assert!(out.contains(word), "{word}\n{out}");
    }
    let (_, said) = json(&folder, &["access", "--records", "data/audit", "--unused"]);
    let ways = said["access"].as_array().unwrap();
    assert_eq!(ways.len(), 1, "{said}");
    assert_eq!(ways[0]["rule"]["name"], "notes are open");
    assert_eq!(ways[0]["used"]["calls"], 0);
    assert_eq!(said["records"]["since"], "2026-11-21T16:32:01.000001Z");
    let (_, out, _) = ask(
        &folder,
        &[
            "access",
            "--records",
            "data/audit",
            "--tool",
            "ledger/get_b",
        ],
    );
    assert!(
        out.contains("used 1 times") && !out.contains("get_a"),
        "{out}"
    );
    let (_, out, _) = ask(
        &folder,
        &[
            "access",
            "--records",
            "data/audit",
            "--tool",
            "ledger/refund",
            "--unused",
        ],
    );
    assert_eq!(out, "nothing is unused\n");
}

#[test]
fn what_cannot_be_read_is_said() {
    let folder = folder();
    let first = id(1);
    for (args, code, word) in [
        (
            &[
                "replay",
                "--records",
                "nowhere",
                "--against",
                "hopgate.toml",
            ][..],
            1,
            "`nowhere/calls`",
        ),
        (&["replay"], 2, "--against"),
        (&["replay", "--against", "nothing.toml"], 1, "nothing.toml"),
        (&["access", "--records", "nowhere"], 1, "`nowhere/calls`"),
        (&["access", "--unused"], 2, "--records"),
        (&["explain", "--call", "x"], 2, "no id of a call"),
        (
            &["explain", "--call", "01900000000070008000000000009999"],
            2,
            "no record speaks of call",
        ),
        (
            &["explain", "--call", &first, "--records", "nowhere"],
            1,
            "`nowhere/calls`",
        ),
        (
            &["explain", "--call", &first, "--args", "{}"],
            2,
            "were recorded",
        ),
        (
            &["explain", "--call", &first, "--agent", "clerk"],
            2,
            "--agent",
        ),
    ] {
        let (got, out, error) = ask(&folder, args);
        assert_eq!(got, Some(code), "{args:?}\n{out}{error}");
        assert!(error.contains(word), "{args:?}: {word}\n{error}");
    }
}
