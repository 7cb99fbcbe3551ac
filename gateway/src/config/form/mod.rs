//! The forms of strings: sizes, addresses, URLs, networks, names. Each says what is wrong and how to mend it.

mod identity;

pub(super) use identity::{AUDIENCE, CLAIM, HASH, ISSUER, SOCKET, TRUST_DOMAIN, hash};

pub(super) use policy::keys::DURATION;
pub(crate) use policy::keys::duration;

use ipnet::IpNet;
use policy::shape::{Fault, Form};
use std::net::{IpAddr, SocketAddr};
use url::{Host, Url};

/// `"1MiB"`.
pub(super) const SIZE: Form = Form {
    name: "a size such as \"1MiB\"",
    pattern: Some("^[0-9]+(B|KiB|MiB|GiB)$"),
    check: |text| {
        let fits = size(text).is_some_and(|bytes| (1..=1 << 30).contains(&bytes));
        fault(
            fits,
            text,
            "is no size up to 1GiB",
            "write a number and one of `B`, `KiB`, `MiB`, `GiB`",
        )
    },
};

/// A size of files of records.
pub(super) const SEGMENT: Form = Form {
    name: "a size such as \"64MiB\"",
    pattern: Some("^[0-9]+(B|KiB|MiB|GiB)$"),
    check: |text| {
        let fits = size(text).is_some_and(|bytes| (4 << 10..=1 << 30).contains(&bytes));
        fault(
            fits,
            text,
            "is no size from 4KiB to 1GiB",
            "write a number and one of `KiB`, `MiB`, `GiB`",
        )
    },
};

/// `"127.0.0.1:3000"`.
pub(super) const ADDRESS: Form = Form {
    name: "an address such as \"127.0.0.1:3000\"",
    pattern: Some(":[0-9]+$"),
    check: |text| {
        fault(
            text.parse::<SocketAddr>().is_ok(),
            text,
            "is no address",
            "write an IP address and a port; IPv6 in brackets: `[::1]:3000`",
        )
    },
};

/// `"10.20.0.0/16"`.
pub(super) const NETWORK: Form = Form {
    name: "a network such as \"10.20.0.0/16\"",
    pattern: Some("/[0-9]+$"),
    check: |text| {
        fault(
            network(text).is_some(),
            text,
            "is no network",
            "write an address and a prefix length",
        )
    },
};

/// A path.
pub(super) const PATH: Form = Form {
    name: "a path",
    pattern: Some(r"\S"),
    check: |text| {
        fault(
            !text.trim().is_empty() && !text.contains('\0'),
            text,
            "is no path",
            "name a file",
        )
    },
};

/// A path in whose last part `*` stands for any name.
pub(super) const INCLUDE: Form = Form {
    name: "a path such as \"policy.d/*.toml\"",
    pattern: Some(r"\S"),
    check: |text| {
        (PATH.check)(text)?;
        let folder = text.rsplit_once('/').map_or("", |(folder, _)| folder);
        fault(
            !folder.contains('*') && !text.ends_with('/'),
            text,
            "has `*` in a folder, or names no file",
            "`*` stands for names in the last part of a path only",
        )
    },
};

/// What a lease is asked for.
pub(super) const SCOPE: Form = Form {
    name: "a scope",
    pattern: Some(r"\S"),
    check: |text| {
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        fault(
            !text.is_empty() && plain,
            text,
            "is no scope",
            "write one scope a string, without spaces",
        )
    },
};

/// The MCP endpoint of a server.
pub(super) const URL: Form = Form {
    name: "a URL such as \"https://tools.example.com/mcp\"",
    pattern: Some("^https?://"),
    check: |text| url(text).map(|_| ()),
};

/// What agents call the gateway.
pub(super) const PUBLIC_URL: Form = Form {
    name: "a URL such as \"https://gate.example.com\"",
    pattern: Some("^https?://[^/]+/?$"),
    check: |text| {
        let url = url(text)?;
        fault(
            url.path() == "/" && url.query().is_none(),
            text,
            "has a path",
            "write scheme, host and port only",
        )
    },
};

/// An origin.
pub(super) const ORIGIN: Form = Form {
    name: "an origin such as \"https://app.example.com\"",
    pattern: Some("^https?://[^/]+$"),
    check: |text| {
        let own = url(text)?;
        fault(
            own.origin().ascii_serialization() == text,
            text,
            "is no origin",
            "write scheme, host and port as a browser does: lower case, no path, no default port",
        )
    },
};

/// A host name.
pub(super) const HOST: Form = Form {
    name: "a host name such as \"gate.example.com\"",
    pattern: Some(r"^[^/\s]+$"),
    check: |text| {
        let known = Host::parse(text).is_ok_and(|host| host.to_string() == text);
        fault(
            known,
            text,
            "is no host name",
            "write it in lower case, without a port; IPv6 in brackets",
        )
    },
};

/// The bytes a text says.
pub(super) fn size(text: &str) -> Option<usize> {
    usize::try_from(policy::keys::size(text)?).ok()
}

/// The network a text says; an address alone is a network of one.
pub(super) fn network(text: &str) -> Option<IpNet> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// The URL a text says.
///
/// # Errors
///
/// What makes it one we do not call: another scheme, a user or a password, a fragment.
pub(super) fn url(text: &str) -> Result<Url, Fault> {
    let invalid =
        |why: &str, help: &str| Err(Fault::new(format!("`{}` {why}", text.escape_debug()), help));
    let Ok(url) = Url::parse(text) else {
        return invalid("is no URL", "write `https://host/path`");
    };
    if !url.username().is_empty() || url.password().is_some() {
        // The text is not repeated: it holds a secret.
        return Err(
            Fault::new("a user or a password is written into a URL", "take it out")
                .of(policy::Code::LiteralSecret),
        );
    }
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return invalid("is neither http nor https", "write `https://host/path`");
    }
    if url.fragment().is_some() {
        return invalid("has a fragment", "take out what follows `#`");
    }
    Ok(url)
}

/// The place a URL of another protocol names behind its scheme: read as one of ours, so that names and addresses are
/// written in one way only, and with a port.
///
/// # Errors
///
/// As [`url`].
pub(super) fn place(rest: &str, port: u16) -> Result<Url, Fault> {
    // Of ours any number of slashes may stand before the host.
    if rest.starts_with(['/', '\\']) {
        return Err(Fault::new(
            "the URL names no host",
            "write `//host` behind its scheme",
        ));
    }
    let mut url = url(&format!("https://{rest}"))?;
    let written = rest.split('/').next().unwrap_or_default();
    if url.port().is_none() && !written.ends_with(":443") {
        // It has a host, and so may have a port.
        let _ = url.set_port(Some(port));
    }
    Ok(url)
}

/// Whether a host is this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn fault(fine: bool, text: &str, why: &str, help: &str) -> Result<(), Fault> {
    if fine {
        Ok(())
    } else {
        Err(Fault::new(format!("`{}` {why}", text.escape_debug()), help))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_we_call() {
        assert!(url("https://a.example/mcp?x=1").is_ok() && url("http://[::1]:8000/").is_ok());
        for text in [
            "",
            "a.example",
            "ftp://a.example/",
            "file:///etc",
            "https://u@a.example/",
            "https://u:p@a.example/",
            "https://a.example/#x",
        ] {
            assert!(url(text).is_err(), "{text}");
        }
        assert!(
            !url("https://u:hunter2@a.example/")
                .unwrap_err()
                .message
                .contains("hunter2")
        );
    }

    #[test]
    fn names_as_a_browser_writes_them() {
        for good in ["https://app.example.com", "http://localhost:5173"] {
            assert!((ORIGIN.check)(good).is_ok(), "{good}");
        }
        for bad in [
            "https://app.example.com/",
            "https://App.example.com",
            "https://app.example.com:443",
            "null",
            "*",
        ] {
            assert!((ORIGIN.check)(bad).is_err(), "{bad}");
        }
        assert!((HOST.check)("gate.example.com").is_ok() && (HOST.check)("[::1]").is_ok());
        assert!((HOST.check)("gate.example.com:443").is_err() && (HOST.check)("GATE").is_err());
    }
}
