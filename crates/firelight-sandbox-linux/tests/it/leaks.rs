//! The leak checker: what of a driver is still there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The host as it was before.
pub(crate) struct Snapshot {
    mounts: BTreeSet<String>,
    interfaces: BTreeSet<String>,
}

impl Snapshot {
    pub(crate) fn take() -> Self {
        Self {
            mounts: mounts(),
            interfaces: interfaces(),
        }
    }

    /// Fails if anything of this instance exists: a process, a mount, a namespace held by one, a cgroup, a table of
    /// filters, an interface, or a disk below `images`.
    pub(crate) fn assert_nothing_left_of(&self, instance: &str, images: &Path) {
        assert_none("cgroups", cgroups_of(instance));
        let mounts: Vec<_> = mounts().difference(&self.mounts).cloned().collect();
        let ours = |mount: &&String| mount.contains(instance) || mount.contains("launcher");
        assert_none("mounts", mounts.iter().filter(ours).collect());
        assert_none("tables of filters", tables_of(instance));
        assert_none("disks", images_of(images));
        // The kernel takes down namespaces, and with them interfaces, when it comes to it; and another test may just
        // have killed a launcher of its own.
        until_none("processes", sandboxed_processes);
        until_none("interfaces", || {
            let left = interfaces();
            left.difference(&self.interfaces).cloned().collect()
        });
    }
}

fn assert_none<T: std::fmt::Debug>(what: &str, left: Vec<T>) {
    assert!(left.is_empty(), "{what} left behind: {left:?}");
}

/// Looks again and again, and fails when that is enough.
fn until_none<T: std::fmt::Debug>(what: &str, look: impl Fn() -> Vec<T>) {
    const TRIES: u32 = 1000;
    for _ in 0..TRIES {
        if look().is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_none(what, look());
}

/// The interfaces of routers on this thread's host, if that is a network of the test's own: in the machine's, other
/// daemons come and go.
fn interfaces() -> BTreeSet<String> {
    let network = |whose: &str| std::fs::read_link(format!("/proc/{whose}/ns/net")).unwrap();
    if network("self") == network("thread-self") {
        return BTreeSet::new();
    }
    let table = std::fs::read_to_string("/proc/thread-self/net/dev").expect("the interfaces");
    let names = table.lines().filter_map(|line| line.split_once(':'));
    let names = names.map(|(name, _)| name.trim().to_owned());
    names.filter(|name| name.starts_with("fire-")).collect()
}

/// The nftables tables of this thread's network that are named after the instance.
pub(crate) fn tables_of(instance: &str) -> Vec<String> {
    let names = netfilter_tables().unwrap_or_default();
    let name = format!("firelight-{instance}");
    let found = names.windows(name.len() + 1);
    let count = found.filter(|bytes| bytes.split_last() == Some((&0, name.as_bytes())));
    count.map(|_| name.clone()).collect()
}

/// The kernel's own list of tables, as it comes over netlink. Where nobody may ask, there are none of ours either.
fn netfilter_tables() -> std::io::Result<Vec<u8>> {
    use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
    /// A header of 20 bytes: list the tables (1) of nftables (10), all of them (0x300), as a request (1), of IPv4 (2).
    const QUESTION: [u8; 20] = [20, 0, 0, 0, 1, 10, 1, 3, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0];
    const END: u16 = 3;
    const ERROR: u16 = 2;
    let (family, flags) = (AddressFamily::NETLINK, SocketFlags::CLOEXEC);
    let netfilter = Some(rustix::net::netlink::NETFILTER);
    let socket = rustix::net::socket_with(family, SocketType::RAW, flags, netfilter)?;
    rustix::net::send(&socket, &QUESTION, SendFlags::empty())?;
    let mut all = Vec::new();
    loop {
        let mut buffer = vec![0; 65_536];
        let (length, _) = rustix::net::recv(&socket, &mut buffer[..], RecvFlags::empty())?;
        let kind = u16::from_ne_bytes([buffer[4], buffer[5]]);
        if kind == END || kind == ERROR {
            return Ok(all);
        }
        all.extend_from_slice(&buffer[..length]);
    }
}

/// The images of loop devices that lie below `dir`, unnamed ones too.
pub(crate) fn images_of(dir: &Path) -> Vec<String> {
    let devices = std::fs::read_dir("/sys/block")
        .into_iter()
        .flatten()
        .flatten();
    let image = |device: std::fs::DirEntry| {
        let file = device.path().join("loop/backing_file");
        std::fs::read_to_string(file).ok()
    };
    let below = |image: &String| Path::new(image).starts_with(dir);
    devices.filter_map(image).filter(below).collect()
}

/// Whether a process has ended; as a zombie it waits only for somebody to notice.
pub(crate) fn is_gone(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.is_empty() || status.lines().any(|line| line.starts_with("State:\tZ"))
}

fn mounts() -> BTreeSet<String> {
    let table = std::fs::read_to_string("/proc/self/mountinfo").expect("the mount table");
    table.lines().map(str::to_owned).collect()
}

/// Every cgroup directory named after the instance, in every hierarchy.
pub(crate) fn cgroups_of(instance: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    search(
        Path::new("/sys/fs/cgroup"),
        &format!("firelight-{instance}"),
        &mut found,
    );
    found
}

/// The cgroups of this instance's sandboxes, in every hierarchy.
pub(crate) fn cgroups_of_sandboxes(instance: &str) -> Vec<PathBuf> {
    let parents = cgroups_of(instance);
    let entries = parents
        .iter()
        .filter_map(|parent| std::fs::read_dir(parent).ok());
    let paths = entries.flatten().flatten().map(|entry| entry.path());
    paths.filter(|path| path.is_dir()).collect()
}

fn search(dir: &Path, name: &str, found: &mut Vec<PathBuf>) {
    // A cgroup may vanish while it is being looked at.
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
        if entry.file_name() == name {
            found.push(entry.path());
        } else {
            search(&entry.path(), name, found);
        }
    }
}

/// Descendants of this process that are in another pid namespace: inits and what they started.
///
/// Other tests of this binary have theirs, so only those count whose launcher is gone: they have a new parent.
fn sandboxed_processes() -> Vec<String> {
    let own = std::fs::read_link("/proc/self/ns/pid").expect("our pid namespace");
    let entries = std::fs::read_dir("/proc").expect("the process table");
    entries
        .flatten()
        .filter(|entry| std::fs::read_link(entry.path().join("ns/pid")).is_ok_and(|ns| ns != own))
        .filter_map(|entry| {
            let status = std::fs::read_to_string(entry.path().join("status")).ok()?;
            // A zombie waits for the host's init, and has nothing of ours any more.
            let dead = status.lines().any(|line| line.starts_with("State:\tZ"));
            let orphan = !dead && status.lines().any(|line| line == "PPid:\t1");
            let probe =
                status.starts_with("Name:\tprobe") || status.starts_with("Name:\tfire-init");
            (orphan && probe).then_some(status)
        })
        .collect()
}
