//! The way out without root: a program of the host's carries packets. The daemon of these tests is nobody.
//!
//! The test, which is root, builds the host; the daemon runs in it as a process of its own, and is told by its standard
//! input when something about the host has changed.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use firelight_sandbox::{Egress, Sandbox};

use super::internet::{ip, on_a_host_of_its_own, show_at};
use super::{HOST, SERVER, probe_program, try_to_reach, with_egress};
use crate::rig::{self, Rig};

const NOBODY: u32 = 65534;
const PASTA: &str = "/usr/bin/pasta";
const SLIRP: &str = "/usr/bin/slirp4netns";
/// An address that the host gets when the daemon runs already.
const LATER: &str = "203.0.113.77";

#[test]
fn without_root_pasta_leads_to_the_internet_and_nothing_nearer() {
    if !Path::new(PASTA).exists() {
        eprintln!("not tested here: egress without root (no {PASTA})");
        return;
    }
    on_a_host_of_its_own(async || {
        let host = Host::new();
        host.assert_the_way_out_is_safe("pasta");
    });
}

#[test]
fn without_root_and_pasta_slirp4netns_does_the_same() {
    if !Path::new(SLIRP).exists() {
        eprintln!("not tested here: egress without root (no {SLIRP})");
        return;
    }
    on_a_host_of_its_own(async || {
        let host = Host::new();
        if Path::new(PASTA).exists() {
            show_at(Path::new("/dev/null"), PASTA);
        }
        host.assert_the_way_out_is_safe("slirp4netns");
    });
}

/// A host on which nobody may open the device of tunnels, and find this program.
struct Host {
    dir: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let all = |mode| std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(dir.path(), all(0o755)).unwrap();
        let device = dir.path().join("tun");
        let kind = rustix::fs::FileType::CharacterDevice;
        let mode = rustix::fs::Mode::from_raw_mode(0o666);
        let number = rustix::fs::makedev(10, 200);
        rustix::fs::mknodat(rustix::fs::CWD, &device, kind, mode, number).unwrap();
        std::fs::set_permissions(&device, all(0o666)).unwrap();
        show_at(&device, "/dev/net/tun");
        rig::copy_own_program(&dir.path().join("it"));
        Self { dir }
    }

    fn assert_the_way_out_is_safe(&self, program: &str) {
        let service = TcpListener::bind("0.0.0.0:4566").unwrap();
        let mut daemon = Daemon::start(self.dir.path());
        let carrier = daemon.line();
        if let Some(reason) = carrier.strip_prefix("missing: ") {
            eprintln!("not tested here: egress without root ({reason})");
            return;
        }
        assert_eq!(carrier, program);
        assert_eq!(daemon.line(), format!("{SERVER} {HOST}"));
        for _ in BLOCKED {
            assert_blocked(&daemon.line());
        }

        ip(&format!("addr add {LATER}/24 dev out0"));
        daemon.go_on();
        assert_blocked(&daemon.line());

        // The program is killed, and another one takes its place.
        daemon.go_on();
        assert_eq!(daemon.line(), format!("{SERVER} {HOST}"));
        // The launcher is killed, and the program goes with it.
        daemon.go_on();
        assert_eq!(daemon.line(), "gone");
        assert!(daemon.child.wait().unwrap().success());
        service.set_nonblocking(true).unwrap();
        assert!(service.accept().is_err(), "somebody reached the host");
    }
}

fn assert_blocked(line: &str) {
    assert!(line.ends_with(" blocked"), "{line}");
}

/// The other process, by its standard streams.
struct Daemon {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Daemon {
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(dir.join("it"))
            .args(["__probe", "egress-daemon"])
            .uid(NOBODY)
            .gid(NOBODY)
            .current_dir("/")
            .env_remove("TMPDIR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            stdin: child.stdin.take().unwrap(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn go_on(&mut self) {
        self.stdin.write_all(b"\n").unwrap();
    }
}

const BLOCKED: [&str; 7] = [
    "203.0.113.1:4566",   // the host by its outer address
    "198.18.0.2:4566",    // what the program says is the host
    "198.18.0.3:80",      // the router
    "198.18.1.3:8080",    // the other sandbox
    "10.1.2.3:80",        // the host's neighbours
    "169.254.169.254:80", // the metadata service
    "100.70.0.1:80",
];

pub(super) fn probe(name: &str) -> Option<io::Result<()>> {
    (name == "egress-daemon").then(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(be_the_daemon())
    })
}

async fn be_the_daemon() -> io::Result<()> {
    let rig = Rig::with(with_egress);
    let missing = rig.driver.report().missing();
    let reason = missing
        .filter(|wall| wall.name == "egress-nat")
        .map(|wall| wall.reason.clone())
        .next();
    if let Some(reason) = reason {
        println!("missing: {reason}");
        rig.stop().await;
        return Ok(());
    }
    let launcher = rig.driver.launcher_pid();
    let (program, name) = carrier_of(launcher).ok_or(io::ErrorKind::NotFound)?;
    println!("{name}");
    let sandbox = rig.sandbox_with(|spec| spec.egress = Egress::Nat).await;
    let other = rig.sandbox_with(|spec| spec.egress = Egress::Nat).await;
    let _listening = other.spawn(probe_program("egress-listen")).await;
    let patient = Duration::from_secs(20);
    let brief = Duration::from_millis(300);
    print!(
        "{}",
        try_to_reach(&sandbox, &[SERVER], patient).await.output
    );
    print!("{}", try_to_reach(&sandbox, &BLOCKED, brief).await.output);
    await_word()?;

    let later = format!("{LATER}:4566");
    // The launcher hears of the address a moment after it is there.
    let mut reached = try_to_reach(&sandbox, &[&later], brief).await.output;
    for _ in 0..20 {
        if reached.contains("blocked") {
            break;
        }
        reached = try_to_reach(&sandbox, &[&later], brief).await.output;
    }
    print!("{reached}");
    await_word()?;

    rig::kill(program);
    let program = loop {
        match carrier_of(launcher) {
            Some((again, _)) if again != program => break again,
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    let mut reached = try_to_reach(&sandbox, &[SERVER], brief).await.output;
    while reached.contains("blocked") {
        reached = try_to_reach(&sandbox, &[SERVER], brief).await.output;
    }
    print!("{reached}");
    await_word()?;

    rig::kill(launcher);
    while !crate::leaks::is_gone(program) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("gone");
    rig.driver.stop().await;
    drop((sandbox, other));
    Ok(())
}

fn await_word() -> io::Result<()> {
    io::stdout().flush()?;
    io::stdin().read_line(&mut String::new()).map(drop)
}

/// The program that carries packets, and its name.
fn carrier_of(launcher: u32) -> Option<(u32, &'static str)> {
    let children = rig::children_of(launcher).into_iter();
    let mut named = children.filter_map(|child| {
        let program = std::fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
        let known = ["pasta", "slirp4netns"];
        let name = known.into_iter().find(|name| program.starts_with(name));
        Some((
            child,
            name.or(program.starts_with("passt").then_some("pasta"))?,
        ))
    });
    named.next()
}
