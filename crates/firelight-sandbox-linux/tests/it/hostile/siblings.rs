//! From one sandbox to another: signals, abstract sockets, shared memory, the neighbour's listener.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use firelight_sandbox::{Exit, Sandbox, SandboxProcess};

use super::{assert_all_refused, attempt, call};
use crate::rig::{Rig, probe as probe_program, run_probe};

#[tokio::test]
async fn a_sandbox_cannot_find_or_hurt_its_neighbour() {
    let rig = Rig::new();
    let (victim, attacker) = (rig.sandbox().await, rig.sandbox().await);
    let mut held = victim.spawn(probe_program("sibling-victim")).await.unwrap();
    let mut stdout = std::fs::File::from(held.take_output().unwrap());
    let ready = tokio::task::spawn_blocking(move || io::Read::read_exact(&mut stdout, &mut [0; 6]));
    ready.await.unwrap().unwrap();

    let outcome = run_probe(&attacker, "sibling-attack").await;

    assert_all_refused(
        &outcome.output,
        &["ESRCH", "ECONNREFUSED", "ENOENT", "EPERM"],
        6,
    );
    assert_eq!(run_probe(&victim, "exit-7").await.exit, Exit::Code(7));
    attacker.destroy().await.unwrap();
    rig.end(victim).await;
}

pub(super) fn probe(name: &str) -> Option<io::Result<()>> {
    match name {
        "sibling-victim" => Some(wait_for_attack()),
        "sibling-attack" => Some(attack()),
        _ => None,
    }
}

const SEGMENT_KEY: usize = 4711;

fn wait_for_attack() -> io::Result<()> {
    let _listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name("victim")?)?;
    call(
        libc::SYS_shmget,
        [
            SEGMENT_KEY,
            4096,
            (libc::IPC_CREAT | 0o666) as usize,
            0,
            0,
            0,
        ],
    )?;
    io::Write::write_all(&mut io::stdout(), b"ready\n")?;
    io::Write::flush(&mut io::stdout())?;
    loop {
        std::thread::park();
    }
}

fn attack() -> io::Result<()> {
    // Every pid that the neighbour may have in its own namespace, and one it may have on the host.
    for pid in [2_usize, 3, 4, 1000, 30_000]
        .into_iter()
        .filter(|pid| *pid != std::process::id() as usize)
    {
        attempt(
            &format!("kill-{pid}"),
            call(libc::SYS_kill, [pid, 9, 0, 0, 0, 0]),
        );
    }
    // Init is there, but no signal from inside reaches it; it must still be there afterwards.
    call(libc::SYS_kill, [1, 9, 0, 0, 0, 0])?;
    call(libc::SYS_kill, [1, 19, 0, 0, 0, 0])?;
    let name = SocketAddr::from_abstract_name("victim")?;
    attempt("abstract-socket", UnixStream::connect_addr(&name));
    attempt(
        "shared-memory",
        call(libc::SYS_shmget, [SEGMENT_KEY, 4096, 0, 0, 0, 0]),
    );
    Ok(())
}
