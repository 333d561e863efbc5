//! How many connections each address has, so that no client takes the place of all others.
//!
//! An address of IPv6 counts with its neighbours: a client there has a whole network of 64 bits to come from.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// The counts. Only addresses with a connection are in them.
#[derive(Debug)]
pub(super) struct Addresses {
    max_connections: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// The place of one connection; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place {
    addresses: Arc<Addresses>,
    counted_as: IpAddr,
}

impl Addresses {
    /// Makes counts that end at `max_connections` for each address.
    pub(super) fn with_room_for(max_connections: usize) -> Arc<Self> {
        Arc::new(Self {
            max_connections,
            open: Mutex::default(),
        })
    }

    /// Takes a place for a connection of an address; `None` when it has as many as it may.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let counted_as = neighbourhood(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(counted_as).or_default();
        if *count >= self.max_connections {
            return None;
        }
        *count += 1;
        Some(Place {
            addresses: Arc::clone(self),
            counted_as,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let open = self.addresses.open.lock();
        let mut open = open.unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.counted_as) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.counted_as);
            }
        }
    }
}

/// Returns what an address is counted as.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            Ipv6Addr::from(network).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_that_is_given_back_is_free_again() {
        let addresses = Addresses::with_room_for(2);
        let home = "127.0.0.1".parse().unwrap();

        let first = addresses.enter(home).unwrap();
        let second = addresses.enter(home).unwrap();
        assert!(addresses.enter(home).is_none());
        assert!(addresses.enter("127.0.0.2".parse().unwrap()).is_some());
        drop(first);
        assert!(addresses.enter(home).is_some());
        drop(second);

        assert!(addresses.open.lock().unwrap().is_empty());
    }

    #[test]
    fn addresses_that_one_client_has_count_as_one() {
        for (one, other, is_one) in [
            ("2001:db8::1", "2001:db8::ffff:2", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::ffff:10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
        ] {
            let counted = [one, other].map(|text| neighbourhood(text.parse().unwrap()));

            assert_eq!(counted[0] == counted[1], is_one, "{one} {other}");
        }
    }
}
