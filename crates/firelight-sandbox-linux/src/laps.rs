//! How long each part of a launch took, measured where it is done and told to the daemon, which logs it.

use std::fmt;

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::wire::{Decoder, Encoder, Malformed};

/// The parts of a launch, in the order they are done; the first five are init's.
#[derive(Clone, Copy)]
pub(crate) enum Lap {
    EnterCgroups,
    AwaitRoot,
    OpenNetwork,
    RaiseRoot,
    LockIn,
    /// From the order to a built sandbox: next to nothing when a blank one was there.
    Build,
    Limit,
    PrepareMounts,
    AttachMounts,
}

const NAMES: [&str; 9] = [
    "enter_cgroups",
    "await_root",
    "open_network",
    "raise_root",
    "lock_in",
    "build",
    "limit",
    "prepare_mounts",
    "attach_mounts",
];

/// Microseconds for each part.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Laps {
    us: [u32; NAMES.len()],
}

impl Laps {
    pub(crate) fn encode(&self, encoder: &mut Encoder) {
        for us in self.us {
            encoder.u32(us);
        }
    }

    pub(crate) fn decode(decoder: &mut Decoder<'_>) -> Result<Self, Malformed> {
        let mut laps = Self::default();
        for us in &mut laps.us {
            *us = decoder.u32()?;
        }
        Ok(laps)
    }
}

impl fmt::Debug for Laps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(NAMES.iter().zip(self.us)).finish()
    }
}

/// A watch that notes the time since the last part was done. By the bare clock: launcher and init have no runtime
/// whose clock a test could pause.
pub(crate) struct Watch {
    last: Timespec,
    laps: Laps,
}

impl Watch {
    pub(crate) fn start() -> Self {
        Self {
            last: now(),
            laps: Laps::default(),
        }
    }

    pub(crate) fn done(&mut self, lap: Lap) {
        let now = now();
        let seconds = now.tv_sec - self.last.tv_sec;
        let nanoseconds = seconds * 1_000_000_000 + now.tv_nsec - self.last.tv_nsec;
        self.last = now;
        self.laps.us[lap as usize] = u32::try_from(nanoseconds / 1000).unwrap_or(u32::MAX);
    }

    /// Takes over what init measured of its own parts.
    pub(crate) fn include(&mut self, inits: &Laps) {
        for (own, inits) in self
            .laps
            .us
            .iter_mut()
            .zip(inits.us)
            .take(Lap::Build as usize)
        {
            *own = inits;
        }
    }

    pub(crate) fn laps(&self) -> Laps {
        self.laps
    }
}

fn now() -> Timespec {
    clock_gettime(ClockId::Monotonic)
}
