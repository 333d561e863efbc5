//! Which address belongs to whom, and who resolves names. Pure.

use std::net::{IpAddr, Ipv4Addr};

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

    /// Where sandboxes reach the daemon: its API, and its relay of names.
    pub(crate) fn services(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.first + 1)
    }

    /// The host's and the router's end of what is between them.
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
    /// Servers that are reached from elsewhere than the host itself. With none, the daemon relays.
    pub(crate) servers: Vec<Ipv4Addr>,
    /// What else `/etc/resolv.conf` says: where to search, and how.
    manner: String,
}

impl HostResolver {
    /// Takes over what is of use to a sandbox; a server at one of the host's `own` addresses is not.
    pub(crate) fn parse(resolv_conf: &str, own: &[Ipv4Addr]) -> Self {
        let mut resolver = Self::default();
        for line in resolv_conf.lines() {
            let mut words = line.split_whitespace();
            match (words.next(), words.next()) {
                (Some("nameserver"), Some(address)) => {
                    let reached =
                        |server: &Ipv4Addr| !server.is_loopback() && !own.contains(server);
                    resolver
                        .servers
                        .extend(address.parse().ok().filter(reached));
                }
                (Some("search" | "options" | "domain"), Some(_)) => {
                    resolver.manner.push_str(line.trim());
                    resolver.manner.push('\n');
                }
                _ => {}
            }
        }
        resolver
    }

    /// Whether names are resolved only by somebody whom no sandbox reaches.
    pub(crate) fn needs_relay(&self) -> bool {
        self.servers.is_empty()
    }

    /// The content of `/etc/resolv.conf` inside.
    pub(crate) fn configuration(&self, plan: Plan) -> String {
        let relay = self.needs_relay().then(|| plan.services());
        let servers = relay.iter().chain(&self.servers);
        let servers: String = servers
            .map(|server| format!("nameserver {server}\n"))
            .collect();
        servers + &self.manner
    }
}

/// Every server that the host itself asks, in its order; without a word about it that is the one on the loopback.
pub(super) fn all_servers(resolv_conf: &str) -> Vec<IpAddr> {
    let named = resolv_conf.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = words
            .next()
            .filter(|key| *key == "nameserver")
            .and(words.next());
        address?.parse().ok()
    });
    let named: Vec<_> = named.collect();
    if named.is_empty() {
        vec![Ipv4Addr::LOCALHOST.into()]
    } else {
        named
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
    fn a_name_server_on_the_host_itself_is_of_no_use() {
        let text = "# by hand\nnameserver 127.0.0.53\nnameserver 10.0.0.2\nnameserver 192.168.7.1\nnameserver ::1\nsearch lan\n";

        let resolver = HostResolver::parse(text, &[Ipv4Addr::new(192, 168, 7, 1)]);

        assert_eq!(resolver.servers, [Ipv4Addr::new(10, 0, 0, 2)]);
        let plan = Plan::new(Ipv4Addr::new(198, 18, 0, 0));
        assert_eq!(
            resolver.configuration(plan),
            "nameserver 10.0.0.2\nsearch lan\n"
        );
    }

    #[test]
    fn where_only_the_host_itself_resolves_names_the_daemon_is_asked() {
        let plan = Plan::new(Ipv4Addr::new(198, 18, 0, 0));
        for text in [
            "nameserver 127.0.0.1\noptions edns0",
            "options edns0",
            "nameserver fd00::1\noptions edns0",
        ] {
            let resolver = HostResolver::parse(text, &[]);

            assert!(resolver.needs_relay(), "{text}");
            assert_eq!(
                resolver.configuration(plan),
                "nameserver 198.18.0.1\noptions edns0\n"
            );
        }
    }

    #[test]
    fn the_relay_asks_whom_the_host_asks() {
        let local: IpAddr = Ipv4Addr::LOCALHOST.into();

        assert_eq!(
            all_servers("nameserver ::1\nnameserver 127.0.0.1 \n"),
            ["::1".parse().unwrap(), local]
        );
        assert_eq!(all_servers("search lan\n"), [local]);
    }
}
