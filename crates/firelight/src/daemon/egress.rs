//! The network that this daemon's sandboxes get their addresses from.
//!
//! It is looked for in the configured ranges, which are cut into networks of 65,536 addresses. One that this host has a
//! route into belongs to somebody else. A daemon holds the lock of the one it uses as long as it lives, so that daemons
//! on one host never share one; the kernel gives the lock back at any death.

use std::fs::{File, OpenOptions};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use firelight_sandbox_linux::Ipv4Network;

/// What the names of all daemons' interfaces begin with.
const OWN_INTERFACES: &str = "fire-";
/// Carriers' addresses. Who uses a part of them on a host may well filter them all, as Tailscale does.
const CARRIERS: ([u8; 4], u8) = ([100, 64, 0, 0], 10);

/// A network that is this daemon's while the value lives.
pub struct EgressNetwork {
    pub address: Ipv4Addr,
    _lock: File,
}

impl EgressNetwork {
    /// Takes a network out of `ranges` that nobody on this host has, beginning at the `preferred`th of the first range.
    pub fn take(ranges: &[Ipv4Network], preferred: u8) -> Option<Self> {
        Self::take_in(&lock_directory(), ranges, preferred, &Taken::on_this_host())
    }

    fn take_in(
        directory: &Path,
        ranges: &[Ipv4Network],
        preferred: u8,
        taken: &Taken,
    ) -> Option<Self> {
        let networks = ranges.iter().flat_map(|range| cut(*range, preferred));
        networks
            .filter(|network| !taken.touches(*network))
            .find_map(|network| {
                Some(Self {
                    address: network.address(),
                    _lock: lock(directory, network)?,
                })
            })
    }
}

/// Cuts a range into networks of 65,536 addresses and begins with the `preferred`th.
fn cut(range: Ipv4Network, preferred: u8) -> impl Iterator<Item = Ipv4Network> {
    let count = 1_u32 << 16_u32.saturating_sub(range.prefix().into());
    (0..count).filter_map(move |step| {
        let number = (u32::from(preferred) + step) % count;
        let first = range.address().to_bits().wrapping_add(number << 16);
        Ipv4Network::around(Ipv4Addr::from_bits(first), 16)
    })
}

/// The networks that this host has routes into.
#[derive(Default)]
struct Taken(Vec<Ipv4Network>);

impl Taken {
    fn on_this_host() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        Self::read(&read("/proc/net/fib_trie"), &read("/proc/net/route"))
    }

    /// Reads the routes of every table, addresses of interfaces among them, and leaves out those of daemons: these have
    /// locks.
    fn read(tries: &str, main_table: &str) -> Self {
        let own = own_networks(main_table);
        let is_own = |network: &Ipv4Network| own.iter().any(|one| one.overlaps(*network));
        Self(routes(tries).filter(|network| !is_own(network)).collect())
    }

    fn touches(&self, network: Ipv4Network) -> bool {
        let (carriers, prefix) = CARRIERS;
        let carriers = Ipv4Network::around(carriers.into(), prefix);
        let around = carriers
            .filter(|all| all.overlaps(network))
            .unwrap_or(network);
        self.0.iter().any(|taken| taken.overlaps(around))
    }
}

/// Reads `/proc/net/fib_trie`, which shows an address and below it the lengths of its prefixes.
fn routes(tries: &str) -> impl Iterator<Item = Ipv4Network> {
    /// What is shorter says where everything goes, not what is in use.
    const SHORTEST: u8 = 8;
    let mut address = Ipv4Addr::UNSPECIFIED;
    tries.lines().filter_map(move |line| {
        let line = line.trim();
        if let Some(leaf) = line.strip_prefix("|-- ") {
            address = leaf.parse().unwrap_or(Ipv4Addr::UNSPECIFIED);
            return None;
        }
        let prefix = line.strip_prefix('/')?.split(' ').next()?.parse().ok()?;
        Ipv4Network::around(address, prefix).filter(|_| prefix >= SHORTEST)
    })
}

/// Reads the networks of daemons out of `/proc/net/route`, which has numbers as they lie in memory.
fn own_networks(main_table: &str) -> Vec<Ipv4Network> {
    let lines = main_table.lines();
    let own = lines.filter(|line| line.starts_with(OWN_INTERFACES));
    own.filter_map(|line| {
        let destination = line.split_whitespace().nth(1)?;
        let address = u32::from_str_radix(destination, 16).ok()?.swap_bytes();
        Ipv4Network::around(Ipv4Addr::from_bits(address), 16)
    })
    .collect()
}

fn lock(directory: &Path, network: Ipv4Network) -> Option<File> {
    let path = directory.join(format!("firelight-egress-{}.lock", network.address()));
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .ok()?;
    file.try_lock().is_ok().then_some(file)
}

/// Where all daemons look that could meet: root's are on the host, an ordinary user's behind programs of that user's.
fn lock_directory() -> PathBuf {
    let run = PathBuf::from("/run");
    if rustix::process::geteuid().is_root() && run.is_dir() {
        return run;
    }
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    own.filter(|own| own.is_dir())
        .unwrap_or_else(std::env::temp_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(texts: &[&str]) -> Vec<Ipv4Network> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn usual() -> Vec<Ipv4Network> {
        ranges(&["198.18.0.0/15", "100.64.0.0/10"])
    }

    fn take(directory: &Path, preferred: u8, taken: &[&str]) -> Option<EgressNetwork> {
        EgressNetwork::take_in(directory, &usual(), preferred, &Taken(ranges(taken)))
    }

    #[test]
    fn daemons_never_share_a_network() {
        let directory = tempfile::tempdir().unwrap();

        let daemons: Vec<_> = (0..3)
            .map(|_| take(directory.path(), 1, &[]).unwrap())
            .collect();

        let addresses: Vec<_> = daemons.iter().map(|one| one.address.to_string()).collect();
        assert_eq!(addresses, ["198.19.0.0", "198.18.0.0", "100.65.0.0"]);
    }

    #[test]
    fn network_of_a_daemon_that_ended_is_free_again() {
        let directory = tempfile::tempdir().unwrap();
        drop(take(directory.path(), 5, &[]));

        let again = take(directory.path(), 5, &[]).unwrap();

        assert_eq!(again.address, Ipv4Addr::new(198, 19, 0, 0));
    }

    #[test]
    fn networks_in_use_are_left_alone_and_carriers_addresses_all_at_once() {
        let directory = tempfile::tempdir().unwrap();

        let half = take(directory.path(), 0, &["198.18.4.0/24"]).unwrap();
        let none = take(
            directory.path(),
            0,
            &["198.18.0.0/15", "100.101.102.103/32"],
        );

        assert_eq!(half.address, Ipv4Addr::new(198, 19, 0, 0));
        assert!(none.is_none());
    }

    const TRIES: &str = "\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     |-- 172.17.0.0
        /16 link UNICAST
     |-- 198.18.0.0
        /16 universe UNICAST
Id 52:
     |-- 100.100.100.100
        /32 universe UNICAST
Local:
     |-- 198.18.0.2
        /31 link UNICAST
        /32 host LOCAL
";
    const MAIN: &str = "\
Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
fire-0a1b2c3d\t000012C6\t030012C6\t0003\t0\t0\t0\t0000FFFF\t0\t0\t0
";

    #[test]
    fn routes_of_every_table_count_but_those_of_other_daemons() {
        let taken = Taken::read(TRIES, MAIN);

        let shown: Vec<_> = taken.0.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["172.17.0.0/16", "100.100.100.100/32"]);
    }
}
