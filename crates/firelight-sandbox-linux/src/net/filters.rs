//! The router's own filters: who may send what to whom, as nftables rules in its namespace.
//!
//! From sandboxes to where their policy lets them; nothing between sandboxes, and to the router itself only what the
//! daemon serves there.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd};

use super::UPLINK;
use super::nft::{Hook, Policy, Ruleset, Term};
use super::plan::{HostResolver, Plan};
use super::policy::{self, EgressNetwork, EgressRules, Ipv4Network, Verdict};
use super::services::{PORT_API, PORT_DNS};
use crate::step::{Step, StepError};
use crate::sys::netlink::Netlink;

const UDP: u8 = 17;
const TCP: u8 = 6;
/// The router's table, the map in it that leads sandboxes to the chains of their policies, and the set of addresses
/// that are the host's own.
const TABLE: &str = "firelight";
const POLICIES: &str = "policies";
const HOST: &str = "host";

/// A socket in the router, by which its filters are made and changed.
pub(super) struct Filters {
    netlink: Netlink,
    /// How many policies there are chains for.
    policies: usize,
    /// The sandboxes that have a policy of their own.
    led: RefCell<HashSet<Ipv4Addr>>,
}

/// Who connects the router with the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    /// The host's kernel, which translates addresses and keeps packets from the host itself.
    Kernel,
    /// A program that opens connections in sandboxes' place. What it would reach of the host is refused here.
    Program,
}

impl Filters {
    /// Runs in the router.
    pub(super) fn build(
        network: &EgressNetwork,
        plan: Plan,
        resolver: &HostResolver,
        carrier: Carrier,
    ) -> Result<Self, StepError> {
        let mut rules = Ruleset::new(TABLE);
        // Ownership would end with this socket; the namespace's own end is the one that counts here.
        rules.table();
        rules.set(HOST);
        rules.chain("input", "filter", Hook::Input, 0, Policy::Drop);
        admit_to_services(&mut rules, network, plan, resolver);
        rules.chain("forward", "filter", Hook::Forward, 0, Policy::Drop);
        let back = [Term::From(UPLINK), Term::NotTo(UPLINK), Term::Accept];
        rules.rule("forward", &back);
        rules.rule("forward", &[Term::NotTo(UPLINK), Term::Drop]);
        rules.rule("forward", &[Term::DestinationIn(HOST), Term::Drop]);
        admit_resolver(&mut rules, resolver);
        for network in policy::never(plan) {
            rules.rule("forward", &[destination(network), Term::Drop]);
        }
        add_policies(&mut rules, network);
        decide(&mut rules, "forward", &[&network.rules]);
        if carrier == Carrier::Program {
            share_one_address(&mut rules);
        }
        let netlink = Netlink::netfilter().step("open a netfilter socket")?;
        rules.apply(&netlink).step("filter in the router")?;
        Ok(Self::of(netlink, network))
    }

    /// The filters that were built by this socket.
    pub(super) fn of(netlink: Netlink, network: &EgressNetwork) -> Self {
        Self {
            netlink,
            policies: network.policies.len(),
            led: RefCell::default(),
        }
    }

    /// Tells whether there is a policy of this number.
    pub(super) fn has_policy(&self, number: u16) -> bool {
        usize::from(number) < self.policies
    }

    /// Puts a sandbox under a policy.
    pub(super) fn lead(&self, sandbox: Ipv4Addr, policy: u16) -> io::Result<()> {
        let mut rules = Ruleset::new(TABLE);
        rules.lead(POLICIES, sandbox, &policy_chain(policy.into()));
        rules.apply(&self.netlink)?;
        self.led.borrow_mut().insert(sandbox);
        Ok(())
    }

    /// Frees an address of the policy of the last sandbox that had it.
    pub(super) fn unlead(&self, sandbox: Ipv4Addr) -> io::Result<()> {
        if self.led.borrow().contains(&sandbox) {
            self.forget(sandbox)?;
            self.led.borrow_mut().remove(&sandbox);
        }
        Ok(())
    }

    fn forget(&self, sandbox: Ipv4Addr) -> io::Result<()> {
        let mut rules = Ruleset::new(TABLE);
        rules.forget(POLICIES, sandbox);
        rules.apply(&self.netlink)
    }

    /// Replaces the addresses that are the host's own, and so out of reach.
    pub(super) fn set_host_addresses(&self, addresses: &[Ipv4Addr]) -> io::Result<()> {
        let mut rules = Ruleset::new(TABLE);
        rules.empty(HOST);
        for address in addresses {
            rules.include(HOST, *address);
        }
        rules.apply(&self.netlink)
    }

    #[cfg(test)]
    pub(super) fn is_led(&self, sandbox: Ipv4Addr) -> bool {
        // Forgetting succeeds only what is known.
        self.forget(sandbox).is_ok()
    }
}

impl AsFd for Filters {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.netlink.as_fd()
    }
}

/// Lets sandboxes, and nobody else, to what the daemon serves in the router.
fn admit_to_services(
    rules: &mut Ruleset<'_>,
    network: &EgressNetwork,
    plan: Plan,
    resolver: &HostResolver,
) {
    let mut admit = |protocol, port| {
        let terms = [
            Term::NotFrom(UPLINK),
            Term::Destination(plan.services(), 32),
            Term::Protocol(protocol),
            Term::DestinationPort(port),
            Term::Accept,
        ];
        rules.rule("input", &terms);
    };
    if network.api {
        admit(TCP, PORT_API);
    }
    if resolver.needs_relay() {
        admit(UDP, PORT_DNS);
        admit(TCP, PORT_DNS);
    }
}

/// Names are resolved wherever the host's servers are, and whatever the policy.
fn admit_resolver(rules: &mut Ruleset<'_>, resolver: &HostResolver) {
    for server in &resolver.servers {
        for protocol in [UDP, TCP] {
            let terms = [
                Term::Destination(*server, 32),
                Term::Protocol(protocol),
                Term::DestinationPort(PORT_DNS),
                Term::Accept,
            ];
            rules.rule("forward", &terms);
        }
    }
}

/// A chain for each policy. No sandbox is under one before it is claimed for somebody.
fn add_policies(rules: &mut Ruleset<'_>, network: &EgressNetwork) {
    if network.policies.is_empty() {
        return;
    }
    rules.map(POLICIES);
    for (number, own) in network.policies.iter().enumerate() {
        let chain = policy_chain(number);
        rules.side_chain(&chain);
        decide(rules, &chain, &[&network.rules, own]);
    }
    rules.rule("forward", &[Term::GoBySource(POLICIES)]);
}

fn policy_chain(number: usize) -> String {
    format!("policy-{number}")
}

/// Lets the first network that contains the destination decide.
fn decide(rules: &mut Ruleset<'_>, chain: &str, layers: &[&EgressRules]) {
    for (network, verdict) in policy::verdicts(layers) {
        let verdict = match verdict {
            Verdict::Allow => Term::Accept,
            Verdict::Deny => Term::Drop,
        };
        rules.rule(chain, &[destination(network), verdict]);
    }
}

fn destination(network: Ipv4Network) -> Term<'static> {
    Term::Destination(network.address(), network.prefix())
}

/// A program on the way knows one guest: everybody sends from the router's own address.
fn share_one_address(rules: &mut Ruleset<'_>) {
    const SOURCE_NAT: i32 = 100;
    let hook = Hook::PostRouting;
    rules.chain("postrouting", "nat", hook, SOURCE_NAT, Policy::Accept);
    rules.rule("postrouting", &[Term::To(UPLINK), Term::Masquerade]);
}
