//! The router between sandboxes and host: a network namespace of the launcher, its interfaces and its filters.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, UnshareFlags};

use super::nft::{Hook, Policy, Ruleset, Term};
use super::plan::{BLOCKED, HostResolver, Lease, Plan};
use crate::step::{Step, StepError};
use crate::sys;
use crate::sys::netlink::{End, Netlink};

const UPLINK: &str = "up0";
/// What the names of all routers' interfaces on the host begin with.
const INTERFACES: &str = "fire-";
/// Interface numbers in the router: the uplink, then one for each slot.
const UPLINK_INDEX: u32 = 2;
const FIRST_SLOT_INDEX: u32 = 1000;
/// The sandbox's interface, in its own namespace.
pub(crate) const SANDBOX_INDEX: u32 = 2;
const SANDBOX_INTERFACE: &str = "eth0";
const PORT_DNS: u16 = 53;
const UDP: u8 = 17;
const TCP: u8 = 6;

pub(crate) struct Router {
    plan: Plan,
    /// A socket in the router: for its interfaces, and what keeps it alive.
    links: Netlink,
    /// The host's table lives as long as this socket.
    _owner: Netlink,
    resolver: HostResolver,
    /// Present when forwarding was off on the host before.
    switched_on: Option<PathBuf>,
}

impl Router {
    /// Builds the router and connects it with the host.
    pub(crate) fn build(plan: Plan, instance: &str, state_dir: &Path) -> Result<Self, StepError> {
        let resolver = read_resolver();
        let host = own_network()?;
        let interface = host_interface(instance);
        let host_links = Netlink::route().step("open a netlink socket")?;
        // A router of an earlier life may still be on its way out.
        let _ = host_links.delete_link(&interface);
        sys::unshare(UnshareFlags::NEWNET).step("make the router's namespace")?;
        let built = build_inside(plan, &host, &interface, &resolver);
        come_back(&host);
        let links = built?;
        connect_host(plan, &host_links, &interface)?;
        let switched_on = switch_forwarding_on(state_dir)?;
        let owner = filter_host(plan, instance, &interface, switched_on.is_some())?;
        Ok(Self {
            plan,
            links,
            _owner: owner,
            resolver,
            switched_on,
        })
    }

    pub(crate) fn resolver(&self) -> &HostResolver {
        &self.resolver
    }

    pub(crate) fn lease(&self, slot: u32) -> Lease {
        self.plan.lease(slot)
    }

    /// Gives the sandbox in `slot`, whose network namespace is `sandbox`, its interface. Init configures its end.
    pub(crate) fn plug(&self, slot: u32, sandbox: &OwnedFd) -> Result<(), StepError> {
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
        "/proc/self/ns/net",
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

/// Runs in the router: its switches, its link to the host, its filters.
fn build_inside(
    plan: Plan,
    host: &OwnedFd,
    interface: &str,
    resolver: &HostResolver,
) -> Result<Netlink, StepError> {
    const LOOPBACK: u32 = 1;
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
    filter_router(resolver)?;
    Ok(links)
}

/// From sandboxes to the internet only; nothing between sandboxes, nothing to the router itself.
fn filter_router(resolver: &HostResolver) -> Result<(), StepError> {
    let mut rules = Ruleset::new("firelight");
    // Ownership would end with this socket; the namespace's own end is the one that counts here.
    rules.table();
    rules.chain("input", "filter", Hook::Input, 0, Policy::Drop);
    rules.chain("forward", "filter", Hook::Forward, 0, Policy::Drop);
    rules.rule(
        "forward",
        &[Term::From(UPLINK), Term::NotTo(UPLINK), Term::Accept],
    );
    for server in &resolver.servers {
        for protocol in [UDP, TCP] {
            let to_server = Term::Destination(*server, 32);
            let port = Term::DestinationPort(PORT_DNS);
            let terms = [
                Term::To(UPLINK),
                to_server,
                Term::Protocol(protocol),
                port,
                Term::Accept,
            ];
            rules.rule("forward", &terms);
        }
    }
    for (network, prefix) in BLOCKED {
        rules.rule(
            "forward",
            &[Term::Destination(*network, *prefix), Term::Drop],
        );
    }
    rules.rule(
        "forward",
        &[Term::NotFrom(UPLINK), Term::To(UPLINK), Term::Accept],
    );
    let netlink = Netlink::netfilter().step("open a netfilter socket")?;
    rules.apply(&netlink).step("filter in the router")
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
