//! Client addresses that failed authentication too often are shut out for a while (customer-api 2.4, 1020176).
//!
//! Failures are counted from an address's first one for the length of the window, then from zero again. A
//! success resets nothing: who knows one app's secret must not be able to guess another's without end. Both
//! the addresses under watch and those banned are bounded in number; at the bound the oldest is dropped, so
//! a flood from many addresses costs memory for none of them. One IPv6 host owns a whole /64, so that is what
//! is counted as one client.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::domain::time::Timestamp;

/// When an address is banned, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BanRule {
    /// So many failures within the window ban the address. 0 never bans.
    pub failures: u32,
    /// How long failures are added up, from the first one.
    pub window: Duration,
    /// How long the ban lasts.
    pub for_duration: Duration,
}

/// One ban in force, for operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ban {
    /// The address, or the IPv6 /64.
    pub client: IpNet,
    /// When it ends by itself.
    pub until: Timestamp,
}

/// The addresses under watch and the addresses banned.
#[derive(Debug)]
pub struct BanList {
    rule: BanRule,
    /// Failures of the address in its running window.
    watched: Aged<u32>,
    /// Banned since.
    banned: Aged<()>,
}

impl BanList {
    /// An empty list that watches, and bans, at most `clients_max` addresses each.
    pub fn new(rule: BanRule, clients_max: usize) -> Self {
        Self {
            rule,
            watched: Aged::new(rule.window, clients_max),
            banned: Aged::new(rule.for_duration, clients_max),
        }
    }

    /// Counts one failed authentication. `Some` is the end of the ban that this failure brought on; failures
    /// during a ban neither count nor prolong it.
    pub fn failed(&mut self, ip: IpAddr, now: Timestamp) -> Option<Timestamp> {
        self.watched.drop_expired(now);
        self.banned.drop_expired(now);
        let client = Client::of(ip);
        if self.rule.failures == 0 || self.banned.get(client).is_some() {
            return None;
        }
        let failures = self.watched.get_or_insert(client, now, 0);
        *failures = failures.saturating_add(1);
        if *failures < self.rule.failures {
            return None;
        }
        self.watched.remove(client);
        self.banned.get_or_insert(client, now, ());
        Some(now.after(self.rule.for_duration))
    }

    /// Until when the address is banned; `None` when it is not. Cheap: asked for every request.
    pub fn is_banned(&self, ip: IpAddr, now: Timestamp) -> Option<Timestamp> {
        if self.banned.is_empty() {
            return None;
        }
        let since = self.banned.get(Client::of(ip))?;
        Some(since.after(self.rule.for_duration)).filter(|&until| now < until)
    }

    /// Ends the ban of an address and forgets its failures. Whether it was banned.
    pub fn lift(&mut self, ip: IpAddr) -> bool {
        let client = Client::of(ip);
        self.watched.remove(client);
        self.banned.remove(client)
    }

    /// The clock was set by so many milliseconds. Bans and windows keep the time that is left of them.
    pub fn clock_was_set(&mut self, by_ms: i64) {
        self.watched.moved(by_ms);
        self.banned.moved(by_ms);
    }

    /// The bans in force, the one that ends first in front.
    pub fn list(&self, now: Timestamp) -> Vec<Ban> {
        let mut bans: Vec<Ban> = self
            .banned
            .iter()
            .map(|(client, since)| Ban {
                client: client.network(),
                until: since.after(self.rule.for_duration),
            })
            .filter(|ban| now < ban.until)
            .collect();
        bans.sort_unstable_by_key(|ban| (ban.until, ban.client));
        bans
    }
}

/// What counts as one client: an IPv4 address, or the first 64 bits of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Client {
    V4(Ipv4Addr),
    V6([u16; 4]),
}

impl Client {
    /// An IPv4 address written as IPv6 (`::ffff:192.0.2.1`) is that IPv4 address.
    fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => {
                let [first, second, third, fourth, ..] = ip.segments();
                Self::V6([first, second, third, fourth])
            }
        }
    }

    fn network(self) -> IpNet {
        match self {
            Self::V4(ip) => Ipv4Net::new_assert(ip, 32).into(),
            Self::V6([first, second, third, fourth]) => {
                let ip = Ipv6Addr::new(first, second, third, fourth, 0, 0, 0, 0);
                Ipv6Net::new_assert(ip, 64).into()
            }
        }
    }
}

/// A bounded map whose entries all live equally long, so the one that came first also goes first.
#[derive(Debug)]
struct Aged<V> {
    life: Duration,
    entries_max: usize,
    entries: HashMap<Client, (Timestamp, V)>,
    /// In order of arrival. May name entries that were removed since; those are skipped.
    arrivals: VecDeque<(Timestamp, Client)>,
}

impl<V> Aged<V> {
    fn new(life: Duration, entries_max: usize) -> Self {
        Self { life, entries_max: entries_max.max(1), entries: HashMap::new(), arrivals: VecDeque::new() }
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn get(&self, client: Client) -> Option<Timestamp> {
        self.entries.get(&client).map(|entry| entry.0)
    }

    fn iter(&self) -> impl Iterator<Item = (Client, Timestamp)> {
        self.entries.iter().map(|(&client, entry)| (client, entry.0))
    }

    fn get_or_insert(&mut self, client: Client, now: Timestamp, value: V) -> &mut V {
        if !self.entries.contains_key(&client) {
            while self.arrivals.len() >= self.entries_max {
                self.drop_first();
            }
            self.arrivals.push_back((now, client));
        }
        &mut self.entries.entry(client).or_insert((now, value)).1
    }

    fn remove(&mut self, client: Client) -> bool {
        self.entries.remove(&client).is_some()
    }

    fn drop_expired(&mut self, now: Timestamp) {
        while self.arrivals.front().is_some_and(|&(since, _)| since.after(self.life) <= now) {
            self.drop_first();
        }
    }

    fn moved(&mut self, by_ms: i64) {
        let entries = self.entries.values_mut().map(|(since, _)| since);
        for since in entries.chain(self.arrivals.iter_mut().map(|(since, _)| since)) {
            *since = since.moved(by_ms);
        }
    }

    fn drop_first(&mut self) {
        let Some((since, client)) = self.arrivals.pop_front() else { return };
        // The same client may have been removed and have come again later: that entry stays.
        if self.get(client) == Some(since) {
            self.entries.remove(&client);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::hash_map::Entry;

    use proptest::prelude::*;

    use super::*;

    const RULE: BanRule =
        BanRule { failures: 3, window: Duration::from_secs(300), for_duration: Duration::from_secs(1_800) };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(1_700_000_000 + secs)
    }

    fn banned_at(bans: &mut BanList, client: &str, secs: u64) -> Timestamp {
        assert_eq!([bans.failed(ip(client), at(secs)), bans.failed(ip(client), at(secs))], [None, None]);
        bans.failed(ip(client), at(secs)).expect("the third failure bans")
    }

    #[test]
    fn the_last_allowed_failure_does_not_ban_and_the_next_does() {
        let mut bans = BanList::new(RULE, 10);
        let client = ip("192.0.2.1");
        assert_eq!(bans.failed(client, at(0)), None);
        assert_eq!(bans.failed(client, at(1)), None);
        assert_eq!(bans.is_banned(client, at(1)), None);
        assert_eq!(bans.failed(client, at(2)), Some(at(1_802)));
        assert_eq!(bans.is_banned(client, at(2)), Some(at(1_802)));
        assert_eq!(bans.is_banned(ip("192.0.2.2"), at(2)), None);
    }

    #[test]
    fn a_ban_ends_at_its_instant_and_is_not_prolonged_by_failures() {
        let mut bans = BanList::new(RULE, 10);
        let client = ip("192.0.2.1");
        assert_eq!(banned_at(&mut bans, "192.0.2.1", 0), at(1_800));
        assert_eq!(bans.failed(client, at(1_799)), None);
        assert_eq!(bans.is_banned(client, at(1_799)), Some(at(1_800)));
        assert_eq!(bans.is_banned(client, at(1_800)), None);
        assert_eq!(bans.list(at(1_800)), []);
        assert_eq!(banned_at(&mut bans, "192.0.2.1", 1_800), at(3_600));
    }

    #[test]
    fn failures_are_forgotten_when_their_window_is_over() {
        let mut bans = BanList::new(RULE, 10);
        let client = ip("192.0.2.1");
        for second in [0, 299, 300, 301] {
            assert_eq!(bans.failed(client, at(second)), None, "{second}");
        }
        assert!(bans.failed(client, at(302)).is_some());
    }

    #[test]
    fn an_operator_lifts_a_ban_and_sees_those_in_force() {
        let mut bans = BanList::new(RULE, 10);
        banned_at(&mut bans, "192.0.2.1", 10);
        banned_at(&mut bans, "2001:db8:1:2:3::4", 0);
        let expected = [
            Ban { client: "2001:db8:1:2::/64".parse().unwrap(), until: at(1_800) },
            Ban { client: "192.0.2.1/32".parse().unwrap(), until: at(1_810) },
        ];
        assert_eq!(bans.list(at(20)), expected);
        assert!(bans.lift(ip("192.0.2.1")));
        assert!(!bans.lift(ip("192.0.2.1")));
        assert_eq!(bans.is_banned(ip("192.0.2.1"), at(20)), None);
        assert_eq!(bans.list(at(20)), expected[..1]);
    }

    #[test]
    fn a_client_lifted_and_banned_again_stays_banned_when_the_first_ban_would_have_ended() {
        let mut bans = BanList::new(RULE, 10);
        banned_at(&mut bans, "192.0.2.1", 0);
        bans.lift(ip("192.0.2.1"));
        banned_at(&mut bans, "192.0.2.1", 1_000);
        assert_eq!(bans.failed(ip("192.0.2.2"), at(1_900)), None);
        assert_eq!(bans.is_banned(ip("192.0.2.1"), at(1_900)), Some(at(2_800)));
    }

    #[test]
    fn an_ipv6_network_and_a_mapped_ipv4_address_count_as_one_client() {
        let mut bans = BanList::new(RULE, 10);
        bans.failed(ip("2001:db8::1"), at(0));
        bans.failed(ip("2001:db8::2"), at(0));
        assert!(bans.failed(ip("2001:db8:0:0:ffff::3"), at(0)).is_some());
        assert!(bans.is_banned(ip("2001:db8::4"), at(0)).is_some());
        assert!(bans.is_banned(ip("2001:db8:0:1::4"), at(0)).is_none());
        banned_at(&mut bans, "::ffff:192.0.2.1", 0);
        assert!(bans.is_banned(ip("192.0.2.1"), at(0)).is_some());
    }

    #[test]
    fn at_the_bound_the_oldest_address_is_dropped() {
        let mut bans = BanList::new(RULE, 2);
        bans.failed(ip("192.0.2.1"), at(0));
        bans.failed(ip("192.0.2.1"), at(0));
        bans.failed(ip("192.0.2.2"), at(0));
        bans.failed(ip("192.0.2.3"), at(0));
        assert_eq!(bans.failed(ip("192.0.2.1"), at(1)), None, "its two failures were dropped");
        for client in ["192.0.2.4", "192.0.2.5", "192.0.2.6"] {
            banned_at(&mut bans, client, 2);
        }
        assert_eq!(bans.is_banned(ip("192.0.2.4"), at(2)), None);
        assert_eq!(bans.list(at(2)).len(), 2);
    }

    #[test]
    fn zero_failures_never_ban() {
        let mut bans = BanList::new(BanRule { failures: 0, ..RULE }, 2);
        assert_eq!(bans.failed(ip("192.0.2.1"), at(0)), None);
    }

    proptest! {
        /// Model: each client's failures of its running window, and when its ban ends. No bound is reached.
        #[test]
        fn bans_are_as_in_a_naive_model(
            steps in proptest::collection::vec((0_u64..200, 0_u8..4, 0_u8..8), 1..200),
        ) {
            let mut bans = BanList::new(RULE, 100);
            let mut failures: HashMap<u8, Vec<u64>> = HashMap::new();
            let mut ends: HashMap<u8, u64> = HashMap::new();
            let mut now = 0;
            for (pause, host, action) in steps {
                now += pause;
                let client = IpAddr::from([192, 0, 2, host]);
                ends.retain(|_, end| now < *end);
                if action == 0 {
                    prop_assert_eq!(bans.lift(client) && ends.contains_key(&host), ends.remove(&host).is_some());
                    failures.remove(&host);
                } else if let Entry::Vacant(end_of_ban) = ends.entry(host) {
                    let counted = failures.entry(host).or_default();
                    if counted.first().is_some_and(|first| first + 300 <= now) {
                        counted.clear();
                    }
                    counted.push(now);
                    let expected = (counted.len() == 3).then_some(now + 1_800);
                    prop_assert_eq!(bans.failed(client, at(now)), expected.map(at));
                    if let Some(end) = expected {
                        counted.clear();
                        end_of_ban.insert(end);
                    }
                }
                for host in 0..4 {
                    let expected = ends.get(&host).copied().map(at);
                    prop_assert_eq!(bans.is_banned(IpAddr::from([192, 0, 2, host]), at(now)), expected);
                }
            }
        }
    }
}
