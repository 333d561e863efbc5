//! The cgroup files of one sandbox, held open: counters, the freezer, the CPU share.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use firelight_sandbox::{Traffic, Usage};
use rustix::event::{PollFd, PollFlags};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::working_set::{Look, WorkingSet};
use crate::cgroup::quota_and_period_us;
use crate::wire::FdTag;

#[derive(Debug)]
pub(super) struct Meters {
    fds: HashMap<FdTag, OwnedFd>,
    /// What was asked for last.
    motion: Mutex<Motion>,
    /// Whom to tell that something runs.
    moved: Arc<Notify>,
    seen: Mutex<Seen>,
}

/// What was seen of the memory since the launch or the last reset.
#[derive(Debug, Default)]
struct Seen {
    working_set: WorkingSet,
    /// The peak of all that was used, and when that was.
    last: Option<(u64, Instant)>,
    /// Memory ran out: then all of it was needed.
    ran_out: bool,
}

impl Seen {
    fn peak(&self, used: u64) -> u64 {
        match self.ran_out {
            true => used,
            false => self.working_set.peak(used),
        }
    }
}

/// The peak is good for so long: nobody uses more than a few MB in it.
const PEAK_LASTS: Duration = Duration::from_millis(2);
/// A look is good for so long, unless the peak has grown: what runs for long is looked at by the sampler.
const LOOK_LASTS: Duration = Duration::from_millis(100);

/// Whether the processes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Motion {
    Frozen,
    Running,
}

impl Meters {
    pub(super) fn new(fds: HashMap<FdTag, OwnedFd>, moved: Arc<Notify>) -> Self {
        Self {
            fds,
            motion: Mutex::new(Motion::Running),
            moved,
            seen: Mutex::default(),
        }
    }

    /// Reads every counter there is; what this host cannot count is zero.
    pub(super) fn usage(&self) -> io::Result<Usage> {
        Ok(Usage {
            memory_bytes: self.number(FdTag::MemoryUsage)?.unwrap_or(0),
            memory_peak_bytes: self.memory_peak_bytes()?,
            cpu_time: self.cpu_time()?,
            out_of_memory_kills: self.out_of_memory_kills()?,
        })
    }

    /// The most that was needed: the peak of the working set.
    pub(super) fn memory_peak_bytes(&self) -> io::Result<u64> {
        let now = Instant::now();
        if let Some(peak) = self.just_seen(now) {
            return Ok(peak);
        }
        let peak = self.used_at_most()?;
        let fresh = |(known, at): (u64, Instant)| known == peak && now - at < LOOK_LASTS;
        if !self.seen().last.is_some_and(fresh) {
            self.look()?;
        }
        let mut seen = self.seen();
        seen.last = Some((peak, now));
        Ok(seen.peak(peak))
    }

    /// What was seen a moment ago, which is as good as another look: the counter costs more than a short invocation
    /// can use.
    fn just_seen(&self, now: Instant) -> Option<u64> {
        let seen = self.seen();
        let (peak, at) = seen.last?;
        (now - at < PEAK_LASTS).then(|| seen.peak(peak))
    }

    /// The peak of all that was used; a kernel that keeps none tells what is used now.
    fn used_at_most(&self) -> io::Result<u64> {
        match self.number(FdTag::MemoryPeak)? {
            Some(peak) => Ok(peak),
            None => Ok(self.number(FdTag::MemoryUsage)?.unwrap_or(0)),
        }
    }

    /// Looks at what is needed now.
    pub(super) fn look(&self) -> io::Result<()> {
        let used = self.number(FdTag::MemoryUsage)?.unwrap_or(0);
        let stat = self.text(FdTag::MemoryStat)?.unwrap_or_default();
        self.seen().working_set.note(Look::read(used, &stat));
        Ok(())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn out_of_memory_kills(&self) -> io::Result<u64> {
        let text = self.text(FdTag::MemoryEvents)?;
        Ok(text.and_then(|text| keyed(&text, "oom_kill")).unwrap_or(0))
    }

    /// Notes that the kernel killed for lack of memory.
    pub(super) fn note_that_memory_ran_out(&self) {
        self.seen().ran_out = true;
    }

    /// Begins a new peak, where the kernel can: on version 1, and on version 2 since Linux 6.12.
    pub(super) fn reset_peak(&self) {
        // Not being able to is what the contract allows for.
        let _ = self.write(FdTag::MemoryPeak, "0");
        *self.seen() = Seen::default();
    }

    pub(super) fn set_cpu(&self, milli_cpus: u32) -> io::Result<()> {
        let (quota, period) = quota_and_period_us(milli_cpus);
        self.write(FdTag::CpuQuotaV1, &quota.to_string())?;
        self.write(FdTag::CpuMaxV2, &format!("{quota} {period}"))
    }

    /// Asks the kernel to freeze or thaw. It does so a little later: see [`Meters::is_frozen`].
    pub(super) fn set_motion(&self, motion: Motion) -> io::Result<()> {
        let mut asked = self.motion();
        *asked = motion;
        if motion == Motion::Running {
            self.moved.notify_one();
        }
        self.write_motion(motion)
    }

    pub(super) fn is_running(&self) -> bool {
        *self.motion() == Motion::Running
    }

    /// Asks to freeze once more, unless the processes were told to run meanwhile; tells whether it did. Who waits for a
    /// freeze may wait on after it was called off, and must not stop what runs by then.
    pub(super) fn freeze_again(&self) -> io::Result<bool> {
        let asked = self.motion();
        let still = *asked == Motion::Frozen;
        if still {
            self.write_motion(Motion::Frozen)?;
        }
        Ok(still)
    }

    fn motion(&self) -> MutexGuard<'_, Motion> {
        self.motion.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_motion(&self, motion: Motion) -> io::Result<()> {
        let (v1, v2) = match motion {
            Motion::Frozen => ("FROZEN", "1"),
            Motion::Running => ("THAWED", "0"),
        };
        self.write(FdTag::FreezerV1, v1)?;
        self.write(FdTag::FreezeV2, v2)
    }

    /// Tells whether every process has stopped.
    pub(super) fn is_frozen(&self) -> io::Result<bool> {
        if let Some(state) = self.text(FdTag::FreezerV1)? {
            return Ok(state.trim() == "FROZEN");
        }
        if let Some(events) = self.text(FdTag::FreezeEventsV2)? {
            return Ok(keyed(&events, "frozen") == Some(1));
        }
        Ok(true)
    }

    /// Waits at most `timeout` for the kernel to say that something about freezing changed.
    pub(super) fn wait_for_change(&self, timeout: Duration) {
        let Ok(timeout) = rustix::event::Timespec::try_from(timeout) else {
            return;
        };
        match self.fds.get(&FdTag::FreezeEventsV2) {
            Some(events) => {
                let mut fds = [PollFd::new(events, PollFlags::PRI)];
                let _ = rustix::event::poll(&mut fds, Some(&timeout));
            }
            None => std::thread::yield_now(),
        }
    }

    fn cpu_time(&self) -> io::Result<Duration> {
        if let Some(nanoseconds) = self.number(FdTag::CpuNanoseconds)? {
            return Ok(Duration::from_nanos(nanoseconds));
        }
        let stat = self.text(FdTag::CpuStat)?;
        let microseconds = stat
            .and_then(|stat| keyed(&stat, "usage_usec"))
            .unwrap_or(0);
        Ok(Duration::from_micros(microseconds))
    }

    fn number(&self, tag: FdTag) -> io::Result<Option<u64>> {
        Ok(self.text(tag)?.and_then(|text| text.trim().parse().ok()))
    }

    fn text(&self, tag: FdTag) -> io::Result<Option<String>> {
        let Some(fd) = self.fds.get(&tag) else {
            return Ok(None);
        };
        // The longest is memory.stat, of some three thousand.
        let mut buffer = [0_u8; 8192];
        let length = rustix::io::pread(fd.as_fd(), &mut buffer, 0)?;
        Ok(Some(
            String::from_utf8_lossy(&buffer[..length]).into_owned(),
        ))
    }

    /// Writes to a file if this sandbox has it.
    fn write(&self, tag: FdTag, text: &str) -> io::Result<()> {
        if let Some(fd) = self.fds.get(&tag) {
            rustix::io::pwrite(fd.as_fd(), text.as_bytes(), 0)?;
        }
        Ok(())
    }
}

/// Reads the counters of the one interface beside the loopback.
pub(super) fn traffic(counters: &OwnedFd) -> io::Result<Traffic> {
    let mut buffer = [0_u8; 1024];
    let length = rustix::io::pread(counters.as_fd(), &mut buffer, 0)?;
    Ok(read_traffic(&String::from_utf8_lossy(&buffer[..length])))
}

/// Columns of `/proc/net/dev`: eight about what was received, the first of them bytes, then those about what was sent.
fn read_traffic(table: &str) -> Traffic {
    let counters = table
        .lines()
        .find_map(|line| line.trim().strip_prefix("eth0:"))
        .unwrap_or_default();
    let mut counters = counters
        .split_whitespace()
        .map(|text| text.parse().unwrap_or(0));
    Traffic {
        received_bytes: counters.next().unwrap_or(0),
        sent_bytes: counters.nth(7).unwrap_or(0),
    }
}

/// Finds `key value` on a line of its own.
fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(' ')?;
        (found == key).then(|| value.trim().parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freeze_that_was_called_off_is_not_asked_for_again() {
        let freezer = tempfile::NamedTempFile::new().unwrap();
        let handle = OwnedFd::from(freezer.reopen().unwrap());
        let meters = Meters::new(HashMap::from([(FdTag::FreezeV2, handle)]), Arc::default());
        let asked = || std::fs::read_to_string(freezer.path()).unwrap();

        meters.set_motion(Motion::Frozen).unwrap();
        assert!(meters.freeze_again().unwrap());
        assert_eq!(asked(), "1");
        meters.set_motion(Motion::Running).unwrap();

        assert!(!meters.freeze_again().unwrap());
        assert_eq!(asked(), "0");
    }

    #[test]
    fn traffic_is_told_by_direction_and_without_the_loopback() {
        let table = "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes packets\n    lo: 5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0\n  eth0:  1200      10    0    0    0     0          0         0     3400      20    0    0    0     0       0          0\n";

        let traffic = read_traffic(table);

        assert_eq!((traffic.received_bytes, traffic.sent_bytes), (1200, 3400));
        assert_eq!(read_traffic(""), Traffic::default());
    }

    #[test]
    fn a_key_is_matched_whole() {
        let text = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n";

        assert_eq!(keyed(text, "oom_kill"), Some(3));
        assert_eq!(keyed(text, "oom"), None);
    }
}
