//! Which addresses are public: everything the special-purpose registries do not set aside.
//!
//! An IPv6 address that carries an IPv4 address is judged by both. The table that proves it is in `tests/egress`.

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
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// The IPv4 address that an IPv6 address stands for, where a translator or a tunnel may take it for one.
#[must_use]
pub fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let low = |bits: u128| {
        let [.., a, b, c, d] = bits.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    let bits = u128::from(address);
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => Some(low(bits)),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(low(bits)),
        // A local prefix may end before 96 bits: then zeros follow the address, and nobody knows where it lies.
        [0x64, 0xff9b, 1, ..] if bits.trailing_zeros() >= 24 => Some(Ipv4Addr::UNSPECIFIED),
        [0x64, 0xff9b, 1, ..] => Some(low(bits)),
        [0x2002, ..] => Some(low(bits >> 80)),
        [0x2001, 0, ..] => Some(low(!bits)),
        [_, _, _, _, 0 | 0x200, 0x5efe, ..] => Some(low(bits)),
        _ => None,
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4.iter().any(|(range, length)| {
        Ipv4Net::new(Ipv4Addr::from(*range), *length).is_ok_and(|range| range.contains(&address))
    })
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Only 2000::/3 is assigned for global unicast; the rest has no route.
    let global = u128::from(address) >> 125 == 1;
    let special = SPECIAL_V6.iter().any(|(range, length)| {
        Ipv6Net::new(Ipv6Addr::from(*range), *length).is_ok_and(|range| range.contains(&address))
    });
    global && !special && embedded(address).is_none_or(is_public_v4)
}

#[cfg(test)]
mod tests {
    use super::embedded;

    #[test]
    fn an_address_inside_another_is_found() {
        let check = |address: &str, inner: Option<&str>| {
            let got = embedded(address.parse().unwrap());
            assert_eq!(got, inner.map(|inner| inner.parse().unwrap()), "{address}");
        };
        check("::", None);
        check("::1", None);
        check("2606:4700::1111", None);
        check("::10.1.2.3", Some("10.1.2.3"));
        check("::ffff:10.1.2.3", Some("10.1.2.3"));
        check("::ffff:0:10.1.2.3", Some("10.1.2.3"));
        check("64:ff9b::10.1.2.3", Some("10.1.2.3"));
        check("64:ff9b:1::10.1.2.3", Some("10.1.2.3"));
        check("64:ff9b:1:abcd::8.8.8.8", Some("8.8.8.8"));
        check("64:ff9b:1:a01:2:300::", Some("0.0.0.0"));
        check("64:ff9b:1:0:a:102:300:0", Some("0.0.0.0"));
        check("2002:a01:203::1", Some("10.1.2.3"));
        check("2001:0:4136:e378:8000:63bf:f5fe:fdfc", Some("10.1.2.3"));
        check("2606:4700::5efe:10.1.2.3", Some("10.1.2.3"));
        check("2606:4700::200:5efe:10.1.2.3", Some("10.1.2.3"));
    }
}
