//! The programs that run inside: this binary again, told by its arguments which probe to be.

use std::ffi::OsStr;
use std::process::ExitCode;

/// Plays a role before the test harness starts: the launcher, or a probe inside a sandbox.
///
/// The harness owns `main`, so this is called from the table of functions that run before it.
extern "C" fn play_role() {
    firelight_sandbox_linux::run_role_if_asked();
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().as_deref() == Some(OsStr::new("__probe")) {
        let name = arguments.next().unwrap_or_default();
        let code = run(&name.to_string_lossy());
        std::process::exit(i32::from(code != ExitCode::SUCCESS));
    }
}

#[used]
// SAFETY: the section is a table of functions of this type, run once before main; the standard library has its own
// entry there, which comes first and makes the arguments available.
#[unsafe(link_section = ".init_array")]
static PLAY_ROLE: extern "C" fn() = play_role;

fn run(name: &str) -> ExitCode {
    match name {
        "status" => print_file("/proc/self/status"),
        "mounts" => print_file("/proc/self/mountinfo"),
        "environment" => print_environment(),
        "sleep" => loop {
            std::thread::park();
        },
        _ => {
            eprintln!("no probe is called {name}");
            ExitCode::FAILURE
        }
    }
}

fn print_file(path: &str) -> ExitCode {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{path}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print_environment() -> ExitCode {
    for (name, value) in std::env::vars_os() {
        println!("{}={}", name.to_string_lossy(), value.to_string_lossy());
    }
    ExitCode::SUCCESS
}
