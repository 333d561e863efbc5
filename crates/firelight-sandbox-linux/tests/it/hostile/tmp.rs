//! `/tmp`: its size to the byte, its independence of the memory limit, and what of it others can see.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::path::Path;

use firelight_sandbox::{Exit, Sandbox, SandboxProcess};
use firelight_sandbox_linux::TMP_ON_DISK;

use super::{assert_all_refused, attempt, error_name};
use crate::rig::{self, MIB, Rig, run_probe};

#[tokio::test]
async fn tmp_holds_its_size_and_never_a_byte_more() {
    /// A large file's own map of blocks takes some of them.
    const MAPS: u64 = 16 * 4096;
    let rig = Rig::new();
    for bytes in [5 * MIB, 16 * MIB, 300 * MIB] {
        let sandbox = rig
            .sandbox_with(|spec| {
                spec.limits.tmp_bytes = bytes;
                spec.limits.memory_bytes = 512 * MIB;
            })
            .await;

        let outcome = run_probe(&sandbox, "tmp-to-the-byte").await;

        let mut words = outcome.output.split_whitespace();
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        let (free, written) = (number().unwrap(), number().unwrap());
        assert_eq!(free, bytes, "{outcome:?}");
        assert!((bytes - MAPS..=bytes).contains(&written), "{outcome:?}");
        assert_eq!(words.next(), Some("ENOSPC"), "{outcome:?}");
        sandbox.destroy().await.unwrap();
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_function_of_128_mib_writes_400_to_tmp_and_reads_them_back() {
    let rig = Rig::new();
    if !rig.stands("tmp-on-disk") || !rig.stands("memory-limit") {
        return rig.stop().await;
    }
    let sandbox = rig
        .sandbox_with(|spec| {
            spec.limits.memory_bytes = 128 * MIB;
            spec.limits.tmp_bytes = 512 * MIB;
        })
        .await;

    let outcome = run_probe(&sandbox, "tmp-400-mib").await;

    let usage = sandbox.usage().await.unwrap();
    assert_eq!(outcome.exit, Exit::Code(0), "{outcome:?}");
    assert_eq!(outcome.output, "400 MiB as written\n");
    assert_eq!(usage.out_of_memory_kills, 0, "{usage:?}");
    assert!(usage.memory_peak_bytes <= 128 * MIB, "{usage:?}");
    rig.end(sandbox).await;
}

#[tokio::test]
async fn what_lies_in_tmp_is_not_memory_that_the_function_used() {
    let rig = Rig::new();
    if !rig.stands("tmp-on-disk") || !rig.stands("memory-limit") {
        return rig.stop().await;
    }
    let sandbox = rig
        .sandbox_with(|spec| {
            spec.limits.memory_bytes = 512 * MIB;
            spec.limits.tmp_bytes = 512 * MIB;
        })
        .await;
    let mut process = sandbox.spawn(rig::probe("tmp-400-kept")).await.unwrap();
    let mut stdout = File::from(process.take_output().unwrap());
    let written = tokio::task::spawn_blocking(move || stdout.read_exact(&mut [0]));
    written.await.unwrap().unwrap();

    let while_there = sandbox.memory_peak_bytes().await.unwrap();
    process.signal(libc::SIGKILL).await.unwrap();
    process.wait().await;
    assert_eq!(
        run_probe(&sandbox, "tmp-remove-kept").await.exit,
        Exit::Code(0)
    );
    let when_gone = sandbox.memory_peak_bytes().await.unwrap();

    assert!(while_there < 64 * MIB, "{while_there}");
    assert!(when_gone < 64 * MIB, "{when_gone}");
    rig.end(sandbox).await;
}

#[tokio::test]
async fn tmp_ends_at_its_number_of_files() {
    let rig = Rig::new();
    let sandbox = rig.sandbox_with(|spec| spec.limits.tmp_inodes = 4096).await;

    let outcome = run_probe(&sandbox, "tmp-inodes").await;

    let made: u64 = outcome.output.trim().parse().unwrap();
    // One is the root itself in memory; on disk the last block of the inode table is used whole.
    assert!((4090..4096 + 16).contains(&made), "{outcome:?}");
    rig.end(sandbox).await;
}

#[tokio::test]
async fn nothing_of_one_tmp_is_seen_in_another() {
    let rig = Rig::with(|config| config.blank_sandboxes = 2);
    let first = rig.sandbox().await;
    assert_eq!(run_probe(&first, "tmp-secrets").await.exit, Exit::Code(0));

    let second = rig.sandbox().await;
    let beside = run_probe(&second, "tmp-search").await;
    first.destroy().await.unwrap();
    let third = rig.sandbox().await;
    let after = run_probe(&third, "tmp-search").await;

    assert_eq!(beside.output, "0 names, clean\n", "{beside:?}");
    assert_eq!(after.output, "0 names, clean\n", "{after:?}");
    second.destroy().await.unwrap();
    rig.end(third).await;
}

#[tokio::test]
async fn no_image_has_a_name_and_none_outlives_its_sandbox() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;
    assert_eq!(run_probe(&sandbox, "tmp-secrets").await.exit, Exit::Code(0));

    let while_alive = bytes_of_files_below(&rig.config.state_dir);
    let images = || crate::leaks::images_of(&rig.config.state_dir);
    let before = images();
    sandbox.destroy().await.unwrap();
    let after = images();

    assert!(while_alive < MIB, "{while_alive}");
    // Only what the launcher has in stock, which nobody has used, stays until it is used or the launcher ends.
    let gone = before.iter().filter(|image| !after.contains(image)).count();
    let was_there = usize::from(rig.stands(TMP_ON_DISK));
    assert_eq!(gone, was_there, "{before:?} {after:?}");
    assert!(after.len() <= 2, "{after:?}");
    rig.stop().await;
}

#[tokio::test]
async fn the_owner_of_tmp_cannot_change_the_file_system_under_it() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;

    let outcome = run_probe(&sandbox, "tmp-ioctls").await;

    let refusals = ["EPERM", "EACCES", "EBADF", "ENOTTY", "EOPNOTSUPP", "EINVAL"];
    assert_all_refused(&outcome.output, &refusals, 9);
    let full = run_probe(&sandbox, "tmp-to-the-byte").await;
    assert!(
        full.output.starts_with("16777216 16777216 ENOSPC"),
        "{full:?}"
    );
    rig.end(sandbox).await;
}

/// What files with a name below `dir` take on the disk.
fn bytes_of_files_below(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let size = |entry: fs::DirEntry| match entry.metadata().unwrap() {
        dir if dir.is_dir() => bytes_of_files_below(&entry.path()),
        file => file.blocks() * 512,
    };
    entries.map(size).sum()
}

pub(super) fn probe(name: &str) -> Option<io::Result<()>> {
    match name {
        "tmp-to-the-byte" => Some(fill_to_the_byte()),
        "tmp-400-mib" => Some(write_and_read_back()),
        "tmp-400-kept" => Some(write_and_keep()),
        "tmp-remove-kept" => Some(fs::remove_file(KEPT)),
        "tmp-inodes" => Some(make_files()),
        "tmp-secrets" => Some(leave_secrets()),
        "tmp-search" => Some(search()),
        "tmp-ioctls" => Some(change_file_system()),
        _ => None,
    }
}

/// Prints what was free, what a file could hold, and what the kernel said then.
fn fill_to_the_byte() -> io::Result<()> {
    let free = rustix::fs::statvfs("/tmp")?;
    let free = free.f_bavail * free.f_frsize;
    let mut file = File::create("/tmp/full")?;
    let mut written = 0;
    let mut end = None;
    // In ever smaller pieces, down to one byte.
    for piece in [1 << 20, 4096, 1] {
        loop {
            // What is only promised must be stored before it counts.
            let stored = file.write(&vec![1; piece]).and_then(|length| {
                file.sync_data()?;
                Ok(length)
            });
            match stored {
                Ok(length) => written += length,
                Err(error) => {
                    end = Some(error_name(&error));
                    break;
                }
            }
        }
    }
    println!("{free} {written} {}", end.unwrap_or_default());
    fs::remove_file("/tmp/full")
}

fn write_and_read_back() -> io::Result<()> {
    const MIBS: u8 = 200;
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open("/tmp/large")?;
    for number in 0..MIBS {
        file.write_all(&vec![number; 2 << 20])?;
    }
    file.seek(SeekFrom::Start(0))?;
    let mut block = vec![0; 2 << 20];
    for number in 0..MIBS {
        file.read_exact(&mut block)?;
        if block.iter().any(|byte| *byte != number) {
            return Err(io::Error::other(format!(
                "block {number} came back changed"
            )));
        }
    }
    println!("400 MiB as written");
    fs::remove_file("/tmp/large")
}

const KEPT: &str = "/tmp/large";

fn write_and_keep() -> io::Result<()> {
    let mut file = File::create(KEPT)?;
    for _ in 0..400 {
        file.write_all(&[7; 1 << 20])?;
    }
    io::stdout().write_all(b".")?;
    io::stdout().flush()?;
    loop {
        std::thread::park();
    }
}

fn make_files() -> io::Result<()> {
    let mut made = 0;
    loop {
        match File::create(format!("/tmp/{made}")) {
            Ok(_) => made += 1,
            Err(error) if error.raw_os_error() == Some(libc::ENOSPC) => break,
            Err(error) => return Err(error),
        }
    }
    println!("{made}");
    Ok(())
}

const SECRET: &[u8] = b"the first tenant's secret";

fn leave_secrets() -> io::Result<()> {
    let page = SECRET.repeat(4096 / SECRET.len());
    for number in 0..64 {
        let mut file = File::create(format!("/tmp/secret-{number}"))?;
        for _ in 0..32 {
            file.write_all(&page)?;
        }
        file.sync_all()?;
    }
    Ok(())
}

/// Looks for names, and for old content in space that was never written.
fn search() -> io::Result<()> {
    let names = fs::read_dir("/tmp")?.count();
    let file = File::create_new("/tmp/search")?;
    file.set_len(8 << 20)?;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, 8 << 20)?;
    drop(file);
    let content = fs::read("/tmp/search")?;
    let clean = content.iter().all(|byte| *byte == 0);
    println!(
        "{names} names, {}",
        if clean { "clean" } else { "NOT CLEAN" }
    );
    fs::remove_file("/tmp/search")
}

/// Everything by which who owns a file could change its file system, its quota or its fate.
fn change_file_system() -> io::Result<()> {
    let file = File::create("/tmp/mine")?;
    let dir = File::open("/tmp")?;
    // Size, freezing, shutting down, trimming, naming, another project, a file that cannot be deleted.
    let requests: [(&str, u64); 9] = [
        ("resize", 0x4008_6610),
        ("add-group", 0x4028_6608),
        ("swap-boot", 0x6611),
        ("shutdown", 0x8004_587d),
        ("freeze", 0xc004_5877),
        ("trim", 0xc018_5879),
        ("label", 0x4100_9432),
        ("project", 0x401c_5820),
        ("immutable", 0x4008_6602),
    ];
    for (name, request) in requests {
        for (what, file) in [("file", &file), ("dir", &dir)] {
            attempt(&format!("{name}-{what}"), ioctl(file, request));
        }
    }
    fs::remove_file("/tmp/mine")
}

fn ioctl(file: &File, request: u64) -> io::Result<()> {
    // A project number and flags for those requests that read some: immutable, append only.
    let mut argument = [0_u64; 64];
    argument[0] = 0x30;
    argument[1] = 0x4242_0000_0000;
    // SAFETY: no request here reads or writes more than the 512 bytes that are there.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), request, argument.as_mut_ptr()) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
