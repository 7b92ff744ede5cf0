//! Who really asks, behind proxies. Anyone can write `X-Forwarded-For`; only what trusted proxies appended
//! to it counts, and that is read from the right.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;
use ipnet::IpNet;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of the client. `peer` itself unless it lies in a `trusted` network; then the rightmost address
/// of `X-Forwarded-For` (all its lines, joined) that is not a trusted proxy. An entry that is no address ends the
/// walk, because nothing to its left can be vouched for; the answer is then the last proxy that was. IPv4
/// mapped into IPv6 counts as IPv4 throughout.
pub fn client_ip(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut nearest = peer.to_canonical();
    if !is_trusted(&nearest) {
        return nearest;
    }
    for line in headers.get_all(FORWARDED_FOR).iter().rev() {
        for entry in line.as_bytes().rsplit(|&byte| byte == b',') {
            let Some(address) = parse_entry(entry) else { return nearest };
            nearest = address;
            if !is_trusted(&nearest) {
                return nearest;
            }
        }
    }
    nearest
}

/// An address, or an address with a port as some proxies write it.
fn parse_entry(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim_matches([' ', '\t']);
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(bracketed).or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, lines: &[&str]) -> String {
        let trusted: Vec<IpNet> =
            ["10.0.0.0/8", "fd00::/8"].iter().map(|network| network.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        client_ip(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_what_trusted_proxies_vouch_for_counts() {
        let cases: &[(&str, &[&str], &str)] = &[
            ("203.0.113.9", &[], "203.0.113.9"),
            ("203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1, 10.0.0.2,10.0.0.3"], "198.51.100.1"),
            ("10.0.0.1", &["6.6.6.6", "198.51.100.1", "10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ];
        for (peer, lines, expected) in cases {
            assert_eq!(client(peer, lines), *expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn a_malformed_entry_ends_the_walk_at_the_last_proxy() {
        for broken in ["unknown", "", "198.51.100.1.2", "_hidden", "[fd00::1", "198.51.100.1:x"] {
            assert_eq!(
                client("10.0.0.1", &[&format!("6.6.6.6, {broken}, 10.0.0.2")]),
                "10.0.0.2",
                "{broken}"
            );
            assert_eq!(client("10.0.0.1", &[broken]), "10.0.0.1", "{broken}");
        }
    }

    #[test]
    fn every_spelling_of_an_address_is_understood() {
        assert_eq!(client("::ffff:203.0.113.9", &["6.6.6.6"]), "203.0.113.9");
        assert_eq!(client("::ffff:10.0.0.1", &["::ffff:198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("fd00::1", &["2001:db8::7"]), "2001:db8::7");
        assert_eq!(client("fd00::1", &["[2001:db8::7]"]), "2001:db8::7");
        assert_eq!(client("fd00::1", &["[2001:db8::7]:4711"]), "2001:db8::7");
        assert_eq!(client("10.0.0.1", &["198.51.100.1:4711"]), "198.51.100.1");
    }
}
