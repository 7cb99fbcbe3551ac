//! Whom a lease serves, and what the records say of it.

use super::{SECRET, armed, events, fixed, folder, leases, telling};
use crate::identity::{known, staffed};
use tests::{Agent, Gateway, Setup};

#[tokio::test]
async fn one_task_has_one_lease_and_every_use_is_on_record() {
    let upstream = telling().await;
    let gateway = Gateway::start(&armed(&upstream.url(), &fixed(&folder(), ""))).await;
    let agent = Agent::modern(&gateway);
    for _ in 0..3 {
        assert_eq!(agent.call("note", "{}").await.said(), "done");
    }
    assert_eq!(
        events(&gateway),
        ["intent", "minted", "used", "used", "used"]
    );
    let lines = leases(&gateway);
    let (intent, minted) = (&lines[0].1, &lines[1].1);
    assert_eq!(intent["credential"], "own");
    assert_eq!(intent["server"], "up");
    assert_eq!(intent["origin"], upstream.url().trim_end_matches("/mcp"));
    assert_eq!(intent["chain"], serde_json::json!(["tester"]));
    assert_eq!(minted["fingerprint"].as_str().unwrap().len(), 32);
    assert!(
        lines
            .iter()
            .all(|(_, line)| line["lease"] == intent["lease"])
    );
    assert!(!format!("{lines:?}").contains(SECRET));
    assert_eq!(upstream.connections(), 1);
    let mut gateway = gateway;
    assert!(gateway.terminate().await.success());
    let last = leases(&gateway).pop().unwrap().1;
    assert_eq!(
        (&last["event"], &last["cause"]),
        (&"lapses".into(), &"stopped".into())
    );
}

#[tokio::test]
async fn each_call_has_a_lease_of_its_own_where_the_credential_says_so() {
    let upstream = telling().await;
    let tables = fixed(&folder(), "per = \"call\"");
    let gateway = Gateway::start(&armed(&upstream.url(), &tables)).await;
    let agent = Agent::modern(&gateway);
    for _ in 0..2 {
        assert_eq!(agent.call("note", "{}").await.said(), "done");
    }
    tests::eventually("both have ended", || events(&gateway).len() == 8).await;
    let lines = leases(&gateway);
    let ids = |event: &str| {
        let of = lines.iter().filter(|(one, _)| one == event);
        let mut ids: Vec<String> = of.map(|(_, line)| line["lease"].to_string()).collect();
        ids.sort();
        ids.dedup();
        ids
    };
    assert_eq!(ids("intent").len(), 2);
    assert_eq!(ids("intent"), ids("lapses"));
    let ended = lines.iter().filter(|(event, _)| event == "lapses");
    assert!(
        ended
            .map(|(_, line)| &line["cause"])
            .all(|cause| cause == "unused")
    );
    assert_eq!(upstream.connections(), 2, "no connection serves two leases");
}

#[tokio::test]
async fn no_lease_and_no_connection_serves_two_principals() {
    let upstream = telling().await;
    let tables = fixed(&folder(), "per = \"agent\"");
    let setup = staffed(armed(&upstream.url(), &tables), &["ann", "bob"]);
    let gateway = Gateway::start(&setup).await;
    for name in ["ann", "bob", "ann", "bob"] {
        assert_eq!(
            known(&gateway, "up", name).call("note", "{}").await.said(),
            "done"
        );
    }
    let events = events(&gateway);
    assert_eq!(events.iter().filter(|event| *event == "minted").count(), 2);
    assert_eq!(upstream.connections(), 2);
}

#[tokio::test]
async fn a_rule_says_with_what_its_calls_go_out() {
    let upstream = telling().await;
    let rules = "[[rules]]\nname = \"bare\"\ntools = [\"up/bare\"]\nallow = true\ncredential = \"none\"\n\
                 [[rules]]\nname = \"other\"\ntools = [\"up/other\"]\nallow = true\ncredential = \"own\"\n\
                 [[rules]]\nname = \"rest\"\ntools = [\"up/rest\"]\nallow = true\n";
    let setup = Setup::empty().server("up", &upstream.url()).rules(rules);
    let gateway = Gateway::start(&setup.tail(&fixed(&folder(), ""))).await;
    let agent = Agent::modern(&gateway);
    for (tool, armed) in [("bare", false), ("other", true), ("rest", false)] {
        assert_eq!(agent.call(tool, "{}").await.said(), "done");
        let received = upstream.with_method("tools/call").pop().unwrap();
        assert_eq!(
            received.head.get("authorization").is_some(),
            armed,
            "{tool}"
        );
    }
}

#[tokio::test]
async fn another_secret_in_the_file_is_used_at_once() {
    let upstream = telling().await;
    let place = folder();
    let gateway = Gateway::start(&armed(&upstream.url(), &fixed(&place, ""))).await;
    let agent = Agent::modern(&gateway);
    assert_eq!(agent.call("note", "{}").await.said(), "done");
    std::fs::write(place.join("static.token"), "canary-static-second-77aa81b2").unwrap();
    let second = || {
        let last = upstream.with_method("tools/call").pop().unwrap();
        last.head.get("authorization") == Some("Bearer canary-static-second-77aa81b2")
    };
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    while !second() {
        assert!(
            tokio::time::Instant::now() < end,
            "the old secret is still used"
        );
        assert_eq!(agent.call("note", "{}").await.said(), "done");
    }
    let events = events(&gateway);
    assert_eq!(events.iter().filter(|event| *event == "lapses").count(), 1);
}
