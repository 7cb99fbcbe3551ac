//! Issuers that fail, are slow, or will not: calls are refused in time, nothing is minted twice, nothing is forgotten.

use super::{armed, events, leases, telling};
use std::time::Duration;
use tests::authority::{Authority, Mood};
use tests::{Agent, Gateway, Setup, Upstream};

async fn world(keys: &str) -> (Gateway, Upstream, Authority) {
    let (upstream, authority) = (telling().await, Authority::start().await);
    let gateway = Gateway::start(&setup(&upstream, &authority, keys)).await;
    (gateway, upstream, authority)
}

fn setup(upstream: &Upstream, authority: &Authority, keys: &str) -> Setup {
    armed(&upstream.url(), &authority.credential(keys))
        .variable("AUTHORITY_SECRET", "canary-of-the-client-0001")
}

#[tokio::test]
async fn however_many_ask_it_is_minted_once() {
    let (gateway, upstream, authority) = world("").await;
    authority.giving(Mood::Slow(Duration::from_millis(200)));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let agent = Agent::modern(&gateway);
        calls.spawn(async move { agent.call("note", "{}").await.said() });
    }
    assert!(calls.join_all().await.iter().all(|said| said == "done"));
    assert_eq!(
        (authority.asked(), upstream.with_method("tools/call").len()),
        (1, 32)
    );
}

#[tokio::test]
async fn an_issuer_that_says_no_is_not_asked_again_for_this_call() {
    let (gateway, upstream, authority) = world("").await;
    authority.giving(Mood::Answers(400));
    let answer = Agent::modern(&gateway).call("note", "{}").await;
    assert_eq!((answer.status(), answer.code()), (502, Some(-31_502)));
    assert_eq!(authority.asked(), 1);
    assert!(upstream.received().is_empty());
    assert_eq!(events(&gateway), ["intent", "unminted"]);
    authority.giving(Mood::Willing);
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    while Agent::modern(&gateway).call("note", "{}").await.status() != 200 {
        assert!(tokio::time::Instant::now() < end, "never asked again");
    }
}

#[tokio::test]
async fn an_issuer_that_fails_is_asked_again_and_refused_in_time() {
    let (gateway, _upstream, authority) = world("").await;
    authority.giving(Mood::Answers(503));
    let answer = Agent::modern(&gateway).call("note", "{}").await;
    assert_eq!((answer.status(), answer.code()), (503, Some(-31_503)));
    assert_eq!(answer.head.get("retry-after"), Some("1"));
    assert!(authority.asked() > 1, "asked once");
}

#[tokio::test]
async fn an_issuer_that_recovers_in_time_is_not_noticed() {
    let (gateway, _upstream, authority) = world("").await;
    authority.giving(Mood::Answers(503));
    let agent = Agent::modern(&gateway);
    let call = agent.call("note", "{}");
    let recovers = async {
        tests::eventually("it was asked", || authority.asked() > 0).await;
        authority.giving(Mood::Willing);
    };
    let (answer, ()) = tokio::join!(call, recovers);
    assert_eq!(answer.said(), "done");
}

#[tokio::test]
async fn what_may_have_been_minted_and_cannot_be_found_again_is_listed_until_it_expires() {
    let (gateway, _upstream, authority) = world("outstanding = 0").await;
    authority.giving(Mood::DoesAndCloses);
    let answer = Agent::modern(&gateway).call("note", "{}").await;
    assert_eq!(answer.status(), 503, "{}", answer.text());
    tests::eventually("it is on record", || {
        events(&gateway).contains(&"irrevocable".to_owned())
    })
    .await;
    let said = tests::gateway::run(&gateway.place.folder, &["--format", "json", "leases"]);
    let said: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    let lease = &said["leases"][0];
    assert_eq!(lease["state"], "irrevocable", "{said}");
    assert!(lease["trouble"].is_string() && lease["until"].is_u64());
    // Nobody holds it, so it keeps nobody from what is minted once the issuer is well again.
    authority.giving(Mood::Willing);
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    while Agent::modern(&gateway).call("note", "{}").await.status() != 200 {
        assert!(tokio::time::Instant::now() < end, "never minted again");
    }
}

#[tokio::test]
async fn with_too_many_out_of_reach_no_more_are_minted() {
    let (gateway, _upstream, authority) = world("per = \"call\"\noutstanding = 1").await;
    authority.taking(Mood::Answers(503));
    let agent = Agent::modern(&gateway);
    let out = || {
        let said = tests::gateway::run(&gateway.place.folder, &["leases"]).stdout;
        let said = String::from_utf8_lossy(&said).into_owned();
        said.lines()
            .filter(|line| line.contains("HTTP status") || line.contains("refused"))
            .count()
    };
    for many in 1..=2 {
        assert_eq!(agent.call("note", "{}").await.said(), "done");
        tests::eventually("it is out of reach", || out() == many).await;
    }
    let asked = authority.asked();
    assert_eq!(agent.call("note", "{}").await.status(), 503);
    assert_eq!(authority.asked(), asked);
    authority.taking(Mood::Willing);
    tests::eventually("both are taken back", || authority.good().is_empty()).await;
    tests::eventually("and on record", || {
        events(&gateway)
            .iter()
            .filter(|event| *event == "revoked")
            .count()
            == 2
    })
    .await;
    assert_eq!(agent.call("note", "{}").await.said(), "done");
}

#[tokio::test]
async fn a_page_of_somebody_in_between_is_no_last_word() {
    let (gateway, _upstream, authority) = world("per = \"call\"").await;
    authority.taking(Mood::Page(404));
    assert_eq!(
        Agent::modern(&gateway).call("note", "{}").await.said(),
        "done"
    );
    tests::eventually("it was asked", || {
        authority
            .received()
            .iter()
            .any(|one| one.head.line.contains("/revoke"))
    })
    .await;
    authority.taking(Mood::Willing);
    tests::eventually("it is taken back", || authority.good().is_empty()).await;
    assert!(!events(&gateway).contains(&"irrevocable".to_owned()));
}

#[tokio::test]
async fn an_issuer_that_hangs_holds_up_no_other() {
    let (upstream, sick, well) = (
        telling().await,
        Authority::start().await,
        Authority::start().await,
    );
    let tables = sick.credential("per = \"call\"\noutstanding = 1000")
        + &well.credential_named("well", "per = \"call\"");
    let setup = armed(&upstream.url(), &tables)
        .server_with("other", &upstream.url(), "credential = \"well\"")
        .variable("AUTHORITY_SECRET", "canary-of-the-client-0001");
    let mut gateway = Gateway::start(&setup).await;
    sick.taking(Mood::Slow(Duration::from_secs(3600)));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..150 {
        let agent = Agent::modern(&gateway);
        calls.spawn(async move { agent.call("note", "{}").await.status() });
    }
    assert!(calls.join_all().await.iter().all(|status| *status == 200));
    let other = Agent::new(gateway.address(), "/servers/other/mcp", tests::Era::Modern);
    assert_eq!(other.call("note", "{}").await.said(), "done");
    tests::eventually("the other's is taken back", || well.good().is_empty()).await;
    assert_eq!(other.call("note", "{}").await.said(), "done");
    gateway.terminate().await;
    assert!(well.good().is_empty());
    sick.taking(Mood::Willing);
}

#[tokio::test]
async fn a_revocation_is_tried_until_it_is_done() {
    let (gateway, _upstream, authority) = world("per = \"call\"").await;
    for mood in [Mood::Answers(503), Mood::Closes] {
        authority.taking(mood);
        let before = leases(&gateway).len();
        assert_eq!(
            Agent::modern(&gateway).call("note", "{}").await.said(),
            "done"
        );
        tests::eventually("it is in trouble", || {
            let said = tests::gateway::run(&gateway.place.folder, &["leases"]).stdout;
            let said = String::from_utf8_lossy(&said).into_owned();
            said.lines()
                .any(|line| line.contains("revoking") && !line.trim_end().ends_with('-'))
        })
        .await;
        assert_eq!(authority.good().len(), 1);
        authority.taking(Mood::Willing);
        tests::eventually("it is done", || authority.good().is_empty()).await;
        tests::eventually("and on record", || leases(&gateway).len() == before + 4).await;
    }
}

#[tokio::test]
async fn a_lease_nobody_takes_back_is_irrevocable_until_it_expires() {
    let (gateway, _upstream, authority) = world("per = \"call\"\nttl = \"3s\"").await;
    authority.taking(Mood::Answers(503));
    assert_eq!(
        Agent::modern(&gateway).call("note", "{}").await.said(),
        "done"
    );
    tests::eventually("it has expired", || {
        events(&gateway).contains(&"irrevocable".to_owned())
    })
    .await;
    tests::eventually("and is listed no longer", || {
        let said = tests::gateway::run(&gateway.place.folder, &["leases"]).stdout;
        String::from_utf8_lossy(&said).lines().count() == 1
    })
    .await;
    let (_, metrics) = gateway.admin("/metrics", false).await;
    assert!(
        metrics.contains("hopgate_leases_ended_total{how=\"irrevocable\"} 1"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_revocation_goes_on_after_a_crash() {
    let (mut gateway, _upstream, authority) = world("per = \"call\"").await;
    authority.taking(Mood::Answers(503));
    assert_eq!(
        Agent::modern(&gateway).call("note", "{}").await.said(),
        "done"
    );
    tests::eventually("it ends", || events(&gateway).contains(&"used".to_owned())).await;
    gateway.signal("KILL");
    gateway.ended().await;
    let gateway = gateway.restart_unready().await;
    assert_eq!(authority.good().len(), 1);
    authority.taking(Mood::Willing);
    tests::eventually("it is done", || authority.good().is_empty()).await;
    drop(gateway);
}

#[tokio::test]
async fn a_lease_is_replaced_before_it_ends_and_no_call_notices() {
    let (gateway, _upstream, authority) = world("").await;
    authority.live(3);
    let agent = Agent::modern(&gateway);
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    while authority.given().len() < 3 {
        assert_eq!(agent.call("note", "{}").await.said(), "done");
        assert!(tokio::time::Instant::now() < end, "never replaced");
    }
    tests::eventually("only the newest is good", || authority.good().len() == 1).await;
}
