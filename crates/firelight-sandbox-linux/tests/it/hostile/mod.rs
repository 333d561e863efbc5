//! Functions that attack. Each test fails if its attack works.
//!
//! A probe tries its attacks one after the other and prints a line for each: its name and what the kernel said. The
//! test beside it says what the kernel must have said.

mod calls;
mod counted;
mod files;
mod network;
mod proc;
mod resources;
mod siblings;
mod staying;
mod tmp;

use std::io;

/// Runs the probe of that name if one of the families has it.
pub(crate) fn probe(name: &str) -> Option<io::Result<()>> {
    let families = [
        calls::probe,
        counted::probe,
        files::probe,
        network::probe,
        proc::probe,
        resources::probe,
        siblings::probe,
        staying::probe,
        tmp::probe,
    ];
    families.into_iter().find_map(|family| family(name))
}

/// Prints how an attack ended.
pub(crate) fn attempt<T>(name: &str, outcome: io::Result<T>) {
    match outcome {
        Ok(_) => println!("{name} WORKED"),
        Err(error) => println!("{name} {}", error_name(&error)),
    }
}

fn error_name(error: &io::Error) -> String {
    let known = [
        (libc::EPERM, "EPERM"),
        (libc::ENOSYS, "ENOSYS"),
        (libc::EACCES, "EACCES"),
        (libc::EROFS, "EROFS"),
        (libc::ENOENT, "ENOENT"),
        (libc::ESRCH, "ESRCH"),
        (libc::EINVAL, "EINVAL"),
        (libc::EAGAIN, "EAGAIN"),
        (libc::EMFILE, "EMFILE"),
        (libc::ENOSPC, "ENOSPC"),
        (libc::ENETUNREACH, "ENETUNREACH"),
        (libc::ECONNREFUSED, "ECONNREFUSED"),
        (libc::ENODEV, "ENODEV"),
        (libc::EBADF, "EBADF"),
        (libc::ENOTTY, "ENOTTY"),
        (libc::EOPNOTSUPP, "EOPNOTSUPP"),
        (libc::EADDRNOTAVAIL, "EADDRNOTAVAIL"),
    ];
    let code = error.raw_os_error();
    let name = known.iter().find(|(known, _)| Some(*known) == code);
    name.map_or_else(|| format!("{error:?}"), |(_, name)| (*name).to_owned())
}

/// Makes a system call with up to six arguments.
pub(crate) fn call(number: libc::c_long, arguments: [usize; 6]) -> io::Result<i64> {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the probes pass integers, null, or pointers to memory that outlives the call.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Fails with every line that is not as expected; `allowed` are the answers that mean the wall held.
fn assert_all_refused(output: &str, allowed: &[&str], least: usize) {
    let holes: Vec<_> = output
        .lines()
        .filter(|line| {
            !line
                .split_once(' ')
                .is_some_and(|(_, answer)| allowed.contains(&answer))
        })
        .collect();
    assert!(holes.is_empty(), "{holes:#?}");
    assert!(
        output.lines().count() >= least,
        "the probe tried too little:\n{output}"
    );
}
