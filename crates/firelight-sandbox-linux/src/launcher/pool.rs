//! The part of the launcher's loop that builds ahead of orders: blank sandboxes, and disks for `/tmp`.

use std::io;

use rustix::time::{ClockId, clock_gettime};

use super::refill::{Nanoseconds, Taken};
use super::resident::{Kind, Resident, Stage};
use super::serve::Launcher;
use crate::wire::{Fault, News};

impl Launcher {
    /// Starts building one blank sandbox if the pool is short of it, or gives one up if it has too many. One at a
    /// time: orders come first.
    pub(super) fn tend_pool(&mut self) -> io::Result<()> {
        let now = clock_gettime(ClockId::Monotonic).tv_sec;
        let may_build = self.demand.is_due(now) && self.may_build();
        let targets = self.demand.targets(now);
        for (kind, target) in &targets {
            let (kind, target) = (*kind, *target);
            let pooled = |resident: &&mut Resident| {
                resident.kind == kind && resident.program.is_none() && resident.is_pooled()
            };
            let count = self.residents.values_mut().filter(pooled).count();
            if count > target {
                if let Some(surplus) = self.residents.values_mut().find(pooled) {
                    surplus.kill(None);
                }
            } else if count < target && may_build {
                return self.add_blank(kind);
            }
        }
        match targets.first() {
            Some((kind, _)) if may_build => self.restock(*kind),
            _ => Ok(()),
        }
    }

    /// Makes a `/tmp` ahead for a sandbox of this kind, if there are few.
    fn restock(&mut self, kind: Kind) -> io::Result<()> {
        let (Some(disks), Some(capacity)) = (&mut self.ground.disks, kind.tmp) else {
            return Ok(());
        };
        if !disks.is_short_of(capacity) || !disks.has_room_for(capacity) {
            return Ok(());
        }
        // The next one as soon as there is nothing else to do.
        self.refill.taken(Taken::Blank, precise_now());
        match disks.restock(capacity) {
            Ok(()) => Ok(()),
            Err(error) => self.blank_failed(&error.into()),
        }
    }

    /// Whether something may be built ahead of orders: one at a time, and not while what was just claimed starts.
    pub(super) fn may_build(&mut self) -> bool {
        let mut residents = self.residents.values();
        let is_building = residents.any(|one| matches!(one.stage, Stage::Building { .. }));
        !is_building && !self.refill.is_paused(precise_now())
    }

    fn add_blank(&mut self, kind: Kind) -> io::Result<()> {
        match self.build(kind, None) {
            Ok(_) => Ok(()),
            Err(fault) => self.blank_failed(&fault),
        }
    }

    /// Pauses. Meanwhile sandboxes are built on order, which then says what is wrong.
    pub(super) fn blank_failed(&mut self, fault: &Fault) -> io::Result<()> {
        let pause = self.demand.failed(clock_gettime(ClockId::Monotonic).tv_sec);
        let text = format!("a blank sandbox failed, the next is tried in {pause} s: {fault:?}");
        self.tell(&News::Notice { text }, &[])
    }
}

pub(super) fn precise_now() -> Nanoseconds {
    let now = clock_gettime(ClockId::Monotonic);
    Nanoseconds(now.tv_sec * 1_000_000_000 + now.tv_nsec)
}
