//! Killing what carries the rest: the daemon, and the daemon and its launcher at the same moment.
//!
//! The daemon of these tests is this binary once more, as a process of its own.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use firelight_sandbox::{Exit, Sandbox, SandboxProcess};
use firelight_sandbox_linux::LinuxDriver;

use crate::leaks::{Snapshot, is_gone};
use crate::rig::{self, run_probe};

/// A daemon with one sandbox in which a program sleeps.
struct Daemon {
    process: Child,
    launcher: u32,
    init: u32,
    sleeper: u32,
}

impl Daemon {
    fn start(dir: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["__probe", "daemon"])
            .env("DIR", dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let launcher = line.trim().parse().expect("the launcher's pid");
        let init = rig::children_of(launcher)[0];
        let sleeper = rig::children_of(init)[0];
        Self {
            process,
            launcher,
            init,
            sleeper,
        }
    }

    /// Waits until every process of the daemon is gone, and fails if that takes long.
    fn assert_all_gone(mut self) {
        self.process.wait().unwrap();
        let deadline = std::time::SystemTime::now() + Duration::from_secs(20);
        for pid in [self.launcher, self.init, self.sleeper] {
            while !is_gone(pid) {
                assert!(
                    std::time::SystemTime::now() < deadline,
                    "process {pid} lives on"
                );
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
}

#[test]
fn when_the_daemon_is_killed_everything_goes_and_nothing_is_left() {
    let (before, dir) = (Snapshot::take(), tempfile::tempdir().unwrap());
    let instance = config(dir.path()).instance;
    let daemon = Daemon::start(dir.path());

    rig::kill(daemon.process.id());

    daemon.assert_all_gone();
    before.assert_nothing_left_of(&instance);
}

#[tokio::test]
async fn when_daemon_and_launcher_are_killed_together_the_next_start_sweeps() {
    let (before, dir) = (Snapshot::take(), tempfile::tempdir().unwrap());
    let instance = config(dir.path()).instance;
    let daemon = Daemon::start(dir.path());

    // Stopped first, so that neither sees the other die.
    rig::stop(daemon.launcher);
    rig::kill(daemon.process.id());
    rig::kill(daemon.launcher);

    daemon.assert_all_gone();
    let config = config(dir.path());
    let driver = LinuxDriver::start(&config).unwrap();
    let rig = rig::Rig {
        driver,
        config,
        dir,
    };
    let sandbox = rig.sandbox().await;
    assert_eq!(run_probe(&sandbox, "exit-7").await.exit, Exit::Code(7));
    rig.end(sandbox).await;
    before.assert_nothing_left_of(&instance);
}

#[tokio::test]
async fn a_launch_that_nobody_waits_for_any_more_leaves_no_sandbox() {
    use firelight_sandbox::SandboxDriver;
    let rig = rig::Rig::new();
    for _ in 0..10 {
        let impatient =
            tokio::time::timeout(Duration::from_micros(300), rig.driver.launch(rig::spec()));
        // Sometimes it is there in time, and is dropped here.
        let _ = impatient.await;
    }

    let sandbox = rig.sandbox().await;
    while rig::children_of(rig.driver.launcher_pid()).len() > 1 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    rig.end(sandbox).await;
}

#[tokio::test]
async fn many_sandboxes_at_once_come_and_go_without_growth_of_the_launcher() {
    let rig = rig::Rig::new();
    let round = async || {
        let mut sandboxes = Vec::new();
        for _ in 0..20 {
            sandboxes.push(rig.sandbox().await);
        }
        for sandbox in sandboxes {
            let mut process = sandbox.spawn(rig::probe("exit-7")).await.unwrap();
            assert_eq!(process.wait().await, Exit::Code(7));
            sandbox.destroy().await.unwrap();
        }
    };
    round().await;
    let descriptors = rig::descriptors_of(rig.driver.launcher_pid());
    let memory_kib = rig::resident_kib(rig.driver.launcher_pid());

    for _ in 0..4 {
        round().await;
    }

    assert!(rig::descriptors_of(rig.driver.launcher_pid()) <= descriptors);
    let growth = rig::resident_kib(rig.driver.launcher_pid()).saturating_sub(memory_kib);
    assert!(growth < 512, "the launcher grew by {growth} KiB");
    rig.driver.stop().await;
}

const INSTANCE: &str = "faults";

fn config(dir: &Path) -> firelight_sandbox_linux::LinuxConfig {
    rig::config(dir, |config| {
        config.instance = format!(
            "{INSTANCE}-{}",
            dir.file_name().unwrap().to_string_lossy().replace('.', "")
        );
    })
}

/// The daemon's process: says who its launcher is and waits for its end.
pub(crate) fn probe(name: &str) -> Option<io::Result<()>> {
    (name == "daemon").then(|| {
        let dir = std::env::var_os("DIR").unwrap_or_default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let config = config(Path::new(&dir));
            let driver = LinuxDriver::start(&config).map_err(io::Error::other)?;
            let launched = firelight_sandbox::SandboxDriver::launch(&driver, rig::spec()).await;
            let sandbox = launched.map_err(io::Error::other)?;
            let _sleeper = sandbox
                .spawn(rig::probe("sleep"))
                .await
                .map_err(io::Error::other)?;
            println!("{}", driver.launcher_pid());
            io::stdout().flush()?;
            std::future::pending().await
        })
    })
}
