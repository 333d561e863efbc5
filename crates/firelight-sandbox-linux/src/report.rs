//! The table of walls: what holds a function in on this host, and what does not, why, and what to do about it.

use crate::cgroup::Layout;
use crate::wire::{Decoder, Encoder, Malformed};

/// The name of every wall that a report can show as missing, for configurations that accept one.
pub const WALL_NAMES: &[&str] = &[
    "namespaces",
    "read-only-root",
    "capabilities",
    "seccomp",
    "landlock",
    "own-user",
    "no-groups",
    "memory-limit",
    "process-limit",
    "cpu-limit",
    "freezer",
    EGRESS_NAT,
    TMP_ON_DISK,
];
/// The way out to the internet: missing matters where functions are to have one.
pub const EGRESS_NAT: &str = "egress-nat";
/// Room beside the memory limit: without it functions are as confined, but have less.
pub const TMP_ON_DISK: &str = "tmp-on-disk";

/// One wall and whether it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wall {
    /// A stable name, used in the configuration to accept that it is missing.
    pub name: String,
    pub stands: bool,
    /// What it stops, or why it is missing.
    pub reason: String,
    /// What the operator can do; empty when it stands.
    pub remedy: String,
}

/// Every wall of the `process` driver on this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostReport {
    pub walls: Vec<Wall>,
}

impl HostReport {
    /// The walls that do not stand.
    pub fn missing(&self) -> impl Iterator<Item = &Wall> {
        self.walls.iter().filter(|wall| !wall.stands)
    }
}

fn wall(name: &str, missing: Option<&str>, stops: &str, remedy: &str) -> Wall {
    Wall {
        name: name.to_owned(),
        stands: missing.is_none(),
        reason: missing.unwrap_or(stops).to_owned(),
        remedy: if missing.is_some() {
            remedy.to_owned()
        } else {
            String::new()
        },
    }
}

const DELEGATE: &str = "run as root, or in a delegated cgroup: systemd-run --user --scope -p Delegate=yes firelight ...";

/// Judges the walls of a launcher that has prepared itself; a sandbox that cannot be built is found by building one.
pub(crate) fn walls(layout: &Layout, privileged: bool) -> Vec<Wall> {
    let troubles = layout.troubles.join("; ");
    let trouble = if troubles.is_empty() {
        "no control group for it on this host"
    } else {
        &troubles
    };
    let unless = |present: bool| (!present).then_some(trouble);
    let rootless = (!privileged).then_some("without root there is one user id for all sandboxes");
    let groups = (!privileged).then_some("without root the supplementary groups cannot be dropped");
    let landlock = crate::landlock::version().filter(|version| *version >= 2);
    vec![
        wall(
            "namespaces",
            None,
            "own users, processes, mounts, network, names, IPC and cgroups",
            "",
        ),
        wall(
            "read-only-root",
            None,
            "nothing of the host is visible, nothing but /tmp is writable",
            "",
        ),
        wall("capabilities", None, "no capability, none to be gained", ""),
        wall("seccomp", None, "an allow-list of system calls", ""),
        wall(
            "landlock",
            landlock
                .is_none()
                .then_some("the kernel lacks landlock version 2 or has it off"),
            "a second line behind the read-only mounts",
            "use Linux 5.19 or newer with landlock in the lsm= list",
        ),
        wall(
            "own-user",
            rootless,
            "each sandbox has host users of its own",
            "run as root",
        ),
        wall(
            "no-groups",
            groups,
            "no supplementary groups",
            "run as root",
        ),
        wall(
            "memory-limit",
            unless(layout.memory.is_some()),
            "memory, without swap",
            DELEGATE,
        ),
        process_limit(layout, trouble),
        wall(
            "cpu-limit",
            unless(layout.cpu.is_some()),
            "share of the CPU",
            DELEGATE,
        ),
        wall(
            "freezer",
            unless(layout.freezer.is_some()),
            "no running between invocations",
            DELEGATE,
        ),
    ]
}

fn process_limit(layout: &Layout, trouble: &str) -> Wall {
    let name = "process-limit";
    match (&layout.pids, counts_processes_by_namespace()) {
        (Some(_), _) => wall(name, None, "processes and threads", ""),
        (None, true) => wall(name, None, "processes and threads, by RLIMIT_NPROC", ""),
        (None, false) => wall(name, Some(trouble), "", DELEGATE),
    }
}

/// Since Linux 5.14 `RLIMIT_NPROC` counts in each user namespace by itself, which makes it a limit for a sandbox.
fn counts_processes_by_namespace() -> bool {
    let release = rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned();
    let mut numbers = release
        .split(['.', '-'])
        .map(|number| number.parse().unwrap_or(0_u32));
    (numbers.next(), numbers.next()) >= (Some(5), Some(14))
}

/// Not a wall but a door: whether functions can have a way out that is safe. It is carried by the kernel, or by the
/// program that is named; or it is missing for a reason.
pub(crate) fn egress(carrier: Result<Option<&str>, &str>) -> Wall {
    let remedy = "set sandbox.network to internet, and run as root or install pasta (passt) or slirp4netns and let this \
                  user open /dev/net/tun; functions have no network until then";
    let way = match carrier {
        Ok(Some(program)) => {
            format!("the internet, and nothing nearer, through the connections of {program}")
        }
        _ => "the internet, and nothing nearer, through the host's address".to_owned(),
    };
    wall(EGRESS_NAT, carrier.err(), &way, remedy)
}

/// Not a wall but room: what functions write to `/tmp` is limited either way.
pub(crate) fn tmp_on_disk(missing: Option<&str>) -> Wall {
    let reason =
        missing.map(|missing| format!("/tmp is memory, and counts as the function's: {missing}"));
    let remedy = "run as root, with e2fsprogs installed and loop devices and ext4 in the kernel";
    wall(
        TMP_ON_DISK,
        reason.as_deref(),
        "/tmp is on disk, beside the function's memory",
        remedy,
    )
}

pub(crate) fn encode(walls: &[Wall]) -> Vec<u8> {
    let mut encoder = Encoder::default();
    encoder.list(walls, |encoder, wall| {
        encoder
            .bytes(wall.name.as_bytes())
            .u8(u8::from(wall.stands))
            .bytes(wall.reason.as_bytes())
            .bytes(wall.remedy.as_bytes());
    });
    encoder.finish()
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Wall>, Malformed> {
    let mut decoder = Decoder::new(bytes);
    let walls = decoder.list(|decoder| {
        Ok(Wall {
            name: decoder.string()?,
            stands: decoder.u8()? != 0,
            reason: decoder.string()?,
            remedy: decoder.string()?,
        })
    })?;
    decoder.finish()?;
    Ok(walls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wall_of_a_report_has_a_name_that_a_configuration_can_accept() {
        let mut walls = walls(&Layout::default(), false);
        walls.push(egress(Ok(None)));
        walls.push(tmp_on_disk(None));

        let names: Vec<_> = walls.iter().map(|wall| &*wall.name).collect();

        assert_eq!(names, WALL_NAMES);
    }
}
