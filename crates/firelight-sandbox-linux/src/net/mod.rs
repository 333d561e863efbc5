//! Egress by address translation: sandboxes reach the internet through the host's address, and nothing nearer.
//!
//! ```text
//!  sandbox eth0 ──veth── s<slot> [ router namespace ] up0 ──veth── fire-<hash> [ host ] ──► internet
//!                                  filters, no NAT                          masquerades
//! ```
//!
//! What they may reach is a table of networks (`policy`), one for all and one for each policy that the configuration
//! has. The router itself answers at one address only: there the daemon's API listens, on a socket that the launcher
//! binds in the router's namespace and hands to the daemon. So it needs no door in the host's own firewall.
//!
//! Sandboxes hang on a router of the launcher's own, a network namespace without a name. The host sees one interface
//! whatever the number of sandboxes, and no other software's rules see them. Everything goes with its owner: the
//! sandbox's pair with its namespace, the router with the launcher, and the host's table with the netlink socket that
//! owns it. What a `kill -9` can leave is the host's forwarding switch, which the next clean end turns back.
//!
//! Deliberately absent: IPv6 (there is none inside but the loopback) and connections from outside to a sandbox.

mod nft;
mod plan;
mod policy;
mod router;

pub(crate) use plan::Lease;
pub use policy::{EgressNetwork, EgressRules, Ipv4Network, Ipv4NetworkError};
pub(crate) use router::{Router, SANDBOX_INDEX};
