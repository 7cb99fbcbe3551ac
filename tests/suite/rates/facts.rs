//! What a caller and the operator learn of a limit that is reached.

use super::{facts, limited, pair, passing};
use crate::identity::known;
use std::time::Duration;
use tests::records::Records;

#[tokio::test]
async fn a_refusal_says_when_and_then_it_is_true() {
    let (gateway, _upstream) = pair(&limited("{ rate = \"30/min\", burst = 2 }"), "").await;
    let ann = known(&gateway, "up", "ann");
    assert_eq!(passing(&ann, 2).await, 2);
    let answer = ann.call("echo", "{}").await;
    let retry: u64 = answer.head.get("retry-after").unwrap().parse().unwrap();
    assert!((1..=2).contains(&retry), "{answer:?}");
    assert_eq!(
        answer.head.get("ratelimit-policy"),
        Some("\"rule\";q=30;w=60")
    );
    let state = format!("\"rule\";r=0;t={retry}");
    assert_eq!(answer.head.get("ratelimit"), Some(&*state));
    let facts = facts(&answer);
    let expected = serde_json::json!({
        "limit": "rule", "per": "subject", "what": "rate", "retry_after": retry,
    });
    assert_eq!(facts, expected);
    assert!(!answer.text().contains("\"all\""), "no name of a rule");
    tokio::time::sleep(Duration::from_secs(retry)).await;
    assert_eq!(passing(&ann, 1).await, 1);
}

#[tokio::test]
async fn the_record_names_the_one_that_refused() {
    let (mut gateway, _upstream) = pair(&limited("{ rate = \"1/d\" }"), "").await;
    let ann = known(&gateway, "up", "ann");
    assert_eq!(passing(&ann, 1).await, 1);
    let answer = ann.call("echo", "{}").await;
    let call = answer.head.get("hopgate-call").unwrap().to_owned();
    let why = "limit of rule `all`: 1 calls in 86400 s per subject";
    let place = gateway.place.clone();
    let metrics = [
        (
            "hopgate_limits_checked_total{of=\"rule\",outcome=\"admitted\"}",
            1.0,
        ),
        (
            "hopgate_limits_checked_total{of=\"rule\",outcome=\"refused\"}",
            1.0,
        ),
        ("hopgate_limits_waiting", 0.0),
    ];
    for (name, expected) in metrics {
        assert!(
            (gateway.metric(name).await - expected).abs() < 0.1,
            "{name}"
        );
    }
    gateway.terminate().await;
    let records = Records::read(&place);
    let outcome = records.outcome(&call);
    assert_eq!(
        (&outcome["refused"], &outcome["reason"]),
        (&"limit".into(), &why.into())
    );
    assert_eq!(outcome["sent"], false);
    let shown = tests::gateway::run(&place.folder, &["audit", "show", &call]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains(why), "{shown}");
}
