//! One HTTP/1 connection, read and written by hand: for clients and upstreams that must control every byte.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection: plain, or TLS on top.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {
    /// Makes the coming close a reset instead of an orderly end.
    fn arm_reset(&self);
}

/// A connection and what was read too far.
pub struct Wire {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

/// First line and headers of a request or answer, in order, names as they came.
#[derive(Clone, Default)]
pub struct Head {
    /// Request or status line.
    pub line: String,
    /// Name and value.
    pub headers: Vec<(String, String)>,
    /// Every byte, the empty line included.
    pub raw: Vec<u8>,
}

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// So many bytes are left.
    Length(usize),
    /// In chunks.
    Chunked,
    /// When the connection ends.
    Close,
}

// === impl Stream ===

impl Stream for TcpStream {
    fn arm_reset(&self) {
        self.set_zero_linger().expect("linger");
    }
}

impl Stream for tokio_rustls::client::TlsStream<TcpStream> {
    fn arm_reset(&self) {
        self.get_ref().0.arm_reset();
    }
}

impl Stream for tokio_rustls::server::TlsStream<TcpStream> {
    fn arm_reset(&self) {
        self.get_ref().0.arm_reset();
    }
}

// === impl Head ===

impl std::fmt::Debug for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.line, self.headers)
    }
}

impl Head {
    /// The only value of a header; panics when it is repeated.
    pub fn get(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} is repeated: {all:?}");
        all.first().copied()
    }

    /// Every value of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let same = |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .filter(same)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The status of an answer.
    pub fn status(&self) -> u16 {
        let status = self
            .line
            .split(' ')
            .nth(1)
            .and_then(|text| text.parse().ok());
        status.unwrap_or_else(|| panic!("no status line: {:?}", self.line))
    }

    /// How the body of this head ends; `answer` says whether silence means "until close".
    pub fn framing(&self, answer: bool) -> Framing {
        if let Some(length) = self.get("content-length") {
            return Framing::Length(length.parse().expect("content-length"));
        }
        match self.get("transfer-encoding") {
            Some(_) => Framing::Chunked,
            None if answer && !matches!(self.status(), 100..=199 | 204 | 304) => Framing::Close,
            None => Framing::Length(0),
        }
    }

    fn parse(raw: &[u8]) -> Self {
        let text = String::from_utf8_lossy(raw);
        let mut lines = text.split("\r\n");
        let line = lines.next().unwrap_or_default().to_owned();
        let pair = |line: &str| {
            line.split_once(':')
                .map(|(k, v)| (k.to_owned(), v.trim().to_owned()))
        };
        Self {
            line,
            headers: lines.filter_map(pair).collect(),
            raw: raw.to_vec(),
        }
    }
}

// === impl Wire ===

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire")
            .field("buffered", &self.buffer.len())
            .finish()
    }
}

impl Wire {
    /// Takes a connection over.
    pub fn new(stream: impl Stream + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            buffer: Vec::new(),
        }
    }

    /// Writes and flushes.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await?;
        self.stream.flush().await
    }

    /// Ends the sending half only.
    pub async fn half_close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Closes with a TCP reset.
    pub fn reset(self) {
        self.stream.arm_reset();
    }

    /// Resolves when the other side has ended the connection; bytes that still come are dropped.
    pub async fn gone(&mut self) {
        let mut scrap = [0; 1024];
        while !matches!(self.stream.read(&mut scrap).await, Ok(0) | Err(_)) {}
    }

    /// The next head; `None` when the connection ended before its first byte.
    pub async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                let raw: Vec<u8> = self.buffer.drain(..at + 4).collect();
                return Ok(Some(Head::parse(&raw[..at])).map(|head| Head { raw, ..head }));
            }
            if self.more().await? == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(early())
                };
            }
        }
    }

    /// The next head, however long it takes to come: what an idle keep-alive connection waits for.
    pub async fn head_unbounded(&mut self) -> io::Result<Option<Head>> {
        if self.buffer.is_empty() && self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Ok(None);
        }
        self.head().await
    }

    /// The next piece of a body as it arrives; `None` at its end.
    pub async fn piece(&mut self, framing: &mut Framing) -> io::Result<Option<Vec<u8>>> {
        match framing {
            Framing::Length(0) => Ok(None),
            Framing::Length(left) => {
                if self.buffer.is_empty() && self.more().await? == 0 {
                    return Err(early());
                }
                let take = self.buffer.len().min(*left);
                *left -= take;
                Ok(Some(self.buffer.drain(..take).collect()))
            }
            Framing::Close => {
                if self.buffer.is_empty() && self.more().await? == 0 {
                    return Ok(None);
                }
                Ok(Some(std::mem::take(&mut self.buffer)))
            }
            Framing::Chunked => self.chunk(framing).await,
        }
    }

    /// The whole body.
    pub async fn body(&mut self, mut framing: Framing) -> io::Result<Vec<u8>> {
        let mut whole = Vec::new();
        while let Some(piece) = self.piece(&mut framing).await? {
            whole.extend(piece);
        }
        Ok(whole)
    }

    /// Everything until the connection ends; a reset counts as an end.
    pub async fn rest(&mut self) -> Vec<u8> {
        while matches!(self.more().await, Ok(count) if count > 0) {}
        std::mem::take(&mut self.buffer)
    }

    async fn chunk(&mut self, framing: &mut Framing) -> io::Result<Option<Vec<u8>>> {
        let line = self.line().await?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
        if size == 0 {
            while !self.line().await?.is_empty() {}
            *framing = Framing::Length(0);
            return Ok(None);
        }
        while self.buffer.len() < size + 2 {
            if self.more().await? == 0 {
                return Err(early());
            }
        }
        let piece = self.buffer.drain(..size).collect();
        self.buffer.drain(..2);
        Ok(Some(piece))
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..at + 2).take(at).collect();
                return String::from_utf8(line).map_err(io::Error::other);
            }
            if self.more().await? == 0 {
                return Err(early());
            }
        }
    }

    async fn more(&mut self) -> io::Result<usize> {
        let read = self.stream.read_buf(&mut self.buffer);
        let late = || io::Error::new(io::ErrorKind::TimedOut, "nothing came");
        tokio::time::timeout(crate::PATIENCE, read)
            .await
            .map_err(|_| late())?
    }
}

fn early() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "ended early")
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
