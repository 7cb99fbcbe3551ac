//! Values of forms that were checked before, with their defaults.

use crate::config::{Bounds, Deadlines, form};
use ipnet::IpNet;
use policy::document::{Table, Value};
use std::net::SocketAddr;
use std::time::Duration;

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The public URL's name, and loopback names where agents are served on loopback.
pub(super) fn default_hosts(public_url: &url::Url, listen: &[SocketAddr]) -> Vec<String> {
    let mut hosts: Vec<String> = public_url
        .host_str()
        .map(str::to_owned)
        .into_iter()
        .collect();
    if listen.iter().any(|at| at.ip().is_loopback()) {
        hosts.extend(LOOPBACK.map(str::to_owned));
    }
    hosts.sort();
    hosts.dedup();
    hosts
}

pub(super) fn texts(items: &[Value]) -> Vec<String> {
    items
        .iter()
        .filter_map(Value::text)
        .map(str::to_owned)
        .collect()
}

pub(super) fn networks(items: &[Value]) -> Vec<IpNet> {
    items
        .iter()
        .filter_map(|item| form::network(item.text()?))
        .collect()
}

pub(super) fn bounds(table: Option<&Table>) -> Bounds {
    let size = |key: &str, otherwise| {
        table
            .and_then(|table| form::size(table.text(key)?))
            .unwrap_or(otherwise)
    };
    let count = |key: &str, otherwise| {
        let value = table
            .and_then(|table| table.value(key))
            .map(|value| &value.datum);
        match value {
            Some(policy::document::Datum::Integer(number)) => {
                usize::try_from(*number).unwrap_or(otherwise)
            }
            _ => otherwise,
        }
    };
    let duration = |key: &str, otherwise| {
        table
            .and_then(|table| form::duration(table.text(key)?))
            .unwrap_or(otherwise)
    };
    Bounds {
        body: size("body", 1 << 20),
        answer: size("answer", 16 << 20),
        event: size("event", 1 << 20),
        depth: count("depth", 64),
        members: count("members", 10_000),
        batch: count("batch", 16),
        connections: count("connections", 10_000),
        calls: count("calls", 10_000),
        lag: duration("lag", Duration::from_millis(20)),
        streams: count("streams", 10_000),
        tasks: count("tasks", 100_000),
    }
}

pub(super) fn deadlines(table: Option<&Table>, otherwise: &Deadlines) -> Deadlines {
    let duration = |key: &str, otherwise: Duration| {
        table
            .and_then(|table| form::duration(table.text(key)?))
            .unwrap_or(otherwise)
    };
    Deadlines {
        header: duration("header", otherwise.header),
        body: duration("body", otherwise.body),
        connect: duration("connect", otherwise.connect),
        call: duration("call", otherwise.call),
        stream: duration("stream", otherwise.stream),
        linger: duration("linger", otherwise.linger),
        drain: duration("drain", otherwise.drain),
        task: duration("task", otherwise.task),
        idle: duration("idle", otherwise.idle),
    }
}
