//! The load: so many connections, each waiting for its answer before the next call, each answer checked byte by byte.

use crate::stub::{find, text};
use std::sync::Arc;
use std::time::Duration;
use tests::agent::with_meta;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Where calls go.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) port: u16,
    pub(crate) path: &'static str,
}

/// One kind of load.
#[derive(Debug)]
pub(crate) struct Calls {
    pub(crate) name: &'static str,
    pub(crate) connections: usize,
    pub(crate) size: usize,
}

/// What came of it: the time of each call in microseconds, sorted.
#[derive(Debug)]
pub(crate) struct Outcome {
    micros: Vec<u32>,
    elapsed: Duration,
}

// === impl Calls ===

impl Calls {
    /// Calls for that long.
    pub(crate) async fn run(&self, target: &Target, time: Duration) -> Outcome {
        let expected = Arc::new(text(self.size));
        let began = Instant::now();
        let end = began + time;
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..self.connections {
            let (target, expected, size) = (target.clone(), Arc::clone(&expected), self.size);
            tasks.spawn(async move {
                let mut caller = Caller::connect(&target).await;
                let mut micros = Vec::with_capacity(1 << 16);
                let mut id = number * 100_000_000 + 1;
                while Instant::now() < end {
                    let start = Instant::now();
                    caller.call(id, size, &expected).await;
                    micros.push(u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX));
                    id += 1;
                }
                micros
            });
        }
        let mut micros: Vec<u32> = tasks.join_all().await.into_iter().flatten().collect();
        let elapsed = began.elapsed();
        micros.sort_unstable();
        Outcome { micros, elapsed }
    }
}

// === impl Outcome ===

impl Outcome {
    pub(crate) fn calls(&self) -> usize {
        self.micros.len()
    }

    /// Calls per second.
    pub(crate) fn rate(&self) -> f64 {
        self.micros.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// A quantile in microseconds.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let last = self.micros.len().saturating_sub(1);
        self.micros
            .get((last as f64 * share).round() as usize)
            .copied()
            .map_or(f64::NAN, f64::from)
    }
}

/// One connection.
pub(crate) struct Caller {
    stream: TcpStream,
    head: String,
    /// A header line, ended by CRLF.
    header: String,
    buffer: Vec<u8>,
}

// === impl Caller ===

impl Caller {
    pub(crate) async fn connect(target: &Target) -> Self {
        Self::try_connect(target).await.expect("connect")
    }

    pub(crate) async fn try_connect(target: &Target) -> Option<Self> {
        let stream = TcpStream::connect(("127.0.0.1", target.port)).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n\
             Mcp-Method: tools/call\r\nMcp-Name: echo\r\n",
            target.path, target.port
        );
        Some(Self {
            stream,
            head,
            header: String::new(),
            buffer: Vec::with_capacity(80 << 10),
        })
    }

    /// Sends this bearer token from now on.
    pub(crate) fn bears(&mut self, token: &str) {
        self.says(&format!("Authorization: Bearer {token}"));
    }

    /// Sends this header from now on, in place of the one before.
    pub(crate) fn says(&mut self, header: &str) {
        self.header = format!("{header}\r\n");
    }

    /// One call; panics on anything but the right answer.
    pub(crate) async fn call(&mut self, id: usize, size: usize, expected: &str) {
        let body = self
            .answer(id, size)
            .await
            .unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(&self.buffer)));
        let start = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":"#);
        let right = body.len() == start.len() + expected.len() + 1
            && body.starts_with(start.as_bytes())
            && body[start.len()..].starts_with(expected.as_bytes());
        assert!(
            right,
            "a wrong answer: {}",
            String::from_utf8_lossy(&body[..body.len().min(500)])
        );
    }

    /// One call and the body of its 200.
    pub(crate) async fn answer(&mut self, id: usize, size: usize) -> Option<Vec<u8>> {
        let (status, body) = self.exchange(id, size).await?;
        (status == 200).then_some(body)
    }

    /// One call, the status and the body of its answer.
    pub(crate) async fn exchange(&mut self, id: usize, size: usize) -> Option<(u16, Vec<u8>)> {
        let params = with_meta(&format!(
            r#"{{"name":"echo","arguments":{{"size":{size},"city":"Zürich"}}}}"#
        ));
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}"#);
        let (head, header) = (&self.head, &self.header);
        let request = format!("{head}{header}Content-Length: {}\r\n\r\n{body}", body.len());
        self.stream.write_all(request.as_bytes()).await.ok()?;
        self.buffer.clear();
        let end = loop {
            if self.stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
        let status = head.strip_prefix("http/1.1 ")?.get(..3)?.parse().ok()?;
        match head.split_once("content-length:") {
            Some((_, rest)) => {
                let length: usize = rest.split('\r').next()?.trim().parse().ok()?;
                while self.buffer.len() < end + length {
                    if self.stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                        return None;
                    }
                }
                Some((status, self.buffer[end..end + length].to_vec()))
            }
            None => Some((status, self.chunks(end).await?)),
        }
    }

    async fn chunks(&mut self, mut at: usize) -> Option<Vec<u8>> {
        let mut body = Vec::with_capacity(70 << 10);
        loop {
            let line = loop {
                match find(&self.buffer[at..], b"\r\n") {
                    Some(length) => break length,
                    None if self.stream.read_buf(&mut self.buffer).await.ok()? == 0 => return None,
                    None => {}
                }
            };
            let size =
                usize::from_str_radix(std::str::from_utf8(&self.buffer[at..at + line]).ok()?, 16)
                    .ok()?;
            let start = at + line + 2;
            while self.buffer.len() < start + size + 2 {
                if self.stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                    return None;
                }
            }
            if size == 0 {
                return Some(body);
            }
            body.extend(&self.buffer[start..start + size]);
            at = start + size + 2;
        }
    }
}
