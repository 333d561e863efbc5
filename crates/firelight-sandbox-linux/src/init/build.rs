//! The building phase of init: the root, the network, the listener. Full rights over its own namespaces, none over
//! the host's.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, UnmountFlags};
use rustix::process::{Resource, Rlimit};
use rustix::thread::UnshareFlags;

use super::{GROUP_ID, USER_ID};
use crate::laps::{Lap, Watch};
use crate::net::{Lease, SANDBOX_INDEX};
use crate::seccomp::Filters;
use crate::step::{Step, StepError};
use crate::sys::mount::{RDONLY, Reach, set_attributes};
use crate::sys::netlink::Netlink;
use crate::sys::{self};
use crate::wire;

/// Everything about a sandbox that is fixed before it is claimed.
pub(crate) struct Blueprint<'a> {
    pub(crate) filters: &'a Filters,
    /// Writable `tasks` of the version 1 cgroups, for init to enter: only a thread that moves itself is moved without
    /// waiting for a grace period of the kernel.
    pub(crate) cgroup_entries: Vec<OwnedFd>,
    /// A directory on the host side of the mount namespace where the new root is put up.
    pub(crate) staging: &'a Path,
    pub(crate) listen_at: SocketAddr,
    pub(crate) own_network: bool,
    /// The address on the way out, if there is one.
    pub(crate) lease: Option<Lease>,
    pub(crate) host_name: &'a str,
    /// False where only one user id is mapped: then it is the function's from the start.
    pub(crate) has_root_id: bool,
    pub(crate) covers: &'a [Cover],
}

/// An entry of `/proc` that functions do not see, and what lies over it.
pub(crate) struct Cover {
    target: String,
    source: &'static str,
}

impl Cover {
    /// Those for what this kernel has of [`MASKED`]: an empty file or an empty directory over each.
    pub(crate) fn all() -> Vec<Self> {
        MASKED.iter().filter_map(|name| Self::over(name)).collect()
    }

    fn over(name: &str) -> Option<Self> {
        let target = format!("/proc/{name}");
        let kind = std::fs::symlink_metadata(&target).ok()?.file_type();
        let source = match (kind.is_dir(), kind.is_file()) {
            (true, _) => "/mnt",
            (_, true) => "/dev/null",
            _ => return None,
        };
        Some(Self { target, source })
    }
}

/// World-readable entries of `/proc` that tell about the host or other sandboxes, hidden from functions.
const MASKED: &[&str] = &[
    "acpi",
    "asound",
    "buddyinfo",
    "bus",
    "cmdline",
    "config.gz",
    "diskstats",
    "driver",
    "execdomains",
    "fs",
    "interrupts",
    "iomem",
    "ioports",
    "irq",
    "kallsyms",
    "kcore",
    "key-users",
    "keys",
    "kmsg",
    "kpagecgroup",
    "kpagecount",
    "kpageflags",
    "latency_stats",
    "locks",
    "mdstat",
    "misc",
    "modules",
    "mtrr",
    "pagetypeinfo",
    "partitions",
    "pressure",
    "sched_debug",
    "schedstat",
    "scsi",
    "slabinfo",
    "softirqs",
    "swaps",
    "sysrq-trigger",
    "sysvipc",
    "timer_list",
    "tty",
    "vmallocinfo",
    "vmstat",
    "zoneinfo",
];

/// Builds the sandbox and binds its listener. Waits first for the launcher's word, which brings the root: by then
/// the user ids are mapped.
pub(crate) fn build(
    blueprint: &Blueprint<'_>,
    setup: &OwnedFd,
    watch: &mut Watch,
) -> Result<TcpListener, StepError> {
    enter_cgroups(blueprint)?;
    watch.done(Lap::EnterCgroups);
    let mounts = await_mounts(setup)?;
    watch.done(Lap::AwaitRoot);
    become_owner(blueprint)?;
    sys::join_new_session_keyring().step("join a session keyring of its own")?;
    rustix::system::sethostname(blueprint.host_name.as_bytes()).step("set the host name")?;
    let listener = open_network(blueprint)?;
    watch.done(Lap::OpenNetwork);
    raise_root(blueprint, &mounts)?;
    set_resource_limits()?;
    watch.done(Lap::RaiseRoot);
    Ok(listener)
}

fn enter_cgroups(blueprint: &Blueprint<'_>) -> Result<(), StepError> {
    for entry in &blueprint.cgroup_entries {
        rustix::io::write(entry, b"0").step("enter the cgroup")?;
    }
    // Only now, so that the sandbox sees its own cgroup as the root of all.
    sys::unshare(UnshareFlags::NEWCGROUP).step("unshare the cgroup namespace")
}

/// What the launcher sends: mounts that are attached nowhere yet.
struct Mounts {
    root: OwnedFd,
    /// Absent where `/tmp` is memory, which init mounts itself.
    tmp: Option<OwnedFd>,
}

fn await_mounts(setup: &OwnedFd) -> Result<Mounts, StepError> {
    let mut buffer = [0_u8; 16];
    let packet = wire::receive(setup, &mut buffer).step("hear from the launcher")?;
    let mut mounts = packet
        .map(|packet| packet.fds)
        .unwrap_or_default()
        .into_iter();
    let root = mounts
        .next()
        .ok_or(std::io::Error::from(std::io::ErrorKind::UnexpectedEof))
        .step("receive the root from the launcher")?;
    let tmp = mounts.next();
    Ok(Mounts { root, tmp })
}

/// Becomes root of its own user namespace, so that the files it makes have an owner.
fn become_owner(blueprint: &Blueprint<'_>) -> Result<(), StepError> {
    if !blueprint.has_root_id {
        return Ok(());
    }
    let (root_user, root_group) = (rustix::process::Uid::ROOT, rustix::process::Gid::ROOT);
    rustix::thread::set_thread_groups(&[]).step("drop the supplementary groups")?;
    rustix::thread::set_thread_res_gid(root_group, root_group, root_group)
        .step("become root inside")?;
    rustix::thread::set_thread_res_uid(root_user, root_user, root_user).step("become root inside")
}

/// Has the kernel free a System V segment with its last user: one that outlives all processes would survive a reset,
/// and hold memory that no kill can free. Through the sandbox's own `/proc`, before it is read-only: in the host's the
/// kernel searches the switches of all sandboxes there ever were.
fn forget_unused_shared_memory(proc: &OwnedFd) {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    // Not every kernel lets the owner of the namespace set this; what stays then goes with the sandbox.
    let _ = rustix::fs::openat(proc, "sys/kernel/shm_rmid_forced", flags, Mode::empty())
        .and_then(|switch| rustix::io::write(switch, b"1"));
}

fn open_network(blueprint: &Blueprint<'_>) -> Result<TcpListener, StepError> {
    const LOOPBACK: u32 = 1;
    let address = blueprint.listen_at;
    if blueprint.own_network {
        let netlink = Netlink::route().step("open a netlink socket")?;
        netlink
            .set_up(LOOPBACK)
            .step("bring up the loopback interface")?;
        if !address.ip().is_loopback() {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            netlink
                .add_address(LOOPBACK, address.ip(), bits)
                .step("add the listener's address")?;
        }
        if let Some(lease) = blueprint.lease {
            open_way_out(&netlink, lease)?;
        }
    }
    TcpListener::bind(address).step(format_args!("listen at {address}"))
}

/// Configures the interface that the launcher put here before it sent the root.
fn open_way_out(netlink: &Netlink, lease: Lease) -> Result<(), StepError> {
    // Only on this interface: the loopback keeps its IPv6 address.
    let _ = std::fs::write("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "1");
    let address = IpAddr::V4(lease.sandbox);
    netlink
        .add_address(SANDBOX_INDEX, address, 31)
        .step("take the sandbox's address")?;
    netlink
        .set_up(SANDBOX_INDEX)
        .step("bring up the sandbox's interface")?;
    netlink
        .add_default_route(SANDBOX_INDEX, lease.router)
        .step("route to the router")
}

/// Puts up the root the launcher sent, with `/proc` and `/tmp`, and leaves the host's tree behind.
fn raise_root(blueprint: &Blueprint<'_>, mounts: &Mounts) -> Result<(), StepError> {
    let Mounts { root, tmp } = mounts;
    let from_fd = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    rustix::mount::move_mount(root, "", CWD, blueprint.staging, from_fd).step("put up the root")?;
    // While the host's own /proc is still there: the kernel grants a new one only to who can see a whole one.
    mount_proc(root)?;
    match tmp {
        Some(disk) => {
            rustix::mount::move_mount(disk, "", root, "tmp", from_fd).step("mount /tmp")?
        }
        None => mount_tmp(root)?,
    }
    rustix::process::fchdir(root).step("enter the root")?;
    rustix::process::pivot_root(".", ".").step("pivot to the root")?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).step("leave the host's tree")?;
    rustix::process::chdir("/").step("enter the root")?;
    cover(blueprint.covers)
}

fn mount_proc(root: &OwnedFd) -> Result<(), StepError> {
    let context = new_filesystem("proc")?;
    // A kernel before 5.8 knows the number only.
    rustix::mount::fsconfig_set_string(&context, "hidepid", "invisible")
        .or_else(|_| rustix::mount::fsconfig_set_string(&context, "hidepid", "2"))
        .step("hide other users' processes")?;
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let proc = attach(&context, flags, root, "proc")?;
    forget_unused_shared_memory(&proc);
    set_attributes(proc.as_fd(), RDONLY, Reach::This).step("make /proc read-only")
}

/// A `/tmp` in memory. The size is a placeholder, the real one is set when the sandbox is claimed.
fn mount_tmp(root: &OwnedFd) -> Result<(), StepError> {
    let context = new_filesystem("tmpfs")?;
    for (key, value) in [("mode", "1777"), ("size", "4096"), ("nr_inodes", "16")] {
        rustix::mount::fsconfig_set_string(&context, key, value).step("size /tmp")?;
    }
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    attach(&context, flags, root, "tmp").map(drop)
}

fn new_filesystem(kind: &str) -> Result<OwnedFd, StepError> {
    rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).step(format_args!("open {kind}"))
}

fn attach(
    context: &OwnedFd,
    flags: MountAttrFlags,
    root: &OwnedFd,
    target: &str,
) -> Result<OwnedFd, StepError> {
    rustix::mount::fsconfig_create(context)
        .step(format_args!("create the file system of /{target}"))?;
    let mount = rustix::mount::fsmount(context, FsMountFlags::FSMOUNT_CLOEXEC, flags)
        .step(format_args!("make the mount of /{target}"))?;
    let from_fd = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    rustix::mount::move_mount(&mount, "", root, target, from_fd)
        .step(format_args!("mount /{target}"))?;
    Ok(mount)
}

/// Hides entries of `/proc`. By the call that copies and attaches in one: there are dozens of them.
fn cover(covers: &[Cover]) -> Result<(), StepError> {
    for Cover { target, source } in covers {
        match rustix::mount::mount_bind(*source, target.as_str()) {
            Ok(()) => {}
            // It has gone since the launcher looked, with a module of the kernel.
            Err(_) if !Path::new(target).exists() => {}
            Err(error) => return Err(error).step(format_args!("cover {target}")),
        }
    }
    Ok(())
}

/// No dump of a process is as small as one byte; and where the host hands dumps to a program, which the kernel runs on
/// the host whatever the limit, one byte is the kernel's own sign not to. Zero would not do. `ulimit -c` shows zero.
pub(crate) const NO_CORE_DUMP: u64 = 1;

/// The limits that are the same for every sandbox. Descriptors and processes follow at the claim.
fn set_resource_limits() -> Result<(), StepError> {
    let at_most = |value| Rlimit {
        current: Some(value),
        maximum: Some(value),
    };
    for (resource, limit) in [
        (Resource::Core, at_most(NO_CORE_DUMP)),
        (Resource::Memlock, at_most(64 * 1024)),
        (
            Resource::Stack,
            Rlimit {
                current: Some(8 * 1024 * 1024),
                maximum: None,
            },
        ),
        (Resource::Nice, at_most(0)),
        (Resource::Rtprio, at_most(0)),
        (Resource::Msgqueue, at_most(800 * 1024)),
        // Timers count too.
        (Resource::Sigpending, at_most(4096)),
    ] {
        set_limit(resource, limit)?;
    }
    // Exactly what a file created without a thought should get, as in Lambda.
    rustix::process::umask(Mode::from_raw_mode(0o022));
    Ok(())
}

/// Sets a limit, as far as the process's own hard limit allows: raising that is not in our power everywhere.
fn set_limit(resource: Resource, wanted: Rlimit) -> Result<(), StepError> {
    let hard = rustix::process::getrlimit(resource).maximum;
    let least = |value: Option<u64>| match (value, hard) {
        (Some(value), Some(hard)) => Some(value.min(hard)),
        (value, hard) => value.or(hard),
    };
    let limit = Rlimit {
        current: least(wanted.current),
        maximum: least(wanted.maximum),
    };
    rustix::process::setrlimit(resource, limit).step(format_args!("limit {resource:?}"))
}

/// The identity programs run with.
pub(crate) fn function_identity() -> (rustix::process::Uid, rustix::process::Gid) {
    (
        rustix::process::Uid::from_raw(USER_ID),
        rustix::process::Gid::from_raw(GROUP_ID),
    )
}
