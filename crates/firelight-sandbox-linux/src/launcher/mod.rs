//! The launcher: the small process that holds the privileges and makes sandboxes on the daemon's orders.
//!
//! ```text
//!  Building ──► Blank (pool) ──► Claimed ──► Dying ──► gone
//!      └────────── failed ───────────────────┘
//! ```
//!
//! One thread, one loop ([`serve`]): orders from the daemon, reports of inits under construction, deaths. It is
//! started before the daemon grows, so that copying it is cheap, and it never starts a thread, so that copying it is
//! safe. When the daemon goes away it kills every sandbox, removes what they leave and exits; when the launcher
//! itself is killed, the kernel kills every init, and the mounts vanish with the launcher's mount namespace.
//!
//! Each order is checked as if the daemon were hostile: sources lie below the places named at the start, targets
//! are where nothing of ours is, limits are in range.
//!
//! Deliberately absent: the network traffic, output and life of programs. The daemon has a socket to each init.

mod antechamber;
mod birth;
mod bury;
mod check;
mod claim;
mod demand;
mod environ;
mod ground;
mod keep;
mod orders;
mod pool;
mod refill;
mod resident;
mod serve;
mod sources;
mod template;
mod trim;
mod visit;
mod waiting;

use std::os::fd::OwnedFd;

use crate::init::NO_CORE_DUMP;
use crate::sys;
use crate::wire::{self, Begin, Fault, MAX_PACKET, News, Order};

/// The whole life of the launcher. `daemon` is the socket to the daemon.
pub(crate) fn run(daemon: OwnedFd) -> std::io::Result<()> {
    sys::signal::reset_all();
    // What an operator sees in a list of processes.
    let _ = rustix::thread::set_name(c"fire-launcher");
    // Out of the terminal's reach: Ctrl-C is for the daemon, which then ends this process in good order.
    let _ = rustix::process::setsid();
    raise_descriptor_limit();
    refuse_core_dumps();
    share_no_counts();
    let Some(begin) = hear_begin(&daemon)? else {
        return Ok(());
    };
    let prepared = ground::Ground::prepare(begin);
    match prepared.and_then(|ground| trim::trim(&ground).map(|()| ground)) {
        Ok(mut ground) => {
            let walls = crate::report::encode(&ground.walls);
            let services = ground.take_services();
            let ready = News::Ready {
                walls,
                api: services.api.is_some(),
            };
            wire::send(&daemon, &ready.encode(), &services.fds())?;
            drop(services);
            serve::serve(daemon, ground)
        }
        Err(error) => {
            let failed = News::LaunchFailed {
                ticket: 0,
                fault: Fault::from(error),
            };
            wire::send(&daemon, &failed.encode(), &[])
        }
    }
}

/// Lets this process have as many descriptors as it may: launcher and daemon hold some for each sandbox.
pub(crate) fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // With fewer, fewer sandboxes can live, and each refusal says so.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Sets the limit that every sandbox inherits. It may be above the one this process was started with.
fn refuse_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = Rlimit {
        current: Some(NO_CORE_DUMP),
        maximum: Some(NO_CORE_DUMP),
    };
    // Without the right to raise it the limit stays zero: then only a host without a handler of dumps runs none.
    let _ = setrlimit(Resource::Core, limit);
}

/// Sets the limits that bound all sandboxes together: what is counted in a user namespace is counted in its maker's too,
/// and there against the limit that the maker had. Each sandbox is bounded by limits of its own, which init sets.
fn share_no_counts() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit {
        current: None,
        maximum: None,
    };
    for resource in [Resource::Sigpending, Resource::Msgqueue] {
        // Without the right to raise it all sandboxes share what this process was given.
        let _ = setrlimit(resource, none);
    }
}

fn hear_begin(daemon: &OwnedFd) -> std::io::Result<Option<Begin>> {
    let mut buffer = vec![0; MAX_PACKET];
    let Some(packet) = wire::receive(daemon, &mut buffer)? else {
        return Ok(None);
    };
    match Order::decode(&packet.bytes).map_err(std::io::Error::other)? {
        Order::Begin(begin) => Ok(Some(begin)),
        _ => Err(std::io::Error::other(
            "the first order is not the beginning",
        )),
    }
}
