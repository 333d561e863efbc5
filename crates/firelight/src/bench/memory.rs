//! What a daemon and everything it started hold in memory, by role, with shared pages divided among those who share.
//!
//! ```text
//!  daemon ── launcher ── init (one per sandbox) ── runtime
//! ```

use std::fs;
use std::ops::Sub;

use anyhow::Context;

/// A reading of the whole tree, in MiB of proportional set size.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    pub daemon_mib: f64,
    pub launcher_mib: f64,
    pub inits_mib: f64,
    pub runtimes_mib: f64,
    pub sandboxes: f64,
    pub runtimes: f64,
    /// What the whole host could still give, which also tells what the kernel holds for sandboxes.
    pub available_mib: f64,
}

impl Memory {
    /// Reads the tree below a daemon. Processes that end meanwhile count as nothing.
    pub fn of(daemon: u32) -> anyhow::Result<Self> {
        let mut memory = Self {
            daemon_mib: proportional_mib(daemon).context("the daemon's memory cannot be read")?,
            available_mib: available_mib()?,
            ..Self::default()
        };
        for launcher in children(daemon) {
            memory.launcher_mib += proportional_mib(launcher).unwrap_or(0.0);
            for init in children(launcher) {
                memory.sandboxes += 1.0;
                memory.inits_mib += proportional_mib(init).unwrap_or(0.0);
                memory.add_runtimes(init);
            }
        }
        Ok(memory)
    }

    fn add_runtimes(&mut self, parent: u32) {
        for process in children(parent) {
            self.runtimes += 1.0;
            self.runtimes_mib += proportional_mib(process).unwrap_or(0.0);
            self.add_runtimes(process);
        }
    }

    /// What is held beside the runtimes.
    pub fn overhead_mib(&self) -> f64 {
        self.daemon_mib + self.launcher_mib + self.inits_mib
    }
}

impl Sub for Memory {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            daemon_mib: self.daemon_mib - before.daemon_mib,
            launcher_mib: self.launcher_mib - before.launcher_mib,
            inits_mib: self.inits_mib - before.inits_mib,
            runtimes_mib: self.runtimes_mib - before.runtimes_mib,
            sandboxes: self.sandboxes - before.sandboxes,
            runtimes: self.runtimes - before.runtimes,
            available_mib: self.available_mib - before.available_mib,
        }
    }
}

/// Resident memory of one process, shared pages counted whole.
pub fn resident_mib(pid: u32) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    mib_after(&status, "VmRSS:").context("the kernel does not tell the resident size")
}

fn proportional_mib(pid: u32) -> Option<f64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    mib_after(&rollup, "Pss:")
}

fn available_mib() -> anyhow::Result<f64> {
    let memory = fs::read_to_string("/proc/meminfo")?;
    mib_after(&memory, "MemAvailable:").context("the kernel does not tell what is available")
}

/// The number of kB in the line that begins so, as MiB.
fn mib_after(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib / 1024.0)
}

/// The children of every thread of a process.
fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let lists = tasks
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let numbers = |list: String| {
        let words = list.split_whitespace().map(str::parse);
        words.filter_map(Result::ok).collect::<Vec<u32>>()
    };
    lists.flat_map(numbers).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_of_the_kernel_is_read_as_mebibytes() {
        let rollup = "00400000-7fff rollup\nRss:  4096 kB\nPss:    2048 kB\nPss_Anon: 1 kB\n";

        assert_eq!(mib_after(rollup, "Pss:"), Some(2.0));
    }

    #[test]
    fn memory_of_this_process_counts_and_its_children_are_found() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let own = Memory::of(std::process::id()).unwrap();
        let children = children(std::process::id());
        child.kill().unwrap();
        child.wait().unwrap();

        assert!(own.daemon_mib > 0.0 && own.available_mib > 0.0);
        assert!(children.contains(&child.id()));
    }
}
