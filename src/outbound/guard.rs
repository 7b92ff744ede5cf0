//! Which addresses a callback may be sent to.
//!
//! The URL of a callback is written by a customer, and the name in it is resolved by a server that the
//! customer may run. Without this table a customer could make the gateway talk to the operator's own
//! network, to the gateway's own listeners or to a cloud's metadata service. The table says no to every
//! address that is not plainly public; networks that the operator lists in `callback.allow_networks`
//! override it. The table is pure; [`Guard`] adds this host's own addresses, which no table knows.
//! `connect.rs` asks for every connection, so a name that leads elsewhere since its last push gains nothing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use tokio::time::Instant;
use tracing::warn;

use super::failure::FailureClass;

/// How long this host's list of its own addresses is believed.
const OWN_FOR: Duration = Duration::from_secs(10);

/// Why an address is refused. Prints as the words that stand in a delivery's attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForbiddenRange {
    /// `0.0.0.0` and `::`, which reach the own machine on many systems.
    Unspecified,
    /// The rest of `0.0.0.0/8`.
    ThisNetwork,
    /// `127.0.0.0/8`, `::1`.
    Loopback,
    /// RFC 1918.
    Private,
    /// `169.254.0.0/16`, `fe80::/10`; cloud metadata services live here.
    LinkLocal,
    /// Addresses outside the ranges above on which a cloud answers its guests about themselves.
    CloudHost,
    /// `100.64.0.0/10`, between a carrier and its customers (RFC 6598).
    CarrierNat,
    /// `198.18.0.0/15`, `2001:2::/48`.
    Benchmark,
    /// The TEST-NETs, `2001:db8::/32` and `3fff::/20`: nobody real lives there.
    Documentation,
    /// `224.0.0.0/4`, `ff00::/8`.
    Multicast,
    /// `255.255.255.255`.
    Broadcast,
    /// `fc00::/7`.
    UniqueLocal,
    /// `fec0::/10`, the deprecated private range of IPv6.
    SiteLocal,
    /// `100::/64`.
    Discard,
    /// `2001::/32`: a tunnel whose far end we cannot see.
    Teredo,
    /// `64:ff9b:1::/48`: leads into IPv4 through a translator of somebody's own network, and where in the
    /// address the IPv4 part stands is known to that network only.
    LocalTranslation,
    /// Set aside for protocols, or for a future use.
    Reserved,
    /// A public address of the host that the gateway runs on: its own listeners are there.
    OwnAddress,
}

impl fmt::Display for ForbiddenRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "unspecified",
            Self::ThisNetwork => "this network",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::CloudHost => "cloud host",
            Self::CarrierNat => "carrier NAT",
            Self::Benchmark => "benchmark",
            Self::Documentation => "documentation",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::UniqueLocal => "unique local",
            Self::SiteLocal => "site-local",
            Self::Discard => "discard",
            Self::Teredo => "Teredo",
            Self::LocalTranslation => "local NAT64",
            Self::Reserved => "reserved",
            Self::OwnAddress => "the gateway's own",
        })
    }
}

/// Judges addresses right before they are dialled.
#[derive(Debug)]
pub(super) struct Guard {
    allow: Vec<IpNet>,
    own: Mutex<Option<(Instant, Arc<[IpAddr]>)>>,
}

impl Guard {
    /// `allow` are the networks that the operator opened.
    pub(super) fn new(allow: Vec<IpNet>) -> Self {
        Self { allow, own: Mutex::new(None) }
    }

    /// One forbidden address condemns all: whoever mixes public and internal addresses counts on us to try the
    /// next one.
    pub(super) fn check(&self, addresses: &[IpAddr], now: Instant) -> Result<(), FailureClass> {
        let own = self.own_addresses(now);
        for &ip in addresses {
            verdict(ip, &self.allow, &own).map_err(|range| FailureClass::Forbidden { ip, range })?;
        }
        Ok(())
    }

    fn own_addresses(&self, now: Instant) -> Arc<[IpAddr]> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((read_at, addresses)) = &*own
            && now.duration_since(*read_at) < OWN_FOR
        {
            return Arc::clone(addresses);
        }
        let addresses = match if_addrs::get_if_addrs() {
            Ok(interfaces) => interfaces.iter().map(if_addrs::Interface::ip).collect(),
            Err(error) => {
                warn!("this host's own addresses cannot be read, callbacks may reach them: {error}");
                own.take().map_or_else(|| Arc::from([]), |(_, addresses)| addresses)
            }
        };
        *own = Some((now, Arc::clone(&addresses)));
        addresses
    }
}

/// May a callback be sent to `ip`? `allow` is the operator's list and overrides the rest; `own` are this host's
/// addresses. An IPv6 address that only wraps an IPv4 one is judged as the IPv4 address that the packet would
/// end at.
pub fn verdict(ip: IpAddr, allow: &[IpNet], own: &[IpAddr]) -> Result<(), ForbiddenRange> {
    if allow.iter().any(|network| network.contains(&ip)) {
        return Ok(());
    }
    let range = match ip {
        IpAddr::V4(ip) => forbidden_v4(ip),
        IpAddr::V6(ip) => match embedded_v4(ip) {
            Some(inner) => return verdict(IpAddr::V4(inner), allow, own),
            None => forbidden_v6(ip),
        },
    };
    let range = range.or_else(|| own.contains(&ip).then_some(ForbiddenRange::OwnAddress));
    range.map_or(Ok(()), Err)
}

/// The IPv4 address inside an IPv4-mapped, IPv4-compatible, NAT64 (well-known prefix) or 6to4 address.
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = ip.octets();
    let v4_at = |at: usize| Ipv4Addr::new(octets[at], octets[at + 1], octets[at + 2], octets[at + 3]);
    match ip.segments() {
        // `::` and `::1` have this shape too, but have names of their own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(v4_at(12)),
        [0x2002, ..] => Some(v4_at(2)),
        _ => None,
    }
}

fn forbidden_v4(ip: Ipv4Addr) -> Option<ForbiddenRange> {
    FORBIDDEN_V4.iter().find(|(network, _)| network.contains(&ip)).map(|&(_, range)| range)
}

fn forbidden_v6(ip: Ipv6Addr) -> Option<ForbiddenRange> {
    let named = FORBIDDEN_V6.iter().find(|(network, _)| network.contains(&ip)).map(|&(_, range)| range);
    // Only 2000::/3 has been given out as public addresses; the table names its exceptions.
    named.or((!PUBLIC_V6.contains(&ip)).then_some(ForbiddenRange::Reserved))
}

/// The first match counts, so a smaller network stands before the larger one around it.
const FORBIDDEN_V4: [(Ipv4Net, ForbiddenRange); 18] = [
    (v4([0, 0, 0, 0], 32), ForbiddenRange::Unspecified),
    (v4([0, 0, 0, 0], 8), ForbiddenRange::ThisNetwork),
    (v4([10, 0, 0, 0], 8), ForbiddenRange::Private),
    (v4([100, 64, 0, 0], 10), ForbiddenRange::CarrierNat),
    (v4([127, 0, 0, 0], 8), ForbiddenRange::Loopback),
    (v4([168, 63, 129, 16], 32), ForbiddenRange::CloudHost),
    (v4([169, 254, 0, 0], 16), ForbiddenRange::LinkLocal),
    (v4([172, 16, 0, 0], 12), ForbiddenRange::Private),
    (v4([192, 0, 0, 0], 24), ForbiddenRange::Reserved),
    (v4([192, 0, 2, 0], 24), ForbiddenRange::Documentation),
    // The anycast address of 6to4 relays, retired by RFC 7526.
    (v4([192, 88, 99, 0], 24), ForbiddenRange::Reserved),
    (v4([192, 168, 0, 0], 16), ForbiddenRange::Private),
    (v4([198, 18, 0, 0], 15), ForbiddenRange::Benchmark),
    (v4([198, 51, 100, 0], 24), ForbiddenRange::Documentation),
    (v4([203, 0, 113, 0], 24), ForbiddenRange::Documentation),
    (v4([224, 0, 0, 0], 4), ForbiddenRange::Multicast),
    (v4([255, 255, 255, 255], 32), ForbiddenRange::Broadcast),
    (v4([240, 0, 0, 0], 4), ForbiddenRange::Reserved),
];

const FORBIDDEN_V6: [(Ipv6Net, ForbiddenRange); 13] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), ForbiddenRange::Unspecified),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), ForbiddenRange::Loopback),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), ForbiddenRange::LocalTranslation),
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), ForbiddenRange::Discard),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), ForbiddenRange::Teredo),
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), ForbiddenRange::Benchmark),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), ForbiddenRange::Reserved),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), ForbiddenRange::Documentation),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), ForbiddenRange::Documentation),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), ForbiddenRange::UniqueLocal),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), ForbiddenRange::LinkLocal),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), ForbiddenRange::SiteLocal),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), ForbiddenRange::Multicast),
];

const PUBLIC_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

const fn v4(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]), prefix)
}

const fn v6(s: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]), prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(ip: &str) -> Result<(), ForbiddenRange> {
        verdict(ip.parse().unwrap(), &[], &[])
    }

    #[test]
    fn every_forbidden_range_is_refused_from_its_first_address_to_its_last() {
        use ForbiddenRange as R;
        let table = [
            ("0.0.0.0", "0.0.0.0", R::Unspecified),
            ("0.0.0.1", "0.255.255.255", R::ThisNetwork),
            ("10.0.0.0", "10.255.255.255", R::Private),
            ("100.64.0.0", "100.127.255.255", R::CarrierNat),
            ("127.0.0.0", "127.255.255.255", R::Loopback),
            ("168.63.129.16", "168.63.129.16", R::CloudHost),
            ("169.254.0.0", "169.254.255.255", R::LinkLocal),
            ("172.16.0.0", "172.31.255.255", R::Private),
            ("192.0.0.0", "192.0.0.255", R::Reserved),
            ("192.0.2.0", "192.0.2.255", R::Documentation),
            ("192.88.99.0", "192.88.99.255", R::Reserved),
            ("192.168.0.0", "192.168.255.255", R::Private),
            ("198.18.0.0", "198.19.255.255", R::Benchmark),
            ("198.51.100.0", "198.51.100.255", R::Documentation),
            ("203.0.113.0", "203.0.113.255", R::Documentation),
            ("224.0.0.0", "239.255.255.255", R::Multicast),
            ("240.0.0.0", "255.255.255.254", R::Reserved),
            ("255.255.255.255", "255.255.255.255", R::Broadcast),
            ("::", "::", R::Unspecified),
            ("::1", "::1", R::Loopback),
            ("::1:0:0:0", "ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", R::Reserved),
            ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", R::LocalTranslation),
            ("100::", "100::ffff:ffff:ffff:ffff", R::Discard),
            ("100:0:0:1::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", R::Reserved),
            ("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", R::Teredo),
            ("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", R::Benchmark),
            ("2001:10::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", R::Reserved),
            ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", R::Documentation),
            ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", R::Documentation),
            ("4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", R::Reserved),
            ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", R::UniqueLocal),
            ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", R::LinkLocal),
            ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", R::SiteLocal),
            ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", R::Multicast),
        ];
        for (first, last, range) in table {
            assert_eq!(judge(first), Err(range), "{first}");
            assert_eq!(judge(last), Err(range), "{last}");
        }
    }

    #[test]
    fn public_addresses_right_beside_the_forbidden_ranges_are_allowed() {
        for ip in [
            "1.0.0.0",
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
            "2000::1",
            "2001:200::1",
            "2606:4700::1111",
            "3ffe:ffff::1",
        ] {
            assert_eq!(judge(ip), Ok(()), "{ip}");
        }
    }

    #[test]
    fn an_ipv4_address_wrapped_in_ipv6_is_judged_as_the_ipv4_address() {
        for (wrapped, range) in [
            ("::ffff:127.0.0.1", ForbiddenRange::Loopback),
            ("::ffff:169.254.169.254", ForbiddenRange::LinkLocal),
            ("::10.0.0.1", ForbiddenRange::Private),
            ("::2", ForbiddenRange::ThisNetwork),
            ("64:ff9b::192.168.0.1", ForbiddenRange::Private),
            ("2002:7f00:1::", ForbiddenRange::Loopback),
            ("2002:a9fe:a9fe:1:2:3:4:5", ForbiddenRange::LinkLocal),
        ] {
            assert_eq!(judge(wrapped), Err(range), "{wrapped}");
        }
        for public in ["::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"] {
            assert_eq!(judge(public), Ok(()), "{public}");
        }
    }

    #[test]
    fn a_network_on_the_operators_list_is_allowed_in_every_wrapping_and_nothing_else_is() {
        let allow = ["127.0.0.0/8".parse().unwrap(), "fd00:1::/32".parse().unwrap()];
        for ip in ["127.0.0.1", "::ffff:127.9.9.9", "fd00:1::5"] {
            assert_eq!(verdict(ip.parse().unwrap(), &allow, &[]), Ok(()), "{ip}");
        }
        for ip in ["::1", "10.0.0.1", "fd00:2::5"] {
            assert!(verdict(ip.parse().unwrap(), &allow, &[]).is_err(), "{ip}");
        }
    }

    #[test]
    fn a_public_address_of_this_host_is_refused_in_every_wrapping_unless_the_operator_opened_it() {
        let own = ["8.8.8.8", "2606:4700::1111"].map(|ip| ip.parse().unwrap());
        for ip in ["8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::808:808", "2606:4700::1111"] {
            let ip = ip.parse().unwrap();
            assert_eq!(verdict(ip, &[], &own), Err(ForbiddenRange::OwnAddress), "{ip}");
            let allow = ["8.8.8.8/32", "2606:4700::/32"].map(|network| network.parse().unwrap());
            assert_eq!(verdict(ip, &allow, &own), Ok(()), "{ip}");
        }
        assert_eq!(verdict("8.8.4.4".parse().unwrap(), &[], &own), Ok(()));
    }

    #[tokio::test]
    async fn one_forbidden_address_among_public_ones_condemns_them_all() {
        let guard = Guard::new(Vec::new());
        let mut mixed = vec![IpAddr::from([8, 8, 8, 8]); 20];
        assert_eq!(guard.check(&mixed, Instant::now()), Ok(()));
        let ip = IpAddr::from([169, 254, 169, 254]);
        mixed.push(ip);
        let forbidden = FailureClass::Forbidden { ip, range: ForbiddenRange::LinkLocal };
        assert_eq!(guard.check(&mixed, Instant::now()), Err(forbidden));
    }
}
