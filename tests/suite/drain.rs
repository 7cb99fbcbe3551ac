//! SIGTERM: nothing new, everything begun is finished, exit 0 within the deadline.

use std::time::Duration;
use tests::upstream::{plain, sse_head};
use tests::{Agent, Era, Gateway, Setup, Upstream, eventually, json};
use tokio::net::TcpStream;

/// A server whose tool `slow` takes half a second and whose GET never ends.
async fn slow() -> Upstream {
    Upstream::mcp(|received, mut wire| async move {
        if received.verb() == "GET" || received.name() == "endless" {
            sse_head(&mut wire, "").await.ok()?;
            wire.write("id: 1\ndata:\n\n").await.ok()?;
            wire.gone().await;
            return None;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let said = json::result(&received.id(), &json::said("finished"));
        plain(wire, (200, "", said)).await
    })
    .await
}

#[tokio::test]
async fn begun_calls_are_finished_and_new_ones_refused() {
    let upstream = slow().await;
    let mut gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::modern(&gateway);
    let idle = agent.connect().await;
    let open = agent.call("slow", "{}");
    let stop = async {
        eventually("the call is open", || {
            !upstream.with_method("tools/call").is_empty()
        })
        .await;
        gateway.signal("TERM");
        let address = gateway.address();
        let end = tokio::time::Instant::now() + tests::PATIENCE;
        while TcpStream::connect(address).await.is_ok() {
            assert!(tokio::time::Instant::now() < end, "still accepting");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let (answer, ()) = tokio::join!(open, stop);
    assert_eq!(answer.said(), "finished");
    assert_eq!(
        gateway.ended().await.code(),
        Some(0),
        "{}",
        gateway.stderr().text()
    );
    drop(idle);
}

/// Streams are ended as HTTP ends them, not cut.
#[tokio::test]
async fn open_streams_end_properly() {
    let upstream = slow().await;
    let mut gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::legacy(&gateway).await;
    let mut stream = agent.listen(None).await;
    stream.event().await.unwrap();
    let began = tokio::time::Instant::now();
    gateway.signal("TERM");
    let end = loop {
        match stream.piece().await {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert!(matches!(end, Ok(None)), "{end:?}");
    assert_eq!(gateway.ended().await.code(), Some(0));
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn the_deadline_holds() {
    let upstream = slow().await;
    let setup = Setup::new(&upstream.url()).gateway("[gateway.deadlines]\ndrain = \"1s\"");
    let mut gateway = Gateway::start(&setup).await;
    let agent = Agent::of(Era::Modern, &gateway).await;
    let mut answer = agent.open_call("endless", "{}").await;
    answer.event().await.unwrap();
    let began = tokio::time::Instant::now();
    assert_eq!(
        gateway.terminate().await.code(),
        Some(0),
        "{}",
        gateway.stderr().text()
    );
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
}

/// While it drains it says that it is not ready, so that nobody sends more.
#[tokio::test]
async fn draining_is_not_ready() {
    let upstream = slow().await;
    let mut gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::modern(&gateway);
    let open = agent.call("slow", "{}");
    let look = async {
        eventually("the call is open", || {
            !upstream.with_method("tools/call").is_empty()
        })
        .await;
        gateway.signal("TERM");
        tokio::time::sleep(Duration::from_millis(100)).await;
        gateway.admin("/readyz", true).await.0.status()
    };
    let (answer, status) = tokio::join!(open, look);
    assert_eq!((answer.said().as_str(), status), ("finished", 503));
    assert_eq!(gateway.ended().await.code(), Some(0));
}

/// Ctrl-C is the same; and a port can be used again at once.
#[tokio::test]
async fn an_interrupt_drains_too() {
    let upstream = Upstream::saying("ok").await;
    let mut gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::modern(&gateway);
    assert_eq!(agent.call("echo", "{}").await.said(), "ok");
    gateway.signal("INT");
    assert_eq!(gateway.ended().await.code(), Some(0));
    let gateway = gateway.restart().await;
    assert_eq!(
        Agent::modern(&gateway).call("echo", "{}").await.said(),
        "ok"
    );
}

/// Whoever keeps a connection finds it open, is answered, and told not to keep it; and so is whoever comes anew.
#[tokio::test]
async fn it_lingers_until_others_have_noticed() {
    let upstream = Upstream::saying("ok").await;
    let setup = Setup::new(&upstream.url()).gateway("[gateway.deadlines]\nlinger = \"2s\"");
    let mut gateway = Gateway::start(&setup).await;
    let agent = Agent::modern(&gateway);
    let kept = agent.call("echo", "{}").await;
    let closes = |answer: &tests::Whole| answer.head.get("connection") == Some("close");
    assert!(!closes(&kept));
    gateway.signal("TERM");
    while gateway.admin("/readyz", true).await.0.status() == 200 {
        assert!(gateway.exited().is_none(), "ready to the end");
    }
    let last = agent.call("echo", "{}").await;
    assert_eq!(last.said(), "ok");
    assert!(closes(&last));
    assert_eq!(gateway.ended().await.code(), Some(0));
    assert!(TcpStream::connect(gateway.address()).await.is_err());
}
