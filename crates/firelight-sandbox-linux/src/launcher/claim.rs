//! Turns a blank sandbox into the one that was ordered: limits, mounts, name. Nothing of the function runs yet.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use firelight_sandbox::{Egress, Overlay, SandboxSpec};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, FsPickFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags,
};
use rustix::process::{Pid, Resource, Rlimit};
use rustix::thread::LinkNameSpaceType;

use super::ground::{Ground, HostIds};
use super::resident::{Doors, Kind, Parcel, Resident};
use super::template::hosts;
use super::visit::Visit;
use crate::laps::{Lap, Watch};
use crate::step::{Step, StepError};
use crate::sys::mount::{NODEV, NOSUID, RDONLY, Reach, map_owners, set_attributes};

/// What a blank sandbox has of its spec already.
#[derive(Clone, Copy)]
pub(super) enum Already {
    Nothing,
    /// So many of its mounts and its own files, because a program waits on them.
    Mounts(usize),
}

/// Applies `spec` to a blank sandbox.
pub(super) fn claim(
    ground: &Ground,
    resident: &Resident,
    parcel: &Parcel,
    spec: &SandboxSpec,
    already: Already,
    watch: &mut Watch,
) -> Result<(), StepError> {
    let doors = &parcel.doors;
    parcel
        .files
        .limit(&spec.limits)
        .step("write the cgroup limits")?;
    limit_init(resident.pid, spec)?;
    if let (Egress::NatUnder(policy), Some(router)) = (spec.egress, &ground.router) {
        router.lead(resident.slot, policy)?;
    }
    watch.done(Lap::Limit);
    let (there, own_files) = match already {
        Already::Nothing => (0, own_files(ground, spec)),
        Already::Mounts(there) => (there, Vec::new()),
    };
    let mut trees = prepare_trees(ground, doors, spec, there)?;
    for (index, (target, content)) in own_files.iter().enumerate() {
        let mount = ground.template.file(&file_name(resident, index), content);
        let target = Path::new(target);
        trees.push(Tree {
            mount: mount.step(format_args!("write {}", target.display()))?,
            target,
        });
    }
    watch.done(Lap::PrepareMounts);
    let there = Visit::enter(&doors.mounts, &ground.own_mounts, LinkNameSpaceType::Mount)?;
    let done = size_tmp(resident.kind, spec).and_then(|()| trees.iter().try_for_each(attach));
    there.leave();
    for index in 0..own_files.len() {
        ground.template.forget_file(&file_name(resident, index));
    }
    done?;
    if matches!(already, Already::Nothing) && spec.host_name != ground.begin.host_name {
        rename(ground, doors, &spec.host_name)?;
    }
    watch.done(Lap::AttachMounts);
    Ok(())
}

/// Files of `/etc` that must differ from the template's, with their content.
fn own_files(ground: &Ground, spec: &SandboxSpec) -> Vec<(&'static str, String)> {
    let mut files = Vec::new();
    if spec.host_name != ground.begin.host_name {
        files.push(("/etc/hosts", hosts(&spec.host_name)));
    }
    if spec.egress == Egress::Host {
        // In the host's own network its own resolver is right, even one on the loopback.
        let content = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        files.push(("/etc/resolv.conf", content));
    }
    files
}

fn file_name(resident: &Resident, index: usize) -> String {
    format!("{}-{index}", resident.number)
}

/// A mount attached nowhere, and where it shall go.
struct Tree<'a> {
    mount: OwnedFd,
    target: &'a Path,
}

/// Prepares every mount that is not there yet, on the host's side, where the sources are.
fn prepare_trees<'a>(
    ground: &Ground,
    doors: &Doors,
    spec: &'a SandboxSpec,
    there: usize,
) -> Result<Vec<Tree<'a>>, StepError> {
    let mut trees: Vec<Tree<'a>> = Vec::new();
    for mount in spec.mounts.iter().skip(there) {
        let source = open_source(ground, &mount.source)?;
        trees.push(plain_tree(ground, doors, &source, &mount.target, &trees)?);
    }
    for overlay in &spec.overlays {
        let sources = overlay
            .sources
            .iter()
            .map(|source| open_source(ground, source));
        let sources = sources.collect::<Result<Vec<_>, _>>()?;
        match &sources[..] {
            [] => {}
            [source] => trees.push(plain_tree(ground, doors, source, &overlay.target, &trees)?),
            sources => trees.push(merged_tree(ground, overlay, sources, &trees)?),
        }
    }
    Ok(trees)
}

fn open_source(ground: &Ground, source: &Path) -> Result<OwnedFd, StepError> {
    ground
        .sources
        .find(source)
        .step(format_args!("open {}", source.display()))
}

fn plain_tree<'a>(
    ground: &Ground,
    doors: &Doors,
    source: &OwnedFd,
    target: &'a Path,
    earlier: &[Tree<'_>],
) -> Result<Tree<'a>, StepError> {
    let shown = target.display();
    let kind = rustix::fs::fstat(source).step(format_args!("look at the source of {shown}"))?;
    make_mount_point(
        ground,
        target,
        FileType::from_raw_mode(kind.st_mode),
        earlier,
    )?;
    let (mount, reach) = copy_mount(source).step(format_args!("copy {shown}"))?;
    set_attributes(mount.as_fd(), RDONLY | NOSUID | NODEV, reach)
        .step(format_args!("make {shown} read-only"))?;
    if matches!(ground.ids, HostIds::Range { .. }) {
        // Looks only, and not every file system can: then the owner shows as nobody.
        let _ = map_owners(mount.as_fd(), doors.users.as_fd(), reach);
    }
    Ok(Tree { mount, target })
}

/// Copies one mount, without what is mounted below it. Without privileges the kernel does not let that be uncovered:
/// then the copy is of the whole tree.
fn copy_mount(source: &OwnedFd) -> rustix::io::Result<(OwnedFd, Reach)> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    match rustix::mount::open_tree(source, "", flags) {
        Err(rustix::io::Errno::INVAL) => {
            let tree = rustix::mount::open_tree(source, "", flags | OpenTreeFlags::AT_RECURSIVE)?;
            Ok((tree, Reach::WholeTree))
        }
        copy => Ok((copy?, Reach::This)),
    }
}

/// Several directories as one, the last one winning.
fn merged_tree<'a>(
    ground: &Ground,
    overlay: &'a Overlay,
    sources: &[OwnedFd],
    earlier: &[Tree<'_>],
) -> Result<Tree<'a>, StepError> {
    let target = overlay.target.as_path();
    let shown = target.display();
    make_mount_point(ground, target, FileType::Directory, earlier)?;
    // Named by descriptor: no path of the host needs escaping, and none can be swapped in between.
    let lower = sources
        .iter()
        .rev()
        .map(|source| format!("/proc/self/fd/{}", source.as_raw_fd()));
    let lower = lower.collect::<Vec<_>>().join(":");
    let context = rustix::mount::fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)
        .step("open the overlay file system")?;
    rustix::mount::fsconfig_set_string(&context, "lowerdir", lower.as_str())
        .step(format_args!("name the layers of {shown}"))?;
    rustix::mount::fsconfig_create(&context).step(format_args!("merge the layers of {shown}"))?;
    let flags = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV;
    let mount = rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, flags)
        .step(format_args!("mount the layers of {shown}"))?;
    Ok(Tree { mount, target })
}

/// A target inside an earlier mount must exist in it; any other is made in the shared root.
fn make_mount_point(
    ground: &Ground,
    target: &Path,
    kind: FileType,
    earlier: &[Tree<'_>],
) -> Result<(), StepError> {
    let inside = |tree: &Tree<'_>| target != tree.target && target.starts_with(tree.target);
    if earlier.iter().any(inside) {
        return Ok(());
    }
    ground
        .template
        .ensure(target, kind)
        .step(format_args!("make {}", target.display()))
}

/// Mounts a prepared tree. Runs inside the sandbox's mount namespace, where no code of the function has run.
fn attach(tree: &Tree<'_>) -> Result<(), StepError> {
    let shown = tree.target.display();
    let inside = tree.target.strip_prefix("/").map_err(std::io::Error::other);
    let inside = inside.step(format_args!("find {shown}"))?;
    let root =
        rustix::fs::open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).step("open /")?;
    // The earlier mounts are the function's own content: a link in them must lead nowhere.
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let target = rustix::fs::openat2(&root, inside, flags, Mode::empty(), resolve)
        .step(format_args!("find {shown}"))?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    rustix::mount::move_mount(&tree.mount, "", &target, "", flags)
        .step(format_args!("mount {shown}"))
}

/// Sizes a `/tmp` in memory; one on disk was made in its size.
fn size_tmp(kind: Kind, spec: &SandboxSpec) -> Result<(), StepError> {
    if kind.tmp.is_some() {
        return Ok(());
    }
    let context =
        rustix::mount::fspick(CWD, "/tmp", FsPickFlags::FSPICK_CLOEXEC).step("find /tmp")?;
    let limits = &spec.limits;
    for (key, value) in [("size", limits.tmp_bytes), ("nr_inodes", limits.tmp_inodes)] {
        rustix::mount::fsconfig_set_string(&context, key, value.to_string()).step("size /tmp")?;
    }
    rustix::mount::fsconfig_reconfigure(&context).step("size /tmp")
}

/// Init's own limits, which everything it starts inherits.
fn limit_init(pid: u32, spec: &SandboxSpec) -> Result<(), StepError> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    for (resource, value) in [
        (Resource::Nofile, spec.limits.open_files),
        (Resource::Nproc, spec.limits.processes),
    ] {
        // One more process for init itself.
        let value = u64::from(value) + u64::from(resource == Resource::Nproc);
        let limit = Rlimit {
            current: Some(value),
            maximum: Some(value),
        };
        rustix::process::prlimit(pid, resource, limit).step(format_args!("limit {resource:?}"))?;
    }
    Ok(())
}

fn rename(ground: &Ground, doors: &Doors, host_name: &str) -> Result<(), StepError> {
    let there = Visit::enter(
        &doors.names,
        &ground.own_names,
        LinkNameSpaceType::HostNameAndNISDomainName,
    )?;
    let done = rustix::system::sethostname(host_name.as_bytes()).step("set the host name");
    there.leave();
    done
}
