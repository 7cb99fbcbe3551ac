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
