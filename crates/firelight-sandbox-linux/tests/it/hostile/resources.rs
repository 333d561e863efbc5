//! Using up what others need: processes, threads, memory of every kind, descriptors, space and names in `/tmp`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;

use firelight_sandbox::{Exit, Sandbox};

use super::{attempt, error_name};
use crate::rig::{MIB, Outcome, Rig, run_probe};

/// Runs an attack in one sandbox; another must live on and the first must be usable after a reset.
async fn attack(name: &str, wall: &str) -> Option<(Outcome, u64)> {
    let rig = Rig::new();
    if !rig.stands(wall) {
        rig.stop().await;
        return None;
    }
    let (attacked, bystander) = (rig.sandbox().await, rig.sandbox().await);
    let outcome = run_probe(&attacked, name).await;
    let peak = attacked.usage().await.unwrap().memory_peak_bytes;
    assert_eq!(run_probe(&bystander, "exit-7").await.exit, Exit::Code(7));
    attacked.kill_processes().await.unwrap();
    assert_eq!(run_probe(&attacked, "exit-7").await.exit, Exit::Code(7));
    bystander.destroy().await.unwrap();
    rig.end(attacked).await;
    Some((outcome, peak))
}

#[tokio::test]
async fn a_fork_bomb_stops_at_the_process_limit() {
    if let Some((outcome, _)) = attack("fork-bomb", "process-limit").await {
        // The limit is 64, and the bomb itself is one of them.
        assert_eq!(outcome.output, "63 EAGAIN\n", "{outcome:?}");
    }
}

#[tokio::test]
async fn a_thread_bomb_stops_at_the_process_limit() {
    if let Some((outcome, _)) = attack("thread-bomb", "process-limit").await {
        assert_eq!(outcome.output, "63 EAGAIN\n", "{outcome:?}");
    }
}

#[tokio::test]
async fn a_memory_hog_is_killed_and_named_as_such() {
    if let Some((outcome, peak)) = attack("memory-hog", "memory-limit").await {
        assert_eq!(outcome.exit, Exit::OutOfMemory, "{outcome:?}");
        assert!(peak <= 256 * MIB, "{peak}");
    }
}

#[tokio::test]
async fn memory_hidden_in_pipes_sockets_and_anonymous_files_counts() {
    for name in ["pipe-hog", "socket-hog", "memfd-hog", "shm-hog"] {
        let Some((outcome, peak)) = attack(name, "memory-limit").await else {
            return;
        };
        assert!(peak <= 256 * MIB, "{name}: {peak}");
        // Ended by the kernel, or by running out of descriptors first; never by reaching its goal of 512 MiB.
        assert!(!outcome.output.contains("WORKED"), "{name}: {outcome:?}");
    }
}

#[tokio::test]
async fn tmp_is_full_at_its_size_and_its_number_of_files() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;

    let outcome = run_probe(&sandbox, "fill-tmp").await;

    assert_eq!(
        outcome.output, "bytes ENOSPC 16\nfiles ENOSPC\n",
        "{outcome:?}"
    );
    rig.end(sandbox).await;
}

#[tokio::test]
async fn descriptors_end_at_their_limit() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;

    let outcome = run_probe(&sandbox, "open-files").await;

    assert_eq!(outcome.output, "1021 EMFILE\n", "{outcome:?}");
    rig.end(sandbox).await;
}

pub(super) fn probe(name: &str) -> Option<io::Result<()>> {
    match name {
        "fork-bomb" => Some(fork_bomb()),
        "thread-bomb" => Some(thread_bomb()),
        "memory-hog" => Some(memory_hog()),
        "pipe-hog" => Some(pipe_hog()),
        "socket-hog" => Some(socket_hog()),
        "memfd-hog" => Some(memfd_hog()),
        "shm-hog" => Some(shm_hog()),
        "fill-tmp" => Some(fill_tmp()),
        "open-files" => Some(open_files()),
        _ => None,
    }
}

fn fork_bomb() -> io::Result<()> {
    for count in 0.. {
        // SAFETY: the child only closes its copies and pauses; this program has one thread.
        match unsafe { libc::fork() } {
            0 => loop {
                // SAFETY: the pipes are closed so that the test sees the end of the parent's output.
                unsafe {
                    libc::close(1);
                    libc::close(2);
                    libc::pause()
                };
            },
            -1 => {
                println!("{count} {}", error_name(&io::Error::last_os_error()));
                return Ok(());
            }
            _ => {}
        }
    }
    Ok(())
}

fn thread_bomb() -> io::Result<()> {
    for count in 0.. {
        let thread = std::thread::Builder::new().stack_size(65_536);
        if let Err(error) = thread.spawn(|| {
            loop {
                std::thread::park()
            }
        }) {
            println!("{count} {}", error_name(&error));
            // Not by returning: the harness would wait for nobody, but its own threads could not end.
            io::stdout().flush()?;
            std::process::exit(0);
        }
    }
    Ok(())
}

const GOAL_MIB: usize = 512;

fn memory_hog() -> io::Result<()> {
    let mut held = Vec::new();
    for _ in 0..GOAL_MIB {
        held.push(vec![1_u8; 1 << 20]);
    }
    std::hint::black_box(&held);
    println!("WORKED");
    Ok(())
}

/// Fills pipes until the goal, or the descriptors, or the memory end.
fn pipe_hog() -> io::Result<()> {
    let mut held: Vec<(io::PipeReader, io::PipeWriter)> = Vec::new();
    for _ in 0..GOAL_MIB {
        let (reader, mut writer) = io::pipe()?;
        let _ = rustix::pipe::fcntl_setpipe_size(&writer, 1 << 20);
        rustix::io::ioctl_fionbio(&writer, true)?;
        while writer.write(&[1; 65_536]).is_ok() {}
        held.push((reader, writer));
    }
    println!("{} pipes", held.len());
    Ok(())
}

fn socket_hog() -> io::Result<()> {
    let mut held = Vec::new();
    let mut bytes = 0;
    while bytes < GOAL_MIB << 20 {
        let (one, two) = std::os::unix::net::UnixStream::pair()?;
        one.set_nonblocking(true)?;
        while let Ok(written) = (&one).write(&[1; 65_536]) {
            bytes += written;
        }
        held.push((one, two));
    }
    println!("WORKED");
    Ok(())
}

fn memfd_hog() -> io::Result<()> {
    let mut file = File::from(memfd()?);
    for _ in 0..GOAL_MIB {
        file.write_all(&vec![1; 1 << 20])?;
    }
    println!("WORKED");
    Ok(())
}

fn memfd() -> io::Result<OwnedFd> {
    Ok(rustix::fs::memfd_create(
        "hog",
        rustix::fs::MemfdFlags::empty(),
    )?)
}

fn shm_hog() -> io::Result<()> {
    // SAFETY: a new segment of the size that is attached and written below.
    unsafe {
        let id = libc::shmget(libc::IPC_PRIVATE, GOAL_MIB << 20, 0o600);
        let memory = libc::shmat(id, std::ptr::null(), 0);
        if memory.addr() == usize::MAX {
            return Err(io::Error::last_os_error());
        }
        std::ptr::write_bytes(memory.cast::<u8>(), 1, GOAL_MIB << 20);
    }
    println!("WORKED");
    Ok(())
}

fn fill_tmp() -> io::Result<()> {
    let mut file = File::create("/tmp/full")?;
    let mut mib = 0;
    let end = loop {
        match file.write_all(&vec![1; 1 << 20]) {
            Ok(()) => mib += 1,
            Err(error) => break error,
        }
    };
    println!("bytes {} {mib}", error_name(&end));
    fs::remove_file("/tmp/full")?;
    let files = (0..10_000).try_for_each(|number| File::create(format!("/tmp/{number}")).map(drop));
    attempt("files", files);
    Ok(())
}

fn open_files() -> io::Result<()> {
    let mut held = Vec::new();
    let end = loop {
        match File::open("/dev/null") {
            Ok(file) => held.push(file),
            Err(error) => break error,
        }
    };
    println!("{} {}", held.len(), error_name(&end));
    Ok(())
}
