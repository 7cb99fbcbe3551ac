//! A good proof is not enough: nobody registered, and agents that are not active, are refused in the same bytes.

use super::{EVERYTHING, World};
use tests::Whole;
use tests::setup::registered;

/// Everything a caller can see of an answer, but for what differs by nature.
fn seen(answer: &Whole) -> (String, Vec<(String, String)>, String) {
    let mut headers = answer.head.headers.clone();
    headers.retain(|(name, _)| !matches!(name.to_lowercase().as_str(), "date" | "hopgate-call"));
    (answer.head.line.clone(), headers, answer.text())
}

#[tokio::test]
async fn one_message_for_all_that_may_not_call() {
    let in_state = |name: &str, from: &str, to: &str| {
        let agent = registered(name, &format!("\"corp:{name}\""), EVERYTHING);
        assert!(agent.contains(from));
        agent.replace(from, to)
    };
    let active = "expires = 2099-01-01";
    let tables = [
        in_state(
            "proposed",
            active,
            "state = \"proposed\"\nexpires = 2099-01-01",
        ),
        in_state(
            "suspended",
            active,
            "state = \"suspended\"\nexpires = 2099-01-01",
        ),
        in_state(
            "retired",
            active,
            "state = \"retired\"\nexpires = 2099-01-01",
        ),
        in_state("expired", active, "expires = 2001-01-01"),
    ]
    .concat();
    let world = World::with("", &tables).await;
    let mut all = Vec::new();
    let reasons = [
        ("nobody", "no agent has the identity `corp:nobody`"),
        ("Worker", "no agent has the identity `corp:Worker`"),
        ("proposed", "the agent is proposed"),
        ("suspended", "the agent is suspended"),
        ("retired", "the agent is retired"),
        ("expired", "the agent has expired"),
    ];
    for (subject, reason) in reasons {
        let token = world.token(subject);
        // The second time the token may be known already.
        for _ in 0..2 {
            let answer = world.call(&token).await;
            assert_eq!(answer.status(), 403, "{subject}: {answer:?}");
            assert_eq!(answer.head.get("www-authenticate"), None);
            all.push(seen(&answer));
        }
        // The operator reads which it was.
        world.gateway.stderr().wait(reason).await;
    }
    assert!(all.iter().all(|one| *one == all[0]), "{all:#?}");
    assert!(world.upstream.received().is_empty());
    assert_eq!(world.call(&world.token("worker")).await.said(), "ok");
}

/// An agent expires while its token is good, and while it is known.
#[tokio::test]
async fn an_agent_expires_between_two_calls() {
    let soon = tests::issuer::now() + 4;
    let instant = instant(soon);
    let agent = registered("brief", "\"corp:brief\"", EVERYTHING);
    let agent = agent.replace("expires = 2099-01-01", &format!("expires = {instant}"));
    let world = World::with("", &agent).await;
    let token = world.token("brief");
    assert_eq!(world.call(&token).await.said(), "ok");
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    while tests::issuer::now() < soon {
        assert!(tokio::time::Instant::now() < end);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(world.call(&token).await.status(), 403);
}

/// Seconds since the epoch as RFC 3339 writes them, by the civil calendar.
fn instant(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}
