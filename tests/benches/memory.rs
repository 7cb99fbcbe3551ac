//! What sessions and idle streams weigh, and how soon the first call is answered.

use crate::load::{Caller, Target};
use crate::machine::{Cores, median, open_files, rss};
use crate::subjects::{Child, Proxy};
use std::time::Duration;
use tests::{Agent, Answer, Era};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Bytes of resident memory.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) count: usize,
    pub(crate) idle: usize,
    pub(crate) sessions: usize,
    pub(crate) streams: usize,
}

/// Milliseconds from the start of the process to the first answered call, the middle of several.
pub(crate) async fn first_answer(cores: &Cores, stub: &Child, starts: usize) -> f64 {
    let mut times = Vec::new();
    for number in 0..starts {
        eprintln!("start {} of {starts}", number + 1);
        let began = Instant::now();
        let proxy = Proxy::hopgate_unawaited(cores, stub, "");
        let target = proxy.target();
        loop {
            if let Some(mut caller) = Caller::try_connect(&target).await
                && caller.answer(1, 200).await.is_some()
            {
                break;
            }
            assert!(began.elapsed() < tests::PATIENCE, "never answered");
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    median(times)
}

/// Opens sessions, each with its connection kept, then one idle GET stream for each.
///
/// The gateway holds three connections for each; where the machine allows fewer files, there are fewer of them.
pub(crate) async fn sessions_and_streams(cores: &Cores, stub: &Child, count: usize) -> Memory {
    let count = count.min(open_files().saturating_sub(500) / 3);
    let bounds = "[gateway.bounds]\nconnections = 100000\nstreams = 100000";
    let proxy = Proxy::hopgate(cores, stub, bounds).await;
    let target = proxy.target();
    settle().await;
    let idle = rss(proxy.pid());
    let mut agents = Vec::with_capacity(count);
    for number in 0..count {
        if number % 1000 == 0 {
            eprintln!("session {number} of {count}");
        }
        agents.push(session(&target).await);
    }
    settle().await;
    let sessions = rss(proxy.pid());
    let mut streams = Vec::with_capacity(count);
    for (number, (agent, _)) in agents.iter().enumerate() {
        if number % 1000 == 0 {
            eprintln!("stream {number} of {count}");
        }
        let mut stream = agent.listen(None).await;
        assert_eq!(stream.status(), 200);
        stream.event().await.expect("the first event");
        streams.push(stream);
    }
    settle().await;
    Memory {
        count,
        idle,
        sessions,
        streams: rss(proxy.pid()),
    }
}

async fn settle() {
    tokio::time::sleep(Duration::from_secs(2)).await;
}

/// A session and the connection it was opened on, kept.
async fn session(target: &Target) -> (Agent, TcpStream) {
    let address = ([127, 0, 0, 1], target.port).into();
    let mut agent = Agent::new(address, target.path, Era::Legacy);
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"b","version":"1"}}}"#;
    let head = agent.head_for(body);
    let request = format!(
        "{head}Host: {}\r\nContent-Length: {}\r\n\r\n{body}",
        agent.host,
        body.len()
    );
    let stream = TcpStream::connect(address)
        .await
        .expect("connect")
        .into_std()
        .expect("socket");
    let kept = stream.try_clone().expect("second handle");
    let mut wire = tests::Wire::new(TcpStream::from_std(stream).expect("socket"));
    wire.write(request).await.expect("write");
    let answer = Answer::read(wire).await;
    assert_eq!(answer.status(), 200, "{:?}", answer.head);
    agent.session = answer.head.get("mcp-session-id").map(str::to_owned);
    assert!(agent.session.is_some());
    answer.whole().await;
    (agent, TcpStream::from_std(kept).expect("socket"))
}
