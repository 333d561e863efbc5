//! The host's side of the router without root: a program of the host's that opens connections in sandboxes' place.
//!
//! ```text
//!  [ router ] up0 (tap) ── pasta or slirp4netns ── sockets of an ordinary user ──► internet
//! ```
//!
//! Both are known for containers without root, and both by themselves let a guest reach the host: its loopback, which
//! is switched off here, and its other addresses, which the router's filters refuse. No port of the host leads inwards.
//! The program runs in the launcher's user namespace, finds the router by a file that is mounted in the launcher's own
//! mount namespace, and dies with the launcher.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags};

use super::UPLINK;
use super::plan::Plan;
use crate::step::{Step, StepError};
use crate::sys::companion;
use crate::sys::netlink::Netlink;

/// How long the program may take to make its interface.
const PATIENCE: Duration = Duration::from_secs(5);
/// Where the programs are looked for: the launcher has no PATH.
const DIRECTORIES: [&str; 4] = ["/usr/bin", "/usr/local/bin", "/bin", "/usr/sbin"];

/// A program that carries packets between a tap device and sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pasta,
    Slirp,
}

impl Kind {
    /// The better one first: it copies less and knows of no guest network of its own.
    const ALL: [Self; 2] = [Self::Pasta, Self::Slirp];

    fn name(self) -> &'static str {
        match self {
            Self::Pasta => "pasta",
            Self::Slirp => "slirp4netns",
        }
    }

    fn find(self) -> Option<PathBuf> {
        let paths = DIRECTORIES
            .iter()
            .map(|dir| Path::new(dir).join(self.name()));
        paths.into_iter().find(|path| path.is_file())
    }

    /// Everything that would lead to the host or inwards is said no to; addresses are set by the launcher.
    fn arguments(self, plan: Plan, door: &Path) -> Vec<String> {
        let (host_end, router_end) = plan.uplink();
        let door = door.display();
        let line = match self {
            Self::Pasta => format!(
                "-f -q --netns-only --runas 0:0 -4 --no-dhcp --no-map-gw \
                 -t none -u none -T none -U none \
                 -a {router_end} -n 255.255.255.254 -g {host_end} -I {UPLINK} --netns"
            ),
            Self::Slirp => format!(
                "--netns-type=path --cidr={}/24 --disable-host-loopback --disable-dns \
                 --enable-sandbox --enable-seccomp --mtu=65520",
                plan.network()
            ),
        };
        let mut arguments: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        arguments.push(door.to_string());
        if self == Self::Slirp {
            arguments.push(UPLINK.to_owned());
        }
        arguments
    }
}

/// The program at work. Dropping it ends it.
pub(super) struct Stack {
    kind: Kind,
    child: Child,
    /// Readable once the program has ended.
    end: OwnedFd,
}

impl Stack {
    /// Starts the first program of this host that makes its interface in the router, whose namespace is the file
    /// `door`.
    pub(super) fn start(plan: Plan, router: &Netlink, door: &Path) -> Result<Self, StepError> {
        let mut last = Err(io::Error::from(io::ErrorKind::NotFound))
            .step("find pasta (of the package passt) or slirp4netns");
        for kind in Kind::ALL {
            let Some(program) = kind.find() else { continue };
            last = Self::try_one(kind, &program, &kind.arguments(plan, door), router)
                .step(format_args!("have {} carry packets", kind.name()));
            if last.is_ok() {
                break;
            }
        }
        last
    }

    fn try_one(
        kind: Kind,
        program: &Path,
        arguments: &[String],
        router: &Netlink,
    ) -> io::Result<Self> {
        let (mut complaints, theirs) = io::pipe()?;
        // Nobody reads later on: what does not fit is lost, and never waited for.
        rustix::io::ioctl_fionbio(&theirs, true)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(theirs);
        let child = companion::spawn(&mut command)?;
        // Its copy of the pipe's end would keep the pipe from ending.
        drop(command);
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(io::ErrorKind::InvalidData)?;
        let mut stack = Self {
            kind,
            child,
            end: rustix::process::pidfd_open(pid, PidfdFlags::empty())?,
        };
        if stack.makes_its_interface(router)? {
            return Ok(stack);
        }
        drop(stack);
        let mut said = String::new();
        complaints.read_to_string(&mut said)?;
        let said = said.lines().last().unwrap_or("it made no interface");
        Err(io::Error::other(said.to_owned()))
    }

    /// Waits for the interface; false if the program ends before it is there, or takes too long.
    fn makes_its_interface(&mut self, router: &Netlink) -> io::Result<bool> {
        const PAUSE: Duration = Duration::from_millis(5);
        let mut waited = Duration::ZERO;
        while waited < PATIENCE {
            if router.index_of(UPLINK).is_ok() {
                return Ok(true);
            }
            if self.has_ended()? {
                return Ok(false);
            }
            std::thread::sleep(PAUSE);
            waited += PAUSE;
        }
        Ok(false)
    }

    pub(super) fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    pub(super) fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// Readable once the program has ended.
    pub(super) fn end(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives the router's namespace a name that only this process and its children see. By number of process it would be
/// refused: the program gives up the right to look at others before it opens it.
pub(super) fn mount_door(namespace: &OwnedFd, state_dir: &Path) -> Result<PathBuf, StepError> {
    let door = state_dir.join("router");
    std::fs::write(&door, "").step("make the door to the router")?;
    let source = companion::path_of(namespace.as_fd());
    rustix::mount::mount_bind(source, &door).step("mount the door to the router")?;
    Ok(door)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_program_is_told_to_open_the_host_or_a_port_inwards() {
        let plan = Plan::new([198, 18, 0, 0].into());

        let pasta = Kind::Pasta.arguments(plan, Path::new("/door")).join(" ");
        let slirp = Kind::Slirp.arguments(plan, Path::new("/door")).join(" ");

        for told in ["--no-map-gw", "-t none", "-u none", "-T none", "-U none"] {
            assert!(pasta.contains(told), "{pasta}");
        }
        assert!(pasta.ends_with("--netns /door"), "{pasta}");
        for told in [
            "--disable-host-loopback",
            "--disable-dns",
            "--cidr=198.18.0.0/24",
        ] {
            assert!(slirp.contains(told), "{slirp}");
        }
        assert!(slirp.ends_with("/door up0"), "{slirp}");
    }
}
