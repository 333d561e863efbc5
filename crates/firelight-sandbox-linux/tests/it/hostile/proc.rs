//! Walks through `/proc`: other processes, the host's memory and secrets, knobs of the kernel.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};

use firelight_sandbox::Sandbox;

use super::{assert_all_refused, attempt};
use crate::rig::{Rig, run_probe};

#[tokio::test]
async fn init_and_the_hosts_memory_cannot_be_read() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;

    let outcome = run_probe(&sandbox, "proc-read").await;

    assert_all_refused(&outcome.output, &["EACCES", "ENOENT", "EPERM", "EMPTY"], 20);
    rig.end(sandbox).await;
}

#[tokio::test]
async fn no_knob_of_the_kernel_can_be_turned() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;

    let outcome = run_probe(&sandbox, "proc-write").await;

    assert_all_refused(&outcome.output, &["EACCES", "ENOENT", "EPERM", "EROFS"], 8);
    rig.end(sandbox).await;
}

#[tokio::test]
async fn only_the_sandboxs_own_processes_are_seen() {
    let rig = Rig::new();
    let (sandbox, other) = (rig.sandbox().await, rig.sandbox().await);
    let _sleeper = other.spawn(crate::rig::probe("sleep")).await.unwrap();

    let outcome = run_probe(&sandbox, "proc-list").await;

    // Not even init: it is nobody's to look at.
    assert_eq!(outcome.output.lines().count(), 1, "{outcome:?}");
    other.destroy().await.unwrap();
    rig.end(sandbox).await;
}

pub(super) fn probe(name: &str) -> Option<io::Result<()>> {
    match name {
        "proc-read" => Some(read()),
        "proc-write" => Some(write()),
        "proc-list" => Some(list()),
        _ => None,
    }
}

fn read() -> io::Result<()> {
    for path in [
        "/proc/1/environ",
        "/proc/1/mem",
        "/proc/1/maps",
        "/proc/1/cmdline",
        "/proc/1/fd/0",
        "/proc/1/root/etc/passwd",
        "/proc/1/cwd/etc/passwd",
        "/proc/kcore",
        "/proc/kmsg",
        "/proc/keys",
        "/proc/key-users",
        "/proc/kallsyms",
        "/proc/modules",
        "/proc/cmdline",
        "/proc/config.gz",
        "/proc/iomem",
        "/proc/ioports",
        "/proc/diskstats",
        "/proc/partitions",
        "/proc/timer_list",
        "/proc/slabinfo",
        "/proc/vmallocinfo",
        "/proc/sysvipc/shm",
        "/proc/sys/kernel/cad_pid",
        "/dev/mem",
        "/dev/kmsg",
        "/dev/kvm",
        "/sys/kernel",
        "/etc/shadow",
        "/root/.ssh",
        "/var/run/docker.sock",
    ] {
        let mut byte = [0];
        match File::open(path).and_then(|mut file| file.read(&mut byte)) {
            Ok(0) => println!("{path} EMPTY"),
            other => attempt(path, other),
        }
    }
    for link in ["/proc/1/exe", "/proc/1/root", "/proc/1/ns/mnt"] {
        attempt(link, fs::read_link(link));
    }
    Ok(())
}

fn write() -> io::Result<()> {
    for path in [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/vm/drop_caches",
        "/proc/sys/kernel/hostname",
        "/proc/sysrq-trigger",
        "/proc/self/uid_map",
        "/proc/self/gid_map",
        "/proc/self/setgroups",
        "/proc/self/oom_score_adj",
        "/proc/1/oom_score_adj",
        "/proc/irq/default_smp_affinity",
    ] {
        attempt(path, OpenOptions::new().write(true).open(path));
    }
    Ok(())
}

fn list() -> io::Result<()> {
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            println!("{name}");
        }
    }
    Ok(())
}
