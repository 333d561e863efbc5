//! Through the package: setuid programs, devices, links that lead out, writing to code.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};

use firelight_sandbox::{Exit, ReadOnlyMount, SandboxDriver};

use super::{assert_all_refused, attempt};
use crate::rig::{Rig, run, run_probe};

/// A package as an attacker who got past the unzipping would want it.
fn evil_package(rig: &Rig) -> ReadOnlyMount {
    let dir = rig.dir.path().join("package");
    fs::create_dir(&dir).unwrap();
    crate::rig::copy_own_program(&dir.join("setuid"));
    fs::set_permissions(dir.join("setuid"), fs::Permissions::from_mode(0o6755)).unwrap();
    symlink("/etc/shadow", dir.join("shadow")).unwrap();
    symlink("../../../../../../etc/shadow", dir.join("up")).unwrap();
    symlink("/proc", dir.join("inner")).unwrap();
    fs::write(dir.join("code"), "original").unwrap();
    fs::set_permissions(dir.join("code"), fs::Permissions::from_mode(0o666)).unwrap();
    if rustix::process::geteuid().is_root() {
        let device = rustix::fs::makedev(1, 5);
        let mode = rustix::fs::Mode::from_raw_mode(0o666);
        let kind = rustix::fs::FileType::CharacterDevice;
        rustix::fs::mknodat(rustix::fs::CWD, dir.join("zero"), kind, mode, device).unwrap();
    }
    ReadOnlyMount {
        source: dir,
        target: "/opt".into(),
    }
}

#[tokio::test]
async fn a_package_cannot_bring_devices_links_out_or_writable_code() {
    let rig = Rig::new();
    let package = evil_package(&rig);
    let code = package.source.join("code");
    let sandbox = rig.sandbox_with(|spec| spec.mounts.push(package)).await;

    let outcome = run_probe(&sandbox, "files-package").await;

    assert_all_refused(&outcome.output, &["EROFS", "EACCES", "ENOENT", "EPERM"], 10);
    assert_eq!(fs::read_to_string(code).unwrap(), "original");
    rig.end(sandbox).await;
}

#[tokio::test]
async fn a_setuid_program_runs_as_the_function() {
    let rig = Rig::new();
    let package = evil_package(&rig);
    let sandbox = rig.sandbox_with(|spec| spec.mounts.push(package)).await;

    let program = crate::rig::program("/opt/setuid", &["x", "__probe", "status"]);
    let outcome = run(&sandbox, program).await;

    assert_eq!(outcome.exit, Exit::Code(0), "{outcome:?}");
    assert!(
        outcome.output.contains("Uid:\t993\t993\t993\t993"),
        "{outcome:?}"
    );
    rig.end(sandbox).await;
}

#[tokio::test]
async fn a_link_in_the_package_does_not_redirect_a_later_mount() {
    let rig = Rig::new();
    let package = evil_package(&rig);
    let mut spec = crate::rig::spec();
    let inner = ReadOnlyMount {
        source: package.source.clone(),
        target: "/opt/inner/sys".into(),
    };
    spec.mounts.extend([package, inner]);

    let launched = rig.driver.launch(spec).await;

    assert!(launched.is_err(), "{launched:?}");
    rig.stop().await;
}

pub(super) fn probe(name: &str) -> Option<io::Result<()>> {
    (name == "files-package").then(abuse_package)
}

fn abuse_package() -> io::Result<()> {
    let write = |path: &str| OpenOptions::new().write(true).open(path);
    attempt("write-code", write("/opt/code"));
    attempt(
        "truncate-code",
        OpenOptions::new()
            .write(true)
            .truncate(true)
            .open("/opt/code"),
    );
    attempt("replace-code", fs::rename("/opt/shadow", "/opt/code"));
    attempt("remove-code", fs::remove_file("/opt/code"));
    attempt("add-code", File::create("/opt/new"));
    attempt(
        "chmod-code",
        fs::set_permissions("/opt/code", fs::Permissions::from_mode(0o777)),
    );
    attempt("link-code", fs::hard_link("/opt/code", "/opt/other"));
    attempt("device", File::open("/opt/zero"));
    attempt("absolute-link", File::open("/opt/shadow"));
    attempt("relative-link", File::open("/opt/up"));
    attempt("write-own-program", write("/var/task/probe"));
    attempt("write-through-fd", {
        let file = File::open("/opt/code")?;
        write(&format!(
            "/proc/self/fd/{}",
            std::os::fd::AsRawFd::as_raw_fd(&file)
        ))
    });
    let device = CString::new("/tmp/mem")?;
    // SAFETY: the path is a string that outlives the call.
    let made = unsafe { libc::mknod(device.as_ptr(), libc::S_IFCHR | 0o666, libc::makedev(1, 1)) };
    attempt(
        "make-device",
        if made == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        },
    );
    Ok(())
}
