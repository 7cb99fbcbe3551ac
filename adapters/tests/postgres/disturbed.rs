//! Mints left halfway, many at once, servers that are not what they seem or not there.

use super::{PATIENCE, handle, order, roles, settings, text};
use crate::server::Server;
use adapters::credential::postgres::{Postgres, Settings, Statement};
use adapters::credential::{IssueError, Issuer as _, RevokeError, Taken};
use adapters::secret::{Secret, Supply};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Whatever moment a mint is left at, what it has made by then is found by its label.
#[tokio::test]
async fn a_mint_left_at_any_moment_leaves_no_role() {
    let server = Server::start().await;
    let postgres = Arc::new(Postgres::new(settings(&server)).unwrap());
    let began = Instant::now();
    let first = order("hopgate-first", 300, &[]);
    postgres.mint(&first, None).await.unwrap();
    let step = began.elapsed() / 30;
    postgres.recover("hopgate-first", None).await.unwrap();
    let mut made = 0;
    for round in 0..60_u32 {
        let label = format!("hopgate-{round}");
        let order = order(&label, 300, &[]);
        let left = timeout(step * round, postgres.mint(&order, None)).await;
        made += u32::from(left.is_ok());
        let taken = postgres.recover(&label, None).await;
        assert!(
            matches!(taken, Ok(Taken::Revoked | Taken::Gone)),
            "{round}: {taken:?}"
        );
    }
    // Nothing is under way any more that could still make one.
    let idle = async {
        let client = server.superuser().await;
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'maker'";
        while client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, idle).await.unwrap();
    assert!(roles(&server, "hopgate-%").await.is_empty());
    assert!(
        (1..60).contains(&made),
        "{made} were whole: left neither early nor late"
    );
}

/// As when a gateway dies while it commits, and its successor is quick.
#[tokio::test]
async fn who_looks_for_a_role_waits_for_whoever_is_making_it() {
    let server = Server::start().await;
    let making = server
        .login("maker", "maker maker maker", "ledger")
        .await
        .unwrap();
    let lock = i64::from_be_bytes(*b"\0hopgate");
    let made = format!(
        "BEGIN; SELECT pg_advisory_xact_lock({lock}); CREATE ROLE \"hopgate-1\" LOGIN; \
         COMMENT ON ROLE \"hopgate-1\" IS 'minted by hopgate for'"
    );
    making.batch_execute(&made).await.unwrap();
    let postgres = Postgres::new(settings(&server)).unwrap();
    let mut looking = tokio::spawn(async move { postgres.recover("hopgate-1", None).await });
    let superuser = server.superuser().await;
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'";
    let waiting = async {
        while superuser
            .query_one(waits, &[])
            .await
            .unwrap()
            .get::<_, i64>(0)
            == 0
        {
            sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        done = &mut looking => panic!("it did not wait: {done:?}"),
        seen = timeout(PATIENCE, waiting) => seen.unwrap(),
    }
    making.batch_execute("COMMIT").await.unwrap();
    assert_eq!(looking.await.unwrap(), Ok(Taken::Revoked));
    assert!(roles(&server, "hopgate-%").await.is_empty());
}

#[tokio::test]
async fn many_at_once_take_few_sessions() {
    let server = Server::start().await;
    let mut settings = settings(&server);
    // Waiting for a session counts, too, and a machine may be busy.
    settings.deadline = Duration::from_secs(120);
    let postgres = Arc::new(Postgres::new(settings).unwrap());
    let mut all = tokio::task::JoinSet::new();
    for round in 0..100 {
        let postgres = Arc::clone(&postgres);
        all.spawn(async move {
            let label = format!("hopgate-{round}");
            let minted = postgres.mint(&order(&label, 300, &[]), None).await;
            postgres.revoke(&handle(&minted.unwrap())).await
        });
    }
    while let Some(taken) = all.join_next().await {
        assert_eq!(taken.unwrap(), Ok(Taken::Revoked));
    }
    assert!(roles(&server, "hopgate-%").await.is_empty());
}

#[tokio::test]
async fn over_tls_the_server_is_proven() {
    let server = Server::start().await;
    let reach = |roots: Vec<PathBuf>, host: &str| {
        let mut settings = settings(&server);
        settings.reach.url = format!("https://{host}:{}", server.port).parse().unwrap();
        settings.reach.roots = roots;
        Postgres::new(settings).unwrap()
    };
    let order = order("hopgate-1", 300, &[]);
    let minted = reach(vec![server.root()], "localhost")
        .mint(&order, None)
        .await
        .unwrap();
    assert!(text(&minted, "url").ends_with("/ledger?sslmode=verify-full"));
    let unknown = reach(Vec::new(), "localhost")
        .revoke(&handle(&minted))
        .await;
    assert!(
        matches!(&unknown, Err(RevokeError::Failed(why)) if why.contains("no known issuer")),
        "{unknown:?}"
    );
    let named = reach(vec![server.root()], "127.0.0.1")
        .revoke(&handle(&minted))
        .await;
    assert!(
        matches!(&named, Err(RevokeError::Failed(why)) if why.contains("another name")),
        "{named:?}"
    );
    let taken = reach(vec![server.root()], "localhost")
        .revoke(&handle(&minted))
        .await;
    assert_eq!(taken, Ok(Taken::Revoked));
}

#[tokio::test]
async fn faults_say_what_they_are_and_nothing_the_server_said() {
    let server = Server::start().await;
    let with = |change: fn(&mut Settings)| {
        let mut settings = settings(&server);
        change(&mut settings);
        Postgres::new(settings).unwrap()
    };
    let order = order("hopgate-1", 300, &[]);
    let wrong =
        with(|settings| settings.password = Some(Supply::new(|| Ok(Secret::from("wrong")))));
    let why = wrong.mint(&order, None).await.unwrap_err();
    assert_eq!(
        why,
        IssueError::Refused("PostgreSQL refuses: SQLSTATE 28P01".to_owned())
    );
    let poor = with(|settings| {
        settings.grants = vec![Statement::parse("GRANT SELECT ON nothing_here TO {role}").unwrap()]
    });
    let why = poor.mint(&order, None).await.unwrap_err();
    assert_eq!(
        why,
        IssueError::Refused("PostgreSQL refuses: SQLSTATE 42P01".to_owned())
    );
    assert!(
        roles(&server, "hopgate-%").await.is_empty(),
        "all or nothing"
    );
    let slow = with(|settings| {
        settings.grants = vec![Statement::parse("SELECT pg_sleep(60) /* {role} */").unwrap()];
        settings.deadline = Duration::from_millis(300);
    });
    assert!(matches!(
        slow.mint(&order, None).await,
        Err(IssueError::Unavailable(_))
    ));
    assert_eq!(
        with(|_| {}).recover("hopgate-1", None).await,
        Ok(Taken::Gone)
    );
    let port = server.port;
    let settings = settings(&server);
    drop(server);
    let down = Postgres::new(settings).unwrap().mint(&order, None).await;
    assert!(
        matches!(down, Err(IssueError::Unavailable(_))),
        "{port}: {down:?}"
    );
}
