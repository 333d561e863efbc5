//! Killing what carries the rest: the daemon, and the daemon and its launcher at the same moment.
//!
//! The daemon of these tests is this binary once more, as a process of its own.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use firelight_sandbox::{Exit, Sandbox, SandboxProcess};
use firelight_sandbox_linux::LinuxDriver;

use crate::leaks::{self, Snapshot, is_gone};
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
    before.assert_nothing_left_of(&instance, dir.path());
}

#[tokio::test]
async fn when_daemon_and_launcher_are_killed_together_the_next_start_sweeps() {
    let (before, dir) = (Snapshot::take(), tempfile::tempdir().unwrap());
    let daemon = Daemon::start(dir.path());

    // Stopped first, so that neither sees the other die.
    rig::stop(daemon.launcher);
    rig::kill(daemon.process.id());
    rig::kill(daemon.launcher);

    daemon.assert_all_gone();
    let config = config(dir.path());
    let rig = rig::Rig::start(before, config, dir);
    let sandbox = rig.sandbox().await;
    assert_eq!(run_probe(&sandbox, "exit-7").await.exit, Exit::Code(7));
    rig.end(sandbox).await;
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
    rig.stop().await;
}

#[tokio::test]
async fn a_cgroup_that_cannot_be_removed_is_given_up_with_a_word_and_swept_later() {
    let rig = rig::Rig::new();
    if !rig.stands("memory-limit") {
        return rig.stop().await;
    }
    let (doomed, spared) = (rig.sandbox().await, rig.sandbox().await);
    let mut stranger = Command::new("sleep").arg("1000").spawn().unwrap();
    // Somebody outside is in the sandbox's cgroup, which no kill of the sandbox reaches.
    let cgroups = leaks::cgroups_of_sandboxes(&rig.config.instance);
    let pid = stranger.id().to_string();
    let entered = cgroups
        .iter()
        .filter(|dir| dir.ends_with("1"))
        .filter(|dir| std::fs::write(dir.join("cgroup.procs"), &pid).is_ok());
    assert!(entered.count() > 0);

    doomed.destroy().await.unwrap();

    assert_eq!(run_probe(&spared, "exit-7").await.exit, Exit::Code(7));
    spared.destroy().await.unwrap();
    rig.driver.stop().await;
    assert!(!leaks::cgroups_of_sandboxes(&rig.config.instance).is_empty());
    let again = rig.start_again();
    // The next life kills what it finds in its cgroups.
    assert!(!stranger.wait().unwrap().success());
    again.stop().await;
}

#[test]
fn a_daemon_without_descriptors_refuses_and_goes_on_when_it_has_some() {
    let dir = tempfile::tempdir().unwrap();

    let output = Command::new(std::env::current_exe().unwrap())
        .args(["__probe", "few-descriptors"])
        .env("DIR", dir.path())
        .output()
        .unwrap();

    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{output:?}");
    assert_eq!(text, "some, then refused, then one more; nothing left\n");
}

/// Takes sandboxes until it has no room for another one's descriptors, gives them back and takes one more.
async fn run_out_of_descriptors(dir: &Path) -> io::Result<()> {
    use firelight_sandbox::{LaunchError, SandboxDriver};
    const DESCRIPTORS: u64 = 120;
    let config = config(dir);
    let driver = LinuxDriver::start(&config).map_err(io::Error::other)?;
    let limit = rustix::process::Rlimit {
        current: Some(DESCRIPTORS),
        maximum: Some(DESCRIPTORS),
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit)?;
    let mut taken = Vec::new();
    let refused = loop {
        match driver.launch(rig::spec()).await {
            Ok(sandbox) => taken.push(sandbox),
            Err(error) => break error,
        }
    };
    let is_exhausted = matches!(refused, LaunchError::Exhausted { .. });
    if taken.is_empty() || !is_exhausted {
        return Err(io::Error::other(refused));
    }
    for sandbox in taken {
        sandbox.destroy().await.map_err(io::Error::other)?;
    }
    let last = driver.launch(rig::spec()).await.map_err(io::Error::other)?;
    last.destroy().await.map_err(io::Error::other)?;
    // The refused one goes by itself.
    while !rig::children_of(driver.launcher_pid()).is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    println!("some, then refused, then one more; nothing left");
    driver.stop().await;
    Ok(())
}

#[test]
fn on_a_full_disk_sandboxes_are_refused_with_the_reason_until_there_is_room() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not tested here: a full disk (it takes root to make one)");
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["__probe", "full-disk"])
        .env("DIR", tempfile::tempdir().unwrap().path())
        .output()
        .unwrap();

    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{output:?}");
    if text != "not tested here\n" {
        assert_eq!(text, "one, then refused, then one more\n");
    }
}

/// Has the driver's directory on a small disk of its own, fills it and empties it again.
async fn fill_the_disk(dir: &Path) -> io::Result<()> {
    use firelight_sandbox::{LaunchError, SandboxDriver};
    std::fs::create_dir_all(dir)?;
    // SAFETY: this process has one thread.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS) }?;
    let private = rustix::mount::MountPropagationFlags::PRIVATE;
    rustix::mount::mount_change("/", private | rustix::mount::MountPropagationFlags::REC)?;
    let flags = rustix::mount::MountFlags::empty();
    rustix::mount::mount("tmpfs", dir, "tmpfs", flags, c"size=64m")?;
    let driver = LinuxDriver::start(&config(dir)).map_err(io::Error::other)?;
    let on_disk = |wall: &firelight_sandbox_linux::Wall| wall.name == "tmp-on-disk";
    if driver.report().missing().any(on_disk) {
        println!("not tested here");
        return Ok(());
    }
    let first = driver.launch(rig::spec()).await.map_err(io::Error::other)?;
    std::fs::write(dir.join("full"), vec![1; 56 << 20])?;
    let refused = driver.launch(rig::spec()).await.err();
    if !matches!(refused, Some(LaunchError::Exhausted { .. })) {
        return Err(io::Error::other(format!("{refused:?}")));
    }
    std::fs::remove_file(dir.join("full"))?;
    let second = driver.launch(rig::spec()).await.map_err(io::Error::other)?;
    for sandbox in [first, second] {
        sandbox.destroy().await.map_err(io::Error::other)?;
    }
    println!("one, then refused, then one more");
    driver.stop().await;
    Ok(())
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

/// Processes of their own: a daemon to be killed, and daemons on hosts that lack something.
pub(crate) fn probe(name: &str) -> Option<io::Result<()>> {
    let dir = std::env::var_os("DIR").unwrap_or_default();
    let dir = Path::new(&dir);
    match name {
        "daemon" => Some(block_on(be_daemon(dir))),
        "few-descriptors" => Some(block_on(run_out_of_descriptors(dir))),
        "full-disk" => Some(block_on(fill_the_disk(dir))),
        _ => None,
    }
}

fn block_on(role: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(role)
}

/// Says who its launcher is and waits for its end.
async fn be_daemon(dir: &Path) -> io::Result<()> {
    let driver = LinuxDriver::start(&config(dir)).map_err(io::Error::other)?;
    let launched = firelight_sandbox::SandboxDriver::launch(&driver, rig::spec()).await;
    let sandbox = launched.map_err(io::Error::other)?;
    let sleeper = sandbox.spawn(rig::probe("sleep")).await;
    let _sleeper = sleeper.map_err(io::Error::other)?;
    println!("{}", driver.launcher_pid());
    io::stdout().flush()?;
    std::future::pending().await
}
