//! What a daemon's life has left on the machine: processes, mounts, control groups, temporary files.
//!
//! Nothing here asks the daemon: processes are found by their process group and by the mounts they see, and both
//! name only this test's own directories.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    pub processes: Vec<String>,
    pub mounts: Vec<String>,
    pub cgroups: Vec<PathBuf>,
    pub files: Vec<PathBuf>,
}

impl Leftovers {
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Where to look.
#[derive(Clone, Debug)]
pub struct Traces<'a> {
    /// The process id of the daemon, which led its own process group.
    pub daemon: u32,
    pub data: &'a Path,
    pub temporary: &'a Path,
    /// Directories in which the daemon made control groups.
    pub cgroup_parents: Vec<PathBuf>,
}

impl Traces<'_> {
    /// Looks until nothing is left, and returns what still is after a while.
    pub fn settle(&self) -> Leftovers {
        settled(|| self.look())
    }

    /// The same, for what runs or is mounted; files and directories may wait for the next start.
    pub fn settle_running(&self) -> Leftovers {
        settled(|| Leftovers {
            cgroups: Vec::new(),
            files: Vec::new(),
            ..self.look()
        })
    }

    fn look(&self) -> Leftovers {
        Leftovers {
            processes: self.processes(),
            mounts: lines_with("/proc/self/mountinfo", self.data),
            cgroups: self
                .cgroup_parents
                .iter()
                .flat_map(|parent| directories(parent))
                .collect(),
            files: entries(self.temporary),
        }
    }

    fn processes(&self) -> Vec<String> {
        let ids = entries(Path::new("/proc"))
            .into_iter()
            .filter_map(|path| path.file_name()?.to_str()?.parse::<u32>().ok());
        ids.filter(|pid| self.is_ours(*pid)).map(describe).collect()
    }

    fn is_ours(&self, pid: u32) -> bool {
        let is_another = pid != std::process::id() && !is_zombie(pid);
        let sees_data = || !lines_with(&format!("/proc/{pid}/mountinfo"), self.data).is_empty();
        is_another && (process_group(pid) == Some(self.daemon) || sees_data())
    }
}

/// The kernel takes a moment to tear down what nobody owns any more, and tells nobody when it is done.
fn settled(look: impl Fn() -> Leftovers) -> Leftovers {
    const LOOKS: u32 = 500;
    for _ in 0..LOOKS {
        if look().is_none() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    look()
}

/// Reads where a daemon makes its control groups, from the list it keeps for its own next life.
pub fn cgroup_parents(data: &Path) -> Vec<PathBuf> {
    let lists = files_named(data, "cgroup-parents");
    let text: String = lists
        .iter()
        .map(|list| fs::read_to_string(list).unwrap_or_default())
        .collect();
    text.lines().map(PathBuf::from).collect()
}

fn files_named(directory: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in entries(directory) {
        if path.file_name().is_some_and(|file| file == name) {
            found.push(path);
        } else if path.is_dir() && !path.is_symlink() {
            found.extend(files_named(&path, name));
        }
    }
    found
}

fn lines_with(file: &str, path: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let path = path.to_string_lossy();
    text.lines()
        .filter(|line| line.contains(&*path))
        .map(str::to_owned)
        .collect()
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn directories(parent: &Path) -> Vec<PathBuf> {
    entries(parent)
        .into_iter()
        .filter(|path| path.is_dir())
        .collect()
}

/// Returns a field of `/proc/PID/stat`, counted after the name, which may hold blanks.
fn stat_field(pid: u32, after_name: usize) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(after_name).map(str::to_owned)
}

fn process_group(pid: u32) -> Option<u32> {
    stat_field(pid, 2)?.parse().ok()
}

/// A zombie has ended; what is left of it is its parent's business.
fn is_zombie(pid: u32) -> bool {
    stat_field(pid, 0).is_none_or(|state| state == "Z")
}

fn describe(pid: u32) -> String {
    let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    format!("{pid}: {}", command.replace('\0', " "))
}
