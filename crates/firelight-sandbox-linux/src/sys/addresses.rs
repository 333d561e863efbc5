//! The addresses of this network namespace's interfaces.

use std::io;
use std::net::Ipv4Addr;
use std::ptr;

/// Lists the IPv4 addresses of every interface, the loopback's among them.
pub(crate) fn own_addresses() -> io::Result<Vec<Ipv4Addr>> {
    let mut list = ptr::null_mut();
    // SAFETY: the pointer is valid; on success it is a list that is freed below, once.
    if unsafe { libc::getifaddrs(&raw mut list) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found = Vec::new();
    let mut next = list;
    // SAFETY: each entry of the list, and each address of the family IPv4 in it, is valid until the list is freed.
    while let Some(entry) = unsafe { next.as_ref() } {
        found.extend(address(entry));
        next = entry.ifa_next;
    }
    // SAFETY: the list came from getifaddrs, and nothing of it is used any more.
    unsafe { libc::freeifaddrs(list) };
    Ok(found)
}

fn address(entry: &libc::ifaddrs) -> Option<Ipv4Addr> {
    // SAFETY: the pointer is null or leads to an address that is as valid as its entry.
    let family = unsafe { entry.ifa_addr.as_ref() }?.sa_family;
    if i32::from(family) != libc::AF_INET {
        return None;
    }
    let address = entry.ifa_addr.cast::<libc::sockaddr_in>();
    // SAFETY: of this family, the address is a sockaddr_in; it may lie anywhere in the list's memory.
    let address = unsafe { address.read_unaligned() };
    Some(Ipv4Addr::from_bits(u32::from_be(address.sin_addr.s_addr)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_among_the_addresses() {
        let found = own_addresses().unwrap();

        assert!(found.contains(&Ipv4Addr::LOCALHOST), "{found:?}");
    }
}
