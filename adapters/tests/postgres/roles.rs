//! What a role may do, how long, and what is left of it.

use super::{PATIENCE, handle, login, order, roles, settings, text};
use crate::server::Server;
use adapters::credential::postgres::Postgres;
use adapters::credential::{IssueError, Issuer as _, RevokeError, Taken};
use std::time::Duration;
use tokio::time::{sleep, timeout};

#[tokio::test]
async fn a_role_is_there_while_its_lease_lives_and_no_longer() {
    let server = Server::start().await;
    let postgres = Postgres::new(settings(&server)).unwrap();
    assert!(roles(&server, "hopgate-%").await.is_empty());
    let minted = postgres
        .mint(&order("hopgate-1", 300, &[]), None)
        .await
        .unwrap();
    assert!(minted.renewable && minted.life.unwrap() <= Duration::from_secs(300));
    assert_eq!(roles(&server, "hopgate-%").await, ["hopgate-1"]);
    let secrets = ["username", "password", "host", "port", "database", "url"]
        .map(|name| minted.field(name).unwrap().open);
    assert_eq!(secrets, [true, false, true, true, true, false]);

    let client = login(&server, &minted).await.unwrap();
    let row = client
        .query_one("SELECT current_user::text, count(*) FROM entries", &[])
        .await;
    let row = row.unwrap();
    assert_eq!(
        (row.get::<_, String>(0), row.get::<_, i64>(1)),
        ("hopgate-1".to_owned(), 3)
    );
    client
        .batch_execute("INSERT INTO entries VALUES (4); CREATE TABLE work.mine (a int)")
        .await
        .unwrap();
    assert!(
        client.batch_execute("DELETE FROM entries").await.is_err(),
        "not granted"
    );
    let other = login(&server, &minted).await.unwrap();
    assert_eq!(
        login(&server, &minted).await.unwrap_err(),
        "53300",
        "`grants` are run"
    );

    let taken = postgres.revoke(&handle(&minted)).await;
    assert_eq!(taken, Ok(Taken::Revoked));
    assert!(roles(&server, "hopgate-%").await.is_empty());
    for session in [&client, &other] {
        assert!(
            session.batch_execute("SELECT 1").await.is_err(),
            "ended with its role"
        );
    }
    assert_eq!(login(&server, &minted).await.unwrap_err(), "28P01");
    let left = server.superuser().await;
    let left = left
        .query_one("SELECT to_regclass('work.mine') IS NULL", &[])
        .await;
    assert!(left.unwrap().get::<_, bool>(0), "what it made went with it");
    assert_eq!(
        postgres.revoke(&handle(&minted)).await,
        Ok(Taken::Gone),
        "twice"
    );
    assert_eq!(
        postgres.recover("hopgate-never", None).await,
        Ok(Taken::Gone)
    );

    let log = server.log();
    assert!(
        log.contains("CREATE ROLE \"hopgate-1\""),
        "statements are logged"
    );
    assert!(
        !log.contains(text(&minted, "password")),
        "and no password is among them"
    );
}

#[tokio::test]
async fn a_role_nobody_revokes_lets_nobody_in_after_its_time_and_can_be_prolonged() {
    let server = Server::start().await;
    let postgres = Postgres::new(settings(&server)).unwrap();
    let minted = postgres
        .mint(&order("hopgate-1", 1, &[]), None)
        .await
        .unwrap();
    let refused = async {
        while login(&server, &minted).await.is_ok() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, refused).await.unwrap();
    assert_eq!(login(&server, &minted).await.unwrap_err(), "28P01");
    assert_eq!(
        roles(&server, "hopgate-%").await,
        ["hopgate-1"],
        "not yet dropped"
    );
    let life = postgres
        .renew(&handle(&minted), Duration::from_secs(60))
        .await;
    assert!(life.unwrap() <= Duration::from_secs(60));
    login(&server, &minted).await.unwrap();
    assert_eq!(
        postgres.recover("hopgate-1", None).await,
        Ok(Taken::Revoked)
    );
    let gone = postgres
        .renew(&handle(&minted), Duration::from_secs(60))
        .await;
    assert!(matches!(gone, Err(IssueError::Refused(_))), "{gone:?}");
}

#[tokio::test]
async fn no_name_is_more_than_a_name() {
    let server = Server::start().await;
    let postgres = Postgres::new(settings(&server)).unwrap();
    let long = "x".repeat(63);
    let odd = [
        "a\" SUPERUSER; DROP TABLE entries; --",
        "a'; DROP TABLE entries; --",
        "a\\'; DROP TABLE entries; --",
        "{role} $1 % ü\n\t",
        "pg-like _%",
        &long,
    ];
    for label in odd {
        let minted = postgres.mint(&order(label, 300, &["reader"]), None).await;
        let minted = minted.unwrap_or_else(|why| panic!("{label}: {why}"));
        let client = login(&server, &minted).await.unwrap();
        let row = client
            .query_one(
                "SELECT current_user::text, rolsuper FROM pg_roles WHERE rolname = current_user",
                &[],
            )
            .await;
        let row = row.unwrap();
        assert_eq!(
            (row.get::<_, String>(0), row.get::<_, bool>(1)),
            (label.to_owned(), false)
        );
        assert_eq!(
            postgres.recover(label, None).await,
            Ok(Taken::Revoked),
            "{label}"
        );
        assert!(
            server
                .login(label, text(&minted, "password"), "ledger")
                .await
                .is_err()
        );
    }
    // PostgreSQL would cut it to the length of the one before.
    let longer = "x".repeat(64);
    let refused = postgres.mint(&order(&longer, 300, &[]), None).await;
    assert!(matches!(refused, Err(IssueError::Refused(_))));
    let entries = server.superuser().await;
    let entries = entries.query_one("SELECT count(*) FROM entries", &[]).await;
    assert_eq!(entries.unwrap().get::<_, i64>(0), 3);
}

#[tokio::test]
async fn a_scope_narrows_and_what_is_not_ours_is_left_alone() {
    let server = Server::start().await;
    let postgres = Postgres::new(settings(&server)).unwrap();
    let reader = postgres
        .mint(&order("hopgate-r", 300, &["reader"]), None)
        .await
        .unwrap();
    let client = login(&server, &reader).await.unwrap();
    client.batch_execute("SELECT * FROM entries").await.unwrap();
    assert!(
        client
            .batch_execute("INSERT INTO entries VALUES (5)")
            .await
            .is_err()
    );
    for scope in [&["super"], &["keeper"]] {
        let refused = postgres.mint(&order("hopgate-s", 300, scope), None).await;
        assert!(matches!(refused, Err(IssueError::Refused(_))), "{scope:?}");
    }
    // Somebody else's role, and one that is already there.
    assert!(matches!(
        postgres.recover("reader", None).await,
        Err(RevokeError::Refused(_))
    ));
    let taken = postgres.mint(&order("reader", 300, &[]), None).await;
    assert!(matches!(taken, Err(IssueError::Refused(_))), "{taken:?}");
    assert_eq!(roles(&server, "reader").await, ["reader"]);
}

#[tokio::test]
async fn what_a_role_has_made_can_be_kept() {
    let server = Server::start().await;
    let mut settings = settings(&server);
    settings.owner = Some("keeper".to_owned());
    let postgres = Postgres::new(settings).unwrap();
    let minted = postgres
        .mint(&order("hopgate-1", 300, &[]), None)
        .await
        .unwrap();
    let client = login(&server, &minted).await.unwrap();
    client
        .batch_execute("CREATE TABLE work.mine (a int)")
        .await
        .unwrap();
    assert_eq!(postgres.revoke(&handle(&minted)).await, Ok(Taken::Revoked));
    let owner = server.superuser().await;
    let owner = owner
        .query_one(
            "SELECT tableowner::text FROM pg_tables WHERE tablename = 'mine'",
            &[],
        )
        .await;
    assert_eq!(owner.unwrap().get::<_, String>(0), "keeper");
}

#[tokio::test]
async fn a_role_that_cannot_be_dropped_lets_nobody_in_all_the_same() {
    let server = Server::start().await;
    let postgres = Postgres::new(settings(&server)).unwrap();
    let minted = postgres
        .mint(&order("hopgate-1", 300, &[]), None)
        .await
        .unwrap();
    // In another database, which is not looked into.
    let elsewhere = server
        .login("super", "super super super", "postgres")
        .await
        .unwrap();
    elsewhere
        .batch_execute("CREATE TABLE t (a int); ALTER TABLE t OWNER TO \"hopgate-1\"")
        .await
        .unwrap();
    let session = login(&server, &minted).await.unwrap();
    let why = postgres.revoke(&handle(&minted)).await.unwrap_err();
    assert!(
        matches!(&why, RevokeError::Refused(why) if why.contains("cannot log in any more")),
        "{why}"
    );
    assert!(session.batch_execute("SELECT 1").await.is_err());
    assert_eq!(login(&server, &minted).await.unwrap_err(), "28P01");
    elsewhere.batch_execute("DROP TABLE t").await.unwrap();
    assert_eq!(postgres.revoke(&handle(&minted)).await, Ok(Taken::Revoked));
}
