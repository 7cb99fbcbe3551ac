//! `state` of `[gateway]`: whether several gateways share what they know, and where.

use super::InboundTls;
use super::credential::SecretFrom;
use super::form;
use super::keys::{FILES, NETWORKS, PAIR};
use policy::shape::{Choice, Fault, Form, Key, Shape};
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// Where state is kept that several gateways would have to share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// In this process and its `data_dir`: there is one gateway.
    Memory,
    /// In a Redis or Valkey that all of them reach.
    Redis(Box<SharedState>),
}

/// `state = { redis = "…" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedState {
    /// Where it is dialled, with its port and no path: `https` with TLS, `http` without.
    pub url: Url,
    /// The number of the database there.
    pub database: u16,
    /// As whom; none: as the default user.
    pub username: Option<String>,
    /// With which password.
    pub password: Option<SecretFrom>,
    /// For one command; what takes longer counts as not answered.
    pub timeout: Duration,
    /// For how long what was last heard of the others holds.
    pub stale: Duration,
    /// What all keys begin with.
    pub prefix: String,
    /// Roots beside the system's and the gateway's.
    pub ca: Vec<PathBuf>,
    /// Client certificate and key.
    pub client_cert: Option<InboundTls>,
    /// Networks it may be in, with the gateway's.
    pub allow_private: Vec<ipnet::IpNet>,
}

pub(super) const TIMEOUT: Duration = Duration::from_millis(50);
pub(super) const STALE: Duration = Duration::from_secs(5);
pub(super) const PREFIX: &str = "hopgate";

/// `state` as a word.
pub(super) const WORDS: &[Choice] = &[Choice::new("memory")];

/// `state = { … }`.
pub(super) const SHARED: &[Key] = &[
    Key::new(
        "redis",
        Shape::Text(PLACE),
        "The Redis or Valkey that several gateways share; `rediss://` with TLS, and the number of a database as path, if any.",
    )
    .required(),
    Key::new(
        "username",
        Shape::Text(USER),
        "As which user of its ACL; absent, the default one.",
    ),
    Key::new("password", Shape::Secret, "That user's password."),
    Key::new(
        "timeout",
        Shape::Text(SHORT),
        "For one command, 1ms to 1s; what takes longer counts as not answered.",
    )
    .default("\"50ms\""),
    Key::new(
        "stale",
        Shape::Text(LONG),
        "For how long what was last heard of the others holds, 2s to 1h; after it every call is refused.",
    )
    .default("\"5s\""),
    Key::new(
        "prefix",
        Shape::Text(NAME),
        "What all keys begin with: gateways of one prefix are one.",
    )
    .default("\"hopgate\""),
    Key::new(
        "ca",
        FILES,
        "PEM files of roots beside the system's and the gateway's.",
    ),
    Key::new(
        "client_cert",
        Shape::Table(PAIR),
        "The certificate the gateway shows it.",
    ),
    Key::new(
        "allow_private",
        NETWORKS,
        "Networks it may be in though they are not public.",
    )
    .default("[]"),
];

const PLACE: Form = Form {
    name: "a URL such as \"rediss://cache.example.com:6380/0\"",
    pattern: Some("^rediss?://[^/@]+(/[0-9]*)?$"),
    check: |text| place(text).map(|_| ()),
};

const USER: Form = Form {
    name: "the name of a user",
    pattern: Some(r"^\S+$"),
    check: |text| {
        let odd = |one: char| one.is_whitespace() || one.is_control();
        fault(
            !text.is_empty() && !text.contains(odd),
            text,
            "cannot name a user",
            "write the name of its ACL, without spaces",
        )
    },
};

const NAME: Form = Form {
    name: "a name such as \"hopgate\"",
    pattern: Some("^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"),
    check: |text| {
        fault(
            policy::model::well_formed(text),
            text,
            "cannot begin keys",
            "write up to 64 letters, digits, `-` and `_`, a letter or digit first",
        )
    },
};

const SHORT: Form = Form {
    name: "a duration such as \"50ms\"",
    pattern: form::DURATION.pattern,
    check: |text| {
        between(
            text,
            Duration::from_millis(1),
            Duration::from_secs(1),
            "1ms and 1s",
        )
    },
};

const LONG: Form = Form {
    name: "a duration such as \"5s\"",
    pattern: form::DURATION.pattern,
    check: |text| {
        let most = Duration::from_secs(60 * 60);
        between(text, Duration::from_secs(2), most, "2s and 1h")
    },
};

fn between(text: &str, least: Duration, most: Duration, words: &str) -> Result<(), Fault> {
    (form::DURATION.check)(text)?;
    let fits = form::duration(text).is_some_and(|time| (least..=most).contains(&time));
    fault(
        fits,
        text,
        &format!("is not between {words}"),
        "write another duration, or leave the key out",
    )
}

fn fault(fine: bool, text: &str, why: &str, help: &str) -> Result<(), Fault> {
    match fine {
        true => Ok(()),
        false => Err(Fault::new(format!("`{}` {why}", text.escape_debug()), help)),
    }
}

/// The place that is dialled and the number of the database.
pub(super) fn place(text: &str) -> Result<(Url, u16), Fault> {
    let help = "write `rediss://host:6380`, or `redis://127.0.0.1:6379` for one on this machine";
    // What is before an `@` may be a secret, and is not repeated.
    let invalid = |why: &str| match text.contains('@') {
        true => Fault::new(format!("the URL {why}"), help),
        false => Fault::new(format!("`{}` {why}", text.escape_debug()), help),
    };
    let tls = text.strip_prefix("rediss://");
    let rest = tls.or_else(|| text.strip_prefix("redis://"));
    let rest = rest.ok_or_else(|| invalid("does not begin with `rediss://`"))?;
    let mut url = form::place(rest, 6379).map_err(|fault| match fault.code {
        policy::Code::LiteralSecret => fault,
        _ => invalid("is no URL of a store"),
    })?;
    if url.query().is_some() {
        return Err(invalid("has a query"));
    }
    let database = match url.path().strip_prefix('/').unwrap_or_default() {
        "" => 0,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits
            .parse()
            .map_err(|_| invalid("names no database there is"))?,
        _ => return Err(invalid("has a path that is no number of a database")),
    };
    url.set_path("");
    if tls.is_none() {
        // The port is written: another scheme does not change it.
        let port = url.port_or_known_default();
        let plain = url.set_scheme("http").and_then(|()| url.set_port(port));
        plain.map_err(|()| invalid("is no URL of a store"))?;
    }
    Ok((url, database))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let check = |text: &str, expected: (&str, &str, u16, u16)| {
            let (url, database) = place(text).unwrap();
            let host = url.host_str().unwrap();
            let port = url.port_or_known_default().unwrap();
            assert_eq!((url.scheme(), host, port, database), expected, "{text}");
            assert_eq!(url.path(), "/", "{text}");
        };
        check("rediss://h", ("https", "h", 6379, 0));
        check("rediss://H.example:6380/0", ("https", "h.example", 6380, 0));
        check("rediss://h:443/3", ("https", "h", 443, 3));
        check("redis://h:443", ("http", "h", 443, 0));
        check("redis://h:80/", ("http", "h", 80, 0));
        check("redis://127.1/15", ("http", "127.0.0.1", 6379, 15));
        check("redis://[::1]:7000", ("http", "[::1]", 7000, 0));
        for bad in [
            "",
            "h:6379",
            "https://h",
            "redis+unix:///run/redis.sock",
            "redis-sentinel://h",
            "REDIS://h",
            "redis://",
            "redis:///0",
            "redis://h/x",
            "redis://h/1/2",
            "redis://h//1",
            "redis://h/-1",
            "redis://h/65536",
            "redis://h?db=1",
            "redis://h#x",
            "redis://h:99999",
        ] {
            assert!(place(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_is_not_repeated() {
        for text in [
            "rediss://me:hunter2@h",
            "redis://:hunter2@h/0",
            "https://me:hunter2@h",
            "redis://me:hunter2@h:99999",
            "redis://me:hunter2#x@h",
            "redis://me:hunter2/x@h",
        ] {
            let fault = place(text).unwrap_err();
            let said = format!("{} {}", fault.message, fault.help);
            assert!(!said.contains("hunter2"), "{text}: {said}");
        }
    }
}
