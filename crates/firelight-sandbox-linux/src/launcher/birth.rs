//! Brings a blank sandbox into being: cgroups, the copy in its own namespaces, its user ids, its root.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use firelight_sandbox::Egress;
use rustix::fs::{Mode, OFlags};

use super::antechamber::Antechamber;
use super::ground::{Ground, HostIds};
use super::resident::{Doors, Kind, Parcel, Resident, Stage, Wanted};
use crate::cgroup::Group;
use crate::init::{self, Blueprint, GROUP_ID, USER_ID};
use crate::laps::Laps;
use crate::net::Lease;
use crate::step::{Step, StepError};
use crate::sys::clone::{Side, clone_process, flag};
use crate::wire;

/// Starts building a sandbox. Returns at once; init reports on the resident's setup socket when it is done.
pub(super) fn begin(
    ground: &Ground,
    number: u64,
    slot: u32,
    kind: Kind,
    wanted: Option<Box<Wanted>>,
) -> Result<Resident, StepError> {
    let mut group =
        Group::create(&ground.layout, &number.to_string()).step("create the cgroups")?;
    match copy_into_group(ground, &group, kind, slot) {
        Ok(newborn) => {
            let mut resident = Resident {
                number,
                kind,
                slot,
                pid: newborn.pid,
                pidfd: newborn.pidfd,
                group,
                stage: Stage::Building {
                    setup: newborn.setup,
                    wanted,
                },
                parcel: None,
                program: None,
                environ: None,
            };
            // From here on a failure is a sandbox to bury, not just an error to report.
            match equip(ground, &resident, newborn.control) {
                Ok(parcel) => {
                    resident.parcel = Some(parcel);
                    Ok(resident)
                }
                Err(error) => {
                    abandon(resident);
                    Err(error)
                }
            }
        }
        Err(error) => {
            group.remove().step("remove the cgroups")?;
            Err(error)
        }
    }
}

struct Newborn {
    pid: u32,
    pidfd: OwnedFd,
    setup: OwnedFd,
    control: OwnedFd,
}

fn copy_into_group(
    ground: &Ground,
    group: &Group,
    kind: Kind,
    slot: u32,
) -> Result<Newborn, StepError> {
    let (setup, init_setup) = wire::pair().step("make a socket pair")?;
    let (control, init_control) = wire::pair().step("make a socket pair")?;
    let blueprint = Blueprint {
        filters: &ground.filters,
        cgroup_entries: group.entries().step("open the cgroups")?,
        staging: Path::new(Antechamber::STAGING),
        listen_at: kind.listen_at.0,
        own_network: kind.egress != Egress::Host,
        lease: lease(ground, kind.egress, slot),
        host_name: &ground.begin.host_name,
        has_root_id: matches!(ground.ids, HostIds::Range { .. }),
        covers: &ground.covers,
    };
    let birthplace = group.birthplace().step("open the cgroup")?;
    let birthplace = birthplace.as_ref().map(AsFd::as_fd);
    let visit = ground.antechamber.enter(&ground.own_mounts)?;
    let cloned = clone_process(namespaces(kind.egress), birthplace);
    if !matches!(cloned, Ok(Side::Child)) {
        visit.leave();
    }
    match cloned.step("copy into new namespaces")? {
        Side::Child => {
            // Its ends are closed by number along with all else that init does not keep.
            std::mem::forget((setup, control));
            init::run(blueprint, init_setup, init_control)
        }
        Side::Parent { pid, pidfd } => Ok(Newborn {
            pid,
            pidfd,
            setup,
            control,
        }),
    }
}

/// The address to take, where there is a router to be reached by it.
fn lease(ground: &Ground, egress: Egress, slot: u32) -> Option<Lease> {
    let router = ground.router.as_ref().filter(|_| egress == Egress::Nat)?;
    Some(router.lease(slot))
}

/// The cgroup namespace is missing here on purpose: init makes it after entering its version 1 cgroups.
fn namespaces(egress: Egress) -> u64 {
    let network = if egress == Egress::Host {
        0
    } else {
        libc::CLONE_NEWNET
    };
    [
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUTS,
        network,
    ]
    .into_iter()
    .map(flag)
    .sum()
}

/// Gives the newborn what only the launcher can: its ids and its root. Sending the root starts its building.
fn equip(ground: &Ground, resident: &Resident, control: OwnedFd) -> Result<Parcel, StepError> {
    let pid = resident.pid.to_string();
    write_maps(ground.ids, &pid, resident.slot)?;
    let doors = Doors {
        users: open_door(&pid, "user")?,
        mounts: open_door(&pid, "mnt")?,
        names: open_door(&pid, "uts")?,
    };
    if let (Egress::Nat, Some(router)) = (resident.kind.egress, &ground.router) {
        router.plug(resident.slot, &open_door(&pid, "net")?)?;
    }
    let owners = matches!(ground.ids, HostIds::Range { .. }).then_some(&doors.users);
    let root = ground.template.copy(owners)?;
    let tmp = make_tmp(ground, resident)?;
    let mounts: Vec<_> = [Some(&root), tmp.as_ref()]
        .into_iter()
        .flatten()
        .map(AsFd::as_fd)
        .collect();
    if let Stage::Building { setup, .. } = &resident.stage {
        wire::send(setup, b"root", &mounts).step("send the root to init")?;
    }
    Ok(Parcel {
        control,
        doors,
        files: resident.group.open().step("open the cgroup files")?,
        listener: None,
        traffic: traffic(resident)?,
        laps: Laps::default(),
    })
}

/// What the kernel counts of the sandbox's interface, where it has one.
fn traffic(resident: &Resident) -> Result<Option<OwnedFd>, StepError> {
    if resident.kind.egress != Egress::Nat {
        return Ok(None);
    }
    let path = format!("/proc/{}/net/dev", resident.pid);
    let (flags, mode) = (OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let file = rustix::fs::open(&path, flags, mode);
    file.step("open the counters of its interface").map(Some)
}

/// A `/tmp` on disk that belongs to the sandbox's root.
fn make_tmp(ground: &Ground, resident: &Resident) -> Result<Option<OwnedFd>, StepError> {
    match (&ground.disks, resident.kind.tmp, ground.ids) {
        (Some(disks), Some(capacity), HostIds::Range { first }) => {
            disks.provide(capacity, first + 2 * resident.slot).map(Some)
        }
        _ => Ok(None),
    }
}

fn write_maps(ids: HostIds, pid: &str, slot: u32) -> Result<(), StepError> {
    let map = |function: u32| match ids {
        HostIds::Range { first } => {
            let root = first + 2 * slot;
            format!("0 {root} 1\n{function} {} 1\n", root + 1)
        }
        // The launcher is root of its own namespace, and that is the one id it has to give.
        HostIds::Own => format!("{function} 0 1\n"),
    };
    fs::write(format!("/proc/{pid}/uid_map"), map(USER_ID)).step("map the user ids")?;
    fs::write(format!("/proc/{pid}/gid_map"), map(GROUP_ID)).step("map the group ids")
}

/// Opens one of a process's namespaces.
pub(super) fn open_door(pid: &str, namespace: &str) -> Result<OwnedFd, StepError> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::open(format!("/proc/{pid}/ns/{namespace}"), flags, Mode::empty())
        .step(format_args!("open the {namespace} namespace"))
}

/// Buries a sandbox whose building could not even begin. It runs nothing of anybody's, so it dies at once.
fn abandon(mut resident: Resident) {
    resident.kill(None);
    let wait = rustix::process::WaitId::PidFd(resident.pidfd.as_fd());
    let _ = rustix::process::waitid(wait, rustix::process::WaitIdOptions::EXITED);
    // What cannot be removed now is swept at the next start.
    let _ = resident.group.remove();
}
