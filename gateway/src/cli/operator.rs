//! How a command speaks to a running gateway: over its operators' port, with the operators' token.

use crate::admin::{TOKEN_FILE, read_token};
use crate::config::{Config, load};
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// The largest answer that is read.
const ANSWER_MOST: usize = 64 << 20;
/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// The operators' port of the gateway that runs with the configuration in `file`.
///
/// # Errors
///
/// Why there is no answer, or what the gateway says against it.
pub(super) fn ask(file: &Path, method: Method, path: &str) -> Result<Value, String> {
    let config = load(file).map_err(|broken| broken.to_string())?.config;
    let runtime = super::runtime().map_err(|why| why.to_string())?;
    runtime.block_on(async move {
        match timeout(DEADLINE, exchange(&config, method, path)).await {
            Ok(answered) => answered,
            Err(_) => Err("the gateway does not answer".to_owned()),
        }
    })
}

async fn exchange(config: &Config, method: Method, path: &str) -> Result<Value, String> {
    let gateway = &config.gateway;
    let own = gateway.data_dir.join(TOKEN_FILE);
    let token = read_token(gateway.admin_token.as_deref().unwrap_or(&own))?;
    let address = reachable(gateway.admin);
    let stream = TcpStream::connect(address)
        .await
        .map_err(|why| format!("no gateway answers at {address}: {why}"))?;
    let broken = |why: &dyn std::fmt::Display| format!("the gateway at {address}: {why}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|why| broken(&why))?;
    let connection = tokio::spawn(connection);
    let bearer = Zeroizing::new(format!("Bearer {}", token.as_str()));
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, address.to_string())
        .header(AUTHORIZATION, bearer.as_str())
        .body(Empty::<Bytes>::new())
        .map_err(|why| broken(&why))?;
    let answer = sender
        .send_request(request)
        .await
        .map_err(|why| broken(&why))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_MOST)
        .collect()
        .await;
    connection.abort();
    let body = body.map_err(|why| broken(&why))?.to_bytes();
    let said: Value = serde_json::from_slice(&body).unwrap_or_default();
    match status {
        StatusCode::OK | StatusCode::CREATED => Ok(said),
        StatusCode::UNAUTHORIZED => {
            Err(format!("the gateway at {address} runs with another token"))
        }
        _ => {
            let why = said.get("error").and_then(Value::as_str);
            Err(broken(&why.unwrap_or(status.as_str())))
        }
    }
}

/// Where an address that stands for every interface can be reached from here.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
