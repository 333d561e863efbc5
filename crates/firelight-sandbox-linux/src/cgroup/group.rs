//! The control groups of one sandbox.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use firelight_sandbox::Limits;

use super::layout::{Home, Layout, Version};
use crate::wire::FdTag;

/// The period over which a CPU limit holds. Short, so that a small share means short pauses and not long ones.
const CPU_PERIOD_US: u64 = 20_000;
/// The kernel refuses a smaller quota.
const SMALLEST_QUOTA_US: u64 = 1_000;

/// One directory in each hierarchy. Not removed by dropping: that can fail and must be retried.
#[derive(Debug)]
pub(crate) struct Group {
    memory: Option<Home>,
    pids: Option<Home>,
    cpu: Option<Home>,
    cpu_time: Option<Home>,
    freezer: Option<Home>,
    unified: Option<PathBuf>,
    dirs: Vec<PathBuf>,
}

/// The files of a group that are needed when it is claimed, opened before that.
#[derive(Debug)]
pub(crate) struct Files {
    /// Memory alone, then memory with swap, as far as each exists.
    memory: Vec<OwnedFd>,
    pids: Option<OwnedFd>,
    cpu: Option<(Version, OwnedFd)>,
    handles: Handles,
}

/// What the daemon gets to hold: descriptors of single files, each good for one purpose.
pub(crate) type Handles = Vec<(FdTag, OwnedFd)>;

impl Group {
    pub(crate) fn create(layout: &Layout, name: &str) -> io::Result<Self> {
        let own = |home: &Option<Home>| {
            home.as_ref().map(|home| Home {
                version: home.version,
                dir: home.dir.join(name),
            })
        };
        let mut group = Self {
            memory: own(&layout.memory),
            pids: own(&layout.pids),
            cpu: own(&layout.cpu),
            cpu_time: own(&layout.cpu_time),
            freezer: own(&layout.freezer),
            unified: layout.unified.as_ref().map(|home| home.dir.join(name)),
            dirs: Vec::new(),
        };
        for home in layout.homes() {
            let dir = home.dir.join(name);
            if let Err(error) = fs::create_dir(&dir) {
                // What was made is empty, so removing it is all there is to undo.
                group.remove().ok();
                return Err(error);
            }
            group.dirs.push(dir);
        }
        Ok(group)
    }

    /// The version 2 directory to be born into.
    pub(crate) fn birthplace(&self) -> io::Result<Option<OwnedFd>> {
        let open = |dir: &PathBuf| File::open(dir).map(OwnedFd::from);
        self.unified.as_ref().map(open).transpose()
    }

    /// `tasks` of the version 1 directories, for the newborn to enter by itself. It has one thread, and a thread that
    /// moves itself is spared the grace period of some milliseconds that moving a process through `cgroup.procs` takes.
    pub(crate) fn entries(&self) -> io::Result<Vec<OwnedFd>> {
        let v1 = self
            .dirs
            .iter()
            .filter(|dir| self.unified.as_ref() != Some(dir));
        v1.map(|dir| open_for_writing(&dir.join("tasks"))).collect()
    }

    /// Opens everything that a claim writes or hands on, and writes what is the same for every sandbox.
    pub(crate) fn open(&self) -> io::Result<Files> {
        let pids = self
            .pids
            .as_ref()
            .map(|home| open_for_writing(&home.dir.join("pids.max")));
        let cpu = self
            .cpu
            .as_ref()
            .map(|home| Ok::<_, io::Error>((home.version, open_quota(home)?)));
        Ok(Files {
            memory: self
                .memory
                .as_ref()
                .map_or(Ok(Vec::new()), open_memory_limits)?,
            pids: pids.transpose()?,
            cpu: cpu.transpose()?,
            handles: self.handles()?,
        })
    }

    /// Opens what the daemon needs to measure, freeze and throttle without asking the launcher.
    fn handles(&self) -> io::Result<Handles> {
        let mut handles = Vec::new();
        let mut add = |tag, fd: io::Result<OwnedFd>| fd.map(|fd| handles.push((tag, fd)));
        if let Some(home) = &self.memory {
            add(
                FdTag::MemoryStat,
                open_for_reading(&home.dir.join("memory.stat")),
            )?;
        }
        match &self.memory {
            Some(Home {
                version: Version::V1,
                dir,
            }) => {
                add(
                    FdTag::MemoryUsage,
                    open_for_reading(&dir.join("memory.usage_in_bytes")),
                )?;
                add(
                    FdTag::MemoryPeak,
                    open_both(&dir.join("memory.max_usage_in_bytes")),
                )?;
                add(
                    FdTag::MemoryEvents,
                    open_for_reading(&dir.join("memory.oom_control")),
                )?;
            }
            Some(Home {
                version: Version::V2,
                dir,
            }) => {
                add(
                    FdTag::MemoryUsage,
                    open_for_reading(&dir.join("memory.current")),
                )?;
                add(
                    FdTag::MemoryEvents,
                    open_for_reading(&dir.join("memory.events")),
                )?;
                // Since Linux 5.19, writable since 6.12.
                if let Ok(peak) = open_both(&dir.join("memory.peak"))
                    .or_else(|_| open_for_reading(&dir.join("memory.peak")))
                {
                    add(FdTag::MemoryPeak, Ok(peak))?;
                }
            }
            None => {}
        }
        match &self.cpu {
            Some(Home {
                version: Version::V1,
                dir,
            }) => {
                add(
                    FdTag::CpuQuotaV1,
                    open_for_writing(&dir.join("cpu.cfs_quota_us")),
                )?;
            }
            Some(Home {
                version: Version::V2,
                dir,
            }) => {
                add(FdTag::CpuMaxV2, open_for_writing(&dir.join("cpu.max")))?;
            }
            None => {}
        }
        match &self.cpu_time {
            Some(Home {
                version: Version::V1,
                dir,
            }) => {
                add(
                    FdTag::CpuNanoseconds,
                    open_for_reading(&dir.join("cpuacct.usage")),
                )?;
            }
            Some(Home {
                version: Version::V2,
                dir,
            }) => {
                add(FdTag::CpuStat, open_for_reading(&dir.join("cpu.stat")))?;
            }
            None => {}
        }
        match &self.freezer {
            Some(Home {
                version: Version::V1,
                dir,
            }) => {
                add(FdTag::FreezerV1, open_both(&dir.join("freezer.state")))?;
            }
            Some(Home {
                version: Version::V2,
                dir,
            }) => {
                add(
                    FdTag::FreezeV2,
                    open_for_writing(&dir.join("cgroup.freeze")),
                )?;
                add(
                    FdTag::FreezeEventsV2,
                    open_for_reading(&dir.join("cgroup.events")),
                )?;
            }
            None => {}
        }
        Ok(handles)
    }

    /// Lets the processes run, and as fast as they can, so that they can die: a version 1 freezer holds back even
    /// SIGKILL, and giving back memory and mounts is work that a small share of the CPU would stretch out.
    pub(crate) fn let_go(&self) -> io::Result<()> {
        let hurried = match &self.cpu {
            Some(home) if home.version == Version::V1 => {
                fs::write(home.dir.join("cpu.cfs_quota_us"), "-1")
            }
            Some(home) => fs::write(home.dir.join("cpu.max"), "max"),
            None => Ok(()),
        };
        match &self.freezer {
            Some(home) if home.version == Version::V1 => {
                fs::write(home.dir.join("freezer.state"), "THAWED")
            }
            Some(home) => fs::write(home.dir.join("cgroup.freeze"), "0"),
            None => Ok(()),
        }
        .and(hurried)
    }

    /// Removes the directories. Fails with `EBUSY` while the kernel still counts a dying process, and can be retried.
    pub(crate) fn remove(&mut self) -> io::Result<()> {
        while let Some(dir) = self.dirs.last() {
            match fs::remove_dir(dir) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => self.dirs.pop(),
            };
        }
        Ok(())
    }
}

/// An empty group with a share of the CPU. While there is one, the kernel has its accounting of shares switched on;
/// without it the first sandbox would wait until that is patched into the running kernel, and the last one until it is
/// taken out again.
#[derive(Debug)]
pub(crate) struct Keeper {
    dir: PathBuf,
}

impl Keeper {
    /// Makes the group, where this host limits the CPU at all.
    pub(crate) fn create(layout: &Layout) -> io::Result<Option<Self>> {
        let Some(home) = &layout.cpu else {
            return Ok(None);
        };
        let own = Home {
            version: home.version,
            dir: home.dir.join("keeper"),
        };
        fs::create_dir(&own.dir)?;
        let this = Self {
            dir: own.dir.clone(),
        };
        let (quota, period) = quota_and_period_us(1000);
        let text = match own.version {
            Version::V1 => quota.to_string(),
            Version::V2 => format!("{quota} {period}"),
        };
        write(&open_quota(&own)?, &text)?;
        Ok(Some(this))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // Nothing is ever in it; otherwise the next start sweeps.
        let _ = fs::remove_dir(&self.dir);
    }
}

impl Files {
    /// Writes the limits. Swap counts as memory: a sandbox has none of it beyond its limit.
    pub(crate) fn limit(&self, limits: &Limits) -> io::Result<()> {
        self.limit_memory(&limits.memory_bytes.to_string())?;
        if let Some(pids) = &self.pids {
            // One more for init.
            write(pids, &(u64::from(limits.processes) + 1).to_string())?;
        }
        let (quota, period) = quota_and_period_us(limits.milli_cpus);
        match &self.cpu {
            Some((Version::V1, file)) => write(file, &quota.to_string()),
            Some((Version::V2, file)) => write(file, &format!("{quota} {period}")),
            None => Ok(()),
        }
    }

    /// On version 1 memory alone may never have more than memory and swap together, so that a lower limit goes in this
    /// order, and a higher one than before in the other.
    fn limit_memory(&self, bytes: &str) -> io::Result<()> {
        let mut lowered = self.memory.iter().map(|file| write(file, bytes));
        if lowered.all(|written| written.is_ok()) {
            return Ok(());
        }
        let mut raised = self.memory.iter().rev();
        raised.try_for_each(|file| write(file, bytes))
    }

    pub(crate) fn into_handles(self) -> Handles {
        self.handles
    }
}

fn write(file: &OwnedFd, text: &str) -> io::Result<()> {
    rustix::io::pwrite(file, text.as_bytes(), 0)?;
    Ok(())
}

/// On version 2 and where version 1 cannot count swap, swap is simply switched off.
fn open_memory_limits(home: &Home) -> io::Result<Vec<OwnedFd>> {
    let open = |name: &str| open_for_writing(&home.dir.join(name));
    match home.version {
        Version::V1 => {
            let memory = open("memory.limit_in_bytes")?;
            match open("memory.memsw.limit_in_bytes") {
                Ok(with_swap) => Ok(vec![memory, with_swap]),
                Err(_) => {
                    fs::write(home.dir.join("memory.swappiness"), "0")?;
                    Ok(vec![memory])
                }
            }
        }
        Version::V2 => {
            let swap = home.dir.join("memory.swap.max");
            if swap.exists() {
                fs::write(swap, "0")?;
            }
            Ok(vec![open("memory.max")?])
        }
    }
}

fn open_quota(home: &Home) -> io::Result<OwnedFd> {
    match home.version {
        Version::V1 => {
            fs::write(
                home.dir.join("cpu.cfs_period_us"),
                CPU_PERIOD_US.to_string(),
            )?;
            open_for_writing(&home.dir.join("cpu.cfs_quota_us"))
        }
        Version::V2 => open_for_writing(&home.dir.join("cpu.max")),
    }
}

/// Translates thousandths of a CPU. The period stays the same for all shares, so that the daemon can change the share
/// by writing the quota alone; a share below a twentieth gets the smallest quota there is.
pub(crate) fn quota_and_period_us(milli_cpus: u32) -> (u64, u64) {
    let quota = (u64::from(milli_cpus) * CPU_PERIOD_US / 1000).max(SMALLEST_QUOTA_US);
    (quota, CPU_PERIOD_US)
}

fn open_for_reading(path: &Path) -> io::Result<OwnedFd> {
    File::open(path).map(OwnedFd::from)
}

fn open_for_writing(path: &Path) -> io::Result<OwnedFd> {
    OpenOptions::new().write(true).open(path).map(OwnedFd::from)
}

fn open_both(path: &Path) -> io::Result<OwnedFd> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map(OwnedFd::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_cpu_is_the_whole_period_and_a_sliver_is_the_kernels_minimum() {
        assert_eq!(quota_and_period_us(1000), (20_000, 20_000));
        assert_eq!(quota_and_period_us(72), (1_440, 20_000));
        assert_eq!(quota_and_period_us(1), (1_000, 20_000));
    }
}
