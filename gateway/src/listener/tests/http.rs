//! Plain HTTP/1: framing and hyper agree, names and origins, routes, bounds.

use super::super::entrance::Entrance;
use super::super::prefilter::Reason;
use super::super::prefilter::tests::{cases, feed, heads};
use super::super::pressure::Pressure;
use super::*;
use crate::telemetry::metrics::Shut;

const HOST: &str = "Host: localhost\r\n";

#[tokio::test]
async fn a_request_reaches_the_door() {
    let house = open(bare());
    let answer = house.ask("GET", "/servers/notes/mcp", HOST).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.ends_with("notes GET HTTP/1.1 tls=false "),
        "{answer}"
    );
}

#[tokio::test]
async fn ipv6_and_several_addresses() {
    let house = open_at(bare(), "[::1]:0");
    assert!(
        house
            .ask("GET", "/servers/a/mcp", "Host: [::1]:9\r\n")
            .await
            .contains(" 200 OK")
    );
    let both = ["127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()];
    assert_eq!(Listener::bind(&both).unwrap().addresses().len(), 2);
    let taken = Listener::bind(&[house.address]).unwrap_err();
    assert!(
        taken.to_string().starts_with(&house.address.to_string()),
        "{taken}"
    );
}

/// hyper sees exactly the requests the filter let through, each refusal is answered in its turn, and nothing
/// behind one is.
#[tokio::test]
async fn hyper_reads_what_the_filter_read() {
    let mut edge = bare();
    edge.hosts.push("h".to_owned());
    let house = open(edge);
    for (line, _, mut stream) in cases() {
        let fate = feed([stream.as_slice()]);
        if line.contains("Connection: close") {
            continue;
        }
        if fate.fault.is_none() {
            stream.extend_from_slice(b"GET /end HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        }
        let answer = house.say(&stream).await;
        let answers = answer.matches("HTTP/1.1 2").count() + answer.matches("HTTP/1.1 4").count();
        let in_body = fate.fault == Some(Reason::Chunk);
        assert_eq!(
            answers,
            heads(&fate.passed) + usize::from(!in_body),
            "{line}\n{answer}"
        );
        if let Some(reason) = fate.fault.filter(|_| !in_body) {
            let word = format!("bad request: {}\n", reason.name());
            assert!(answer.ends_with(&word), "{line}\n{answer}");
        }
    }
    assert!(house.metrics.shut.total(Shut::Framing) > 200);
}

#[tokio::test]
async fn refusals_close_and_say_why() {
    let house = open(bare());
    let check = async |head: &str, status: &str, word: &str| {
        let answer = house.say(head).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
        assert!(
            answer.ends_with(&format!("bad request: {word}\n")),
            "{answer}"
        );
    };
    check("GET / HTTP/1.0\r\n\r\n", "400", "version").await;
    check(
        "TRACE /slow HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "400",
        "method",
    )
    .await;
    let many = "X: y\r\n".repeat(100);
    check(
        &format!("GET / HTTP/1.1\r\n{HOST}{many}\r\n"),
        "431",
        "fields",
    )
    .await;
    let long = "y".repeat(65_536);
    check(
        &format!("GET / HTTP/1.1\r\n{HOST}X: {long}\r\n\r\n"),
        "431",
        "head-size",
    )
    .await;
    // Just within the bounds.
    let well = format!("{HOST}X: {}\r\n", "y".repeat(65_000));
    assert!(
        house
            .ask("GET", "/servers/a/mcp", &well)
            .await
            .contains(" 200 OK")
    );
}

#[tokio::test]
async fn names_and_origins() {
    let house = open(bare());
    let check = async |headers: &str, status: &str| {
        for target in ["/servers/a/mcp", "/nowhere"] {
            let answer = house.ask("GET", target, headers).await;
            let status = if status == "200" && target == "/nowhere" {
                "404"
            } else {
                status
            };
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{headers} {answer}"
            );
            assert!(!answer.contains("access-control"), "{answer}");
        }
    };
    check("Host: LOCALHOST:1\r\n", "200").await;
    check("Host: evil.example\r\n", "403").await;
    check("Host: localhost\r\nOrigin: null\r\n", "403").await;
    check("Host: localhost\r\nOrigin: http://evil.example\r\n", "403").await;
    check("Host: localhost\r\nOrigin: http://localhost\r\n", "200").await;
    check("", "400").await;
    assert_eq!(house.metrics.shut.total(Shut::Host), 2);
    assert_eq!(house.metrics.shut.total(Shut::Origin), 4);
}

#[tokio::test]
async fn cors_for_invited_origins_only() {
    let mut edge = bare();
    edge.origins.push("https://app.example".to_owned());
    let house = open(edge);
    let from = "Host: localhost\r\nOrigin: https://app.example\r\n";
    let preflight = format!("{from}Access-Control-Request-Method: POST\r\n");
    let answer = house
        .ask("OPTIONS", "/servers/a/mcp", &preflight)
        .await
        .to_lowercase();
    assert!(answer.starts_with("http/1.1 204"), "{answer}");
    for line in [
        "access-control-allow-origin: https://app.example\r\n",
        "access-control-allow-methods: get, post, delete\r\n",
        "access-control-max-age: 600\r\n",
        "mcp-session-id",
        "vary: origin\r\n",
    ] {
        assert!(answer.contains(line), "{line} {answer}");
    }
    let answer = house
        .ask("GET", "/servers/a/mcp", from)
        .await
        .to_lowercase();
    assert!(
        answer.contains("access-control-allow-origin: https://app.example\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("www-authenticate, retry-after, hopgate-call\r\n"),
        "{answer}"
    );
    let answer = house.ask("OPTIONS", "/servers/a/mcp", from).await;
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    let other = "Host: localhost\r\nOrigin: https://other.example\r\n";
    let other = format!("{other}Access-Control-Request-Method: POST\r\n");
    let answer = house.ask("OPTIONS", "/servers/a/mcp", &other).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(!answer.contains("access-control"), "{answer}");
}

#[tokio::test]
async fn other_methods_and_paths() {
    let house = open(bare());
    for method in ["PUT", "PATCH", "HEAD", "OPTIONS", "QUERY"] {
        let answer = house
            .ask(method, "/servers/a/mcp", HOST)
            .await
            .to_lowercase();
        assert!(answer.starts_with("http/1.1 405"), "{answer}");
        assert!(
            answer.contains("\r\nallow: get, post, delete\r\n"),
            "{answer}"
        );
    }
    for target in ["/mcp", "/healthz", "/servers/a/sse", "/servers/a/mcp?x"] {
        assert!(
            house
                .ask("POST", target, HOST)
                .await
                .starts_with("HTTP/1.1 404"),
            "{target}"
        );
    }
    assert_eq!(house.door.calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let house = open(bare());
    let mut stream = house.connect().await;
    for count in 1..=50 {
        let body = "x".repeat(count * 400);
        let head = format!(
            "POST /servers/a/mcp HTTP/1.1\r\n{HOST}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = read_until(&mut stream, &format!("tls=false {body}")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(house.metrics.connections.value(), 1);
    drop(stream);
    soon("the connection is gone", || {
        house.metrics.connections.value() == 0
    })
    .await;
}

#[tokio::test]
async fn over_the_cap_is_503() {
    let mut edge = bare();
    edge.bounds.connections = 2;
    let house = open(edge);
    let held = [house.connect().await, house.connect().await];
    soon("both are in", || house.metrics.connections.value() == 2).await;
    let answer = house.say("").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(
        answer.ends_with("\r\n\r\ntoo many connections\n"),
        "{answer}"
    );
    drop(held);
    soon("both are out", || house.metrics.connections.value() == 0).await;
    assert!(
        house
            .ask("GET", "/servers/a/mcp", HOST)
            .await
            .contains(" 200 OK")
    );
    assert_eq!(house.metrics.shut.total(Shut::Full), 1);
}

#[tokio::test]
async fn slow_heads_and_silence_are_ended() {
    let mut edge = bare();
    edge.deadlines.header = Duration::from_millis(200);
    let house = open(edge);
    assert_eq!(house.say("").await, "");
    let answer = house.say("GET /servers/a/mcp HTTP/1.1\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert_eq!(house.metrics.shut.total(Shut::Slow), 1);
    // Rest between requests is not slowness.
    let mut stream = house.connect().await;
    for _ in 0..2 {
        let head = format!("GET /servers/a/mcp HTTP/1.1\r\n{HOST}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        read_until(&mut stream, "tls=false ").await;
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
}

#[tokio::test]
async fn slow_and_large_bodies_are_ended() {
    let mut edge = bare();
    edge.deadlines.body = Duration::from_millis(200);
    edge.bounds.body = 10;
    let house = open(edge);
    for (length, sent) in [(5, "1234"), (11, ""), (11, "1234567890")] {
        let head =
            format!("POST /servers/a/mcp HTTP/1.1\r\n{HOST}Content-Length: {length}\r\n\r\n{sent}");
        let answer = house.say(head).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    // The answer survives what is still on its way.
    let long = "x".repeat(500_000);
    let head =
        format!("POST /servers/a/mcp HTTP/1.1\r\n{HOST}Content-Length: 500000\r\n\r\n{long}");
    let answer = house.say(head).await;
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.ends_with("broken"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_client_that_leaves_drops_its_stream() {
    let house = open(bare());
    let mut stream = house.connect().await;
    let head = format!("GET /servers/stream/mcp HTTP/1.1\r\n{HOST}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut stream, "data: 1\n\n\r\n").await;
    assert_eq!(house.streams(), 1);
    drop(stream);
    soon("the stream is dropped", || house.streams() == 0).await;
}

/// Ten thousand of these rest at once; what a call needs is allocated while it lasts.
#[tokio::test]
async fn a_connection_at_rest_is_small() {
    let house = open(bare());
    let entrance = Entrance {
        door: house.door.clone(),
        metrics: house.metrics.clone(),
        pressure: Arc::new(Pressure::new(house.metrics.clone())),
    };
    let resting = Arc::new(super::super::House {
        handler: Arc::new(entrance),
        metrics: house.metrics.clone(),
        drain: house.drain.clone(),
        open: Arc::new(()),
    });
    let stream = house.connect().await;
    let connection = resting.plain(stream, house.address, Arc::new(()));
    let size = size_of_val(&connection);
    assert!(size <= 2048, "{size}");
}

#[tokio::test]
async fn what_is_too_much_is_refused_at_once() {
    let mut edge = bare();
    edge.bounds.calls = 5;
    let house = open(edge);
    let late = format!("GET /servers/late/mcp HTTP/1.1\r\n{HOST}\r\n");
    let mut open = Vec::new();
    for _ in 0..5 {
        let mut stream = house.connect().await;
        stream.write_all(late.as_bytes()).await.unwrap();
        open.push(stream);
    }
    soon("all are open", || house.metrics.open.value() == 5).await;
    let body = "POST /servers/a/mcp HTTP/1.1\r\nContent-Length: 2\r\n";
    let mut kept = house.connect().await;
    for _ in 0..3 {
        kept.write_all(format!("{body}{HOST}\r\n{{}}").as_bytes())
            .await
            .unwrap();
        let answer = read_until(&mut kept, "too many calls\n").await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    }
    assert_eq!(house.metrics.shut.total(Shut::Overload), 3);
    let ended = house.ask("DELETE", "/servers/a/mcp", HOST).await;
    assert!(ended.starts_with("HTTP/1.1 200"), "{ended}");
    house.door.go.cancel();
    for stream in &mut open {
        read_until(stream, "tls=false ").await;
    }
    soon("all are answered", || house.metrics.open.value() == 0).await;
    kept.write_all(format!("{body}{HOST}\r\n{{}}").as_bytes())
        .await
        .unwrap();
    read_until(&mut kept, "tls=false {}").await;
}
