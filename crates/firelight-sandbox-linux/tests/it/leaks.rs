//! The leak checker: what of a driver is still there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The host as it was before.
pub(crate) struct Snapshot {
    mounts: BTreeSet<String>,
}

impl Snapshot {
    pub(crate) fn take() -> Self {
        Self { mounts: mounts() }
    }

    /// Fails if a process, a cgroup or a mount of this instance exists.
    pub(crate) fn assert_nothing_left_of(&self, instance: &str) {
        let cgroups = cgroups_of(instance);
        assert!(cgroups.is_empty(), "left behind: {cgroups:?}");
        let mounts: Vec<_> = mounts().difference(&self.mounts).cloned().collect();
        let ours = |mount: &&String| mount.contains(instance) || mount.contains("launcher");
        let ours: Vec<_> = mounts.iter().filter(ours).collect();
        assert!(ours.is_empty(), "left behind: {ours:?}");
        let sandboxed = sandboxed_processes();
        assert!(sandboxed.is_empty(), "left behind: {sandboxed:?}");
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
fn cgroups_of(instance: &str) -> Vec<PathBuf> {
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
