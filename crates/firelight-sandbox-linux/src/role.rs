//! The roles this binary plays when it executes itself.

use std::ffi::OsStr;
use std::io::Write;

use crate::launcher;
use crate::sys;

/// The first argument that turns the binary into a launcher.
pub(crate) const LAUNCHER: &str = "__sandbox-launcher";

/// Becomes the launcher if the arguments ask for it, and then never returns.
///
/// Must be the first thing a binary does: a launcher may have no other thread.
pub fn run_role_if_asked() {
    let role = std::env::args_os().nth(1);
    if role.as_deref() == Some(OsStr::new(LAUNCHER)) {
        sys::exit_now(run_launcher());
    }
}

/// The daemon's socket is standard input: the one descriptor that a started program gets without unsafe code.
fn run_launcher() -> i32 {
    match launcher::run(sys::take_stdin()) {
        Ok(()) => 0,
        Err(error) => {
            let line = format!("firelight launcher: {error}\n");
            // The daemon cannot be told any more, so this is for whoever reads its standard error.
            let _ = std::io::stderr().write_all(line.as_bytes());
            1
        }
    }
}
