//! Which address belongs to whom, and who resolves names. Pure.

use std::net::Ipv4Addr;

/// The addresses of the whole arrangement, inside one network of 65,536.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    first: u32,
}

/// A sandbox's address and that of the router's end of its pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) router: Ipv4Addr,
    pub(crate) sandbox: Ipv4Addr,
}

impl Plan {
    /// The bits of the network's prefix.
    pub(crate) const PREFIX: u8 = 16;

    /// Plans the network that contains `address`.
    pub(crate) fn new(address: Ipv4Addr) -> Self {
        Self {
            first: address.to_bits() & 0xffff_0000,
        }
    }

    pub(crate) fn network(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.first)
    }

    /// Where sandboxes reach the daemon's API.
    pub(crate) fn api(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.first + 1)
    }

    /// The host's and the router's end of the pair between them.
    pub(crate) fn uplink(self) -> (Ipv4Addr, Ipv4Addr) {
        (
            Ipv4Addr::from_bits(self.first + 2),
            Ipv4Addr::from_bits(self.first + 3),
        )
    }

    /// The addresses of the sandbox in this slot, which is below 32,000.
    pub(crate) fn lease(self, slot: u32) -> Lease {
        let router = self.first + 256 + 2 * slot;
        Lease {
            router: Ipv4Addr::from_bits(router),
            sandbox: Ipv4Addr::from_bits(router + 1),
        }
    }
}

/// How the host resolves names, as far as sandboxes can use it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HostResolver {
    pub(crate) servers: Vec<Ipv4Addr>,
    /// The content of `/etc/resolv.conf` inside.
    pub(crate) configuration: String,
}

impl HostResolver {
    /// Takes over the name servers that can be reached from elsewhere than the host itself.
    pub(crate) fn parse(resolv_conf: &str) -> Self {
        let mut resolver = Self::default();
        for line in resolv_conf.lines() {
            let mut words = line.split_whitespace();
            match (words.next(), words.next()) {
                (Some("nameserver"), Some(address)) => {
                    let usable = address
                        .parse()
                        .ok()
                        .filter(|server: &Ipv4Addr| !server.is_loopback());
                    let Some(server) = usable else { continue };
                    resolver.servers.push(server);
                }
                (Some("search" | "options" | "domain"), Some(_)) => {}
                _ => continue,
            }
            resolver.configuration.push_str(line.trim());
            resolver.configuration.push('\n');
        }
        resolver
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_slots_share_an_address_and_all_stay_in_the_network() {
        let plan = Plan::new(Ipv4Addr::new(198, 18, 7, 7));

        assert_eq!(plan.network(), Ipv4Addr::new(198, 18, 0, 0));
        assert_eq!(plan.uplink().1, Ipv4Addr::new(198, 18, 0, 3));
        assert_eq!(plan.lease(0).sandbox, Ipv4Addr::new(198, 18, 1, 1));
        assert_eq!(plan.lease(1).router, Ipv4Addr::new(198, 18, 1, 2));
        assert_eq!(plan.lease(4095).sandbox, Ipv4Addr::new(198, 18, 32, 255));
    }

    #[test]
    fn a_name_server_on_the_hosts_loopback_is_of_no_use() {
        let text =
            "# by hand\nnameserver 127.0.0.53\nnameserver 10.0.0.2\nnameserver ::1\nsearch lan\n";

        let resolver = HostResolver::parse(text);

        assert_eq!(resolver.servers, [Ipv4Addr::new(10, 0, 0, 2)]);
        assert_eq!(resolver.configuration, "nameserver 10.0.0.2\nsearch lan\n");
    }
}
