//! The inside of the router: a network namespace with its switches, its filters, and what listens in it.
//!
//! It is made by a copy of the launcher that is born there, hands its sockets over and ends. The launcher itself never
//! leaves its own network: without root there would be no way back.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::process::{WaitId, WaitIdOptions};

use super::filters::{Carrier, Filters};
use super::plan::{HostResolver, Plan};
use super::policy::EgressNetwork;
use super::services::{self, Services};
use crate::step::{Step, StepError, errno};
use crate::sys::clone::{Side, clone_process, flag};
use crate::sys::exit_now;
use crate::sys::netlink::Netlink;
use crate::wire::{self, Decoder, Encoder, Packet};

const LOOPBACK: u32 = 1;

/// What is made in the router and used from outside it.
pub(super) struct Inside {
    pub(super) namespace: OwnedFd,
    /// For its interfaces.
    pub(super) links: Netlink,
    pub(super) filters: Filters,
    pub(super) services: Services,
}

/// What the router is to be.
#[derive(Clone, Copy)]
pub(super) struct Drawing<'a> {
    pub(super) network: &'a EgressNetwork,
    pub(super) plan: Plan,
    pub(super) resolver: &'a HostResolver,
    pub(super) carrier: Carrier,
}

/// Makes the namespace and everything in it. Only for the launcher, which has one thread.
pub(super) fn make(drawing: Drawing<'_>) -> Result<Inside, StepError> {
    let (ours, theirs) = wire::pair().step("make a socket pair")?;
    let network = flag(libc::CLONE_NEWNET);
    match clone_process(network, None).step("make the router's namespace")? {
        Side::Child => exit_now(match hand_over(build(drawing), &theirs) {
            Ok(()) => 0,
            Err(_) => 1,
        }),
        Side::Parent { pidfd, .. } => {
            drop(theirs);
            let mut buffer = [0; 1024];
            let packet = wire::receive(&ours, &mut buffer).step("hear from the router");
            let who = WaitId::PidFd(pidfd.as_fd());
            rustix::process::waitid(who, WaitIdOptions::EXITED).step("wait for the router")?;
            take_over(packet?, drawing.network)
        }
    }
}

/// Runs in the router.
pub(super) fn build(drawing: Drawing<'_>) -> Result<Inside, StepError> {
    let Drawing {
        network,
        plan,
        resolver,
        carrier,
    } = drawing;
    turn_switches()?;
    let links = Netlink::route().step("open a netlink socket")?;
    links
        .set_up(LOOPBACK)
        .step("bring up the router's loopback")?;
    if services::are_wanted(network, resolver) {
        links
            .add_address(LOOPBACK, IpAddr::V4(plan.services()), 32)
            .step("address the daemon's services")?;
    }
    Ok(Inside {
        namespace: own_network()?,
        filters: Filters::build(network, plan, resolver, carrier)?,
        services: services::bind(network, plan, resolver)?,
        links,
    })
}

pub(super) fn own_network() -> Result<OwnedFd, StepError> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::open("/proc/thread-self/ns/net", flags, Mode::empty())
        .step("open the network namespace")
}

fn turn_switches() -> Result<(), StepError> {
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
    Ok(())
}

/// Sends what was made: three sockets that are always there, then those of the services.
fn hand_over(built: Result<Inside, StepError>, to: &OwnedFd) -> io::Result<()> {
    let inside = match built {
        Ok(inside) => inside,
        Err(error) => {
            let mut encoder = Encoder::new(1);
            encoder
                .bytes(error.step.as_bytes())
                .i32(errno(&error.source));
            return wire::send(to, &encoder.finish(), &[]);
        }
    };
    let always = [
        inside.namespace.as_fd(),
        inside.links.as_fd(),
        inside.filters.as_fd(),
    ];
    let fds = [&always[..], &inside.services.fds()].concat();
    wire::send(to, &Encoder::new(0).finish(), &fds)
}

fn take_over(packet: Option<Packet>, network: &EgressNetwork) -> Result<Inside, StepError> {
    let lost = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let packet = packet.ok_or_else(lost).step("make the router")?;
    if let Some(error) = reported(&packet.bytes) {
        return Err(error);
    }
    let mut fds = packet.fds.into_iter();
    let mut next = || fds.next().ok_or_else(lost).step("receive the router");
    let (namespace, links, filters) = (next()?, next()?, next()?);
    Ok(Inside {
        namespace,
        links: Netlink::from(links),
        filters: Filters::of(Netlink::from(filters), network),
        services: Services::from_fds(network.api, fds),
    })
}

fn reported(bytes: &[u8]) -> Option<StepError> {
    let mut decoder = Decoder::new(bytes);
    (decoder.u8().ok()? != 0).then(|| StepError {
        step: decoder.string().unwrap_or_default(),
        source: io::Error::from_raw_os_error(decoder.i32().unwrap_or(libc::EIO)),
    })
}
