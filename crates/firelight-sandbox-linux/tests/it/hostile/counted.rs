//! Using up what the kernel counts for each user or for the whole host: watches, queues, semaphores, timers.
//!
//! The attacker takes until the kernel refuses, and holds on. Another sandbox must get what it asks for all the same.

use std::io::{self, Read, Write};

use firelight_sandbox::{Sandbox, SandboxProcess};

use super::{attempt, call};
use crate::rig::{Rig, probe as probe_program, run_probe};

/// More than any of the limits that are meant to end the attack.
const MOST: usize = 200_000;

#[tokio::test]
async fn what_is_counted_by_user_or_by_host_is_left_for_others() {
    let rig = Rig::new();
    if !rig.stands("own-user") {
        return rig.stop().await;
    }
    let (attacker, bystander) = (rig.sandbox().await, rig.sandbox().await);
    for kind in KINDS {
        let mut holder = attacker
            .spawn(probe_program(&format!("counted-hold-{kind}")))
            .await
            .unwrap();
        let mut output = std::fs::File::from(holder.take_output().unwrap());
        let held = tokio::task::spawn_blocking(move || {
            let mut line = [0; 5];
            output.read_exact(&mut line).map(|()| line)
        });
        assert_eq!(held.await.unwrap().unwrap(), *b"held\n", "{kind}");

        let outcome = run_probe(&bystander, &format!("counted-use-{kind}")).await;

        assert_eq!(outcome.output, format!("{kind} WORKED\n"), "{outcome:?}");
        attacker.kill_processes().await.unwrap();
    }
    attacker.destroy().await.unwrap();
    rig.end(bystander).await;
}

const KINDS: [&str; 4] = ["timers", "messages", "semaphores", "signals"];

pub(super) fn probe(name: &str) -> Option<io::Result<()>> {
    let known = |kind: &&str| KINDS.contains(kind);
    if let Some(kind) = name.strip_prefix("counted-hold-").filter(known) {
        return Some(hold(kind));
    }
    let kind = name.strip_prefix("counted-use-").filter(known)?;
    attempt(kind, take(kind));
    Some(Ok(()))
}

fn hold(kind: &str) -> io::Result<()> {
    let taken = (0..MOST).take_while(|_| take(kind).is_ok()).count();
    // One that could take nothing has shown nothing.
    let word: &[u8] = if taken > 0 { b"held\n" } else { b"none\n" };
    io::stdout().write_all(word)?;
    io::stdout().flush()?;
    loop {
        std::thread::park();
    }
}

fn take(kind: &str) -> io::Result<i64> {
    let new = (libc::IPC_CREAT | 0o600) as usize;
    match kind {
        "timers" => {
            let mut timer = 0_i32;
            let to = (&raw mut timer).addr();
            call(libc::SYS_timer_create, [0, 0, to, 0, 0, 0])
        }
        "messages" => call(libc::SYS_msgget, [0, new, 0, 0, 0, 0]),
        "semaphores" => call(libc::SYS_semget, [0, 1, new, 0, 0, 0]),
        _ => queue_signal(),
    }
}

/// Sends itself a signal that is blocked, so that it stays queued.
#[expect(
    clippy::cast_sign_loss,
    reason = "the number of the signal goes to the kernel as its bits"
)]
fn queue_signal() -> io::Result<i64> {
    let signal = libc::SIGRTMIN();
    // SAFETY: the set and the empty value live for the calls that fill and read them.
    unsafe {
        let mut blocked = std::mem::zeroed();
        libc::sigemptyset(&raw mut blocked);
        libc::sigaddset(&raw mut blocked, signal);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const blocked, std::ptr::null_mut());
        let mut value: libc::siginfo_t = std::mem::zeroed();
        value.si_code = libc::SI_QUEUE;
        let to = std::process::id() as usize;
        let what = (&raw const value).addr();
        call(
            libc::SYS_rt_sigqueueinfo,
            [to, signal as usize, what, 0, 0, 0],
        )
    }
}
