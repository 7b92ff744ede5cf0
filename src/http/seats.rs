//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places for connections of one listener.
pub(super) struct Seats {
    in_all_max: usize,
    per_address_max: Option<usize>,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    in_all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// The place of one connection; free again when dropped.
pub(super) struct Seat {
    seats: Arc<Seats>,
    address: IpAddr,
}

impl Seats {
    pub(super) fn new(in_all_max: usize, per_address_max: Option<usize>) -> Arc<Self> {
        Arc::new(Self { in_all_max, per_address_max, taken: Mutex::default() })
    }

    /// A seat for a connection from `address`, or `None` when there is none left for it.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let address = household(address);
        let mut taken = self.taken();
        if taken.in_all >= self.in_all_max {
            return None;
        }
        if let Some(max) = self.per_address_max {
            let from_there = taken.by_address.entry(address).or_default();
            if *from_there >= max {
                return None;
            }
            *from_there += 1;
        }
        taken.in_all += 1;
        drop(taken);
        Some(Seat { seats: Arc::clone(self), address })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // Nothing under the lock can panic half-way, so a poisoned lock still guards sound counts.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        taken.in_all -= 1;
        if let Some(from_there) = taken.by_address.get_mut(&self.address) {
            *from_there -= 1;
            if *from_there == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

/// The address one customer counts under: a single IPv6 host owns a whole /64.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_free_again_once_its_connection_ends() {
        let seats = Seats::new(3, Some(2));
        let (here, there) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let first = seats.take(here).unwrap();
        let _second = seats.take(here).unwrap();
        assert!(seats.take(here).is_none(), "two from one address");
        let _third = seats.take(there).unwrap();
        assert!(seats.take(there).is_none(), "three in all");
        drop(first);
        assert!(seats.take(here).is_some());
    }

    #[test]
    fn a_64_network_counts_as_one_address_and_mapped_ipv4_as_ipv4() {
        let seats = Seats::new(9, Some(1));
        let _one = seats.take("2001:db8::1".parse().unwrap()).unwrap();
        assert!(seats.take("2001:db8::ffff".parse().unwrap()).is_none());
        let _other = seats.take("2001:db8:0:1::1".parse().unwrap()).unwrap();
        let _v4 = seats.take("192.0.2.1".parse().unwrap()).unwrap();
        assert!(seats.take("::ffff:192.0.2.1".parse().unwrap()).is_none());
    }
}
