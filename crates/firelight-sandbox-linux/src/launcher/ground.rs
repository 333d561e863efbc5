//! What the launcher prepares once: its own namespaces, the template of the root, cgroup parents, filters.

use std::fs;
use std::io;
use std::path::Path;

use firelight_sandbox::{Egress, ListenAt, SandboxSpec};
use rustix::mount::MountPropagationFlags;
use rustix::thread::UnshareFlags;

use super::antechamber::Antechamber;
use super::resident::Kind;
use super::sources::{Links, Sources};
use super::template::Template;
use crate::cgroup::{self, Keeper, Layout};
use crate::disk::{Capacity, Disks};
use crate::init::Cover;
use crate::net::{Router, Services};
use crate::report::{self, Wall};
use crate::seccomp::Filters;
use crate::step::{Step, StepError};
use crate::sys;
use crate::wire::{Begin, Fault};

/// How many sandboxes can be alive at once: bounds ids, descriptors and memory.
pub(super) const MAX_RESIDENTS: u32 = 4096;

pub(super) struct Ground {
    pub(super) begin: Begin,
    pub(super) ids: HostIds,
    pub(super) layout: Layout,
    pub(super) filters: Filters,
    pub(super) template: Template,
    pub(super) sources: Sources,
    pub(super) covers: Vec<Cover>,
    pub(super) walls: Vec<Wall>,
    pub(super) antechamber: Antechamber,
    pub(super) router: Option<Router>,
    /// Absent where `/tmp` has to be memory.
    pub(super) disks: Option<Disks>,
    keeper: Option<Keeper>,
    pub(super) own_mounts: std::os::fd::OwnedFd,
    pub(super) own_names: std::os::fd::OwnedFd,
}

impl Ground {
    pub(super) fn prepare(begin: Begin) -> Result<Self, StepError> {
        let privileged = rustix::process::geteuid().is_root();
        let ids = HostIds::find(&begin, privileged)?;
        if !privileged {
            become_root_of_own_namespace()?;
        }
        leave_host_mounts()?;
        fs::create_dir_all(&begin.state_dir).step("create the state directory")?;
        let template = Template::build(&begin.state_dir, &begin.host_name)?;
        let layout = prepare_cgroups(&begin)?;
        let router = build_router(&begin, privileged);
        let mut walls = report::walls(&layout, privileged);
        walls.push(report::egress(
            router.as_ref().map(Router::carrier).map_err(String::as_str),
        ));
        let router = router.ok();
        let disks = prepare_disks(&begin, &template, privileged);
        walls.push(report::tmp_on_disk(
            disks.as_ref().err().map(String::as_str),
        ));
        if let Some(router) = &router {
            template
                .set_resolver(&router.resolver_configuration())
                .step("write the template's resolv.conf")?;
        }
        let links = if privileged {
            Links::OfRootOnly
        } else {
            Links::Any
        };
        let own_mounts = super::birth::open_door("self", "mnt")?;
        let keeper = Keeper::create(&layout).step("switch the accounting of CPU shares on")?;
        Ok(Self {
            antechamber: Antechamber::build(&own_mounts)?,
            keeper,
            sources: Sources::open(&begin.allowed_sources, links),
            filters: Filters::compile().step("compile the seccomp lists")?,
            covers: Cover::all(),
            own_mounts,
            own_names: super::birth::open_door("self", "uts")?,
            begin,
            ids,
            layout,
            template,
            router,
            disks: disks.ok(),
            walls,
        })
    }

    /// Takes the sockets at which sandboxes reach the daemon.
    pub(super) fn take_services(&mut self) -> Services {
        let router = self.router.as_mut();
        router.map(Router::take_services).unwrap_or_default()
    }

    /// The kind of sandbox that most functions need.
    pub(super) fn usual_kind(&self) -> Kind {
        self.kind(self.begin.listen_at, Egress::None, self.begin.tmp)
    }

    /// The kind of sandbox that can become this one.
    pub(super) fn kind_of(&self, spec: &SandboxSpec) -> Kind {
        let tmp = Capacity {
            bytes: spec.limits.tmp_bytes,
            inodes: spec.limits.tmp_inodes,
        };
        self.kind(spec.listen_at, spec.egress.without_policy(), tmp)
    }

    fn kind(&self, listen_at: ListenAt, egress: Egress, tmp: Capacity) -> Kind {
        Kind {
            listen_at,
            egress,
            tmp: self.disks.as_ref().map(|_| tmp),
        }
    }

    /// Sees to it that the disk has what a sandbox of this kind may put on it.
    pub(super) fn provide_tmp(&mut self, kind: Kind) -> Result<(), Fault> {
        let (Some(disks), Some(capacity)) = (&mut self.disks, kind.tmp) else {
            return Ok(());
        };
        if !disks.has_room_for(capacity) {
            let mib = capacity.bytes >> 20;
            return Err(Fault::Exhausted {
                reason: format!("the disk has less room than the {mib} MiB of one /tmp"),
            });
        }
        Ok(disks.ensure(capacity)?)
    }

    /// Removes what `prepare` made outside its own namespaces.
    pub(super) fn clear(&mut self) {
        self.keeper = None;
        for home in self.layout.homes() {
            // Whatever is still in there keeps it; the next start sweeps.
            let _ = fs::remove_dir(&home.dir);
        }
        let _ = fs::remove_file(self.begin.state_dir.join(PARENTS_FILE));
        if let Some(router) = &self.router {
            router.clear();
        }
    }
}

/// Builds the router if it is wanted; otherwise says why there is none.
fn build_router(begin: &Begin, privileged: bool) -> Result<Router, String> {
    let network = begin
        .egress_network
        .as_ref()
        .ok_or("no network for it is configured")?;
    Router::build(network, &begin.instance, &begin.state_dir, privileged)
        .map_err(|error| format!("could not {}: {}", error.step, error.source))
}

/// Tries to have `/tmp` on disk; otherwise says why it cannot be.
fn prepare_disks(begin: &Begin, template: &Template, privileged: bool) -> Result<Disks, String> {
    if !privileged {
        return Err("without root nothing can be mounted from the disk".to_owned());
    }
    Disks::prepare(&begin.image_dir, template.scratch(), begin.tmp)
        .map_err(|error| format!("could not {}: {}", error.step, error.source))
}

/// The user and group ids on the host that sandboxes run as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostIds {
    /// Two for each sandbox, from this one on: its root and its function.
    Range { first: u32 },
    /// Without privileges there is only our own.
    Own,
}

impl HostIds {
    fn find(begin: &Begin, privileged: bool) -> Result<Self, StepError> {
        if !privileged {
            return Ok(Self::Own);
        }
        let map = fs::read_to_string("/proc/self/uid_map").step("read the user id map")?;
        let first = first_usable_id(&map, begin.first_host_id)
            .ok_or_else(|| io::Error::other("too few user ids are mapped in this container"))
            .step("find user ids for sandboxes")?;
        Ok(Self::Range { first })
    }
}

/// The wanted first id if this namespace has it and all that follow; else the last ids it has that are enough.
fn first_usable_id(map: &str, wanted: u32) -> Option<u32> {
    const NEEDED: u64 = 2 * MAX_RESIDENTS as u64;
    let ranges = map.lines().filter_map(|line| {
        let mut fields = line.split_whitespace();
        let first: u64 = fields.next()?.parse().ok()?;
        let count: u64 = fields.nth(1)?.parse().ok()?;
        Some((first, first + count))
    });
    let wanted = u64::from(wanted);
    let mut last_resort = None;
    for (first, end) in ranges {
        if first <= wanted && wanted + NEEDED <= end {
            return u32::try_from(wanted).ok();
        }
        // Never the lower half of a small range: that is where a container's own users are.
        if end - first >= 4 * NEEDED {
            last_resort = u32::try_from(end - NEEDED).ok();
        }
    }
    last_resort
}

/// Without privileges: a user namespace where this process is root over its own mounts.
fn become_root_of_own_namespace() -> Result<(), StepError> {
    let (user, group) = (
        rustix::process::getuid().as_raw(),
        rustix::process::getgid().as_raw(),
    );
    sys::unshare(UnshareFlags::NEWUSER).step("unshare the user namespace")?;
    fs::write("/proc/self/setgroups", "deny").step("give up setgroups")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1")).step("map the user id")?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1")).step("map the group id")
}

/// Mounts made from here on are invisible to the host and vanish with this process; the host's stay visible here.
fn leave_host_mounts() -> Result<(), StepError> {
    // The names too, so that without privileges there is a way back from a sandbox's.
    sys::unshare(UnshareFlags::NEWNS | UnshareFlags::NEWUTS).step("unshare the mount namespace")?;
    let slave = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", slave).step("stop mounts from reaching the host")
}

const PARENTS_FILE: &str = "cgroup-parents";

/// Sweeps what an earlier life left, then makes this life's parents and remembers where they are: the next life may
/// start from another cgroup.
fn prepare_cgroups(begin: &Begin) -> Result<Layout, StepError> {
    let remembered = begin.state_dir.join(PARENTS_FILE);
    let earlier = fs::read_to_string(&remembered).unwrap_or_default();
    for parent in earlier.lines().map(Path::new) {
        // The name is checked because what is in there will be killed.
        let name = format!("firelight-{}", begin.instance);
        if parent
            .file_name()
            .is_some_and(|found| found == name.as_str())
        {
            cgroup::sweep(parent).step("sweep old cgroups")?;
            let _ = fs::remove_dir(parent);
        }
    }
    let own_pids = [std::process::id(), begin.daemon_pid];
    let layout = Layout::prepare(&begin.instance, &own_pids).step("find the control groups")?;
    let mut parents = String::new();
    for home in layout.homes() {
        cgroup::sweep(&home.dir).step("sweep old cgroups")?;
        parents.push_str(&home.dir.to_string_lossy());
        parents.push('\n');
    }
    fs::write(&remembered, parents).step("remember the control groups")?;
    Ok(layout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_plain_host_the_wanted_ids_are_used() {
        let map = "         0          0 4294967295\n";

        assert_eq!(first_usable_id(map, 1_879_048_192), Some(1_879_048_192));
    }

    #[test]
    fn in_a_container_with_few_ids_the_last_of_them_are_used() {
        assert_eq!(
            first_usable_id("0 100000 65536", 1_879_048_192),
            Some(65_536 - 8_192)
        );
    }

    #[test]
    fn a_namespace_with_one_id_has_none_to_give() {
        assert_eq!(first_usable_id("0 1000 1", 1_879_048_192), None);
    }
}
