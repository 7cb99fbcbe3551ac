//! The issuer against a double that answers from a script and remembers what it was asked. What a real vault does with
//! the same questions is the stage `vault` of tests/run.

mod double;
mod logins;

use super::*;
use double::{JWT, double, order};

const LOGIN: &str = r#"{"auth":{"client_token":"s.session","accessor":"acc1","lease_duration":600,"renewable":true}}"#;
const LEASE: &str = r#"{"lease_id":"database/creds/ro/L1","lease_duration":60,"renewable":true,"data":{"username":"v-1","password":"hunter2hunter2"}}"#;
const LOG_IN: &str = "POST auth/jwt/login";
const READ: &str = "GET database/creds/ro";
const REVOKE: &str = "POST sys/leases/revoke";
const MAY: &str = "POST sys/capabilities-self";
const END: &str = "POST auth/token/revoke-self";
const BY_ACCESSOR: &str = "POST auth/token/revoke-accessor";

#[tokio::test]
async fn a_lease_is_minted_in_a_session_of_its_own_and_both_are_taken_back() {
    let double = double(None, &[(LOG_IN, 200, LOGIN), (READ, 200, LEASE)]).await;
    let root = double.vault.root(&order()).await.unwrap().unwrap();
    assert!(
        !root.0.text().unwrap().contains("s.session"),
        "a root holds no token"
    );
    let minted = double.vault.mint(&order(), Some(&root)).await.unwrap();
    assert_eq!(
        double.asked(LOG_IN).1,
        json!({ "role": "hopgate", "jwt": JWT })
    );
    assert_eq!(double.asked(READ).0, "s.session");
    assert_eq!(
        minted.life,
        Some(Duration::from_secs(60)),
        "never longer than the lease"
    );
    let (user, password) = (
        minted.field("username").unwrap(),
        minted.field("password").unwrap(),
    );
    assert!(user.open && !password.open && minted.renewable);
    let taken = double.vault.revoke(minted.handle.as_ref().unwrap()).await;
    assert_eq!(taken, Ok(Taken::Revoked));
    let body = json!({ "lease_id": "database/creds/ro/L1", "sync": true });
    assert_eq!(double.asked(REVOKE), ("s.session".to_owned(), body));
    assert_eq!(double.paths(), [LOG_IN, READ, REVOKE, END]);
}

#[tokio::test]
async fn a_lease_is_cut_to_its_order() {
    let long = r#"{"lease_id":"a/b","lease_duration":3600,"renewable":true,"data":{"k":"v"}}"#;
    let cut = r#"{"lease_id":"a/b","lease_duration":300,"renewable":true}"#;
    let script = [
        (LOG_IN, 200, LOGIN),
        (READ, 200, long),
        ("POST sys/leases/renew", 200, cut),
    ];
    let minted = double(None, &script).await.mint().await.unwrap();
    assert_eq!(minted.life, Some(Duration::from_secs(300)));
    // An engine that does not let it be cut: its life as the order has it all the same.
    let script = [
        (LOG_IN, 200, LOGIN),
        (READ, 200, long),
        ("POST sys/leases/renew", 403, ""),
    ];
    let minted = double(None, &script).await.mint().await.unwrap();
    assert_eq!(minted.life, Some(Duration::from_secs(300)));
}

#[tokio::test]
async fn what_a_crash_left_is_taken_back_by_the_accessor() {
    let warned = r#"{"warnings":["No token found with this accessor"]}"#;
    let script = [
        (LOG_IN, 200, LOGIN),
        (BY_ACCESSOR, 204, ""),
        (BY_ACCESSOR, 200, warned),
    ];
    let after = double(None, &script).await;
    let held = Held {
        accessor: Some("acc0".to_owned()),
        ..Held::default()
    };
    let root = held.handle();
    let taken = after.vault.recover("hopgate-1", Some(&root)).await;
    assert_eq!(taken, Ok(Taken::Revoked));
    assert_eq!(
        after.asked(BY_ACCESSOR),
        ("s.session".to_owned(), json!({ "accessor": "acc0" }))
    );
    let taken = after.vault.recover("hopgate-1", Some(&root)).await;
    assert_eq!(taken, Ok(Taken::Gone), "the second time there is none");
    assert_eq!(
        after.vault.recover("hopgate-1", None).await,
        Ok(Taken::Gone)
    );
    assert_eq!(
        after.paths(),
        [LOG_IN, BY_ACCESSOR, BY_ACCESSOR],
        "one session of its own"
    );
    after.vault.close().await;
    assert_eq!(after.paths().last().unwrap(), END);
}

#[tokio::test]
async fn the_gateways_session_is_opened_anew_once() {
    let script = [
        (LOG_IN, 200, LOGIN),
        (
            LOG_IN,
            200,
            r#"{"auth":{"client_token":"s.second","accessor":"acc2","lease_duration":600}}"#,
        ),
        (BY_ACCESSOR, 403, ""),
        (BY_ACCESSOR, 204, ""),
    ];
    let fine = double(None, &script).await;
    let held = Held {
        accessor: Some("acc0".to_owned()),
        ..Held::default()
    };
    assert_eq!(
        fine.vault.recover("l", Some(&held.handle())).await,
        Ok(Taken::Revoked)
    );
    assert_eq!(fine.asked(BY_ACCESSOR).0, "s.second");
    // A certificate does not end with the session that asked for it.
    let mut writes = double(None, &[(LOG_IN, 200, LOGIN), (BY_ACCESSOR, 204, "")]).await;
    writes.vault.parameters = Some(Vec::new());
    let taken = writes.vault.recover("l", Some(&held.handle())).await;
    assert_eq!(taken, Ok(Taken::Lapses));
    let denied = double(
        None,
        &[(LOG_IN, 200, LOGIN), (BY_ACCESSOR, 403, "s3cret body")],
    )
    .await;
    let why = denied
        .vault
        .recover("l", Some(&held.handle()))
        .await
        .unwrap_err();
    assert!(matches!(&why, RevokeError::Refused(_)), "{why}");
    assert!(!why.to_string().contains("s3cret"), "{why}");
}

#[tokio::test]
async fn a_backend_in_trouble_is_asked_again_and_one_that_says_no_is_not() {
    for (status, later) in [
        (400, false),
        (403, false),
        (404, false),
        (405, false),
        (429, true),
        (412, true),
        (473, true),
        (500, true),
        (502, true),
        (503, true),
        (307, true),
        (0, true),
    ] {
        let body = r#"{"errors":["the other side's secret"]}"#;
        let double = double(None, &[(LOG_IN, 200, LOGIN), (READ, status, body)]).await;
        let why = double.mint().await.unwrap_err();
        assert_eq!(
            matches!(why, IssueError::Failed(_)),
            later,
            "{status}: {why}"
        );
        let said = format!("{why} {why:?}");
        assert!(
            !said.contains("other side") && !said.contains("s.session"),
            "{said}"
        );
    }
    for garbage in [
        "",
        "{",
        "[]",
        r#"{"auth":{"accessor":"a"}}"#,
        r#"{"auth":null}"#,
    ] {
        let double = double(None, &[(LOG_IN, 200, garbage)]).await;
        assert!(double.mint().await.is_err(), "{garbage}");
        assert_eq!(double.paths(), [LOG_IN], "{garbage}");
    }
    // A vault whose engine cannot be reached says 400 to a revocation.
    for (status, later) in [(400, true), (500, true), (0, true)] {
        let script = [
            (LOG_IN, 200, LOGIN),
            (READ, 200, LEASE),
            (REVOKE, status, ""),
        ];
        let double = double(None, &script).await;
        let minted = double.mint().await.unwrap();
        let why = double
            .vault
            .revoke(&minted.handle.unwrap())
            .await
            .unwrap_err();
        assert_eq!(matches!(why, RevokeError::Failed(_)), later, "{status}");
        assert!(
            !double.paths().contains(&END.to_owned()),
            "its session is needed yet"
        );
    }
}

#[tokio::test]
async fn a_mint_that_is_refused_leaves_nothing_behind() {
    let script = [(LOG_IN, 200, LOGIN), (READ, 403, "")];
    let denied = double(None, &script).await;
    assert!(matches!(denied.mint().await, Err(IssueError::Refused(_))));
    assert_eq!(denied.paths(), [LOG_IN, READ, END]);
    // Where its session cannot be ended, whoever has its root must look after it.
    let script = [(LOG_IN, 200, LOGIN), (READ, 403, ""), (END, 500, "")];
    let stays = double(None, &script).await;
    assert!(matches!(stays.mint().await, Err(IssueError::Failed(_))));
    let empty = r#"{"lease_id":"a/b","lease_duration":60,"data":{"list":[]}}"#;
    let script = [(LOG_IN, 200, LOGIN), (READ, 200, empty)];
    let nothing = double(None, &script).await;
    assert!(matches!(nothing.mint().await, Err(IssueError::Refused(_))));
    assert_eq!(nothing.asked(REVOKE).1["lease_id"], "a/b");
}

#[tokio::test]
async fn a_session_without_the_right_to_revoke_leases_takes_them_along() {
    let script = [(LOG_IN, 200, LOGIN), (READ, 200, LEASE), (REVOKE, 403, "")];
    let double = double(None, &script).await;
    let minted = double.mint().await.unwrap();
    let taken = double.vault.revoke(&minted.handle.unwrap()).await;
    assert_eq!(taken, Ok(Taken::Revoked));
    assert_eq!(double.paths().last().unwrap(), END);
}

#[tokio::test]
async fn what_is_only_read_leaves_no_session() {
    let kv = r#"{"lease_id":"","data":{"data":{"token":"abcdefabcdef","n":3,"deep":{}},"metadata":{"version":1}}}"#;
    let double = double(None, &[(LOG_IN, 200, LOGIN), (READ, 200, kv)]).await;
    let minted = double.mint().await.unwrap();
    assert_eq!(
        (minted.handle, minted.life, minted.renewable),
        (None, None, false)
    );
    let names: Vec<&str> = minted.fields.iter().map(|field| &*field.name).collect();
    assert_eq!(names, ["n", "token"]);
    assert_eq!(double.paths(), [LOG_IN, READ, END]);
}

#[tokio::test]
async fn certificates_are_revoked_where_their_authority_is() {
    for (path, at) in [
        ("pki/issue/web", Some("pki/revoke")),
        ("team/pki/issuer/one/issue/web", Some("team/pki/revoke")),
        ("pki/sign/web", Some("pki/revoke")),
        ("secret/data/issue", None),
    ] {
        assert_eq!(revoked_at(path).as_deref(), at, "{path}");
    }
    const ISSUE: &str = "POST pki/issue/web";
    let issued = r#"{"data":{"certificate":"-----","private_key":"-----BEGIN","serial_number":"1a:2b","expiration":1}}"#;
    let mut double = double(None, &[(LOG_IN, 200, LOGIN), (ISSUE, 200, issued)]).await;
    double.vault.path = Template::path("pki/issue/web").unwrap();
    let name = Template::parse("{agent}.example").unwrap();
    double.vault.parameters = Some(vec![("common_name".into(), name)]);
    let order = Order {
        whom: crate::credential::Whom {
            agent: "bot".into(),
            ..Default::default()
        },
        ..order()
    };
    let root = double.vault.root(&order).await.unwrap();
    let minted = double.vault.mint(&order, root.as_ref()).await.unwrap();
    let body = json!({ "common_name": "bot.example", "ttl": "300s" });
    assert_eq!(double.asked(ISSUE).1, body);
    assert!(
        minted.field("certificate").unwrap().open && !minted.field("private_key").unwrap().open
    );
    assert_eq!(minted.life, Some(Duration::ZERO), "as the certificate says");
    let taken = double.vault.revoke(&minted.handle.unwrap()).await;
    assert_eq!(taken, Ok(Taken::Revoked));
    assert_eq!(
        double.asked("POST pki/revoke").1,
        json!({ "serial_number": "1a:2b" })
    );
}

#[tokio::test]
async fn a_scope_nobody_would_hear_of_is_refused() {
    let double = double(None, &[(LOG_IN, 200, LOGIN), (READ, 200, LEASE)]).await;
    let order = Order {
        scope: vec!["read".to_owned()],
        ..order()
    };
    assert!(matches!(
        double.vault.root(&order).await,
        Err(IssueError::Refused(_))
    ));
    assert!(double.paths().is_empty());
}

#[tokio::test]
async fn a_session_is_prolonged_with_its_lease() {
    let renewed = r#"{"lease_id":"a","lease_duration":900,"renewable":true}"#;
    let session = r#"{"auth":{"client_token":"s.session","accessor":"acc1","lease_duration":800,"renewable":true}}"#;
    let script = [
        (LOG_IN, 200, LOGIN),
        (READ, 200, LEASE),
        ("POST sys/leases/renew", 200, renewed),
        ("POST auth/token/renew-self", 200, session),
    ];
    let double = double(None, &script).await;
    let handle = double.mint().await.unwrap().handle.unwrap();
    let short = double.vault.renew(&handle, Duration::from_secs(300)).await;
    assert!(
        short.unwrap() <= Duration::from_secs(600),
        "not beyond its session"
    );
    assert!(
        !double
            .paths()
            .contains(&"POST auth/token/renew-self".to_owned())
    );
    let long = double
        .vault
        .renew(&handle, Duration::from_secs(900))
        .await
        .unwrap();
    assert!(
        long <= Duration::from_secs(800) && long > Duration::from_secs(700),
        "{long:?}"
    );
    let body = double.asked("POST auth/token/renew-self").1;
    assert_eq!(body, json!({ "increment": "900s" }));
}
