//! The router between sandboxes and host: a network namespace of the launcher, its interfaces and its filters.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs;
use std::io;
use std::net::{IpAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, UnshareFlags};

use super::nft::{Hook, Policy, Ruleset, Term};
use super::plan::{HostResolver, Lease, Plan};
use super::policy::{self, EgressNetwork, EgressRules, Ipv4Network, Verdict};
use crate::step::{Step, StepError};
use crate::sys;
use crate::sys::netlink::{End, Netlink};

const UPLINK: &str = "up0";
/// What the names of all routers' interfaces on the host begin with.
const INTERFACES: &str = "fire-";
/// Interface numbers in the router: the uplink, then one for each slot.
const UPLINK_INDEX: u32 = 2;
const FIRST_SLOT_INDEX: u32 = 1000;
const LOOPBACK: u32 = 1;
/// The sandbox's interface, in its own namespace.
pub(crate) const SANDBOX_INDEX: u32 = 2;
const SANDBOX_INTERFACE: &str = "eth0";
const PORT_DNS: u16 = 53;
const UDP: u8 = 17;
const TCP: u8 = 6;
/// The port of the daemon's API, as sandboxes see it.
const PORT_API: u16 = 4566;
/// The router's table, and the map in it that leads sandboxes to the chains of their policies.
const TABLE: &str = "firelight";
const POLICIES: &str = "policies";

pub(crate) struct Router {
    plan: Plan,
    /// A socket in the router: for its interfaces, and what keeps it alive.
    links: Netlink,
    /// A socket in the router, for its filters.
    filters: Netlink,
    /// How many policies there are chains for.
    policies: usize,
    /// The slots whose sandbox has a policy of its own.
    led: RefCell<HashSet<u32>>,
    /// Bound inside; the daemon takes it.
    api: Option<TcpListener>,
    /// The host's table lives as long as this socket.
    _owner: Netlink,
    resolver: HostResolver,
    /// Present when forwarding was off on the host before.
    switched_on: Option<PathBuf>,
}

impl Router {
    /// Builds the router and connects it with the host.
    pub(crate) fn build(
        network: &EgressNetwork,
        instance: &str,
        state_dir: &Path,
    ) -> Result<Self, StepError> {
        let plan = Plan::new(network.address);
        let resolver = read_resolver();
        let host = own_network()?;
        let interface = host_interface(instance);
        let host_links = Netlink::route().step("open a netlink socket")?;
        // A router of an earlier life may still be on its way out.
        let _ = host_links.delete_link(&interface);
        sys::unshare(UnshareFlags::NEWNET).step("make the router's namespace")?;
        let built = build_inside(network, plan, &host, &interface, &resolver);
        come_back(&host);
        let Inside {
            links,
            filters,
            api,
        } = built?;
        connect_host(plan, &host_links, &interface)?;
        let switched_on = switch_forwarding_on(state_dir)?;
        let owner = filter_host(plan, instance, &interface, switched_on.is_some())?;
        Ok(Self {
            plan,
            links,
            filters,
            policies: network.policies.len(),
            led: RefCell::default(),
            api,
            _owner: owner,
            resolver,
            switched_on,
        })
    }

    pub(crate) fn resolver(&self) -> &HostResolver {
        &self.resolver
    }

    /// Takes the socket at which sandboxes reach the daemon.
    pub(crate) fn take_api(&mut self) -> Option<TcpListener> {
        self.api.take()
    }

    /// Tells whether there is a policy of this number.
    pub(crate) fn has_policy(&self, number: u16) -> bool {
        usize::from(number) < self.policies
    }

    /// Puts the sandbox in `slot` under a policy.
    pub(crate) fn lead(&self, slot: u32, policy: u16) -> Result<(), StepError> {
        let mut rules = Ruleset::new(TABLE);
        let chain = policy_chain(policy.into());
        rules.lead(POLICIES, self.lease(slot).sandbox, &chain);
        rules.apply(&self.filters).step("put it under its policy")?;
        self.led.borrow_mut().insert(slot);
        Ok(())
    }

    /// Frees a slot of the policy of its last sandbox.
    fn unlead(&self, slot: u32) -> Result<(), StepError> {
        if !self.led.borrow().contains(&slot) {
            return Ok(());
        }
        let mut rules = Ruleset::new(TABLE);
        rules.forget(POLICIES, self.lease(slot).sandbox);
        rules.apply(&self.filters).step("forget a policy")?;
        self.led.borrow_mut().remove(&slot);
        Ok(())
    }

    pub(crate) fn lease(&self, slot: u32) -> Lease {
        self.plan.lease(slot)
    }

    /// Gives the sandbox in `slot`, whose network namespace is `sandbox`, its interface. Init configures its end.
    pub(crate) fn plug(&self, slot: u32, sandbox: &OwnedFd) -> Result<(), StepError> {
        self.unlead(slot)?;
        let name = format!("s{slot}");
        let index = FIRST_SLOT_INDEX + slot;
        let ours = End { name: &name, index };
        let theirs = End {
            name: SANDBOX_INTERFACE,
            index: SANDBOX_INDEX,
        };
        let add = || self.links.add_veth(ours, theirs, sandbox.as_fd());
        match add() {
            // The slot's last sandbox is dead but the kernel has not come to its namespace yet.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let _ = self.links.delete_link(&name);
                add()
            }
            outcome => outcome,
        }
        .step("make the sandbox's interface")?;
        let address = IpAddr::V4(self.lease(slot).router);
        self.links
            .add_address(index, address, 31)
            .step("address the router's end")?;
        self.links.set_up(index).step("bring up the router's end")
    }

    /// Turns back what outlives the launcher, unless another one on this host still needs it.
    pub(crate) fn clear(&self) {
        let Some(note) = &self.switched_on else {
            return;
        };
        let interfaces = fs::read_to_string("/proc/net/dev").unwrap_or_default();
        let routers = interfaces
            .lines()
            .filter(|line| line.trim().starts_with(INTERFACES));
        if routers.count() <= 1 {
            // An operator who finds it still on loses nothing.
            let _ = fs::write(FORWARDING, "0");
        }
        let _ = fs::remove_file(note);
    }
}

fn own_network() -> Result<OwnedFd, StepError> {
    rustix::fs::open(
        "/proc/thread-self/ns/net",
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .step("open the network namespace")
}

fn come_back(host: &OwnedFd) {
    let back =
        rustix::thread::move_into_link_name_space(host.as_fd(), Some(LinkNameSpaceType::Network));
    assert!(
        back.is_ok(),
        "the launcher can always return to its own namespace"
    );
}

/// A name of at most 15 bytes that is the same for each life of an instance.
fn host_interface(instance: &str) -> String {
    let mut hash: u32 = 0x811c_9dc5;
    for byte in instance.bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    format!("{INTERFACES}{hash:08x}")
}

/// What is made in the router and used from outside it.
struct Inside {
    links: Netlink,
    filters: Netlink,
    api: Option<TcpListener>,
}

/// Runs in the router: its switches, its link to the host, its filters, its one listener.
fn build_inside(
    network: &EgressNetwork,
    plan: Plan,
    host: &OwnedFd,
    interface: &str,
    resolver: &HostResolver,
) -> Result<Inside, StepError> {
    for (switch, value) in [
        ("ipv4/ip_forward", "1"),
        // A packet is dropped unless its source is behind the interface it comes from.
        ("ipv4/conf/all/rp_filter", "1"),
        ("ipv4/conf/default/rp_filter", "1"),
        ("ipv4/conf/all/send_redirects", "0"),
        ("ipv4/conf/default/send_redirects", "0"),
    ] {
        fs::write(format!("/proc/sys/net/{switch}"), value).step(format_args!("set {switch}"))?;
    }
    for which in ["all", "default"] {
        // A kernel without IPv6 has no switch for it.
        let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6"), "1");
    }
    let links = Netlink::route().step("open a netlink socket")?;
    let ours = End {
        name: UPLINK,
        index: UPLINK_INDEX,
    };
    let theirs = End {
        name: interface,
        index: 0,
    };
    links
        .add_veth(ours, theirs, host.as_fd())
        .step("link the router to the host")?;
    let (host_end, router_end) = plan.uplink();
    links
        .add_address(UPLINK_INDEX, IpAddr::V4(router_end), 31)
        .step("address the uplink")?;
    links
        .set_up(LOOPBACK)
        .step("bring up the router's loopback")?;
    links.set_up(UPLINK_INDEX).step("bring up the uplink")?;
    links
        .add_default_route(UPLINK_INDEX, host_end)
        .step("route to the host")?;
    let filters = filter_router(network, plan, resolver)?;
    let api = match network.api {
        true => Some(listen_for_api(plan, &links)?),
        false => None,
    };
    Ok(Inside {
        links,
        filters,
        api,
    })
}

fn listen_for_api(plan: Plan, links: &Netlink) -> Result<TcpListener, StepError> {
    links
        .add_address(LOOPBACK, IpAddr::V4(plan.api()), 32)
        .step("address the API")?;
    TcpListener::bind((plan.api(), PORT_API)).step("listen for the API")
}

/// From sandboxes to where their policy lets them; nothing between sandboxes, and to the router itself only the API.
fn filter_router(
    network: &EgressNetwork,
    plan: Plan,
    resolver: &HostResolver,
) -> Result<Netlink, StepError> {
    let mut rules = Ruleset::new(TABLE);
    // Ownership would end with this socket; the namespace's own end is the one that counts here.
    rules.table();
    rules.chain("input", "filter", Hook::Input, 0, Policy::Drop);
    rules.chain("forward", "filter", Hook::Forward, 0, Policy::Drop);
    if network.api {
        let terms = [
            Term::NotFrom(UPLINK),
            Term::Destination(plan.api(), 32),
            Term::Protocol(TCP),
            Term::DestinationPort(PORT_API),
            Term::Accept,
        ];
        rules.rule("input", &terms);
    }
    let back = [Term::From(UPLINK), Term::NotTo(UPLINK), Term::Accept];
    rules.rule("forward", &back);
    rules.rule("forward", &[Term::NotTo(UPLINK), Term::Drop]);
    admit_resolver(&mut rules, resolver);
    for network in policy::never(plan) {
        rules.rule("forward", &[destination(network), Term::Drop]);
    }
    add_policies(&mut rules, network);
    decide(&mut rules, "forward", &[&network.rules]);
    let filters = Netlink::netfilter().step("open a netfilter socket")?;
    rules.apply(&filters).step("filter in the router")?;
    Ok(filters)
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

fn connect_host(plan: Plan, links: &Netlink, interface: &str) -> Result<(), StepError> {
    let index = links.index_of(interface).step("find the host's end")?;
    let (host_end, router_end) = plan.uplink();
    links
        .add_address(index, IpAddr::V4(host_end), 31)
        .step("address the host's end")?;
    links.set_up(index).step("bring up the host's end")?;
    let add = || links.add_route(index, plan.network(), Plan::PREFIX, router_end);
    once_free(add).step(format_args!(
        "route {}/{} to the sandboxes",
        plan.network(),
        Plan::PREFIX
    ))
}

/// How long the launcher of an earlier life may take to leave with its route.
const LEAVING: Duration = Duration::from_secs(2);

/// Repeats what fails because somebody who is about to leave still has it. The launcher has one thread and nothing else
/// to do at its start.
fn once_free(add: impl Fn() -> io::Result<()>) -> io::Result<()> {
    const PAUSE: Duration = Duration::from_millis(50);
    let mut waited = Duration::ZERO;
    loop {
        match add() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && waited < LEAVING => {
                std::thread::sleep(PAUSE);
                waited += PAUSE;
            }
            result => return result,
        }
    }
}

const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";

/// Lets the host forward packets. If it did not before, a note of that is kept for the clean end of this or a later
/// life.
fn switch_forwarding_on(state_dir: &Path) -> Result<Option<PathBuf>, StepError> {
    let note = state_dir.join("switched-forwarding-on");
    let on = fs::read_to_string(FORWARDING).step("read the forwarding switch")?;
    if on.trim() == "0" {
        fs::write(&note, "").step("note the forwarding switch")?;
        fs::write(FORWARDING, "1").step("let the host forward")?;
    }
    Ok(note.exists().then_some(note))
}

/// The host's rules: translate what sandboxes send, keep them from the host itself, let nobody connect to them.
///
/// If forwarding was off, it stays off for everything that is no sandbox's.
fn filter_host(
    plan: Plan,
    instance: &str,
    interface: &str,
    was_off: bool,
) -> Result<Netlink, StepError> {
    const SOURCE_NAT: i32 = 100;
    let netlink = Netlink::netfilter().step("open a netfilter socket")?;
    let table = format!("firelight-{instance}");
    Ruleset::new(&table)
        .delete_table(&netlink)
        .step("remove an old table")?;
    let mut rules = Ruleset::new(&table);
    rules.owned_table();
    rules.chain(
        "postrouting",
        "nat",
        Hook::PostRouting,
        SOURCE_NAT,
        Policy::Accept,
    );
    let ours = Term::Source(plan.network(), Plan::PREFIX);
    rules.rule(
        "postrouting",
        &[ours, Term::NotTo(interface), Term::Masquerade],
    );
    rules.chain("input", "filter", Hook::Input, 0, Policy::Accept);
    rules.rule("input", &[Term::From(interface), Term::Drop]);
    rules.chain("forward", "filter", Hook::Forward, 0, Policy::Accept);
    rules.rule(
        "forward",
        &[Term::To(interface), Term::NotEstablished, Term::Drop],
    );
    if was_off {
        let strangers = [
            Term::NotFromAny(INTERFACES),
            Term::NotToAny(INTERFACES),
            Term::Drop,
        ];
        rules.rule("forward", &strangers);
    }
    rules.apply(&netlink).step("filter on the host")?;
    Ok(netlink)
}

/// What the host uses to resolve names; behind systemd's local cache, what that uses.
fn read_resolver() -> HostResolver {
    let read = |path: &str| HostResolver::parse(&fs::read_to_string(path).unwrap_or_default());
    let plain = read("/etc/resolv.conf");
    if plain.servers.is_empty() {
        read("/run/systemd/resolve/resolv.conf")
    } else {
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a test on a thread whose network is nobody else's.
    fn in_a_network_of_its_own(test: impl FnOnce() + Send + 'static) {
        if !rustix::process::geteuid().is_root() {
            eprintln!("not tested here: the router (not root)");
            return;
        }
        let thread = std::thread::spawn(|| {
            sys::unshare(UnshareFlags::NEWNET).unwrap();
            test();
        });
        thread.join().expect("the test passes");
    }

    #[test]
    fn a_slot_is_free_of_its_policy_before_its_next_sandbox_has_an_interface() {
        in_a_network_of_its_own(|| {
            let directory = tempfile::tempdir().unwrap();
            let network = EgressNetwork {
                policies: vec![EgressRules::default()],
                ..EgressNetwork::usual([198, 18, 0, 0].into())
            };
            let router = match Router::build(&network, "test", directory.path()) {
                Ok(router) => router,
                Err(error) => {
                    eprintln!(
                        "not tested here: the router ({}: {})",
                        error.step, error.source
                    );
                    return;
                }
            };
            let host = own_network().unwrap();
            sys::unshare(UnshareFlags::NEWNET).unwrap();
            let sandbox = own_network().unwrap();
            come_back(&host);
            let is_led = || {
                let mut rules = Ruleset::new(TABLE);
                rules.forget(POLICIES, router.lease(5).sandbox);
                rules.apply(&router.filters).is_ok()
            };

            router.lead(5, 0).unwrap();
            assert!(is_led(), "forgetting it succeeds only where it is known");
            router.lead(5, 0).unwrap();
            router.plug(5, &sandbox).unwrap();

            assert!(!is_led());
        });
    }
}
