//! The part of the launcher's loop that keeps programs waiting in blank sandboxes.
//!
//! ```text
//!  a sandbox is built ──► its mounts attached, its limits written, its init told to start the program ──► Preparing
//!  Preparing ── the program waits ──► Blank ── claimed for a spec it can become ──► Claimed
//!      └── will not do, or too late ──► Dying
//! ```
//!
//! What an init says before its sandbox is claimed is heard here, and believed as little as what a function says.

use std::io;
use std::os::fd::AsFd;

use firelight_sandbox::{ProcessSpec, SandboxSpec};
use rustix::event::epoll;
use rustix::time::{ClockId, clock_gettime};

use super::check;
use super::claim::{self, Already};
use super::environ::Environ;
use super::orders::{claim_for, tell_first};
use super::pool::precise_now;
use super::refill::Taken;
use super::resident::{Kind, Parcel, Resident, Stage, Wanted};
use super::serve::{Launcher, Token, watch};
use super::waiting::{Programs, can_become, spec_of};
use crate::laps::Watch;
use crate::step::{Step, StepError};
use crate::wire::{self, Event, FIRST_PROCESS, News, Task, Waiting};

/// How long a program may take until it waits.
const PREPARATION_SECONDS: i64 = 20;

impl Launcher {
    /// Takes over which programs are to wait. What is wanted wrongly is not kept, and the daemon is told.
    pub(super) fn keep_waiting(&mut self, wanted: Vec<Waiting>) -> io::Result<()> {
        if let Err(text) = Programs::check(&wanted) {
            return self.tell(&News::Notice { text }, &[]);
        }
        let mut fitting = Vec::with_capacity(wanted.len());
        for waiting in wanted {
            let spec = spec_of(&waiting.program);
            let checked = check::check(&spec).and_then(|()| self.check_egress(spec.egress));
            match checked {
                Ok(()) => fitting.push((waiting, self.ground.kind_of(&spec))),
                Err(fault) => {
                    let text = format!("a program cannot be kept waiting: {fault:?}");
                    self.tell(&News::Notice { text }, &[])?;
                }
            }
        }
        self.programs.replace(fitting);
        Ok(())
    }

    /// Gives up sandboxes whose programs are not wanted any more or took too long, and starts building one that is.
    pub(super) fn tend_waiting(&mut self) -> io::Result<()> {
        let now = clock_gettime(ClockId::Monotonic).tv_sec;
        self.give_up_late(now);
        self.give_up_surplus();
        self.tell_waiting()?;
        if self.is_preparing() || !self.may_build() {
            return Ok(());
        }
        let short = self.programs.due(now).find(|entry| {
            let most = self.programs.most(entry.waiting.number);
            self.waiting_with(entry.waiting.number) < most
        });
        let Some((number, kind)) = short.map(|entry| (entry.waiting.number, entry.kind)) else {
            return Ok(());
        };
        match self.build(kind, None) {
            Ok(resident) => {
                if let Some(resident) = self.residents.get_mut(&resident) {
                    resident.program = Some(number);
                }
                Ok(())
            }
            Err(fault) => self.program_failed(number, &format!("{fault:?}")),
        }
    }

    /// Whether time alone will bring work here.
    pub(super) fn is_waiting_work_due(&self) -> bool {
        let now = clock_gettime(ClockId::Monotonic).tv_sec;
        self.is_preparing() || self.programs.has_put_off(now)
    }

    fn give_up_late(&mut self, now: i64) {
        let late = self.residents.values_mut().filter(
            |resident| matches!(resident.stage, Stage::Preparing { deadline } if deadline < now),
        );
        for resident in late {
            resident.kill(None);
            if let Some(program) = resident.program {
                self.programs.failed(program, now);
            }
        }
    }

    fn give_up_surplus(&mut self) {
        let programs = &self.programs;
        let mut kept = std::collections::HashMap::<u64, usize>::new();
        for resident in self
            .residents
            .values_mut()
            .filter(|one| one.is_for_waiting())
        {
            let Some(program) = resident.program else {
                continue;
            };
            let count = kept.entry(program).or_default();
            *count += 1;
            if *count > programs.most(program) {
                resident.kill(None);
            }
        }
    }

    /// Tells the daemon how many programs wait, if that has changed.
    fn tell_waiting(&mut self) -> io::Result<()> {
        let waits = |one: &&Resident| one.program.is_some() && matches!(one.stage, Stage::Blank);
        let count = self.residents.values().filter(waits).count();
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if count == self.told_waiting {
            return Ok(());
        }
        self.told_waiting = count;
        self.tell(&News::Waiting { count }, &[])
    }

    fn waiting_with(&self, program: u64) -> usize {
        self.residents
            .values()
            .filter(|resident| resident.program == Some(program) && resident.is_for_waiting())
            .count()
    }

    fn is_preparing(&self) -> bool {
        self.residents
            .values()
            .any(|resident| matches!(resident.stage, Stage::Preparing { .. }))
    }

    /// Starts the program in a sandbox that has just been built for it.
    pub(super) fn prepare(&mut self, number: u64) -> io::Result<()> {
        let Some(resident) = self.residents.get_mut(&number) else {
            return Ok(());
        };
        let entry = resident
            .program
            .and_then(|program| self.programs.find(program));
        let Some(entry) = entry else {
            // Not wanted any more; a built sandbox that nothing runs in is as good as any other blank one.
            resident.program = None;
            return Ok(());
        };
        let program = entry.waiting.program.clone();
        let prepared = self.tell_to_prepare(number, &program.process, &spec_of(&program));
        match prepared {
            Ok(()) => Ok(()),
            Err(error) => self.unprepared(number, &error),
        }
    }

    fn tell_to_prepare(
        &mut self,
        number: u64,
        process: &ProcessSpec,
        spec: &SandboxSpec,
    ) -> Result<(), StepError> {
        let now = clock_gettime(ClockId::Monotonic).tv_sec;
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let resident = self.residents.get_mut(&number).ok_or_else(gone);
        let resident = resident.step("find the sandbox")?;
        let parcel = resident.parcel.as_ref().ok_or_else(gone);
        let parcel = parcel.step("find the sandbox's parts")?;
        let mut laps = Watch::start();
        claim::claim(
            &self.ground,
            resident,
            parcel,
            spec,
            Already::Nothing,
            &mut laps,
        )?;
        let task = Task::Prepare {
            program: process.program.clone(),
            arguments: process.arguments.clone(),
            variables: process.variables.clone(),
            directory: process.directory.clone(),
        };
        wire::send(&parcel.control, &task.encode(), &[]).step("tell init what to prepare")?;
        let control = parcel.control.as_fd();
        watch(&self.events, control, Token::Control(number)).step("watch the init")?;
        resident.stage = Stage::Preparing {
            deadline: now + PREPARATION_SECONDS,
        };
        Ok(())
    }

    /// Hears from the init of a sandbox that has no owner yet.
    pub(super) fn hear_of_waiting(&mut self, number: u64, buffer: &mut [u8]) -> io::Result<()> {
        match self.take_word(number, buffer) {
            Ok(()) => Ok(()),
            Err(error) => self.unprepared(number, &error),
        }
    }

    fn take_word(&mut self, number: u64, buffer: &mut [u8]) -> Result<(), StepError> {
        let Some(resident) = self.residents.get_mut(&number) else {
            return Ok(());
        };
        let (Some(parcel), Some(program)) = (&resident.parcel, resident.program) else {
            return Ok(());
        };
        let is_preparing = matches!(resident.stage, Stage::Preparing { .. });
        if !(says_that_it_waits(&parcel.control, buffer) && is_preparing) {
            let ended = io::Error::other("it ended, or printed something");
            return Err(ended).step("keep a program waiting");
        }
        resident.environ = Some(Environ::of_only_child(resident.pid)?);
        resident.stage = Stage::Blank;
        self.programs.succeeded(program);
        Ok(())
    }

    /// Gives up a sandbox whose program will not do.
    fn unprepared(&mut self, number: u64, why: &StepError) -> io::Result<()> {
        let Some(resident) = self.residents.get_mut(&number) else {
            return Ok(());
        };
        resident.kill(None);
        match resident.program {
            Some(program) => {
                self.program_failed(program, &format!("could not {}: {}", why.step, why.source))
            }
            None => Ok(()),
        }
    }

    fn program_failed(&mut self, program: u64, why: &str) -> io::Result<()> {
        let now = clock_gettime(ClockId::Monotonic).tv_sec;
        if !self.programs.failed(program, now) {
            return Ok(());
        }
        let entry = self.programs.find(program);
        let path = entry.map(|entry| entry.waiting.program.process.program.display().to_string());
        let text = format!(
            "{} is not kept waiting any more: {why}",
            path.unwrap_or_default()
        );
        self.tell(&News::Notice { text }, &[])
    }

    /// Turns a sandbox in which the program waits into the ordered one. Gives the order back if there is none, or if it
    /// went wrong: a sandbox that is not handed over dies with all that was put into it.
    pub(super) fn claim_waiting(
        &mut self,
        program: u64,
        kind: Kind,
        mut wanted: Wanted,
    ) -> io::Result<Option<Wanted>> {
        let Some((number, mounts)) = self.find_waiting(program, kind, &wanted) else {
            return Ok(Some(wanted));
        };
        match self.claim_with_program(number, mounts, &mut wanted) {
            Ok(parcel) => {
                self.refill.taken(Taken::WithProgram, precise_now());
                tell_first(&parcel, &wanted, |process| {
                    Task::claim(FIRST_PROCESS, process)
                });
                // The daemon takes the program that it is given off by itself.
                self.told_waiting = self.told_waiting.saturating_sub(1);
                self.deliver(number, parcel, &wanted).map(|()| None)
            }
            Err(error) => {
                self.unprepared(number, &error)?;
                Ok(Some(wanted))
            }
        }
    }

    fn claim_with_program(
        &mut self,
        number: u64,
        mounts: usize,
        wanted: &mut Wanted,
    ) -> Result<Parcel, StepError> {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let resident = self.residents.get_mut(&number).ok_or_else(gone);
        let resident = resident.step("find the sandbox")?;
        let environ = resident.environ.take().ok_or_else(gone);
        let environ = environ.step("find the waiting program's variables")?;
        let already = Already::Mounts(mounts);
        let parcel = claim_for(&self.ground, resident, wanted, already)?;
        // After the new limits: what a program that has just begun to wait lacks of CPU time would be waited for here.
        environ.replace(wanted.variables())?;
        // From now on its init speaks with the daemon.
        epoll::delete(&self.events, &parcel.control).step("stop watching the init")?;
        Ok(parcel)
    }

    /// A sandbox in which the program waits that can become this one, and how many mounts it has.
    fn find_waiting(&self, program: u64, kind: Kind, wanted: &Wanted) -> Option<(u64, usize)> {
        let waiting = &self.programs.find(program)?.waiting.program;
        if !can_become(waiting, &wanted.spec) {
            return None;
        }
        let waits = |resident: &&Resident| {
            let environ = resident.environ.as_ref();
            resident.program == Some(program)
                && resident.kind == kind
                && matches!(resident.stage, Stage::Blank)
                && environ.is_some_and(|environ| environ.has_room_for(wanted.variables()))
        };
        let found = self.residents.values().find(waits)?;
        Some((found.number, waiting.mounts.len()))
    }
}

fn says_that_it_waits(control: &impl AsFd, buffer: &mut [u8]) -> bool {
    let packet = wire::receive(control, buffer).ok().flatten();
    let event = packet.map(|packet| Event::decode(&packet.bytes));
    matches!(event, Some(Ok(Event::Prepared)))
}
