//! Who may use a store, over what: users with no more rights than needed, wrong passwords, TLS, places that are no store.

use crate::both;
use crate::kept::a_family;
use crate::limits::{budget, key, rate, slots, taken};
use crate::server::{Kind, Server, password, until, up};
use adapters::egress::Identity;
use adapters::secret::{Secret, Supply};
use adapters::state::limit::Spent;
use adapters::state::redis::{Beat, Down, Redis, Settings};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

both!(
    the_rights_the_docs_name_are_enough,
    fewer_rights_are_an_error_that_says_so,
    a_wrong_password_is_an_error_that_says_so,
    a_password_may_change,
    over_tls_both_sides_are_proven,
    another_database_is_another_store,
    what_is_no_store_is_not_taken_for_one,
);

const DAY: Duration = Duration::from_secs(86_400);

/// As docs/operations.md has it, word for word.
fn acl(server_prefix: &str) -> Vec<String> {
    let docs = include_str!("../../../docs/operations.md");
    let line = docs
        .lines()
        .find(|line| line.starts_with("ACL SETUSER hopgate "));
    let line = line
        .unwrap()
        .replace("PASSWORD", "secret secret")
        .replace("{hopgate}", server_prefix);
    // The password has a space in it, and stands last.
    let (head, last) = line.split_once(" >").unwrap();
    let mut words: Vec<_> = head.split(' ').map(str::to_owned).collect();
    words.push(format!(">{last}"));
    words
}

async fn grant(server: &Server) {
    let words = acl("{hopgate}");
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    assert_eq!(server.ask(&words).await, "+OK\r\n", "{words:?}");
}

fn as_hopgate(server: &Server) -> Settings {
    Settings {
        username: Some("hopgate".to_owned()),
        password: password("secret secret"),
        ..server.settings()
    }
}

/// Why it cannot be used.
async fn broken(settings: Settings) -> String {
    let redis = Redis::open(settings).unwrap();
    let mut why = None;
    until("an error", async || {
        why = redis.health().why;
        why.is_some()
    })
    .await;
    match redis.get(b"x").await {
        Err(Down::Broken(why)) => why,
        other => format!("not broken: {other:?} {why:?}"),
    }
}

async fn the_rights_the_docs_name_are_enough(kind: Kind) {
    let server = Server::start(kind).await;
    grant(&server).await;
    let redis = Redis::open(as_hopgate(&server)).unwrap();
    up(&redis).await;
    let takes = [rate("a", 1, DAY, 9), slots("b", 1), budget("c", 9, 1)];
    assert!(taken(&redis, &takes).await && !taken(&redis, &takes).await);
    redis.give(&takes);
    redis.spend(&[Spent {
        key: key("c"),
        amount: 3,
        life: DAY,
    }]);
    until("given", async || taken(&redis, &takes).await).await;
    a_family(&redis).await;
    redis.put(b"a", b"a", DAY).await.unwrap();
    assert!(redis.take_out(b"a").await.unwrap().is_some());
    redis.put(b"a", b"a", DAY).await.unwrap();
    redis.remove(b"a");
    until("removed", async || redis.get(b"a").await == Ok(None)).await;
    redis.say(b"hello").await.unwrap();
    let withdrawn = Some(vec!["a".into()]);
    let pulse = redis.pulse(&Beat { seen: 0, withdrawn }).await.unwrap();
    assert!(pulse.news.len() >= 3 && pulse.withdrawn.len() == 1);
    let id = uuid::Uuid::new_v4();
    assert_eq!(redis.find_task(id).await, Ok(None));
    assert_eq!(redis.labels(id).await, Ok(0));
    assert_eq!(redis.end_if_idle(id, 0, b"").await, Ok(false));
    // And after a loss; the user is no key.
    server.ask(&["FLUSHALL"]).await;
    assert_eq!(redis.get(b"a").await, Err(Down::Lost));
    up(&redis).await;
    assert_eq!(redis.health().failures, 1);
}

async fn fewer_rights_are_an_error_that_says_so(kind: Kind) {
    let server = Server::start(kind).await;
    grant(&server).await;
    server
        .ask(&["ACL", "SETUSER", "hopgate", "-eval", "-evalsha"])
        .await;
    assert!(broken(as_hopgate(&server)).await.contains("ACL"));
    grant(&server).await;
    let other = Settings {
        prefix: "other".to_owned(),
        ..as_hopgate(&server)
    };
    let why = broken(other).await;
    assert!(why.contains("ACL"), "not with these keys: {why}");
}

async fn a_wrong_password_is_an_error_that_says_so(kind: Kind) {
    let server = Server::start(kind).await;
    grant(&server).await;
    for wrong in [
        Settings {
            password: password("wrong"),
            ..as_hopgate(&server)
        },
        Settings {
            username: Some("nobody".to_owned()),
            ..as_hopgate(&server)
        },
    ] {
        let why = broken(wrong).await;
        assert_eq!(why, "it refuses the user name or the password");
    }
    server
        .ask(&["CONFIG", "SET", "requirepass", "secret"])
        .await;
    assert_eq!(broken(server.settings()).await, "it asks for a password");
    let alone = Settings {
        password: password("secret"),
        ..server.settings()
    };
    up(&Redis::open(alone).unwrap()).await;
    let unread = Supply::new(|| Err("`/nowhere`: not found".to_owned()));
    let unread = Settings {
        password: Some(unread),
        ..server.settings()
    };
    assert_eq!(broken(unread).await, "`/nowhere`: not found");
}

async fn a_password_may_change(kind: Kind) {
    let server = Server::start(kind).await;
    grant(&server).await;
    let new = Arc::new(AtomicBool::new(false));
    let which = Arc::clone(&new);
    let supply = Supply::new(move || {
        Ok(Secret::from(if which.load(Ordering::Relaxed) {
            "new"
        } else {
            "secret secret"
        }))
    });
    let redis = Redis::open(Settings {
        password: Some(supply),
        ..as_hopgate(&server)
    })
    .unwrap();
    up(&redis).await;
    server
        .ask(&["ACL", "SETUSER", "hopgate", "resetpass", ">new"])
        .await;
    server.ask(&["CLIENT", "KILL", "USER", "hopgate"]).await;
    until("refused", async || {
        matches!(redis.get(b"x").await, Err(Down::Broken(why)) if why.contains("password"))
    })
    .await;
    new.store(true, Ordering::Relaxed);
    up(&redis).await;
}

async fn over_tls_both_sides_are_proven(kind: Kind) {
    let server = Server::with(
        kind,
        &[
            "--tls-port",
            "PORT",
            "--tls-cert-file",
            "FOLDER/cert.pem",
            "--tls-key-file",
            "FOLDER/key.pem",
            "--tls-ca-cert-file",
            "FOLDER/cert.pem",
        ],
    )
    .await;
    let with = |host: &str, known: bool, identity: bool| {
        let mut settings = server.settings();
        settings.reach.url = format!("rediss://{host}:{}/0", server.port)
            .parse()
            .unwrap();
        settings.reach.roots = if known {
            vec![server.file("cert.pem")]
        } else {
            Vec::new()
        };
        settings.reach.identity = identity.then(|| Identity {
            cert: server.file("cert.pem"),
            key: server.file("key.pem"),
        });
        settings
    };
    let redis = Redis::open(with("localhost", true, true)).unwrap();
    up(&redis).await;
    redis.put(b"a", b"b", DAY).await.unwrap();
    assert_eq!(redis.get(b"a").await, Ok(Some(b"b".to_vec())));
    assert!(
        broken(with("localhost", false, true))
            .await
            .contains("no known issuer")
    );
    assert!(
        broken(with("127.0.0.1", true, true))
            .await
            .contains("another name")
    );
    // It says so after the handshake, if at all.
    let unproven = Redis::open(with("localhost", true, false)).unwrap();
    until("down", async || unproven.health().why.is_some()).await;
    assert!(!unproven.health().ever);
}

async fn another_database_is_another_store(kind: Kind) {
    let server = Server::start(kind).await;
    let redis = server.replica().await;
    let other = |path: &str| {
        let mut settings = server.settings();
        settings.reach.url = format!("redis://127.0.0.1:{}{path}", server.port)
            .parse()
            .unwrap();
        settings
    };
    let third = Redis::open(other("/3")).unwrap();
    up(&third).await;
    third.put(b"a", b"", DAY).await.unwrap();
    assert_eq!(redis.get(b"a").await, Ok(None));
    let none = Redis::open(other("")).unwrap();
    up(&none).await;
    redis.put(b"a", b"", DAY).await.unwrap();
    assert_eq!(none.get(b"a").await, Ok(Some(Vec::new())));
    assert!(broken(other("/99")).await.contains("ERR"));
    for bad in ["/x", "/1/2", "/-1"] {
        assert!(Redis::open(other(bad)).is_err(), "{bad}");
    }
    let prefixed = Settings {
        prefix: "other".to_owned(),
        ..server.settings()
    };
    let prefixed = Redis::open(prefixed).unwrap();
    up(&prefixed).await;
    assert_eq!(prefixed.get(b"a").await, Ok(None));
    for prefix in ["", "{", "a}b"] {
        let bad = Settings {
            prefix: prefix.to_owned(),
            ..server.settings()
        };
        assert!(Redis::open(bad).is_err());
    }
}

async fn what_is_no_store_is_not_taken_for_one(kind: Kind) {
    let server = Server::start(kind).await;
    let at = |url: &str| {
        let mut settings = server.settings();
        settings.reach.url = url.parse().unwrap();
        settings
    };
    assert!(Redis::open(at("http://127.0.0.1:1")).is_err());
    assert!(
        broken(at("redis://192.0.2.1.nip.invalid:1"))
            .await
            .contains("resolve")
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let talks = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
            tokio::io::AsyncWriteExt::write_all(&mut stream, answer)
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let redis = Redis::open(at(&format!("redis://127.0.0.1:{port}"))).unwrap();
    until("down", async || redis.health().why.is_some()).await;
    assert!(!redis.health().ever);
    talks.abort();
}
