//! Removes control groups that an earlier life of this instance left behind.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Kills what still runs in the sandboxes' cgroups below `parent` and removes them, but not `parent`.
///
/// After a crash the kernel is usually done already: init died with its launcher, and the rest with init.
pub(crate) fn sweep(parent: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(parent) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sweep_one(&entry.path())?;
        }
    }
    Ok(())
}

fn sweep_one(dir: &Path) -> io::Result<()> {
    const ATTEMPTS: u32 = 500;
    for _ in 0..ATTEMPTS {
        kill_all(dir);
        match fs::remove_dir(dir) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // Nothing tells when a version 1 cgroup has become removable.
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
    fs::remove_dir(dir)
}

fn kill_all(dir: &Path) {
    // Each of these exists only in one kind of hierarchy, and a process may be gone before its signal arrives.
    let _ = fs::write(dir.join("freezer.state"), "THAWED");
    let _ = fs::write(dir.join("cgroup.kill"), "1");
    let pids = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    for pid in pids.lines().filter_map(|line| line.parse().ok()) {
        if let Some(pid) = rustix::process::Pid::from_raw(pid) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}
