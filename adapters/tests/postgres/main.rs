//! Roles for leases on a real PostgreSQL: there while the lease lives, gone after it, and nothing more than was granted.
//!
//! Run by the stage `postgres` of tests/run, which sees to it that there is a PostgreSQL:
//! `cargo test -p adapters --test postgres`.

mod server;

use adapters::credential::postgres::{Postgres, Settings, Statement};
use adapters::credential::{
    Handle, IssueError, Issuer as _, Minted, Order, RevokeError, Taken, Whom,
};
use adapters::egress;
use adapters::secret::{Secret, Supply};
use server::Server;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;

const PATIENCE: Duration = Duration::from_secs(30);

fn settings(server: &Server) -> Settings {
    Settings {
        reach: egress::Settings {
            url: format!("http://127.0.0.1:{}", server.port).parse().unwrap(),
            allow_private: Vec::new(),
            roots: Vec::new(),
            identity: None,
            connect: Duration::from_secs(5),
        },
        database: "ledger".to_owned(),
        user: "maker".to_owned(),
        password: Some(Supply::new(|| Ok(Secret::from("maker maker maker")))),
        roles: vec!["reader".to_owned(), "writer".to_owned()],
        grants: vec![
            Statement::parse("GRANT CREATE, USAGE ON SCHEMA work TO {role}").unwrap(),
            Statement::parse("ALTER ROLE {role} CONNECTION LIMIT 2").unwrap(),
        ],
        owner: None,
        deadline: Duration::from_secs(10),
    }
}

fn order(label: &str, life: u64, scope: &[&str]) -> Order {
    Order {
        label: label.into(),
        life: Duration::from_secs(life),
        scope: scope.iter().map(|one| (*one).to_owned()).collect(),
        resource: None,
        proof: None,
        whom: Whom {
            agent: "it's \"c\"".into(),
            task: "t1".to_owned(),
            ..Whom::default()
        },
    }
}

fn text<'a>(minted: &'a Minted, field: &str) -> &'a str {
    minted.field(field).unwrap().value.text().unwrap()
}

fn handle(minted: &Minted) -> Handle {
    minted.handle.clone().unwrap()
}

async fn login(server: &Server, minted: &Minted) -> Result<Client, String> {
    let (user, password) = (text(minted, "username"), text(minted, "password"));
    server.login(user, password, "ledger").await
}

/// The names of roles like this one.
async fn roles(server: &Server, like: &str) -> Vec<String> {
    let rows = server.superuser().await;
    let sql = "SELECT rolname::text FROM pg_roles WHERE rolname LIKE $1 ORDER BY 1";
    let rows = rows.query(sql, &[&like]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

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
    let postgres = Arc::new(Postgres::new(settings(&server)).unwrap());
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
        Err(IssueError::Failed(_))
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
        matches!(down, Err(IssueError::Failed(_))),
        "{port}: {down:?}"
    );
}
