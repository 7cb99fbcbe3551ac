//! A drain: what is under way is finished, streams are told, the rest is cut.

use super::*;

const HOST: &str = "Host: localhost\r\n";

#[tokio::test]
async fn calls_finish_streams_end_and_nobody_new_comes() {
    let house = open(bare());
    let mut idle = house.connect().await;
    let mut slow = house.connect().await;
    let mut stream = house.connect().await;
    let get = |name: &str| format!("GET /servers/{name}/mcp HTTP/1.1\r\n{HOST}\r\n");
    idle.write_all(get("a").as_bytes()).await.unwrap();
    read_until(&mut idle, "tls=false ").await;
    slow.write_all(get("slow").as_bytes()).await.unwrap();
    stream.write_all(get("stream").as_bytes()).await.unwrap();
    read_until(&mut stream, "data: 1\n\n\r\n").await;

    let drain = house.drain.clone();
    let finished = tokio::spawn(async move { drain.finish(Duration::from_secs(10)).await });
    let mut rest = String::new();
    slow.read_to_string(&mut rest).await.unwrap();
    assert!(
        rest.starts_with("HTTP/1.1 200") && rest.ends_with("tls=false "),
        "{rest}"
    );
    rest.clear();
    stream.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "0\r\n\r\n");
    rest.clear();
    idle.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "");
    assert_eq!(finished.await.unwrap(), 0);
    assert!(TcpStream::connect(house.address).await.is_err());
}

#[tokio::test]
async fn what_does_not_end_is_cut_and_counted() {
    let house = open(bare());
    let mut stream = house.connect().await;
    let head = format!("GET /servers/stuck/mcp HTTP/1.1\r\n{HOST}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut stream, "data: 1\n\n\r\n").await;
    assert_eq!(house.drain.finish(Duration::from_millis(200)).await, 1);
    assert_eq!(house.streams(), 0);
    let mut rest = String::new();
    let _ = stream.read_to_string(&mut rest).await;
    assert_eq!(rest, "", "no proper end");
}

const GET: &str = "GET /servers/a/mcp HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// What one request on a kept connection gets, to the end of the connection or of the answer.
async fn again(stream: &mut TcpStream) -> String {
    stream.write_all(GET.as_bytes()).await.unwrap();
    read_until(stream, "tls=false ").await
}

/// A balancer needs a moment to notice, and may have sent what it sends on a kept connection before it did.
#[tokio::test]
async fn whoever_comes_while_it_lingers_is_served_and_sent_away() {
    let house = open(bare());
    let (mut resting, mut idle) = (house.connect().await, house.connect().await);
    for stream in [&mut resting, &mut idle] {
        let kept = again(stream).await;
        assert!(!kept.contains("connection: close"), "{kept}");
    }
    let drain = house.drain.clone();
    let lingering = tokio::spawn(async move { drain.linger(Duration::from_secs(2)).await });
    house.drain.leaving().cancelled().await;
    let mut fresh = house.connect().await;
    for stream in [&mut resting, &mut fresh] {
        let last = again(stream).await;
        assert!(last.contains("connection: close\r\n"), "{last}");
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0, "closed");
    }
    let quiet = tokio::time::timeout(Duration::from_millis(100), idle.read_u8()).await;
    assert!(quiet.is_err(), "one at rest is not closed meanwhile");
    lingering.await.unwrap();
    assert_eq!(house.drain.finish(Duration::from_secs(10)).await, 0);
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0);
    assert!(TcpStream::connect(house.address).await.is_err());
}

/// Who was let in by the system and not accepted yet is not reset when the port is closed.
#[tokio::test]
async fn nobody_is_left_standing_at_the_door() {
    for _ in 0..20 {
        let house = open(bare());
        let ending = house.drain.clone();
        let (finished, mut told) = (
            tokio::spawn(async move { ending.finish(Duration::from_secs(20)).await }),
            0,
        );
        let mut coming = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let address = house.address;
            coming.spawn(async move {
                // Refused, or late because the system let nobody in: then it has asked nothing yet.
                let connecting = TcpStream::connect(address);
                let wait = Duration::from_millis(500);
                let Ok(Ok(mut stream)) = tokio::time::timeout(wait, connecting).await else {
                    return false;
                };
                again(&mut stream).await;
                true
            });
        }
        while let Some(served) = coming.join_next().await {
            told += usize::from(served.expect("whoever came in is answered"));
        }
        assert_eq!(finished.await.unwrap(), 0, "{told} served");
    }
}
