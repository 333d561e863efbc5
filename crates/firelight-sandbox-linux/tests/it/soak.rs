//! Many environments created and destroyed: nothing may grow with their number.
//!
//! `FIRELIGHT_TEST_SOAK=30000` makes it that many, 200 alive at once, and looks at the kernel's memory too; without it
//! a few hundred show the coarse leaks.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use firelight_sandbox::{Egress, Exit, Sandbox, SandboxDriver, SandboxProcess};
use firelight_sandbox_linux::{EgressNetwork, LinuxDriver, LinuxSandbox};
use tokio::time::Instant;

use crate::{leaks, rig};

/// How much of each a soak may leave more than it found.
const MEMORY_KIB: u64 = 2048;
const KERNEL_MEMORY_KIB: u64 = 64 * 1024;

#[test]
fn nothing_grows_with_the_number_of_environments() {
    let long = std::env::var("FIRELIGHT_TEST_SOAK").ok();
    let (count, alive) = match &long {
        Some(count) => (count.as_str(), "200"),
        None => ("300", "30"),
    };
    let dir = tempfile::tempdir().unwrap();

    let output = Command::new(std::env::current_exe().unwrap())
        .args(["__probe", "soak"])
        .env("DIR", dir.path())
        .env("COUNT", count)
        .env("ALIVE", alive)
        .output()
        .unwrap();

    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{output:?}");
    eprint!("{text}");
    for line in text.lines().filter(|line| line.contains(" -> ")) {
        assert_growth_is_bounded(line, long.is_some());
    }
    assert!(leaks::images_of(dir.path()).is_empty());
}

/// Judges a line of the report: `what before -> after`.
fn assert_growth_is_bounded(line: &str, long: bool) {
    let words: Vec<_> = line.split_whitespace().collect();
    let [what, before, _, after] = words[..] else {
        panic!("not a line of the report: {line}");
    };
    let number = |word: &str| word.parse::<u64>().unwrap();
    let growth = number(after).saturating_sub(number(before));
    let bound = match what {
        "daemon-kib" | "launcher-kib" => MEMORY_KIB,
        // Other tests run beside a short soak and use the kernel's memory too.
        "kernel-kib" if !long => return,
        "kernel-kib" => KERNEL_MEMORY_KIB,
        _ => 0,
    };
    assert!(growth <= bound, "{line}");
}

/// What could leak, counted.
struct Count {
    daemon_kib: u64,
    launcher_kib: u64,
    kernel_kib: u64,
    daemon_descriptors: usize,
    launcher_descriptors: usize,
    launcher_mounts: usize,
    cgroups: usize,
    images: usize,
    children: usize,
}

impl Count {
    fn take(driver: &LinuxDriver, instance: &str, dir: &Path) -> Self {
        let (daemon, launcher) = (std::process::id(), driver.launcher_pid());
        let mounts = std::fs::read_to_string(format!("/proc/{launcher}/mountinfo"));
        Self {
            daemon_kib: rig::resident_kib(daemon),
            launcher_kib: rig::resident_kib(launcher),
            kernel_kib: kernel_kib(),
            daemon_descriptors: rig::descriptors_of(daemon),
            launcher_descriptors: rig::descriptors_of(launcher),
            launcher_mounts: mounts.unwrap_or_default().lines().count(),
            cgroups: leaks::cgroups_of_sandboxes(instance).len(),
            images: leaks::images_of(dir).len(),
            children: rig::children_of(launcher).len(),
        }
    }

    fn parts(&self) -> [(&'static str, u64); 9] {
        let size = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        [
            ("daemon-kib", self.daemon_kib),
            ("launcher-kib", self.launcher_kib),
            ("kernel-kib", self.kernel_kib),
            ("daemon-descriptors", size(self.daemon_descriptors)),
            ("launcher-descriptors", size(self.launcher_descriptors)),
            ("launcher-mounts", size(self.launcher_mounts)),
            ("cgroups", size(self.cgroups)),
            ("images", size(self.images)),
            ("children", size(self.children)),
        ]
    }
}

/// Kernel memory that no shrinking can free.
fn kernel_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("SUnreclaim:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

struct Growth<'a>(&'a Count, &'a Count);

impl fmt::Display for Growth<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((what, before), (_, after)) in self.0.parts().into_iter().zip(self.1.parts()) {
            writeln!(f, "{what} {before} -> {after}")?;
        }
        Ok(())
    }
}

/// The soak's own process: it is the daemon, so that its memory is the daemon's.
pub(crate) fn probe(name: &str) -> Option<io::Result<()>> {
    (name == "soak").then(|| {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let number = |name: &str| variable(name).parse().map_err(io::Error::other);
        let (count, alive): (usize, usize) = (number("COUNT")?, number("ALIVE")?);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(soak(Path::new(&variable("DIR")), count, alive))
    })
}

async fn soak(dir: &Path, count: usize, alive: usize) -> io::Result<()> {
    let config = rig::config(dir, |config| {
        // As many as are kept when nobody asks, so that two counts compare.
        config.blank_sandboxes = BLANKS;
        if std::env::var_os("EGRESS").is_some() {
            config.egress_network = Some(EgressNetwork::usual([198, 19, 0, 0].into()));
        }
    });
    let driver = LinuxDriver::start(&config).map_err(io::Error::other)?;
    let mut crowd = Crowd::default();
    // The first round fills every pool and cache; what comes after must not add to them.
    crowd.churn(&driver, alive * 2, alive).await?;
    let count_now = || Count::take(&driver, &config.instance, &config.state_dir);
    settle(&driver, alive).await;
    let before = count_now();
    let started = Instant::now();
    crowd.churn(&driver, count, alive).await?;
    let took = started.elapsed();
    settle(&driver, alive).await;
    settle_kernel(before.kernel_kib).await;
    let after = count_now();
    let stopping = Instant::now();
    crowd.sandboxes.clear();
    driver.stop().await;
    let stopped = stopping.elapsed();
    print!("{}", Growth(&before, &after));
    println!(
        "{count} environments in {took:.1?}; {}stop {stopped:.1?}",
        crowd.times
    );
    Ok(())
}

const BLANKS: u32 = 2;
/// What Lambda's smallest functions get.
const MILLI_CPUS: u32 = 72;

/// Waits until the pool is full again and nothing is being built any more.
async fn settle(driver: &LinuxDriver, alive: usize) {
    let blanks = usize::try_from(BLANKS).unwrap_or(0);
    let launcher = driver.launcher_pid();
    let look = || {
        (
            rig::children_of(launcher).len(),
            rig::descriptors_of(launcher),
        )
    };
    let mut same = 0;
    let mut last = look();
    while same < 10 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = look();
        same = if now == last && now.0 == alive + blanks {
            same + 1
        } else {
            0
        };
        last = now;
    }
}

/// Waits a while for the kernel, which gives back what the dead had when it comes to it: control groups most of all.
async fn settle_kernel(before_kib: u64) {
    const TRIES: u32 = 240;
    for _ in 0..TRIES {
        if kernel_kib() <= before_kib + KERNEL_MEMORY_KIB {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The sandboxes that are alive, the oldest first.
#[derive(Default)]
struct Crowd {
    sandboxes: VecDeque<LinuxSandbox>,
    times: Times,
}

impl Crowd {
    async fn churn(&mut self, driver: &LinuxDriver, count: usize, alive: usize) -> io::Result<()> {
        for _ in 0..count {
            self.shrink_to(alive - 1).await?;
            let started = Instant::now();
            let mut spec = rig::spec();
            spec.limits.milli_cpus = MILLI_CPUS;
            if std::env::var_os("EGRESS").is_some() {
                spec.egress = Egress::Nat;
            }
            let sandbox = driver.launch(spec).await.map_err(io::Error::other)?;
            self.times.launches_us.push(micros(started));
            let spawned = sandbox.spawn(rig::probe("exit-7")).await;
            let mut process = spawned.map_err(io::Error::other)?;
            if process.wait().await != Exit::Code(7) {
                return Err(io::Error::other("a program did not run as it should"));
            }
            // As an environment is between its invocations.
            let sleeping = sandbox.spawn(rig::probe("doze")).await;
            let mut sleeping = sleeping.map_err(io::Error::other)?;
            let stdout = sleeping.take_output().map(std::fs::File::from);
            let awaited = tokio::task::spawn_blocking(move || {
                stdout.map_or(Ok(()), |mut stdout| stdout.read_exact(&mut [0]))
            });
            awaited.await.map_err(io::Error::other)??;
            sandbox.freeze().await.map_err(io::Error::other)?;
            self.sandboxes.push_back(sandbox);
        }
        Ok(())
    }

    async fn shrink_to(&mut self, alive: usize) -> io::Result<()> {
        while self.sandboxes.len() > alive {
            if let Some(oldest) = self.sandboxes.pop_front() {
                let started = Instant::now();
                oldest.destroy().await.map_err(io::Error::other)?;
                self.times.destructions_us.push(micros(started));
            }
        }
        Ok(())
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

#[derive(Default)]
struct Times {
    launches_us: Vec<u64>,
    destructions_us: Vec<u64>,
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let point = |times: &[u64], hundredths: usize| {
            let mut times = times.to_vec();
            times.sort_unstable();
            times
                .get(times.len() * hundredths / 100)
                .copied()
                .unwrap_or(0)
        };
        for (what, times) in [
            ("launch", &self.launches_us),
            ("destroy", &self.destructions_us),
        ] {
            let (half, most) = (point(times, 50), point(times, 99));
            write!(f, "{what} p50 {half} us, p99 {most} us; ")?;
        }
        Ok(())
    }
}
