//! The same tests again without any privilege, as far as the host allows it.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

const NOBODY: u32 = 65534;

#[test]
fn everything_that_needs_no_privilege_holds_without_one() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not tested here: these tests are already running without privileges");
        return;
    }
    // A copy where the user nobody can read it, wherever this binary lives.
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let copy = dir.path().join("it");
    crate::rig::copy_own_program(&copy);

    let output = Command::new(&copy)
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir("/")
        .env_remove("TMPDIR")
        .args(["--test-threads", "2"])
        .output()
        .unwrap();

    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
}
