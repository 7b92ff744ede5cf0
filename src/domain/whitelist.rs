//! The client addresses an app may be used from (customer-api 2.4, 1020166).

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// Most entries of one list. It is searched from front to back for every request.
const ENTRIES_MAX: usize = 1_000;
/// Most characters of an entry that are repeated in an error.
const QUOTED_CHARS_MAX: usize = 64;
/// Bits of `::ffff:0:0/96`, in which IPv4 addresses are written as IPv6.
const MAPPED_PREFIX: u8 = 96;

/// The networks an app's requests may come from; empty means from anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IpWhitelist(Vec<IpNet>);

/// Why a list of texts is no whitelist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhitelistError {
    /// This entry is neither an address nor a network.
    #[error("{entry:?} is no IP address and no network such as 203.0.113.0/24")]
    Entry {
        /// The entry, cut short when it is long.
        entry: String,
    },
    /// More entries than are kept.
    #[error("a whitelist has at most {ENTRIES_MAX} entries")]
    TooMany,
}

impl IpWhitelist {
    /// Reads addresses (`203.0.113.7`) and networks (`203.0.113.0/24`, `2001:db8::/32`). Host bits of a
    /// network are ignored; an IPv4 network written as IPv6 is that IPv4 network.
    pub fn parse<T: AsRef<str>>(entries: &[T]) -> Result<Self, WhitelistError> {
        if entries.len() > ENTRIES_MAX {
            return Err(WhitelistError::TooMany);
        }
        entries.iter().map(|entry| parse_entry(entry.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a request from `ip` may use the app.
    pub fn allows(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.is_empty() || self.0.iter().any(|network| network.contains(&ip))
    }

    /// The networks, as they are shown to operators.
    pub fn networks(&self) -> &[IpNet] {
        &self.0
    }
}

fn parse_entry(text: &str) -> Result<IpNet, WhitelistError> {
    let text = text.trim();
    let network = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| WhitelistError::Entry { entry: text.chars().take(QUOTED_CHARS_MAX).collect() })?;
    Ok(canonical(network).trunc())
}

/// `::ffff:203.0.113.0/120` is `203.0.113.0/24`: requests from there are compared as IPv4.
fn canonical(network: IpNet) -> IpNet {
    match (network.addr().to_canonical(), network) {
        (IpAddr::V4(address), IpNet::V6(_)) => network
            .prefix_len()
            .checked_sub(MAPPED_PREFIX)
            .and_then(|prefix| Ipv4Net::new(address, prefix).ok())
            .map_or(network, IpNet::from),
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(entries: &[&str], ip: &str) -> bool {
        IpWhitelist::parse(entries).unwrap().allows(ip.parse().unwrap())
    }

    #[test]
    fn an_empty_list_lets_everybody_in() {
        assert!(allows(&[], "192.0.2.1"));
        assert!(allows(&[], "2001:db8::1"));
    }

    #[test]
    fn an_address_matches_itself_and_a_network_all_it_holds() {
        let list = ["203.0.113.7", "198.51.100.0/24", "2001:db8::/32"];
        let cases = [
            ("203.0.113.7", true),
            ("203.0.113.8", false),
            ("198.51.100.0", true),
            ("198.51.100.255", true),
            ("198.51.101.0", false),
            ("2001:db8:ffff::1", true),
            ("2001:db9::1", false),
        ];
        for (ip, expected) in cases {
            assert_eq!(allows(&list, ip), expected, "{ip}");
        }
    }

    #[test]
    fn an_ipv4_address_written_as_ipv6_is_that_ipv4_address() {
        assert!(allows(&["203.0.113.0/24"], "::ffff:203.0.113.9"));
        assert!(allows(&["::ffff:203.0.113.0/120"], "203.0.113.9"));
        assert!(allows(&["::ffff:203.0.113.9"], "203.0.113.9"));
        assert!(!allows(&["::ffff:203.0.113.0/120"], "203.0.114.9"));
        assert!(!allows(&["::/0"], "203.0.113.9"));
    }

    #[test]
    fn host_bits_and_blanks_around_an_entry_are_ignored() {
        let list = IpWhitelist::parse(&[" 203.0.113.7/24 "]).unwrap();
        assert_eq!(list.networks(), ["203.0.113.0/24".parse().unwrap()]);
    }

    #[test]
    fn an_error_names_the_entry_that_is_wrong() {
        for wrong in ["", "203.0.113", "203.0.113.0/33", "203.0.113.0-9", "example.com", "203.0.113.0/24/1"] {
            let error = IpWhitelist::parse(&["192.0.2.1", wrong]).unwrap_err();
            assert_eq!(error, WhitelistError::Entry { entry: wrong.to_owned() });
        }
        let error = IpWhitelist::parse(&["é".repeat(1_000)]).unwrap_err().to_string();
        assert!(error.chars().count() < 200, "{error}");
    }

    #[test]
    fn too_long_a_list_is_refused() {
        assert!(IpWhitelist::parse(&["192.0.2.1"; ENTRIES_MAX]).is_ok());
        assert_eq!(IpWhitelist::parse(&["192.0.2.1"; ENTRIES_MAX + 1]), Err(WhitelistError::TooMany));
    }
}
