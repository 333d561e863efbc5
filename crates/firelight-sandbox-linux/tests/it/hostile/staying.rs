//! Staying alive after the kill: double forks, ignored signals, a parent held in `vfork`.

use std::io::{self, Read, Write};

use firelight_sandbox::Sandbox;

use crate::rig::{Rig, probe as probe_program};

/// Starts the attack and returns once it is in place, with the pipe that its last process keeps open.
async fn entrenched(sandbox: &firelight_sandbox_linux::LinuxSandbox, name: &str) -> std::fs::File {
    use firelight_sandbox::SandboxProcess;
    let mut process = sandbox.spawn(probe_program(name)).await.unwrap();
    let mut stdout = std::fs::File::from(process.take_output().unwrap());
    tokio::task::spawn_blocking(move || {
        stdout.read_exact(&mut [0; 6]).unwrap();
        stdout
    })
    .await
    .unwrap()
}

async fn assert_ends(mut pipe: std::fs::File) {
    let read = tokio::task::spawn_blocking(move || pipe.read_to_end(&mut Vec::new()));
    read.await.unwrap().unwrap();
}

#[tokio::test]
async fn nothing_survives_a_kill_of_the_processes() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;
    for name in ["stay-double-fork", "stay-vfork"] {
        let pipe = entrenched(&sandbox, name).await;

        sandbox.kill_processes().await.unwrap();

        assert_ends(pipe).await;
    }
    rig.end(sandbox).await;
}

#[tokio::test]
async fn nothing_survives_the_destruction_even_when_frozen() {
    let rig = Rig::new();
    for name in ["stay-double-fork", "stay-vfork"] {
        let sandbox = rig.sandbox().await;
        let pipe = entrenched(&sandbox, name).await;
        sandbox.freeze().await.unwrap();

        sandbox.destroy().await.unwrap();

        assert_ends(pipe).await;
    }
    rig.stop().await;
}

pub(super) fn probe(name: &str) -> Option<io::Result<()>> {
    match name {
        "stay-double-fork" => Some(double_fork()),
        "stay-vfork" => Some(held_in_vfork()),
        _ => None,
    }
}

fn say_ready() -> io::Result<()> {
    io::stdout().write_all(b"ready\n")?;
    io::stdout().flush()
}

/// Ignores every signal that can be ignored, and waits.
fn dig_in() -> ! {
    for signal in 1..=64 {
        // SAFETY: ignoring a signal runs no code; the two that cannot be ignored are refused.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    loop {
        std::thread::park();
    }
}

fn double_fork() -> io::Result<()> {
    // SAFETY: this program has one thread, and both children use only what is theirs.
    unsafe {
        if libc::fork() == 0 {
            libc::setsid();
            if libc::fork() == 0 {
                say_ready()?;
                dig_in();
            }
            libc::_exit(0);
        }
    }
    dig_in()
}

/// The parent cannot run, and so not die by itself, until its child execs: which it never does.
fn held_in_vfork() -> io::Result<()> {
    // SAFETY: the raw call shares memory with the suspended parent; the child only reads constants and pauses.
    unsafe {
        let flags = libc::CLONE_VFORK | libc::CLONE_VM | libc::SIGCHLD;
        if libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) == 0 {
            libc::write(1, c"ready\n".as_ptr().cast(), 6);
            loop {
                libc::pause();
            }
        }
    }
    Ok(())
}
