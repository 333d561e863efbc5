//! Finds where each resource of a sandbox can be limited on this host, and prepares the parent directories.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::mounts::{Hierarchy, hierarchies};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

/// The directory under which sandboxes get a directory each, for one or more resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) version: Version,
    pub(crate) dir: PathBuf,
}

/// Where each resource is limited; `None` where this host gives no way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) memory: Option<Home>,
    pub(crate) pids: Option<Home>,
    pub(crate) cpu: Option<Home>,
    pub(crate) cpu_time: Option<Home>,
    pub(crate) freezer: Option<Home>,
    /// The version 2 tree, if there is one: sandboxes are born into it.
    pub(crate) unified: Option<Home>,
    /// Why a resource has no home, in words for the operator.
    pub(crate) troubles: Vec<String>,
}

impl Layout {
    /// Looks at the host and makes the parent directory `firelight-<instance>` wherever it is needed.
    pub(crate) fn prepare(instance: &str, own_pids: &[u32]) -> io::Result<Self> {
        let found = hierarchies(
            &fs::read_to_string("/proc/self/cgroup")?,
            &fs::read_to_string("/proc/self/mountinfo")?,
        );
        let mut layout = Self::default();
        if let Some(unified) = found.iter().find(|found| found.controllers.is_empty()) {
            layout.settle_unified(unified, instance, own_pids);
        }
        for found in found.iter().filter(|found| !found.controllers.is_empty()) {
            layout.settle_v1(found, instance);
        }
        Ok(layout)
    }

    /// Every directory under which sandboxes have theirs, each once.
    pub(crate) fn homes(&self) -> Vec<&Home> {
        let mut homes: Vec<&Home> = Vec::new();
        let all = [
            &self.unified,
            &self.memory,
            &self.pids,
            &self.cpu,
            &self.cpu_time,
            &self.freezer,
        ];
        for home in all.into_iter().flatten() {
            if !homes.contains(&home) {
                homes.push(home);
            }
        }
        homes
    }

    fn settle_unified(&mut self, unified: &Hierarchy, instance: &str, own_pids: &[u32]) {
        let dir = match prepare_unified(unified, instance, own_pids) {
            Ok(dir) => dir,
            Err(error) => {
                self.troubles.push(format!(
                    "cgroup version 2 at {}: {error}",
                    unified.own.display()
                ));
                return;
            }
        };
        let home = Home {
            version: Version::V2,
            dir,
        };
        let enabled =
            fs::read_to_string(home.dir.join("cgroup.subtree_control")).unwrap_or_default();
        let has = |name: &str| enabled.split_whitespace().any(|enabled| enabled == name);
        let when = |yes: bool| yes.then(|| home.clone());
        self.memory = when(has("memory"));
        self.pids = when(has("pids"));
        self.cpu = when(has("cpu"));
        // These two need no controller.
        self.cpu_time = Some(home.clone());
        self.freezer = Some(home.clone());
        self.unified = Some(home);
    }

    fn settle_v1(&mut self, found: &Hierarchy, instance: &str) {
        let wanted = [
            ("memory", &mut self.memory),
            ("pids", &mut self.pids),
            ("cpu", &mut self.cpu),
            ("cpuacct", &mut self.cpu_time),
            ("freezer", &mut self.freezer),
        ];
        for (name, place) in wanted {
            if place.is_some()
                || !found
                    .controllers
                    .iter()
                    .any(|controller| controller == name)
            {
                continue;
            }
            match make_parent(&found.own, instance) {
                Ok(dir) => {
                    *place = Some(Home {
                        version: Version::V1,
                        dir,
                    })
                }
                Err(error) => self.troubles.push(format!("cgroup {name}: {error}")),
            }
        }
    }
}

fn make_parent(own: &Path, instance: &str) -> io::Result<PathBuf> {
    let dir = own.join(format!("firelight-{instance}"));
    match fs::create_dir(&dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(dir),
    }
}

/// Makes the parent directory in the version 2 tree and enables in it what controllers there are.
///
/// A version 2 cgroup with controllers enabled for its children may hold no process itself. So where this process
/// lives in a cgroup of its own (a service, a scope), it moves into a leaf; where others live there too, only root
/// can help itself, at the top of the tree.
fn prepare_unified(unified: &Hierarchy, instance: &str, own_pids: &[u32]) -> io::Result<PathBuf> {
    if let Err(own_error) = enable_controllers(&unified.own) {
        let moved =
            move_to_leaf(&unified.own, own_pids).and_then(|()| enable_controllers(&unified.own));
        if moved.is_err() {
            if unified.own == unified.mount || enable_controllers(&unified.mount).is_err() {
                return Err(own_error);
            }
            return parent_with_controllers(&unified.mount, instance);
        }
    }
    parent_with_controllers(&unified.own, instance)
}

fn parent_with_controllers(base: &Path, instance: &str) -> io::Result<PathBuf> {
    let dir = make_parent(base, instance)?;
    enable_controllers(&dir)?;
    Ok(dir)
}

/// Enables for the children of `dir` those controllers it has.
fn enable_controllers(dir: &Path) -> io::Result<()> {
    let available = fs::read_to_string(dir.join("cgroup.controllers"))?;
    let enabled = fs::read_to_string(dir.join("cgroup.subtree_control"))?;
    for name in ["memory", "pids", "cpu"] {
        let listed = |list: &str| list.split_whitespace().any(|listed| listed == name);
        if listed(&available) && !listed(&enabled) {
            fs::write(dir.join("cgroup.subtree_control"), format!("+{name}"))?;
        }
    }
    Ok(())
}

/// Moves this process and the daemon into a leaf below `dir`, if nobody else lives in `dir`.
fn move_to_leaf(dir: &Path, own_pids: &[u32]) -> io::Result<()> {
    let present = fs::read_to_string(dir.join("cgroup.procs"))?;
    let pids: Vec<u32> = present
        .lines()
        .filter_map(|line| line.parse().ok())
        .collect();
    if !pids.iter().all(|pid| own_pids.contains(pid)) {
        return Err(io::Error::other(
            "the cgroup holds processes that are not ours",
        ));
    }
    let leaf = dir.join("firelight");
    fs::create_dir_all(&leaf)?;
    for pid in pids {
        fs::write(leaf.join("cgroup.procs"), pid.to_string())?;
    }
    Ok(())
}
