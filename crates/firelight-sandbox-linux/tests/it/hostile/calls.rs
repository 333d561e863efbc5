//! System calls that would open a way out: namespaces, mounts, tracing, modules, clocks, odd sockets.

use std::io;

use firelight_sandbox::Exit;

use super::{assert_all_refused, attempt, call};
use crate::rig::{Rig, run_probe};

#[tokio::test]
async fn calls_that_no_function_needs_answer_eperm() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;

    let outcome = run_probe(&sandbox, "calls-refused").await;

    assert_eq!(outcome.exit, Exit::Code(0), "{outcome:?}");
    // Where there is no root inside, becoming it is an invalid wish.
    let allowed = if rig.stands("own-user") {
        &["EPERM"][..]
    } else {
        &["EPERM", "EINVAL"]
    };
    assert_all_refused(&outcome.output, allowed, 60);
    rig.end(sandbox).await;
}

#[tokio::test]
async fn calls_that_the_lists_do_not_know_answer_enosys() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;

    let outcome = run_probe(&sandbox, "calls-unknown").await;

    assert_all_refused(&outcome.output, &["ENOSYS"], 3);
    rig.end(sandbox).await;
}

#[tokio::test]
#[cfg(target_arch = "x86_64")]
async fn code_of_the_32_bit_architecture_is_killed() {
    let rig = Rig::new();
    let sandbox = rig.sandbox().await;

    let outcome = run_probe(&sandbox, "calls-32-bit").await;

    assert_eq!(outcome.exit, Exit::Signal(libc::SIGSYS), "{outcome:?}");
    rig.end(sandbox).await;
}

pub(super) fn probe(name: &str) -> Option<io::Result<()>> {
    match name {
        "calls-refused" => Some(refused()),
        "calls-unknown" => Some(unknown()),
        #[cfg(target_arch = "x86_64")]
        "calls-32-bit" => Some(call_in_32_bits()),
        _ => None,
    }
}

fn flag(bits: libc::c_ulong) -> usize {
    usize::try_from(bits).expect("a flag fits a register")
}

/// A limit of zero, soft and hard.
static NOTHING: [u64; 2] = [0; 2];
const PATH: *const libc::c_char = c"/tmp".as_ptr();

#[expect(
    clippy::cast_sign_loss,
    reason = "flags go to the kernel as their bits"
)]
fn refused() -> io::Result<()> {
    let path = PATH.addr();
    for (name, flag) in [
        ("user", libc::CLONE_NEWUSER),
        ("mount", libc::CLONE_NEWNS),
        ("net", libc::CLONE_NEWNET),
        ("pid", libc::CLONE_NEWPID),
        ("uts", libc::CLONE_NEWUTS),
        ("ipc", libc::CLONE_NEWIPC),
        ("cgroup", libc::CLONE_NEWCGROUP),
    ] {
        attempt(
            &format!("unshare-{name}"),
            call(libc::SYS_unshare, [flag as usize, 0, 0, 0, 0, 0]),
        );
        let flags = (flag | libc::SIGCHLD) as usize;
        attempt(
            &format!("clone-{name}"),
            call(libc::SYS_clone, [flags, 0, 0, 0, 0, 0]),
        );
    }
    let own = std::fs::File::open("/proc/self/ns/user")?;
    let own = std::os::fd::AsRawFd::as_raw_fd(&own) as usize;
    let bind = flag(libc::MS_BIND);
    for (name, number, arguments) in [
        ("setns", libc::SYS_setns, [own, 0, 0, 0, 0, 0]),
        ("mount-bind", libc::SYS_mount, [path, path, 0, bind, 0, 0]),
        (
            "mount-remount",
            libc::SYS_mount,
            [0, c"/".as_ptr().addr(), 0, flag(libc::MS_REMOUNT), 0, 0],
        ),
        (
            "umount",
            libc::SYS_umount2,
            [
                c"/proc".as_ptr().addr(),
                libc::MNT_DETACH as usize,
                0,
                0,
                0,
                0,
            ],
        ),
        ("pivot_root", libc::SYS_pivot_root, [path, path, 0, 0, 0, 0]),
        ("chroot", libc::SYS_chroot, [path, 0, 0, 0, 0, 0]),
        (
            "open_tree",
            libc::SYS_open_tree,
            [libc::AT_FDCWD as usize, path, 1, 0, 0, 0],
        ),
        (
            "fsopen",
            libc::SYS_fsopen,
            [c"tmpfs".as_ptr().addr(), 0, 0, 0, 0, 0],
        ),
        ("move_mount", libc::SYS_move_mount, [0, 0, 0, 0, 0, 0]),
        ("mount_setattr", libc::SYS_mount_setattr, [0, 0, 0, 0, 0, 0]),
        (
            "open_by_handle_at",
            libc::SYS_open_by_handle_at,
            [own, 0, 0, 0, 0, 0],
        ),
        ("ptrace-traceme", libc::SYS_ptrace, [0, 0, 0, 0, 0, 0]),
        (
            "ptrace-init",
            libc::SYS_ptrace,
            [libc::PTRACE_SEIZE as usize, 1, 0, 0, 0, 0],
        ),
        (
            "process_vm_readv",
            libc::SYS_process_vm_readv,
            [1, 0, 0, 0, 0, 0],
        ),
        (
            "process_vm_writev",
            libc::SYS_process_vm_writev,
            [1, 0, 0, 0, 0, 0],
        ),
        ("pidfd_getfd", libc::SYS_pidfd_getfd, [own, 0, 0, 0, 0, 0]),
        ("kcmp", libc::SYS_kcmp, [1, 1, 0, 0, 0, 0]),
        ("bpf", libc::SYS_bpf, [0, 0, 0, 0, 0, 0]),
        (
            "perf_event_open",
            libc::SYS_perf_event_open,
            [0, 0, 0, 0, 0, 0],
        ),
        ("userfaultfd", libc::SYS_userfaultfd, [0, 0, 0, 0, 0, 0]),
        (
            "io_uring_setup",
            libc::SYS_io_uring_setup,
            [1, 0, 0, 0, 0, 0],
        ),
        ("add_key", libc::SYS_add_key, [path, path, path, 1, 0, 0]),
        ("keyctl", libc::SYS_keyctl, [0, 0, 0, 0, 0, 0]),
        (
            "request_key",
            libc::SYS_request_key,
            [path, path, 0, 0, 0, 0],
        ),
        ("init_module", libc::SYS_init_module, [0, 0, path, 0, 0, 0]),
        (
            "finit_module",
            libc::SYS_finit_module,
            [own, path, 0, 0, 0, 0],
        ),
        (
            "delete_module",
            libc::SYS_delete_module,
            [path, 0, 0, 0, 0, 0],
        ),
        ("kexec_load", libc::SYS_kexec_load, [0, 0, 0, 0, 0, 0]),
        ("reboot", libc::SYS_reboot, [0, 0, 0, 0, 0, 0]),
        ("swapon", libc::SYS_swapon, [path, 0, 0, 0, 0, 0]),
        ("acct", libc::SYS_acct, [path, 0, 0, 0, 0, 0]),
        ("syslog", libc::SYS_syslog, [3, 0, 0, 0, 0, 0]),
        ("clock_settime", libc::SYS_clock_settime, [0, 0, 0, 0, 0, 0]),
        ("settimeofday", libc::SYS_settimeofday, [0, 0, 0, 0, 0, 0]),
        ("sethostname", libc::SYS_sethostname, [path, 4, 0, 0, 0, 0]),
        ("quotactl", libc::SYS_quotactl, [0, 0, 0, 0, 0, 0]),
        ("fanotify_init", libc::SYS_fanotify_init, [0, 0, 0, 0, 0, 0]),
        ("setuid-root", libc::SYS_setuid, [0, 0, 0, 0, 0, 0]),
        ("setgid-root", libc::SYS_setgid, [0, 0, 0, 0, 0, 0]),
        (
            "personality",
            libc::SYS_personality,
            [0x040_0000, 0, 0, 0, 0, 0],
        ),
        // Lower, the limit would let the host's handler of core dumps be run.
        (
            "core-limit",
            libc::SYS_setrlimit,
            [
                libc::RLIMIT_CORE as usize,
                (&raw const NOTHING).addr(),
                0,
                0,
                0,
                0,
            ],
        ),
        (
            "core-limit-of-any",
            libc::SYS_prlimit64,
            [
                0,
                libc::RLIMIT_CORE as usize,
                (&raw const NOTHING).addr(),
                0,
                0,
                0,
            ],
        ),
        (
            "terminal-typing",
            libc::SYS_ioctl,
            [0, 0x5412, path, 0, 0, 0],
        ),
    ] {
        attempt(name, call(number, arguments));
    }
    for (name, number) in REFUSED_WHATEVER_IS_ASKED {
        attempt(name, call(number, [0; 6]));
    }
    refused_sockets();
    Ok(())
}

/// Calls that are refused before the kernel looks at what they ask for.
const REFUSED_WHATEVER_IS_ASKED: [(&str, libc::c_long); 8] = [
    ("io_uring_enter", libc::SYS_io_uring_enter),
    ("io_uring_register", libc::SYS_io_uring_register),
    ("kexec_file_load", libc::SYS_kexec_file_load),
    ("swapoff", libc::SYS_swapoff),
    ("fsmount", libc::SYS_fsmount),
    ("fsconfig", libc::SYS_fsconfig),
    ("fspick", libc::SYS_fspick),
    ("fanotify_mark", libc::SYS_fanotify_mark),
];

#[expect(
    clippy::cast_sign_loss,
    reason = "socket numbers go to the kernel as their bits"
)]
fn refused_sockets() {
    for (name, family, kind, protocol) in [
        ("socket-packet", libc::AF_PACKET, libc::SOCK_RAW, 0),
        (
            "socket-raw",
            libc::AF_INET,
            libc::SOCK_RAW,
            libc::IPPROTO_ICMP,
        ),
        (
            "socket-raw6",
            libc::AF_INET6,
            libc::SOCK_RAW,
            libc::IPPROTO_ICMPV6,
        ),
        (
            "socket-raw-cloexec",
            libc::AF_INET,
            libc::SOCK_RAW | libc::SOCK_CLOEXEC,
            1,
        ),
        ("socket-old-packet", libc::AF_INET, 10, 0x300),
        (
            "socket-netfilter",
            libc::AF_NETLINK,
            libc::SOCK_RAW,
            libc::NETLINK_NETFILTER,
        ),
        (
            "socket-audit",
            libc::AF_NETLINK,
            libc::SOCK_RAW,
            libc::NETLINK_AUDIT,
        ),
        (
            "socket-ipsec",
            libc::AF_NETLINK,
            libc::SOCK_RAW,
            libc::NETLINK_XFRM,
        ),
        (
            "socket-device-events",
            libc::AF_NETLINK,
            libc::SOCK_RAW,
            libc::NETLINK_KOBJECT_UEVENT,
        ),
        ("socket-bluetooth", libc::AF_BLUETOOTH, libc::SOCK_RAW, 1),
        ("socket-bus", libc::AF_CAN, libc::SOCK_RAW, 1),
        ("socket-keys", libc::AF_KEY, libc::SOCK_RAW, 2),
        ("socket-crypto", libc::AF_ALG, libc::SOCK_SEQPACKET, 0),
        ("socket-vsock", libc::AF_VSOCK, libc::SOCK_STREAM, 0),
        ("socket-xdp", libc::AF_XDP, libc::SOCK_RAW, 0),
    ] {
        let arguments = [family as usize, kind as usize, protocol as usize, 0, 0, 0];
        attempt(name, call(libc::SYS_socket, arguments));
    }
}

fn unknown() -> io::Result<()> {
    attempt("clone3", call(libc::SYS_clone3, [0; 6]));
    attempt("number-that-is-not-there", call(1_000_000, [0; 6]));
    // The x32 way to call getpid.
    attempt("x32", call(0x4000_0027, [0; 6]));
    Ok(())
}

#[cfg(target_arch = "x86_64")]
fn call_in_32_bits() -> io::Result<()> {
    const GETPID: u32 = 20;
    // SAFETY: the interrupt enters the kernel by its 32-bit door with getpid, which touches no memory.
    unsafe {
        std::arch::asm!("int 0x80", inlateout("eax") GETPID => _, options(nostack));
    }
    Ok(())
}
