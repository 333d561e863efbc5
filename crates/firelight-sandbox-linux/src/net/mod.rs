//! Egress by address translation: sandboxes reach the internet through the host's address, and nothing nearer.
//!
//! ```text
//!  sandbox eth0 ──veth── s<slot> [ router namespace ] up0 ──veth── fire-<hash> [ host ] ──► internet
//!                                  filters, no NAT                          masquerades
//! ```
//!
//! What they may reach is a table of networks (`policy`), one for all and one for each policy that the configuration
//! has. The router itself answers at one address only: there the daemon's API listens, and its relay of names where only
//! the host itself can resolve them, on sockets that the launcher binds in the router's namespace and hands to the
//! daemon. So they need no door in the host's own firewall.
//!
//! Without root the host's side is a program instead of the kernel (`stack`): everything else is the same.
//!
//! Sandboxes hang on a router of the launcher's own, a network namespace without a name. The host sees one interface
//! whatever the number of sandboxes, and no other software's rules see them. Everything goes with its owner: the
//! sandbox's pair with its namespace, the router with the launcher, and the host's table with the netlink socket that
//! owns it. What a `kill -9` can leave is the host's forwarding switch, which the next clean end turns back.
//!
//! Deliberately absent: IPv6 (there is none inside but the loopback) and connections from outside to a sandbox.

mod filters;
mod host;
mod inside;
mod nft;
mod plan;
mod policy;
mod question;
mod relay;
mod router;
mod services;
mod stack;

pub(crate) use plan::Lease;
pub use policy::{EgressNetwork, EgressRules, Ipv4Network, Ipv4NetworkError};
pub(crate) use relay::Relay;
pub(crate) use router::Router;
pub(crate) use services::Services;

/// The router's interface towards the host.
const UPLINK: &str = "up0";
/// Interface numbers in the router: the uplink, then one for each slot.
const UPLINK_INDEX: u32 = 2;
const FIRST_SLOT_INDEX: u32 = 1000;
/// The number of the sandbox's interface, in its own namespace.
pub(crate) const SANDBOX_INDEX: u32 = 2;
/// Whom the host asks for names.
const RESOLV_CONF: &str = "/etc/resolv.conf";
