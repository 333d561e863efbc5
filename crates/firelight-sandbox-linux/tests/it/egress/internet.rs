//! A little internet of network namespaces, and a host in it.

use std::io::Write;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;

use super::{HOST, SERVER};

/// Runs a test on a thread whose network is a host of its own, with a server on the internet beside it.
pub(super) fn on_a_host_of_its_own(test: impl AsyncFnOnce() + Send + 'static) {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not tested here: egress (not root)");
        return;
    }
    if Command::new("ip").arg("-V").output().is_err() {
        eprintln!("not tested here: egress (no ip command to build the test's internet with)");
        return;
    }
    let thread = std::thread::spawn(move || {
        enter_new_network();
        if !has_veth() {
            eprintln!("not tested here: egress (no veth interfaces in this kernel)");
            return;
        }
        let internet = std::thread::spawn(serve_the_internet).join().unwrap();
        connect_to(&internet);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(test());
    });
    thread.join().expect("the test passes");
}

fn enter_new_network() {
    let flags = rustix::thread::UnshareFlags::NEWNET;
    // SAFETY: a network namespace of its own shares nothing with other threads that they could miss.
    unsafe { rustix::thread::unshare_unsafe(flags) }.unwrap();
    ip("link set lo up");
    // A new network takes after the host's.
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "0").unwrap();
}

/// Whether the kernel has the kind of interface that all of this is made of.
fn has_veth() -> bool {
    let try_one = [
        "link", "add", "try0", "type", "veth", "peer", "name", "try1",
    ];
    let made = Command::new("ip")
        .args(try_one)
        .output()
        .is_ok_and(|output| output.status.success());
    if made {
        ip("link del try0");
    }
    made
}

/// Runs `ip` in this thread's network.
pub(super) fn ip(arguments: &str) {
    let output = Command::new("ip")
        .args(arguments.split(' '))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "ip {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A network with a server that tells each client its address. Its threads live as long as this program.
fn serve_the_internet() -> std::fs::File {
    enter_new_network();
    for address in ["203.0.113.2", "10.1.2.3", "169.254.169.254", "100.70.0.1"] {
        ip(&format!("addr add {address}/32 dev lo"));
    }
    for address in [SERVER, "10.1.2.3:80", "169.254.169.254:80", "100.70.0.1:80"] {
        let listener = TcpListener::bind(address).unwrap();
        std::thread::spawn(move || {
            while let Ok((mut client, from)) = listener.accept() {
                let _ = write!(client, "{}", from.ip());
            }
        });
    }
    std::fs::File::open("/proc/thread-self/ns/net").unwrap()
}

fn connect_to(internet: &std::fs::File) {
    ip("link add out0 type veth peer name in0");
    ip(&format!("addr add {HOST}/24 dev out0"));
    ip("link set out0 up");
    // The other end goes by descriptor: the namespace has no name.
    let here = std::fs::File::open("/proc/thread-self/ns/net").unwrap();
    let kind = Some(rustix::thread::LinkNameSpaceType::Network);
    let fd = std::os::fd::AsRawFd::as_raw_fd(internet);
    ip(&format!(
        "link set in0 netns /proc/{}/fd/{fd}",
        std::process::id()
    ));
    rustix::thread::move_into_link_name_space(internet.as_fd(), kind).unwrap();
    ip("link set in0 up");
    ip("addr add 203.0.113.3/24 dev in0");
    rustix::thread::move_into_link_name_space(here.as_fd(), kind).unwrap();
    ip("route add default via 203.0.113.3");
}

/// Shows `source` at `target` to this thread, and to what it starts, alone.
pub(super) fn show_at(source: &Path, target: &str) {
    use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};
    // SAFETY: this thread does not go on to use relative paths or a root that others change.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS) }.unwrap();
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).unwrap();
    mount_bind(source, target).unwrap();
}
