//! The table of `addresses.txt`: hosts as URLs spell them, parsed as ours are.

use adapters::egress::is_public;
use std::net::IpAddr;
use url::{Host, ParseError, Url};

fn verdict(host: &str) -> &'static str {
    let parsed: Result<Url, ParseError> = format!("http://{host}/").parse();
    let Ok(url) = parsed else { return "none" };
    let address: IpAddr = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        Some(Host::Domain(_)) => return "name",
        None => return "none",
    };
    if is_public(address) {
        "public"
    } else {
        "special"
    }
}

#[test]
fn every_address_has_its_verdict() {
    let mut wrong = Vec::new();
    let mut addresses = 0;
    for line in include_str!("addresses.txt").lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (expected, host) = line.split_once(' ').unwrap();
        addresses += usize::from(matches!(expected, "public" | "special"));
        let got = verdict(host);
        if got != expected {
            wrong.push(format!("{host}: {got}, not {expected}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(addresses >= 300, "{addresses}");
}
