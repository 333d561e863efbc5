//! What the daemon serves inside the router, at one address: its API, and the relay of names where it is needed.
//!
//! The launcher binds the sockets, since only there is the address; the daemon takes them and answers.

use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::plan::{HostResolver, Plan};
use super::policy::EgressNetwork;
use crate::step::{Step, StepError};

/// The port of the daemon's API, as sandboxes see it.
pub(super) const PORT_API: u16 = 4566;
pub(super) const PORT_DNS: u16 = 53;

/// Sockets in the router that the daemon takes.
#[derive(Debug, Default)]
pub(crate) struct Services {
    pub(crate) api: Option<TcpListener>,
    pub(crate) names: Option<NameSockets>,
}

/// Where sandboxes ask for names.
#[derive(Debug)]
pub(crate) struct NameSockets {
    pub(crate) datagrams: UdpSocket,
    pub(crate) streams: TcpListener,
}

impl Services {
    /// What these descriptors are, in the order in which they travel: that of the API if it has one, then the two for
    /// names if they are there.
    pub(crate) fn from_fds(api: bool, mut fds: impl Iterator<Item = OwnedFd>) -> Self {
        let mut services = Self::default();
        if api {
            services.api = fds.next().map(TcpListener::from);
        }
        let names = fds.next().zip(fds.next());
        services.names = names.map(|(datagrams, streams)| NameSockets {
            datagrams: datagrams.into(),
            streams: streams.into(),
        });
        services
    }

    /// The descriptors in that order.
    pub(crate) fn fds(&self) -> Vec<BorrowedFd<'_>> {
        let names = self.names.iter();
        let names = names.flat_map(|names| [names.datagrams.as_fd(), names.streams.as_fd()]);
        self.api.iter().map(AsFd::as_fd).chain(names).collect()
    }
}

/// Tells whether the daemon serves anything in the router.
pub(super) fn are_wanted(network: &EgressNetwork, resolver: &HostResolver) -> bool {
    network.api || resolver.needs_relay()
}

/// Binds what is wanted. Runs in the router, whose loopback has the address by now.
pub(super) fn bind(
    network: &EgressNetwork,
    plan: Plan,
    resolver: &HostResolver,
) -> Result<Services, StepError> {
    let mut services = Services::default();
    if network.api {
        let listener = TcpListener::bind((plan.services(), PORT_API));
        services.api = Some(listener.step("listen for the API")?);
    }
    if resolver.needs_relay() {
        let address = (plan.services(), PORT_DNS);
        services.names = Some(NameSockets {
            datagrams: UdpSocket::bind(address).step("listen for questions")?,
            streams: TcpListener::bind(address).step("listen for questions")?,
        });
    }
    Ok(services)
}
