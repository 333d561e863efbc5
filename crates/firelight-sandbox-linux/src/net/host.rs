//! The host's side of the router where the launcher has root: an interface, a route, translation of addresses.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::inside::own_network;
use super::nft::{Hook, Policy, Ruleset, Term};
use super::plan::Plan;
use super::{UPLINK, UPLINK_INDEX};
use crate::step::{Step, StepError};
use crate::sys::netlink::{End, Netlink};

/// What the names of all routers' interfaces on the host begin with.
const INTERFACES: &str = "fire-";

/// What of this router is on the host.
pub(super) struct HostSide {
    /// The host's table lives as long as this socket.
    _owner: Netlink,
    /// Present when forwarding was off on the host before.
    switched_on: Option<PathBuf>,
}

impl HostSide {
    /// Connects the router, in which `router` is a socket, with this process's network.
    pub(super) fn connect(
        plan: Plan,
        router: &Netlink,
        instance: &str,
        state_dir: &Path,
    ) -> Result<Self, StepError> {
        let interface = interface(instance);
        let links = Netlink::route().step("open a netlink socket")?;
        // A router of an earlier life may still be on its way out.
        let _ = links.delete_link(&interface);
        let host = own_network()?;
        let ours = End {
            name: UPLINK,
            index: UPLINK_INDEX,
        };
        let theirs = End {
            name: &interface,
            index: 0,
        };
        router
            .add_veth(ours, theirs, host.as_fd())
            .step("link the router to the host")?;
        lead_back(plan, &links, &interface)?;
        let switched_on = switch_forwarding_on(state_dir)?;
        let owner = filter(plan, instance, &interface, switched_on.is_some())?;
        Ok(Self {
            _owner: owner,
            switched_on,
        })
    }

    /// Turns back what outlives the launcher, unless another one on this host still needs it.
    pub(super) fn clear(&self) {
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

/// A name of at most 15 bytes that is the same for each life of an instance.
fn interface(instance: &str) -> String {
    let mut hash: u32 = 0x811c_9dc5;
    for byte in instance.bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    format!("{INTERFACES}{hash:08x}")
}

/// Gives the host's end its address, and the host the way to the sandboxes.
fn lead_back(plan: Plan, links: &Netlink, interface: &str) -> Result<(), StepError> {
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
fn filter(
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
