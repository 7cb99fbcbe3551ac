//! Who and what: what the records say of a call is what happened.

use super::books::close;
use super::id;
use crate::identity::chains::{Way, passes_on};
use crate::identity::{EVERYTHING, allow, keys};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tests::records::{hex, text};
use tests::setup::{Place, registered};
use tests::{Agent, Era, Gateway, Issuer, Records, Setup, Upstream};

/// Spelled as no writer would: what is recorded is what the server got, not what somebody made of it.
const ARGUMENTS: &str = "{ \"b\" : 1.0e0,\r\n\t\"a\":\"\\u00e9 \\/\", \"a b\":[ ] }";

async fn recorded(audit: &str, arguments: &str) -> (Value, String) {
    let upstream = Upstream::saying("ok").await;
    let mut gateway = Gateway::start(&Setup::new(&upstream.url()).audit(audit)).await;
    let answer = Agent::modern(&gateway).call("echo", arguments).await;
    assert_eq!(answer.said(), "ok");
    let received = &upstream.with_method("tools/call")[0];
    let received = received.raw(&["params", "arguments"]).expect("arguments");
    let records = close(&mut gateway).await;
    let who = records.who(&id(&answer.head));
    assert!(
        who["bytes_in"].as_u64() > Some(arguments.len() as u64),
        "{who}"
    );
    (who["arguments"].clone(), received)
}

#[tokio::test]
async fn arguments_are_recorded_as_far_as_is_configured() {
    let (said, received) = recorded("", ARGUMENTS).await;
    assert_eq!(received, ARGUMENTS);
    let sha256 = hex(digest(&SHA256, received.as_bytes()).as_ref());
    assert_eq!(said, json!({ "sha256": sha256, "bytes": received.len() }));
    let (said, _) = recorded("arguments = \"full\"", ARGUMENTS).await;
    let meant: Value = serde_json::from_str(ARGUMENTS).unwrap();
    assert_eq!(said, json!({ "full": meant }));
    let (said, _) = recorded("arguments = \"none\"", ARGUMENTS).await;
    assert_eq!(said, json!({ "bytes": ARGUMENTS.len() }));
}

/// Ann, whose token names a user and scopes, calls bob, an agent, who calls a tool on her behalf.
async fn chain() -> (Records, String, Gateway) {
    let place = Place::free();
    let address = SocketAddr::from(([127, 0, 0, 1], place.port));
    let answers = Arc::default();
    let b = passes_on(
        address,
        ("bob", "tool", "get"),
        Way::Header,
        Arc::clone(&answers),
    )
    .await;
    let (tool, issuer) = (Upstream::saying("done").await, Issuer::start().await);
    let setup = Setup::empty()
        .without_local()
        .server_with("b", &b.url(), "agent = \"bob\"")
        .server("tool", &tool.url())
        .rules(&allow("all", "**"))
        .tail(&issuer.identity("corp", "agent = \"azp\"\nuser = \"sub\""))
        .tail(&keys(&["bob"]))
        .tail(&registered("ann", "\"corp:ann\"", EVERYTHING))
        .tail(&registered("bob", "\"keys:bob\"", EVERYTHING));
    std::fs::write(place.config(), setup.text(&place)).unwrap();
    let mut gateway = Gateway::at(place).await.unwrap();
    let mut claims = issuer.claims("ursula", &format!("http://{address}/servers/b/mcp"));
    (claims["azp"], claims["scope"]) = (json!("ann"), json!("mcp ledger:read"));
    let ann = Agent::new(address, "/servers/b/mcp", Era::Modern).bearer(&issuer.sign(&claims));
    let answer = ann.call("relay", "{}").await;
    assert_eq!(answer.said(), "done");
    (close(&mut gateway).await, id(&answer.head), gateway)
}

#[tokio::test]
async fn a_chain_of_two_is_joined_and_says_for_whom() {
    let (records, call, gateway) = chain().await;
    let first = records.who(&call);
    let expected = json!({ "identity": "corp", "agent": "ann", "user": "ursula", "scopes": ["mcp", "ledger:read"],
        "server": "b", "method": "tools/call", "target": "relay", "address": "127.0.0.1" });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&first[name], value, "{name} of {first}");
    }
    assert!(
        first.get("parent").is_none()
            && first
                .get("chain")
                .is_none_or(|chain| *chain == json!(["ann"]))
    );
    let intents = records.kind("calls", "intent");
    let second = intents
        .iter()
        .find(|one| text(one, "agent") == "bob")
        .expect("bob's call");
    let expected = json!({ "identity": "keys", "parent": call, "chain": ["ann", "bob"], "server": "tool",
        "users": [["corp", "ursula"]], "target": "get", "txn": first["txn"] });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&second[name], value, "{name} of {second}");
    }
    assert_ne!(first["task"], second["task"]);
    assert!(
        second.get("user").is_none() && second.get("scopes").is_none(),
        "{second}"
    );
    // The same, told to people.
    let args = ["audit", "tree", text(first, "task")];
    let tree = tests::gateway::run(&gateway.place.folder, &args);
    let tree = String::from_utf8(tree.stdout).unwrap();
    let line = |word: &str| tree.lines().position(|line| line.contains(word));
    let (above, below) = (
        line("ann → b  tools/call relay"),
        line("└─ bob → tool  tools/call get"),
    );
    assert!(above.is_some() && above < below, "{tree}");
}

#[tokio::test]
async fn what_a_list_was_cut_by_and_what_a_shadow_would_do_is_recorded() {
    let upstream = Upstream::saying("ok").await;
    let rule = |name: &str, lines: &str| format!("\n[[rules]]\nname = \"{name}\"\n{lines}\n");
    let rules = rule("some", "tools = [\"up/echo\", \"up/slow\"]\nallow = true")
        + &rule(
            "soon",
            "tools = [\"up/slow\"]\nmode = \"shadow\"\ndeny = \"not any more\"",
        );
    let mut gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    let agent = Agent::modern(&gateway);
    let list = id(&agent.request("tools/list", "{}").await.head);
    let (plain, shaded) = (
        agent.call("echo", "{}").await,
        agent.call("slow", "{}").await,
    );
    let denied = id(&agent.call("secret", "{}").await.head);
    let records = close(&mut gateway).await;
    let of = |call: &str, kind: &str| {
        let all = records.of("decisions", call);
        all.into_iter()
            .find(|(one, _)| *one == kind)
            .map(|(_, record)| record.clone())
    };
    let cut = of(&list, "list").expect("a list");
    // The server has four tools.
    assert_eq!(
        (&cut["shown"], &cut["hidden"]),
        (&json!(2), &json!(2)),
        "{cut}"
    );
    assert_eq!(records.outcome(&list)["withheld"], 2);
    let plain = of(&id(&plain.head), "decision").unwrap();
    assert_eq!(
        (&plain["decision"], &plain["rules"]),
        (&json!("allow"), &json!(["some"])),
        "{plain}"
    );
    assert!(plain.get("would").is_none(), "{plain}");
    let shaded = of(&id(&shaded.head), "decision").unwrap();
    assert_eq!(
        (&shaded["decision"], &shaded["would"], &shaded["shadow"]),
        (&json!("allow"), &json!("refuse"), &json!("soon"))
    );
    let denied = of(&denied, "decision").unwrap();
    assert_eq!(denied["decision"], "deny");
    assert!(!text(&denied, "why").is_empty(), "{denied}");
}
