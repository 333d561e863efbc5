//! `posix_spawn`: starts a program without copying the parent's page tables.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use firelight_sandbox::WAITING_DESCRIPTOR;

/// A program to start; the working directory is the caller's own.
pub(crate) struct Program<'a> {
    pub(crate) path: &'a CStr,
    pub(crate) arguments: &'a [CString],
    pub(crate) variables: &'a [CString],
    pub(crate) stdin: BorrowedFd<'a>,
    pub(crate) stdout: BorrowedFd<'a>,
    pub(crate) stderr: BorrowedFd<'a>,
    /// What a program that waits finds at its [`WAITING_DESCRIPTOR`].
    pub(crate) waits_at: Option<BorrowedFd<'a>>,
}

/// Starts `program` in a session of its own, with no signal blocked. Returns its pid, or why the
/// program could not be executed.
pub(crate) fn spawn(program: &Program<'_>) -> io::Result<i32> {
    let mut attributes = Attributes::new()?;
    let mut actions = Actions::new()?;
    for (from, to) in [(program.stdin, 0), (program.stdout, 1), (program.stderr, 2)] {
        actions.duplicate(from, to)?;
    }
    if let Some(socket) = program.waits_at {
        actions.duplicate(socket, WAITING_DESCRIPTOR)?;
    }
    let arguments = pointers(program.arguments);
    let variables = pointers(program.variables);
    let mut pid = 0;
    // SAFETY: both arrays end with a null pointer and point at strings that outlive the call; the attributes and
    // actions are initialised.
    let error = unsafe {
        libc::posix_spawn(
            &raw mut pid,
            program.path.as_ptr(),
            &raw const actions.0,
            &raw mut attributes.0,
            arguments.as_ptr(),
            variables.as_ptr(),
        )
    };
    check(error)?;
    Ok(pid)
}

fn pointers(strings: &[CString]) -> Vec<*mut libc::c_char> {
    let ends = std::iter::once(ptr::null_mut());
    strings
        .iter()
        .map(|string| string.as_ptr().cast_mut())
        .chain(ends)
        .collect()
}

fn check(error: libc::c_int) -> io::Result<()> {
    if error == 0 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(error))
    }
}

struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    fn new() -> io::Result<Self> {
        // SAFETY: posix_spawnattr_init overwrites the zeroed value before anything reads it.
        let mut this = Self(unsafe { std::mem::zeroed() });
        // SAFETY: the value is valid memory of the right type.
        check(unsafe { libc::posix_spawnattr_init(&raw mut this.0) })?;
        this.reset_signals()?;
        Ok(this)
    }

    /// Init blocks SIGCHLD, which a program does not expect.
    fn reset_signals(&mut self) -> io::Result<()> {
        // SAFETY: sigemptyset initialises the set on this stack; the attributes are initialised.
        unsafe {
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut none);
            check(libc::posix_spawnattr_setsigmask(
                &raw mut self.0,
                &raw const none,
            ))?;
        }
        let flags = libc::POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID;
        let flags = libc::c_short::try_from(flags).expect("spawn flags fit a short");
        // SAFETY: the attributes are initialised.
        check(unsafe { libc::posix_spawnattr_setflags(&raw mut self.0, flags) })
    }
}

const POSIX_SPAWN_SETSID: libc::c_int = 0x80;

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialised in `new` and destroyed once.
        unsafe { libc::posix_spawnattr_destroy(&raw mut self.0) };
    }
}

struct Actions(libc::posix_spawn_file_actions_t);

impl Actions {
    fn new() -> io::Result<Self> {
        // SAFETY: posix_spawn_file_actions_init overwrites the zeroed value before anything reads it.
        let mut this = Self(unsafe { std::mem::zeroed() });
        // SAFETY: the value is valid memory of the right type.
        check(unsafe { libc::posix_spawn_file_actions_init(&raw mut this.0) })?;
        Ok(this)
    }

    fn duplicate(&mut self, from: BorrowedFd<'_>, to: libc::c_int) -> io::Result<()> {
        // SAFETY: the actions are initialised; the descriptors are plain numbers here.
        check(unsafe {
            libc::posix_spawn_file_actions_adddup2(&raw mut self.0, from.as_raw_fd(), to)
        })
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: initialised in `new` and destroyed once.
        unsafe { libc::posix_spawn_file_actions_destroy(&raw mut self.0) };
    }
}
