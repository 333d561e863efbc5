//! `vfork` and `exec`: starts a program without copying the parent's page tables.
//!
//! Not the C library's `posix_spawn`: it takes every signal's action back to its default in the child, two system calls
//! for each of 64 signals, and whoever starts programs here has none that differs.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use firelight_sandbox::WAITING_DESCRIPTOR;

/// Room for the child until it executes its program: a few calls deep, without buffers.
const STACK_BYTES: usize = 64 * 1024;

/// A program to start; the working directory is the caller's own.
pub(crate) struct Program<'a> {
    pub(crate) path: &'a CStr,
    pub(crate) arguments: &'a [CString],
    pub(crate) variables: &'a [CString],
    pub(crate) stdin: BorrowedFd<'a>,
    /// What becomes its standard output and its standard error.
    pub(crate) output: BorrowedFd<'a>,
    /// What a program that waits finds at its [`WAITING_DESCRIPTOR`].
    pub(crate) waits_at: Option<BorrowedFd<'a>>,
}

/// Starts programs, on a stack that is kept for all of them.
pub(crate) struct Spawner {
    stack: Vec<u8>,
}

/// What the child is to do, in the form in which it needs no memory of its own.
struct Errand {
    path: *const libc::c_char,
    arguments: *const *const libc::c_char,
    variables: *const *const libc::c_char,
    /// What become its standard input, output and error.
    standard: [libc::c_int; 3],
    /// What becomes its [`WAITING_DESCRIPTOR`]; negative if nothing does.
    waits_at: libc::c_int,
    /// Why the program could not be executed; zero if it was.
    error: libc::c_int,
}

impl Spawner {
    pub(crate) fn new() -> Self {
        Self {
            stack: vec![0; STACK_BYTES],
        }
    }

    /// Starts `program` in a session of its own, with no signal blocked. Returns its pid, or why the program could not
    /// be executed. The caller has one thread, and no signal handlers.
    pub(crate) fn spawn(&mut self, program: &Program<'_>) -> io::Result<i32> {
        let arguments = pointers(program.arguments);
        let variables = pointers(program.variables);
        let standard = [program.stdin, program.output, program.output];
        let mut errand = Errand {
            path: program.path.as_ptr(),
            arguments: arguments.as_ptr(),
            variables: variables.as_ptr(),
            standard: standard.map(|fd| fd.as_raw_fd()),
            waits_at: program.waits_at.map_or(-1, |socket| socket.as_raw_fd()),
            error: 0,
        };
        let pid = self.clone_for(&mut errand)?;
        if errand.error == 0 {
            return Ok(pid);
        }
        reap(pid);
        Err(io::Error::from_raw_os_error(errand.error))
    }

    fn clone_for(&mut self, errand: &mut Errand) -> io::Result<i32> {
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        let top = self.stack.as_mut_ptr_range().end;
        // The machine wants its stack aligned to 16 bytes.
        let top = top.wrapping_sub(top.addr() % 16);
        // SAFETY: the child runs on this stack, which nothing else uses, and shares this memory until it has executed
        // its program or ended; the caller's only thread does not run before that, so `errand` is the child's alone.
        let pid = unsafe { libc::clone(run, top.cast(), flags, ptr::from_mut(errand).cast()) };
        match pid {
            -1 => Err(io::Error::last_os_error()),
            pid => Ok(pid),
        }
    }
}

/// The child's side: makes system calls and nothing else, because every lock and buffer here is the parent's.
extern "C" fn run(errand: *mut libc::c_void) -> libc::c_int {
    // SAFETY: the parent passed its errand, and does not touch it while this runs.
    let errand = unsafe { &mut *errand.cast::<Errand>() };
    // SAFETY: the pointers lead to strings and null-terminated arrays of the parent's, which live until it goes on.
    errand.error = unsafe { execute(errand) };
    127
}

/// Returns only with the reason why there is no program.
///
/// # Safety
///
/// The errand's pointers are valid, and the caller is the child.
unsafe fn execute(errand: &Errand) -> libc::c_int {
    // SAFETY: none of these touches memory but the mask and the parameter, which are on this stack; `execve` reads what the caller vouches
    // for. The error number is the parent's own variable, which it does not look at meanwhile.
    unsafe {
        libc::setsid();
        let mut placed = place(errand.standard[0], 0)
            && place(errand.standard[1], 1)
            && place(errand.standard[2], 2);
        if errand.waits_at >= 0 {
            placed = placed && place(errand.waits_at, WAITING_DESCRIPTOR);
        }
        if !placed {
            return *libc::__errno_location();
        }
        // A program that wakes up waits for its turn, instead of taking the processor from whoever woke it: that is the
        // daemon, which has more to do. Only how soon it runs changes, so a kernel that refuses does no harm.
        let no_priority: libc::sched_param = std::mem::zeroed();
        libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const no_priority);
        // Init blocks SIGCHLD, which a program does not expect.
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
        libc::execve(errand.path, errand.arguments, errand.variables);
        *libc::__errno_location()
    }
}

/// Gives the program a descriptor under a number.
fn place(from: libc::c_int, to: libc::c_int) -> bool {
    // SAFETY: neither touches memory. One that is there already was to be closed by the execution.
    unsafe { libc::dup2(from, to) >= 0 && (from != to || libc::fcntl(to, libc::F_SETFD, 0) >= 0) }
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    let end = std::iter::once(ptr::null());
    strings
        .iter()
        .map(|string| string.as_ptr())
        .chain(end)
        .collect()
}

/// Takes away a child that has ended.
fn reap(pid: i32) {
    // SAFETY: without a place for the status the kernel touches no memory of ours.
    while unsafe { libc::waitpid(pid, ptr::null_mut(), 0) } < 0
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
}
