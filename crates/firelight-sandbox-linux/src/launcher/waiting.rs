//! Which programs are kept waiting in blank sandboxes, and how many of each. Pure: time comes in.
//!
//! A program that will not do is tried again later and later, and after some times not at all: the daemon may have
//! asked for what this host cannot start. Sandboxes without it work all the same.

use firelight_sandbox::{SandboxId, SandboxSpec, WaitingProgram};

use super::resident::Kind;
use crate::wire::Waiting;

/// Programs that can be kept waiting at once, and sandboxes for all of them.
const MAX_PROGRAMS: usize = 32;
const MAX_SANDBOXES: u32 = 256;
/// After so many failures in a row a program is given up until it is asked for anew.
const MAX_FAILURES: u32 = 6;

/// A program, and how it went with it so far.
pub(super) struct Entry {
    pub(super) waiting: Waiting,
    pub(super) kind: Kind,
    failures: u32,
    /// Not to be tried before this second.
    not_before: i64,
}

#[derive(Default)]
pub(super) struct Programs {
    entries: Vec<Entry>,
}

impl Programs {
    /// Tells why these are too many to be kept.
    pub(super) fn check(wanted: &[Waiting]) -> Result<(), String> {
        let sandboxes = wanted
            .iter()
            .fold(0_u32, |sum, one| sum.saturating_add(one.count));
        if wanted.len() > MAX_PROGRAMS || sandboxes > MAX_SANDBOXES {
            return Err(format!(
                "more than {MAX_PROGRAMS} programs or {MAX_SANDBOXES} sandboxes to keep waiting"
            ));
        }
        Ok(())
    }

    /// Takes over what is wanted from now on. What is known of a program that stays is kept.
    pub(super) fn replace(&mut self, wanted: impl IntoIterator<Item = (Waiting, Kind)>) {
        let mut before = std::mem::take(&mut self.entries);
        for (waiting, kind) in wanted {
            let known = before
                .iter()
                .position(|entry| entry.waiting.number == waiting.number);
            let (failures, not_before) = known.map_or((0, 0), |index| {
                let entry = before.swap_remove(index);
                (entry.failures, entry.not_before)
            });
            self.entries.push(Entry {
                waiting,
                kind,
                failures,
                not_before,
            });
        }
    }

    pub(super) fn find(&self, number: u64) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.waiting.number == number)
    }

    /// How many sandboxes may have this program waiting.
    pub(super) fn most(&self, number: u64) -> usize {
        let count = self.find(number).map_or(0, |entry| entry.waiting.count);
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// The programs that may be started now.
    pub(super) fn due(&self, now: i64) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(move |entry| entry.failures < MAX_FAILURES && entry.not_before <= now)
    }

    /// Whether time alone will make a program due.
    pub(super) fn has_put_off(&self, now: i64) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.failures < MAX_FAILURES && entry.not_before > now)
    }

    /// Notes that a program would not do. Returns whether it was given up by that.
    pub(super) fn failed(&mut self, number: u64, now: i64) -> bool {
        let Some(entry) = self.find_mut(number) else {
            return false;
        };
        entry.failures += 1;
        entry.not_before = now + (1 << entry.failures.min(6));
        entry.failures == MAX_FAILURES
    }

    pub(super) fn succeeded(&mut self, number: u64) {
        if let Some(entry) = self.find_mut(number) {
            entry.failures = 0;
        }
    }

    fn find_mut(&mut self, number: u64) -> Option<&mut Entry> {
        self.entries
            .iter_mut()
            .find(|entry| entry.waiting.number == number)
    }
}

/// The sandbox in which a program waits, as if it had been ordered.
pub(super) fn spec_of(program: &WaitingProgram) -> SandboxSpec {
    SandboxSpec {
        id: SandboxId::from_random(0),
        mounts: program.mounts.clone(),
        overlays: Vec::new(),
        limits: program.limits,
        listen_at: program.listen_at,
        egress: program.egress,
        host_name: program.host_name.clone(),
    }
}

/// Whether a sandbox in which the program waits can become this one.
pub(super) fn can_become(program: &WaitingProgram, spec: &SandboxSpec) -> bool {
    spec.mounts.starts_with(&program.mounts)
        && spec.host_name == program.host_name
        && spec.limits.processes == program.limits.processes
        && spec.limits.open_files == program.limits.open_files
}

#[cfg(test)]
mod tests {
    use firelight_sandbox::{Egress, Limits, ListenAt, ProcessSpec, ReadOnlyMount};

    use super::*;

    fn mount(target: &str) -> ReadOnlyMount {
        ReadOnlyMount {
            source: target.into(),
            target: target.into(),
        }
    }

    fn program() -> WaitingProgram {
        WaitingProgram {
            mounts: vec![mount("/usr"), mount("/lib")],
            process: ProcessSpec {
                program: "/usr/bin/python3".into(),
                arguments: Vec::new(),
                variables: Vec::new(),
                directory: "/".into(),
            },
            listen_at: ListenAt(([127, 0, 0, 1], 9001).into()),
            egress: Egress::None,
            host_name: "sandbox".into(),
            limits: Limits {
                memory_bytes: 1 << 27,
                milli_cpus: 1000,
                processes: 16,
                open_files: 64,
                tmp_bytes: 1 << 20,
                tmp_inodes: 64,
            },
        }
    }

    fn wanted(number: u64, count: u32) -> (Waiting, Kind) {
        let program = program();
        let kind = Kind {
            listen_at: program.listen_at,
            egress: program.egress,
            tmp: None,
        };
        let waiting = Waiting {
            number,
            program,
            count,
        };
        (waiting, kind)
    }

    #[test]
    fn a_program_that_fails_is_tried_later_and_at_last_given_up() {
        let mut programs = Programs::default();
        programs.replace([wanted(1, 2)]);

        assert!(!programs.failed(1, 100));

        assert_eq!(programs.due(101).count(), 0);
        assert!(programs.has_put_off(101));
        assert_eq!(programs.due(102).count(), 1);
        let given_up = (1..MAX_FAILURES).map(|_| programs.failed(1, 200)).last();
        assert_eq!(given_up, Some(true));
        assert_eq!(programs.due(10_000).count(), 0);
        assert!(!programs.has_put_off(200));
    }

    #[test]
    fn what_went_wrong_is_remembered_as_long_as_the_program_is_wanted() {
        let mut programs = Programs::default();
        programs.replace([wanted(1, 2), wanted(2, 1)]);
        programs.failed(1, 100);

        programs.replace([wanted(1, 3)]);
        assert_eq!(programs.due(100).count(), 0);
        assert_eq!((programs.most(1), programs.most(2)), (3, 0));

        programs.replace([]);
        programs.replace([wanted(1, 1)]);
        assert_eq!(programs.due(100).count(), 1);
    }

    #[test]
    fn a_sandbox_that_must_differ_from_the_start_cannot_take_the_program() {
        let program = program();
        let mut spec = spec_of(&program);
        spec.mounts.push(mount("/var/task"));
        spec.limits.memory_bytes = 1 << 30;
        assert!(can_become(&program, &spec));

        let changes: [fn(&mut SandboxSpec); 4] = [
            |spec| spec.mounts.swap(0, 1),
            |spec| spec.host_name = "other".into(),
            |spec| spec.limits.processes += 1,
            |spec| spec.limits.open_files += 1,
        ];
        for change in changes {
            let mut spec = spec.clone();
            change(&mut spec);
            assert!(!can_become(&program, &spec));
        }
    }

    #[test]
    fn more_than_a_launcher_can_keep_is_refused() {
        assert!(Programs::check(&[wanted(1, 256).0]).is_ok());
        assert!(Programs::check(&[wanted(1, 255).0, wanted(2, u32::MAX).0]).is_err());
    }
}
