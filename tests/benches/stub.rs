//! A fast upstream: answers from prepared bytes, reads no more of a request than its length, id and what it asks for.

use std::sync::Arc;
use tests::json::{quote, result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Takes connections for ever.
pub(crate) async fn serve(port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("port");
    let sizes = Arc::new([200, 65_536].map(|size| (size, text(size))));
    let mut sessions = 0_u64;
    loop {
        let (stream, _) = listener.accept().await.expect("accept");
        stream.set_nodelay(true).expect("nodelay");
        sessions += 1;
        let sizes = Arc::clone(&sizes);
        tokio::spawn(async move { connection(stream, &sizes, sessions).await });
    }
}

/// The result of a call for this many bytes: letters, so that its size is its length.
pub(crate) fn text(size: usize) -> String {
    let said = "abcdefghijklmnopqrstuvwxyz"
        .chars()
        .cycle()
        .take(size)
        .collect::<String>();
    format!(
        r#"{{"content":[{{"type":"text","text":{}}}],"resultType":"complete"}}"#,
        quote(&said)
    )
}

async fn connection(
    mut stream: TcpStream,
    sizes: &[(usize, String); 2],
    session: u64,
) -> Option<()> {
    let mut buffer = Vec::with_capacity(4096);
    let mut answer = Vec::with_capacity(4096);
    loop {
        let end = loop {
            match find(&buffer, b"\r\n\r\n") {
                Some(at) => break at + 4,
                None if stream.read_buf(&mut buffer).await.ok()? == 0 => return None,
                None => {}
            }
        };
        let head = &buffer[..end];
        if head.starts_with(b"GET ") {
            let open = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
            stream
                .write_all(format!("{open}e\r\nid: 0\ndata: \n\n\r\n").as_bytes())
                .await
                .ok()?;
            // An idle stream: nothing more until the client goes.
            buffer.clear();
            stream.read_buf(&mut buffer).await.ok()?;
            return None;
        }
        let length = length(head)?;
        while buffer.len() < end + length {
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        }
        answer.clear();
        if buffer.starts_with(b"POST /v1/") {
            // A collector that takes everything.
            answer.extend(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(&answer).await.ok()?;
            buffer.drain(..end + length);
            continue;
        }
        respond(&buffer[end..end + length], sizes, session, &mut answer);
        stream.write_all(&answer).await.ok()?;
        buffer.drain(..end + length);
    }
}

fn respond(body: &[u8], sizes: &[(usize, String); 2], session: u64, answer: &mut Vec<u8>) {
    let json = "Content-Type: application/json\r\n";
    let Some(id) = number(body, b"\"id\":") else {
        answer.extend(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
        return;
    };
    if find(body, b"\"initialize\"").is_some() {
        let hello = r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"stub","version":"1"}}"#;
        let message = result(&id.to_string(), hello);
        let head =
            format!("HTTP/1.1 200 OK\r\n{json}Mcp-Session-Id: stub-session-{session:016x}\r\n");
        answer
            .extend(format!("{head}Content-Length: {}\r\n\r\n{message}", message.len()).as_bytes());
        return;
    }
    let wanted = number(body, b"\"size\":").unwrap_or(200);
    let (_, text) = if wanted == 200 { &sizes[0] } else { &sizes[1] };
    let start = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":"#);
    let length = start.len() + text.len() + 1;
    answer.extend(
        format!("HTTP/1.1 200 OK\r\n{json}Content-Length: {length}\r\n\r\n{start}").as_bytes(),
    );
    answer.extend(text.as_bytes());
    answer.push(b'}');
}

/// The digits behind a name.
fn number(body: &[u8], name: &[u8]) -> Option<usize> {
    let at = find(body, name)? + name.len();
    let digits: Vec<u8> = body[at..]
        .iter()
        .copied()
        .take_while(u8::is_ascii_digit)
        .collect();
    std::str::from_utf8(&digits).ok()?.parse().ok()
}

/// `Content-Length`, in whatever letter case a proxy writes it.
fn length(head: &[u8]) -> Option<usize> {
    let name = b"content-length:";
    let at = head
        .windows(name.len())
        .position(|window| window.eq_ignore_ascii_case(name))?;
    let value = head[at + name.len()..]
        .split(|byte| *byte == b'\r')
        .next()?;
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

pub(crate) fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
