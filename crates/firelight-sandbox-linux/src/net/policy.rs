//! What sandboxes may reach: networks with a verdict each, of which the most specific one decides. Pure.
//!
//! ```text
//!  never (host, metadata, each other) ─► of the function's policy ─► of everyone ─► the usual: all but private networks
//! ```
//!
//! What stands further left wins where two name the same network; in one place, deny wins.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::str::FromStr;

use super::plan::Plan;

/// An IPv4 network, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ipv4Network {
    address: Ipv4Addr,
    prefix: u8,
}

/// The text is no network in the form `10.1.0.0/16` or `10.1.2.3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a network is written like 10.1.0.0/16, with no bit set behind its prefix, or is a single address"
)]
pub struct Ipv4NetworkError;

/// What is allowed and what is denied beyond the usual.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EgressRules {
    pub allow: Vec<Ipv4Network>,
    pub deny: Vec<Ipv4Network>,
}

/// The network of the sandboxes, and what may be reached from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressNetwork {
    /// An address in the network of 65,536 that sandboxes get theirs from. No other driver on this host may use it.
    pub address: Ipv4Addr,
    /// For every sandbox.
    pub rules: EgressRules,
    /// On top of that, for those with [`Egress::NatUnder`](firelight_sandbox::Egress::NatUnder), by number.
    pub policies: Vec<EgressRules>,
    /// Whether sandboxes reach the daemon at an address of their own network.
    pub api: bool,
}

impl EgressNetwork {
    /// The usual way out, from the network that contains `address`.
    pub fn usual(address: Ipv4Addr) -> Self {
        Self {
            address,
            rules: EgressRules::default(),
            policies: Vec::new(),
            api: false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Allow,
    Deny,
}

impl Ipv4Network {
    const fn known(address: [u8; 4], prefix: u8) -> Self {
        let [a, b, c, d] = address;
        Self {
            address: Ipv4Addr::new(a, b, c, d),
            prefix,
        }
    }

    /// Returns the network of this prefix around an address; `None` where no prefix is that long.
    pub fn around(address: Ipv4Addr, prefix: u8) -> Option<Self> {
        (prefix <= 32).then(|| Self {
            address: Ipv4Addr::from_bits(address.to_bits() & mask(prefix)),
            prefix,
        })
    }

    pub fn address(self) -> Ipv4Addr {
        self.address
    }

    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// Tells whether the two have an address in common.
    pub fn overlaps(self, other: Self) -> bool {
        let shorter = mask(self.prefix.min(other.prefix));
        (self.address.to_bits() ^ other.address.to_bits()) & shorter == 0
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

impl FromStr for Ipv4Network {
    type Err = Ipv4NetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = text.split_once('/').unwrap_or((text, "32"));
        let address: Ipv4Addr = address.parse().map_err(|_| Ipv4NetworkError)?;
        let prefix: u8 = prefix.parse().map_err(|_| Ipv4NetworkError)?;
        Self::around(address, prefix)
            .filter(|network| network.address == address)
            .ok_or(Ipv4NetworkError)
    }
}

impl std::fmt::Display for Ipv4Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// What no rule opens: this host and no host, link-local addresses with their metadata services, groups. The sandboxes'
/// own network belongs here too, but it is not known before it is chosen.
const NEVER: [Ipv4Network; 4] = [
    Ipv4Network::known([0, 0, 0, 0], 8),
    Ipv4Network::known([127, 0, 0, 0], 8),
    Ipv4Network::known([169, 254, 0, 0], 16),
    Ipv4Network::known([224, 0, 0, 0], 3),
];

/// What is not the internet, and so stays out of reach unless a rule opens it.
const NOT_INTERNET: [Ipv4Network; 7] = [
    Ipv4Network::known([10, 0, 0, 0], 8),
    Ipv4Network::known([100, 64, 0, 0], 10),
    Ipv4Network::known([172, 16, 0, 0], 12),
    Ipv4Network::known([192, 0, 0, 0], 24),
    Ipv4Network::known([192, 168, 0, 0], 16),
    Ipv4Network::known([198, 18, 0, 0], 15),
    Ipv4Network::known([240, 0, 0, 0], 4),
];

const EVERYTHING: Ipv4Network = Ipv4Network::known([0, 0, 0, 0], 0);

/// Returns the networks that are denied before any rule is looked at.
pub(super) fn never(plan: Plan) -> impl Iterator<Item = Ipv4Network> {
    let own = Ipv4Network::around(plan.network(), Plan::PREFIX);
    NEVER.into_iter().chain(own)
}

/// Returns networks and verdicts such that the first one that contains an address decides; one contains every address.
pub(super) fn verdicts(layers: &[&EgressRules]) -> Vec<(Ipv4Network, Verdict)> {
    let usual = NOT_INTERNET.map(|network| (network, Verdict::Deny));
    let mut table: BTreeMap<_, _> = usual.into_iter().collect();
    table.insert(EVERYTHING, Verdict::Allow);
    for rules in layers {
        table.extend(rules.allow.iter().map(|network| (*network, Verdict::Allow)));
        table.extend(rules.deny.iter().map(|network| (*network, Verdict::Deny)));
    }
    let mut table: Vec<_> = table.into_iter().collect();
    table.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix));
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Ipv4Network {
        text.parse().unwrap()
    }

    fn rules(allow: &[&str], deny: &[&str]) -> EgressRules {
        EgressRules {
            allow: allow.iter().map(|text| network(text)).collect(),
            deny: deny.iter().map(|text| network(text)).collect(),
        }
    }

    fn reaches(layers: &[&EgressRules], address: &str) -> bool {
        let address = network(address);
        let decides = verdicts(layers)
            .into_iter()
            .find(|(network, _)| network.overlaps(address));
        decides.unwrap().1 == Verdict::Allow
    }

    #[test]
    fn usually_the_internet_is_reached_and_private_networks_are_not() {
        assert!(reaches(&[], "8.8.8.8"));
        for private in ["10.1.2.3", "192.168.0.1", "172.31.0.1", "100.100.100.200"] {
            assert!(!reaches(&[], private), "{private}");
        }
    }

    #[test]
    fn the_most_specific_network_decides() {
        let everyone = rules(&["10.0.0.0/8", "10.1.2.3"], &["10.1.0.0/16", "8.8.8.0/24"]);

        assert!(reaches(&[&everyone], "10.2.0.1"));
        assert!(!reaches(&[&everyone], "10.1.0.1"));
        assert!(reaches(&[&everyone], "10.1.2.3"));
        assert!(!reaches(&[&everyone], "8.8.8.8"));
    }

    #[test]
    fn a_functions_own_policy_goes_before_that_of_everyone_and_deny_before_allow() {
        let everyone = rules(&["10.0.0.0/8"], &["0.0.0.0/0"]);
        let own = rules(&["0.0.0.0/0", "9.9.9.9"], &["9.9.9.9", "10.0.0.0/8"]);

        assert!(!reaches(&[&everyone], "1.1.1.1"));
        assert!(reaches(&[&everyone, &own], "1.1.1.1"));
        assert!(!reaches(&[&everyone, &own], "9.9.9.9"));
        assert!(!reaches(&[&everyone, &own], "10.0.0.1"));
    }

    #[test]
    fn only_whole_networks_are_read() {
        assert_eq!(network("10.1.2.3"), network("10.1.2.3/32"));
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "10.0.0/8",
            "::/0",
            "10.0.0.0/-1",
        ] {
            assert_eq!(text.parse::<Ipv4Network>(), Err(Ipv4NetworkError), "{text}");
        }
    }

    #[test]
    fn networks_overlap_when_one_contains_the_other() {
        assert!(network("10.0.0.0/8").overlaps(network("10.1.0.0/16")));
        assert!(network("10.1.0.0/16").overlaps(network("0.0.0.0/0")));
        assert!(!network("10.1.0.0/16").overlaps(network("10.2.0.0/16")));
    }
}
