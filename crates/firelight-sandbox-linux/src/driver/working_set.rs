//! The most memory that what runs inside has needed: everything but the copies of files that the kernel keeps because
//! there is room, and gives up when there is not. Pure.
//!
//! ```text
//!  used = anonymous + shared memory + kernel + mapped files   │ + files only read and written, freed on demand
//!         └──────────────── the working set ──────────────────┘
//! ```
//!
//! A function that writes 400 MB to `/tmp` has not used 400 MB of memory. The kernel keeps the peak of all that is used,
//! but not of the working set. So that is looked at now and then, and what was used at the peak beyond the most that
//! was ever seen in files is taken to have been needed: a short leap of memory between two looks is not missed.

/// What the kernel says at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) used: u64,
    /// In files that are not mapped, and other caches that can be freed.
    pub(super) spare: u64,
}

impl Look {
    /// Reads the fields of `memory.stat`, which both versions have in their way.
    pub(super) fn read(used: u64, stat: &str) -> Self {
        let field = |names: &[&str]| {
            let found = |line: &str| {
                let (name, value) = line.split_once(' ')?;
                names.contains(&name).then(|| value.trim().parse().ok())?
            };
            stat.lines().find_map(found).unwrap_or(0_u64)
        };
        let files = field(&["active_file"]) + field(&["inactive_file"]);
        let mapped = field(&["file_mapped", "mapped_file"]);
        let spare = files.saturating_sub(mapped) + field(&["slab_reclaimable"]);
        Self { used, spare }
    }
}

/// What was seen since the launch or the last reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct WorkingSet {
    most_needed: u64,
    most_spare: u64,
}

impl WorkingSet {
    pub(super) fn note(&mut self, look: Look) {
        let needed = look.used.saturating_sub(look.spare);
        self.most_needed = self.most_needed.max(needed);
        self.most_spare = self.most_spare.max(look.spare);
    }

    /// The most that was needed, given the peak of all that was used.
    pub(super) fn peak(&self, used_at_most: u64) -> u64 {
        let beyond_files = used_at_most.saturating_sub(self.most_spare);
        self.most_needed.max(beyond_files).min(used_at_most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn seen(looks: &[(u64, u64)]) -> WorkingSet {
        let mut seen = WorkingSet::default();
        for (used, spare) in looks {
            seen.note(Look {
                used: used * MIB,
                spare: spare * MIB,
            });
        }
        seen
    }

    #[test]
    fn what_is_written_to_files_is_not_needed_even_after_it_was_deleted() {
        let kept = seen(&[(30, 5), (430, 405)]);
        let deleted = seen(&[(30, 5), (430, 405), (30, 5)]);

        assert_eq!(kept.peak(435 * MIB), 30 * MIB);
        assert_eq!(deleted.peak(435 * MIB), 30 * MIB);
    }

    #[test]
    fn a_leap_of_memory_between_two_looks_is_not_missed() {
        let seen = seen(&[(30, 5), (30, 5)]);

        assert_eq!(seen.peak(200 * MIB), 195 * MIB);
    }

    #[test]
    fn a_peak_is_never_more_than_the_kernel_saw() {
        let seen = seen(&[(100, 0)]);

        assert_eq!(seen.peak(90 * MIB), 90 * MIB);
    }

    #[test]
    fn both_versions_of_the_kernels_account_are_read() {
        let v1 = "cache 100\nrss 50\nmapped_file 10\ninactive_file 60\nactive_file 30\ntotal_active_file 99\n";
        let v2 = "anon 50\nfile_mapped 10\nslab_reclaimable 7\nslab 9\ninactive_file 60\nactive_file 30\n";

        assert_eq!(Look::read(200, v1).spare, 80);
        assert_eq!(Look::read(200, v2).spare, 87);
        assert_eq!(Look::read(200, "").spare, 0);
    }
}
