//! The `process` driver: sandboxes made of namespaces, control groups, seccomp and landlock.
//!
//! ```text
//!  daemon (tokio, many threads) ──orders──► launcher (one thread, privileged) ──clone3──► init (one per sandbox)
//!        └────────────────────────────── tasks: spawn, signal, kill ──────────────────────────┘
//! ```
//!
//! All three are the same binary. The daemon ([`LinuxDriver::start`]) executes itself again as the launcher before it
//! grows; the launcher copies itself into each sandbox as its init. A binary that uses this crate calls
//! [`run_role_if_asked`] first thing in `main`, before any thread exists.
//!
//! Deliberately absent: Lambda, the store, and any decision about who gets a sandbox.

mod cgroup;
mod disk;
mod driver;
mod identity;
mod init;
mod landlock;
mod laps;
mod launcher;
mod net;
mod report;
mod role;
mod seccomp;
mod step;
mod sys;
mod wire;

pub use driver::{
    HostNetwork, LinuxConfig, LinuxDriver, LinuxProcess, LinuxSandbox, StartError, probe,
};
pub use identity::{Identity, act_as_root};
pub use net::{EgressNetwork, EgressRules, Ipv4Network, Ipv4NetworkError};
pub use report::{EGRESS_NAT, HostReport, TMP_ON_DISK, WALL_NAMES, Wall};
pub use role::run_role_if_asked;
