//! The first process of a sandbox: builds the walls around itself, then starts and reaps programs behind them.
//!
//! ```text
//!  copied from launcher ──► builds (full rights over its own namespaces) ──► locks itself in ──► serves tasks
//!                                                                                                   │ daemon gone
//!                                                                                                   ▼
//!                                                                              exits, and the kernel kills the rest
//! ```
//!
//! Init is process 1 of the pid namespace, so nothing outlives it. Once locked in it has no right that the function
//! does not have: same user, no capability, same seccomp filter. What protects it from the function are the rules for
//! process 1 (no signal from inside reaches it) and that it is not dumpable (nobody inside can read or trace it).
//!
//! Deliberately absent: limits, mounts of code and names. The launcher adds them from outside when the sandbox is
//! claimed.

mod build;
mod connect;
mod lock;
mod serve;
mod waiting;

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use crate::laps::{Lap, Laps, Watch};
use crate::step::{Step, StepError, errno};
use crate::sys;
use crate::wire::{self, Decoder, Encoder, Malformed};

pub(crate) use build::{Blueprint, Cover, NO_CORE_DUMP};

/// The user every program inside runs as, as in Lambda.
pub(crate) const USER_ID: u32 = 993;
pub(crate) const GROUP_ID: u32 = 990;

/// How init's construction ended, told to the launcher. A success comes with the listener.
pub(crate) enum Built {
    Done { laps: Laps },
    Failed { step: String, errno: i32 },
}

impl Built {
    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Done { laps } => {
                let mut encoder = Encoder::new(0);
                laps.encode(&mut encoder);
                encoder.finish()
            }
            Self::Failed { step, errno } => {
                Encoder::new(1).bytes(step.as_bytes()).i32(*errno).finish()
            }
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut decoder = Decoder::new(bytes);
        let built = match decoder.u8()? {
            0 => Self::Done {
                laps: Laps::decode(&mut decoder)?,
            },
            1 => Self::Failed {
                step: decoder.string()?,
                errno: decoder.i32()?,
            },
            _ => return Err(Malformed("unknown end of construction")),
        };
        decoder.finish()?;
        Ok(built)
    }
}

/// The life of init, on the child's side of the launcher's `clone`.
pub(crate) fn run(blueprint: Blueprint<'_>, setup: OwnedFd, control: OwnedFd) -> ! {
    let _ = rustix::thread::set_name(c"fire-init");
    let code = match construct(blueprint, &setup, &control) {
        Ok(()) => {
            drop(setup);
            let served = lowered(control).and_then(|control| serve::serve(&control));
            served.map_or(1, |()| 0)
        }
        Err(error) => {
            let failed = Built::Failed {
                step: error.step,
                errno: errno(&error.source),
            };
            // The launcher may be gone already; then there is nobody to tell.
            let _ = wire::send(&setup, &failed.encode(), &[]);
            1
        }
    };
    sys::exit_now(code)
}

/// Gives a descriptor the lowest number there is: what init starts has room for as many as init's highest one, which
/// would otherwise tell how many the launcher had.
fn lowered(fd: OwnedFd) -> std::io::Result<OwnedFd> {
    Ok(rustix::io::fcntl_dupfd_cloexec(fd, 0)?)
}

fn construct(
    blueprint: Blueprint<'_>,
    setup: &OwnedFd,
    control: &OwnedFd,
) -> Result<(), StepError> {
    let mut watch = Watch::start();
    keep_only(&blueprint, setup, control).step("close the launcher's descriptors")?;
    let listener = build::build(&blueprint, setup, &mut watch)?;
    lock::lock_in(blueprint.filters)?;
    watch.done(Lap::LockIn);
    let built = Built::Done { laps: watch.laps() };
    wire::send(setup, &built.encode(), &[listener.as_fd()]).step("report to the launcher")
}

/// Closes every descriptor copied from the launcher except the ones named here: the others lead to other sandboxes.
fn keep_only(blueprint: &Blueprint<'_>, setup: &OwnedFd, control: &OwnedFd) -> std::io::Result<()> {
    let mut kept: Vec<u32> = blueprint
        .cgroup_entries
        .iter()
        .chain([setup, control])
        .map(|fd| fd.as_raw_fd().unsigned_abs())
        .collect();
    kept.sort_unstable();
    let mut first = 0;
    for fd in kept {
        if fd > first {
            sys::close_range(first, fd - 1)?;
        }
        first = fd + 1;
    }
    sys::close_range(first, u32::MAX)
}
