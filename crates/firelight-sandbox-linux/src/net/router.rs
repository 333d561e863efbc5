//! The router between sandboxes and host: a network namespace of the launcher, with its interfaces.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::event::epoll::{self, EventData, EventFlags};

use super::filters::{Carrier, Filters};
use super::host::HostSide;
use super::inside::{self, Drawing, Inside};
use super::plan::{HostResolver, Lease, Plan};
use super::policy::EgressNetwork;
use super::services::Services;
use super::stack::{self, Stack};
use super::{FIRST_SLOT_INDEX, SANDBOX_INDEX, UPLINK};
use crate::step::{Step, StepError};
use crate::sys::addresses::own_addresses;
use crate::sys::netlink::{AddressChanges, End, Netlink};

const SANDBOX_INTERFACE: &str = "eth0";

pub(crate) struct Router {
    plan: Plan,
    /// A socket in the router: for its interfaces, and what keeps it alive.
    links: Netlink,
    filters: Filters,
    /// Bound inside; the daemon takes them.
    services: Services,
    resolver: HostResolver,
    uplink: Uplink,
    /// Readable when there is something to [`Router::attend`] to.
    events: OwnedFd,
    changes: AddressChanges,
}

/// What connects the router with the host.
enum Uplink {
    Kernel(HostSide),
    /// A program, and the file by which it finds the router.
    Program {
        stack: Stack,
        door: PathBuf,
    },
}

impl Router {
    /// Builds the router and connects it with the host.
    pub(crate) fn build(
        network: &EgressNetwork,
        instance: &str,
        state_dir: &Path,
        privileged: bool,
    ) -> Result<Self, StepError> {
        let resolver = read_resolver(&own_addresses().step("list the host's addresses")?);
        let drawing = Drawing {
            network,
            plan: Plan::new(network.address),
            resolver: &resolver,
            carrier: if privileged {
                Carrier::Kernel
            } else {
                Carrier::Program
            },
        };
        Self::around(inside::make(drawing)?, drawing, instance, state_dir)
    }

    /// Connects what was made with the host.
    fn around(
        inside: Inside,
        drawing: Drawing<'_>,
        instance: &str,
        state_dir: &Path,
    ) -> Result<Self, StepError> {
        let Drawing { plan, carrier, .. } = drawing;
        // Before the addresses are listed, so that none is missed.
        let changes = AddressChanges::watch().step("watch the host's addresses")?;
        let links = inside.links;
        let uplink = match carrier {
            Carrier::Kernel => {
                Uplink::Kernel(HostSide::connect(plan, &links, instance, state_dir)?)
            }
            Carrier::Program => {
                let door = stack::mount_door(&inside.namespace, state_dir)?;
                let stack = Stack::start(plan, &links, &door)?;
                Uplink::Program { stack, door }
            }
        };
        configure_uplink(plan, &links)?;
        let router = Self {
            plan,
            links,
            filters: inside.filters,
            services: inside.services,
            resolver: drawing.resolver.clone(),
            uplink,
            events: epoll::create(epoll::CreateFlags::CLOEXEC).step("make an epoll instance")?,
            changes,
        };
        router
            .note_host_addresses()
            .step("refuse the host's addresses")?;
        router
            .watch(router.changes.as_fd())
            .step("watch the host's addresses")?;
        if let Uplink::Program { stack, .. } = &router.uplink {
            router.watch(stack.end()).step("watch the way out")?;
        }
        Ok(router)
    }

    /// The content of `/etc/resolv.conf` in sandboxes.
    pub(crate) fn resolver_configuration(&self) -> String {
        self.resolver.configuration(self.plan)
    }

    /// The program that carries packets to the internet, where it is not the kernel.
    pub(crate) fn carrier(&self) -> Option<&'static str> {
        match &self.uplink {
            Uplink::Kernel(_) => None,
            Uplink::Program { stack, .. } => Some(stack.name()),
        }
    }

    /// Takes the sockets at which sandboxes reach the daemon.
    pub(crate) fn take_services(&mut self) -> Services {
        std::mem::take(&mut self.services)
    }

    /// Tells whether there is a policy of this number.
    pub(crate) fn has_policy(&self, number: u16) -> bool {
        self.filters.has_policy(number)
    }

    /// Puts the sandbox in `slot` under a policy.
    pub(crate) fn lead(&self, slot: u32, policy: u16) -> Result<(), StepError> {
        let led = self.filters.lead(self.lease(slot).sandbox, policy);
        led.step("put it under its policy")
    }

    pub(crate) fn lease(&self, slot: u32) -> Lease {
        self.plan.lease(slot)
    }

    /// Gives the sandbox in `slot`, whose network namespace is `sandbox`, its interface. Init configures its end.
    pub(crate) fn plug(&self, slot: u32, sandbox: &OwnedFd) -> Result<(), StepError> {
        let lease = self.lease(slot);
        self.filters.unlead(lease.sandbox).step("forget a policy")?;
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
        self.links
            .add_address(index, IpAddr::V4(lease.router), 31)
            .step("address the router's end")?;
        self.links.set_up(index).step("bring up the router's end")
    }

    /// Readable when there is something to [`Router::attend`] to.
    pub(crate) fn events(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }

    /// Follows the host's addresses, and starts the program on the way again if it has ended.
    pub(crate) fn attend(&mut self) -> Result<(), StepError> {
        if self.changes.are_there() {
            self.note_host_addresses()
                .step("refuse the host's new addresses")?;
        }
        let Uplink::Program { stack, door } = &mut self.uplink else {
            return Ok(());
        };
        if !stack.has_ended().step("look after the way out")? {
            return Ok(());
        }
        // Watched no more, so that a program that cannot be started again is not noticed for ever.
        let _ = epoll::delete(&self.events, stack.end());
        *stack = Stack::start(self.plan, &self.links, door)?;
        configure_uplink(self.plan, &self.links)?;
        epoll::add(
            &self.events,
            stack.end(),
            EventData::new_u64(0),
            EventFlags::IN,
        )
        .step("watch the way out")
    }

    fn watch(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::add(
            &self.events,
            fd,
            EventData::new_u64(0),
            EventFlags::IN,
        )?)
    }

    fn note_host_addresses(&self) -> io::Result<()> {
        self.filters.set_host_addresses(&own_addresses()?)
    }

    /// Turns back what outlives the launcher.
    pub(crate) fn clear(&self) {
        match &self.uplink {
            Uplink::Kernel(side) => side.clear(),
            // The mount goes with the launcher's namespace; the file below it stays without it.
            Uplink::Program { .. } => {}
        }
    }
}

/// Gives the router's end of the uplink its address, and the router the way out.
fn configure_uplink(plan: Plan, links: &Netlink) -> Result<(), StepError> {
    let (host_end, router_end) = plan.uplink();
    let index = links.index_of(UPLINK).step("find the uplink")?;
    links
        .add_address(index, IpAddr::V4(router_end), 31)
        .step("address the uplink")?;
    links.set_up(index).step("bring up the uplink")?;
    links
        .add_default_route(index, host_end)
        .step("route to the host")
}

/// What the host uses to resolve names; behind systemd's local cache, what that uses.
fn read_resolver(own: &[Ipv4Addr]) -> HostResolver {
    let read = |path: &str| HostResolver::parse(&fs::read_to_string(path).unwrap_or_default(), own);
    let plain = read(super::RESOLV_CONF);
    if !plain.needs_relay() {
        return plain;
    }
    let systemds = read("/run/systemd/resolve/resolv.conf");
    if systemds.needs_relay() {
        plain
    } else {
        systemds
    }
}

#[cfg(test)]
mod tests {
    use rustix::thread::{LinkNameSpaceType, UnshareFlags};

    use super::inside::own_network;
    use super::*;
    use crate::net::EgressRules;
    use crate::sys;

    fn come_back(host: &OwnedFd) {
        let kind = Some(LinkNameSpaceType::Network);
        rustix::thread::move_into_link_name_space(host.as_fd(), kind).unwrap();
    }

    /// A router like the launcher's. Its inside is made on this thread: a copy of a process with many could hang.
    fn router(network: &EgressNetwork, state_dir: &Path) -> Result<Router, StepError> {
        let drawing = Drawing {
            network,
            plan: Plan::new(network.address),
            resolver: &HostResolver::default(),
            carrier: Carrier::Kernel,
        };
        let host = own_network()?;
        sys::unshare(UnshareFlags::NEWNET).unwrap();
        let inside = inside::build(drawing);
        come_back(&host);
        Router::around(inside?, drawing, "test", state_dir)
    }

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
            let router = match router(&network, directory.path()) {
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
            let is_led = || router.filters.is_led(router.lease(5).sandbox);

            router.lead(5, 0).unwrap();
            assert!(is_led());
            router.lead(5, 0).unwrap();
            router.plug(5, &sandbox).unwrap();

            assert!(!is_led());
        });
    }
}
