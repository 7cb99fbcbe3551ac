//! Which addresses are public: everything the special-purpose registries do not set aside.
//!
//! An IPv6 address that carries an IPv4 address is judged by both.

use ipnet::{Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Network and prefix length.
const SPECIAL_V4: [([u8; 4], u8); 17] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 52, 193, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([192, 175, 48, 0], 24),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 3),
];

/// Network and prefix length.
const SPECIAL_V6: [(u128, u8); 16] = [
    (0x0000_0000_0000_0000_0000_0000_0000_0000, 96), // unspecified, loopback, IPv4-compatible
    (0x0000_0000_0000_0000_0000_ffff_0000_0000, 96), // IPv4-mapped
    (0x0064_ff9b_0000_0000_0000_0000_0000_0000, 96), // NAT64
    (0x0064_ff9b_0001_0000_0000_0000_0000_0000, 48), // local NAT64
    (0x0100_0000_0000_0000_0000_0000_0000_0000, 64), // discard
    (0x0100_0000_0000_0001_0000_0000_0000_0000, 64), // dummy
    (0x2001_0000_0000_0000_0000_0000_0000_0000, 23), // protocol assignments, Teredo, ORCHID
    (0x2001_0db8_0000_0000_0000_0000_0000_0000, 32), // documentation
    (0x2002_0000_0000_0000_0000_0000_0000_0000, 16), // 6to4
    (0x2620_004f_8000_0000_0000_0000_0000_0000, 48), // AS112
    (0x3fff_0000_0000_0000_0000_0000_0000_0000, 20), // documentation
    (0x5f00_0000_0000_0000_0000_0000_0000_0000, 16), // segment routing
    (0xfc00_0000_0000_0000_0000_0000_0000_0000, 7),  // unique local
    (0xfe80_0000_0000_0000_0000_0000_0000_0000, 10), // link local
    (0xfec0_0000_0000_0000_0000_0000_0000_0000, 10), // site local
    (0xff00_0000_0000_0000_0000_0000_0000_0000, 8),  // multicast
];

/// Whether an address is one of the public Internet.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|(range, length)| {
            Ipv4Net::new(Ipv4Addr::from(*range), *length)
                .is_ok_and(|range| range.contains(&address))
        }),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Only 2000::/3 is assigned for global unicast; the rest has no route.
    let global = address
        .segments()
        .first()
        .is_some_and(|group| group & 0xe000 == 0x2000);
    let special = SPECIAL_V6.iter().any(|(range, length)| {
        Ipv6Net::new(Ipv6Addr::from(*range), *length).is_ok_and(|range| range.contains(&address))
    });
    global && !special
}

#[cfg(test)]
mod tests {
    use super::is_public;

    /// As a URL spells it, which is how it reaches us.
    fn check(host: &str, public: bool) {
        let url = url::Url::parse(&format!("http://{host}/")).unwrap();
        let address = match url.host().unwrap() {
            url::Host::Ipv4(address) => address.into(),
            url::Host::Ipv6(address) => address.into(),
            url::Host::Domain(name) => panic!("{host} is the name {name}"),
        };
        assert_eq!(is_public(address), public, "{host} is {address}");
    }

    const NOT_PUBLIC: &[&str] = &[
        "0.0.0.0",
        "0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "012.0.0.1",
        "0xa.0.0.1",
        "167772161",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.1",
        "127.255.255.254",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0x7f.1",
        "017700000001",
        "169.254.169.254",
        "169.254.0.1",
        "0xa9fea9fe",
        "2852039166",
        "0251.0376.0251.0376",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.170",
        "192.0.2.1",
        "192.31.196.1",
        "192.52.193.1",
        "192.88.99.1",
        "192.168.0.1",
        "192.168.255.255",
        "0xc0a80001",
        "192.175.48.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "4294967295",
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:8.8.8.8]",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::8.8.8.8]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::1]",
        "[64:ff9b:1:ffff::1]",
        "[100::1]",
        "[100:0:0:1::1]",
        "[2001::1]",
        "[2001:1::1]",
        "[2001:2::1]",
        "[2001:10::1]",
        "[2001:20::1]",
        "[2001:30::1]",
        "[2001:1ff::1]",
        "[2001:db8::1]",
        "[2002::1]",
        "[2002:7f00:1::]",
        "[2002:a9fe:a9fe::1]",
        "[2620:4f:8000::1]",
        "[3fff::1]",
        "[3fff:fff::1]",
        "[5f00::1]",
        "[fc00::1]",
        "[fd00::1]",
        "[fdff:ffff::1]",
        "[fe80::1]",
        "[febf::1]",
        "[fec0::1]",
        "[feff::1]",
        "[ff02::1]",
        "[ff0e::1]",
        "[4000::1]",
        "[8000::1]",
        "[e000::1]",
        "[1::1]",
        "[1fff::1]",
    ];

    #[test]
    fn special_addresses_are_not_public_however_they_are_spelt() {
        for host in NOT_PUBLIC {
            check(host, false);
        }
        for third in 0..=255_u16 {
            check(&format!("10.{third}.1.1"), false);
            check(&format!("[::ffff:10.{third}.1.1]"), false);
            check(&format!("169.254.{third}.7"), false);
        }
    }

    #[test]
    fn public_addresses_are_public() {
        for host in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "[2001:200::1]",
            "[2001:4860:4860::8888]",
            "[2606:4700::1111]",
            "[2a00:1450::1]",
            "[2620:4f:8001::1]",
            "[3ffe::1]",
        ] {
            check(host, true);
        }
    }
}
