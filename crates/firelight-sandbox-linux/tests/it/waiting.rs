//! Programs that wait in sandboxes before it is known what for.

use std::ffi::{CString, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::FromRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::ExitCode;
use std::time::Duration;

use firelight_sandbox::{
    Exit, ProcessSpec, ReadOnlyMount, Sandbox, SandboxDriver, SandboxProcess, SandboxSpec,
    WAITING_DESCRIPTOR, WAITING_VARIABLE, WaitingProgram,
};
use firelight_sandbox_linux::{LinuxProcess, LinuxSandbox};
use tokio::time::{Instant, timeout};

use crate::rig::{self, MIB, Outcome, Rig, finish, run};

/// As much as the variables of a claimed program may take here.
const ROOM: usize = 2048;
const PATIENCE: Duration = Duration::from_secs(20);

/// A program that waits, and the process it becomes, which then does `then`.
fn waits(waiting: &str, then: &str) -> (WaitingProgram, ProcessSpec) {
    let spec = rig::spec();
    let program = WaitingProgram {
        mounts: spec.mounts.clone(),
        process: ProcessSpec {
            variables: vec![
                ("AT_START".into(), "1".into()),
                (WAITING_VARIABLE.into(), "x".repeat(ROOM).into()),
            ],
            ..rig::probe(waiting)
        },
        listen_at: spec.listen_at,
        egress: spec.egress,
        host_name: spec.host_name,
        limits: spec.limits,
    };
    let process = ProcessSpec {
        variables: vec![("THEN".into(), then.into()), ("B".into(), "=\n".into())],
        directory: "/opt".into(),
        ..rig::probe(waiting)
    };
    (program, process)
}

/// The sandbox that a waiting program is claimed for: with code of its own, and more memory.
fn owned(rig: &Rig) -> SandboxSpec {
    let code = rig.dir.path().join("code");
    fs::create_dir_all(&code).unwrap();
    fs::write(code.join("index"), "code").unwrap();
    let mut spec = rig::spec();
    spec.mounts.push(ReadOnlyMount {
        source: code,
        target: "/opt".into(),
    });
    spec.limits.memory_bytes = 512 * MIB;
    spec
}

async fn until_waiting(rig: &Rig, count: u32) {
    let mut waiting = rig.driver.programs_waiting();
    let reached = timeout(PATIENCE, waiting.wait_for(|now| *now == count)).await;
    reached.expect("the programs wait in time").unwrap();
}

/// Has a program wait, and claims it.
async fn claim(rig: &Rig, then: &str) -> (LinuxSandbox, Option<LinuxProcess>) {
    let (program, process) = waits("waits", then);
    rig.driver.keep_waiting(vec![(program.clone(), 1)]);
    until_waiting(rig, 1).await;
    let launched = rig.driver.launch_waiting(owned(rig), &program, &process);
    let sandbox = launched.await.expect("the sandbox is launched");
    let process = sandbox.claim_waiting(&process).await.unwrap();
    (sandbox, process)
}

async fn claimed(rig: &Rig, then: &str) -> (LinuxSandbox, Outcome) {
    let (sandbox, process) = claim(rig, then).await;
    let outcome = finish(&mut process.expect("a program waited")).await;
    (sandbox, outcome)
}

async fn spawned(rig: &Rig, then: &str) -> (LinuxSandbox, Outcome) {
    let sandbox = rig.driver.launch(owned(rig)).await.unwrap();
    let outcome = run(&sandbox, waits("waits", then).1).await;
    (sandbox, outcome)
}

#[tokio::test]
async fn a_claimed_program_cannot_be_told_from_one_that_was_started_for_its_purpose() {
    let rig = Rig::new();

    let (first, fresh) = spawned(&rig, "looks").await;
    let (second, waited) = claimed(&rig, "looks").await;

    assert_eq!(waited.exit, Exit::Code(0), "{waited:?}");
    assert!(
        fresh.output.contains("environ: THEN=looks|B==\n|"),
        "{fresh:?}"
    );
    assert_eq!(fresh.output, waited.output);
    first.destroy().await.unwrap();
    rig.end(second).await;
}

#[tokio::test]
async fn a_program_that_is_claimed_while_it_still_sits_down_to_wait_shows_its_own_variables_alone()
{
    let rig = Rig::new();
    let (program, process) = waits("waits-late", "looks");
    rig.driver.keep_waiting(vec![(program.clone(), 1)]);
    until_waiting(&rig, 1).await;

    let launched = rig.driver.launch_waiting(owned(&rig), &program, &process);
    let sandbox = launched.await.unwrap();
    let mut claimed = sandbox.claim_waiting(&process).await.unwrap().unwrap();

    let outcome = finish(&mut claimed).await;
    assert_eq!(outcome.exit, Exit::Code(0), "{outcome:?}");
    let shown = "environ: THEN=looks|B==\n|\n";
    assert!(outcome.output.contains(shown), "{outcome:?}");
    rig.end(sandbox).await;
}

#[tokio::test]
async fn a_claimed_program_dies_and_is_reset_like_any_other() {
    let rig = Rig::new();
    let (sandbox, process) = claim(&rig, "sleep").await;
    let mut process = process.unwrap();

    process.signal(15).await.unwrap();

    assert_eq!(finish(&mut process).await.exit, Exit::Signal(15));
    sandbox.kill_processes().await.unwrap();
    let (_, process) = waits("waits", "exit-7");
    assert!(sandbox.claim_waiting(&process).await.unwrap().is_none());
    assert_eq!(run(&sandbox, process).await.exit, Exit::Code(7));
    rig.end(sandbox).await;
}

#[tokio::test]
async fn no_two_sandboxes_get_the_same_program_and_a_new_one_takes_its_place() {
    let rig = Rig::new();
    let (first, process) = claim(&rig, "sleep").await;
    assert!(process.is_some());

    until_waiting(&rig, 1).await;
    let (second, process) = claim(&rig, "sleep").await;

    assert!(process.is_some());
    first.destroy().await.unwrap();
    rig.end(second).await;
}

#[tokio::test]
async fn a_program_that_died_while_it_waited_is_replaced_and_hurts_nobody() {
    let rig = Rig::new();
    let (program, process) = waits("waits", "exit-7");
    rig.driver.keep_waiting(vec![(program.clone(), 1)]);
    until_waiting(&rig, 1).await;
    let init = *rig::children_of(rig.driver.launcher_pid()).last().unwrap();

    rig::kill(rig::children_of(init)[0]);
    until_waiting(&rig, 0).await;

    let launched = rig.driver.launch_waiting(owned(&rig), &program, &process);
    let sandbox = launched.await.unwrap();
    assert!(sandbox.claim_waiting(&process).await.unwrap().is_none());
    assert_eq!(run(&sandbox, process).await.exit, Exit::Code(7));
    until_waiting(&rig, 1).await;
    rig.end(sandbox).await;
}

#[tokio::test]
async fn a_program_that_prints_or_ends_instead_of_waiting_is_never_handed_out() {
    for bad in ["waits-loudly", "exit-7", "waits-without-a-word"] {
        let rig = Rig::new();
        let (program, process) = waits(bad, "exit-7");
        let (good, _) = waits("waits", "exit-7");

        // The good one is started after the bad one, so that its waiting tells that the bad one had its turn.
        rig.driver
            .keep_waiting(vec![(program.clone(), 1), (good, 1)]);
        until_waiting(&rig, 1).await;

        let launched = rig.driver.launch_waiting(owned(&rig), &program, &process);
        let sandbox = launched.await.unwrap();
        assert!(
            sandbox.claim_waiting(&process).await.unwrap().is_none(),
            "{bad}"
        );
        rig.end(sandbox).await;
    }
}

#[tokio::test]
async fn variables_that_do_not_fit_are_given_to_a_new_process() {
    let rig = Rig::new();
    let (program, mut process) = waits("waits", "exit-7");
    let long = OsString::from("x".repeat(2 * ROOM));
    process.variables.push(("LONG".into(), long));
    rig.driver.keep_waiting(vec![(program.clone(), 1)]);
    until_waiting(&rig, 1).await;

    let launched = rig.driver.launch_waiting(owned(&rig), &program, &process);
    let sandbox = launched.await.unwrap();

    assert!(sandbox.claim_waiting(&process).await.unwrap().is_none());
    assert_eq!(run(&sandbox, process).await.exit, Exit::Code(7));
    rig.end(sandbox).await;
}

#[tokio::test]
async fn a_program_waits_only_for_sandboxes_it_could_have_been_started_in() {
    let rig = Rig::new();
    let (program, process) = waits("waits", "exit-7");
    rig.driver.keep_waiting(vec![(program.clone(), 1)]);
    until_waiting(&rig, 1).await;
    let mut spec = owned(&rig);
    spec.limits.open_files += 1;

    let launched = rig.driver.launch_waiting(spec, &program, &process);
    let sandbox = launched.await.unwrap();

    assert!(sandbox.claim_waiting(&process).await.unwrap().is_none());
    rig.end(sandbox).await;
}

#[tokio::test]
async fn programs_that_are_not_wanted_any_more_leave_nothing() {
    let rig = Rig::new();
    let (program, _) = waits("waits", "exit-7");
    rig.driver.keep_waiting(vec![(program, 2)]);
    until_waiting(&rig, 2).await;

    rig.driver.keep_waiting(Vec::new());
    until_waiting(&rig, 0).await;

    rig.stop().await;
}

pub(crate) fn probe(name: &str) -> Option<io::Result<()>> {
    Some(match name {
        "waits" => wait_for_purpose(|| (), || ()),
        "waits-late" => wait_for_purpose(|| (), compute),
        "waits-loudly" => {
            let loudly = || {
                println!("here I am");
                // Not waiting for a full buffer, as a program would not that writes to its standard error.
                let _ = io::stdout().flush();
            };
            wait_for_purpose(loudly, || ())
        }
        "waits-without-a-word" => {
            // SAFETY: nothing here uses the descriptor.
            unsafe { libc::close(WAITING_DESCRIPTOR) };
            std::thread::park();
            Ok(())
        }
        "looks" => looks(),
        _ => return None,
    })
}

/// Takes a while in which the kernel is not called.
fn compute() {
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(3) {
        std::hint::spin_loop();
    }
}

/// What a waiting program does, and one that is started for its purpose leaves out; then what it is for. `between` it
/// says that it waits and does.
fn wait_for_purpose(before: impl FnOnce(), between: impl FnOnce()) -> io::Result<()> {
    if std::env::var_os(WAITING_VARIABLE).is_some() {
        before();
        // SAFETY: there is one thread.
        unsafe { libc::clearenv() };
        hear_purpose(between)?;
    }
    let then = std::env::var("THEN").map_err(io::Error::other)?;
    if crate::probe::run(&then) == ExitCode::SUCCESS {
        Ok(())
    } else {
        Err(io::Error::other(then))
    }
}

fn hear_purpose(between: impl FnOnce()) -> io::Result<()> {
    // SAFETY: the descriptor is this program's for exactly this.
    let mut socket = unsafe { File::from_raw_fd(WAITING_DESCRIPTOR) };
    socket.write_all(&[1])?;
    between();
    let mut packet = vec![0; 65_536];
    let length = socket.read(&mut packet)?;
    let mut parts = packet[..length].split(|byte| *byte == 0);
    let directory = OsString::from_vec(parts.next().unwrap_or_default().to_vec());
    std::env::set_current_dir(directory)?;
    for part in parts.filter(|part| !part.is_empty()) {
        let equals = part.iter().position(|byte| *byte == b'=').unwrap_or(0);
        let (name, value) = (
            CString::new(&part[..equals])?,
            CString::new(&part[equals + 1..])?,
        );
        // SAFETY: both strings end with a NUL, and there is one thread.
        unsafe { libc::setenv(name.as_ptr(), value.as_ptr(), 1) };
    }
    Ok(())
}

/// Everything a program can see of itself that must be the same however it was started.
fn looks() -> io::Result<()> {
    let shown = |path: &str| -> io::Result<String> {
        let bytes = fs::read(path)?;
        Ok(String::from_utf8_lossy(&bytes).replace('\0', "|"))
    };
    println!("environ: {}", shown("/proc/self/environ")?);
    for (name, value) in std::env::vars_os() {
        println!("{} is {}", name.display(), value.display());
    }
    println!("command: {}", shown("/proc/self/cmdline")?);
    println!("name: {}", shown("/proc/self/comm")?);
    println!("exe: {}", fs::read_link("/proc/self/exe")?.display());
    println!("directory: {}", std::env::current_dir()?.display());
    println!("code: {}", shown("index")?);
    println!("limits: {}", shown("/proc/self/limits")?);
    println!("cgroup: {}", shown("/proc/self/cgroup")?);
    println!("OOM: {}", shown("/proc/self/oom_score_adj")?);
    for line in shown("/proc/self/status")?
        .lines()
        .filter(|line| is_steady(line))
    {
        println!("{line}");
    }
    for line in shown("/proc/self/mountinfo")?.lines() {
        println!("mount: {}", mount_point(line));
    }
    for number in 0..1024 {
        if let Ok(target) = fs::read_link(format!("/proc/self/fd/{number}")) {
            let target = target.as_os_str().as_bytes();
            let kind = target
                .split(|byte| *byte == b'[')
                .next()
                .unwrap_or_default();
            println!("descriptor {number}: {}", String::from_utf8_lossy(kind));
        }
    }
    Ok(())
}

/// Whether a line of `status` says the same about every process that was started alike.
fn is_steady(line: &str) -> bool {
    const STEADY: &[&str] = &[
        "Umask",
        "State",
        "Uid",
        "Gid",
        "FDSize",
        "Groups",
        "NStgid",
        "NSpid",
        "NSpgid",
        "NSsid",
        "Threads",
        "SigPnd",
        "ShdPnd",
        "SigBlk",
        "SigIgn",
        "SigCgt",
        "CapInh",
        "CapPrm",
        "CapEff",
        "CapBnd",
        "CapAmb",
        "NoNewPrivs",
        "Seccomp",
        "Seccomp_filters",
        "CoreDumping",
        "TracerPid",
        "Cpus_allowed",
    ];
    line.split(':')
        .next()
        .is_some_and(|name| STEADY.contains(&name))
}

/// A line of the mount table without the numbers the kernel gives.
fn mount_point(line: &str) -> String {
    let fields: Vec<_> = line.split(' ').skip(4).collect();
    let end = fields
        .iter()
        .position(|field| *field == "-")
        .map_or(0, |dash| dash + 2);
    fields[..end].join(" ")
}
