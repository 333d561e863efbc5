//! The serving phase of init: starts programs, passes on signals, reaps, reports.
//!
//! Deliberately absent: any judgement. Init does what it is told on its control socket, which only the daemon holds,
//! and ends when the daemon lets go of it.

use std::collections::HashMap;
use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{Mode, OFlags};
use rustix::pipe::PipeFlags;

use crate::step::errno;
use crate::sys::signal::{child_signals, kill_all_others, kill_child, reap_blocking, reap_one};
use crate::sys::spawn::{self, Program};
use crate::wire::{self, Ended, Event, MAX_PACKET, SpawnFault, Task};

/// Serves until the other end of `control` is closed.
pub(super) fn serve(control: &OwnedFd) -> io::Result<()> {
    let mut init = Init {
        control: control.as_fd(),
        deaths: child_signals()?,
        null: rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?,
        started: HashMap::new(),
    };
    // The kernel hands out zeroed pages as they are first used, so an idle init pays for none of this.
    let mut buffer = vec![0; MAX_PACKET];
    loop {
        let (task_ready, death_ready) = init.wait()?;
        if death_ready {
            init.reap()?;
        }
        if task_ready {
            match wire::receive(init.control, &mut buffer)? {
                Some(packet) => {
                    init.carry_out(Task::decode(&packet.bytes).map_err(io::Error::other)?)?
                }
                None => return Ok(()),
            }
        }
    }
}

struct Init<'a> {
    control: BorrowedFd<'a>,
    deaths: OwnedFd,
    null: OwnedFd,
    /// Programs the daemon asked for and that were not reaped yet, by pid.
    started: HashMap<i32, u32>,
}

impl Init<'_> {
    fn wait(&self) -> io::Result<(bool, bool)> {
        let mut fds = [
            PollFd::new(&self.control, PollFlags::IN),
            PollFd::new(&self.deaths, PollFlags::IN),
        ];
        rustix::io::retry_on_intr(|| rustix::event::poll(&mut fds, None))?;
        Ok((!fds[0].revents().is_empty(), !fds[1].revents().is_empty()))
    }

    fn carry_out(&mut self, task: Task) -> io::Result<()> {
        match task {
            Task::Spawn {
                process,
                program,
                arguments,
                variables,
                directory,
            } => {
                let launch = Launch::new(program, arguments, variables, directory);
                let started = launch.and_then(|launch| launch.start(self.null.as_fd()));
                self.report_spawn(process, started)
            }
            Task::Signal { process, signal } => {
                self.signal(process, signal);
                Ok(())
            }
            Task::KillAll { ticket } => {
                self.kill_all()?;
                self.tell(&Event::KilledAll { ticket })
            }
        }
    }

    fn report_spawn(
        &mut self,
        process: u32,
        started: Result<Started, (SpawnFault, io::Error)>,
    ) -> io::Result<()> {
        match started {
            Ok(started) => {
                self.started.insert(started.pid, process);
                let fds = [started.stdout.as_fd(), started.stderr.as_fd()];
                wire::send(self.control, &Event::Spawned { process }.encode(), &fds)
            }
            Err((fault, error)) => self.tell(&Event::SpawnFailed {
                process,
                fault,
                errno: errno(&error),
            }),
        }
    }

    /// A process that is not in the table has been reaped: its pid may be somebody else's by now.
    fn signal(&self, process: u32, signal: i32) {
        if let Some((pid, _)) = self.started.iter().find(|(_, number)| **number == process) {
            // It may have become a zombie this instant, which a signal cannot hurt.
            let _ = kill_child(*pid, signal);
        }
    }

    /// Kills until nothing is left. Once is enough in practice: a fork that races with the signal fails.
    fn kill_all(&mut self) -> io::Result<()> {
        kill_all_others()?;
        while let Some((pid, status)) = reap_blocking()? {
            self.report_exit(pid, status)?;
            kill_all_others()?;
        }
        Ok(())
    }

    fn reap(&mut self) -> io::Result<()> {
        let mut ignored = [0_u8; 128 * 8];
        // One readable signal may stand for many deaths; the loop below finds them all.
        let _ = rustix::io::read(&self.deaths, &mut ignored);
        while let Some((pid, status)) = reap_one()? {
            self.report_exit(pid, status)?;
        }
        Ok(())
    }

    fn report_exit(&mut self, pid: i32, status: i32) -> io::Result<()> {
        let Some(process) = self.started.remove(&pid) else {
            return Ok(());
        };
        let ended = if libc::WIFSIGNALED(status) {
            Ended::Signal(libc::WTERMSIG(status))
        } else {
            Ended::Code(libc::WEXITSTATUS(status))
        };
        self.tell(&Event::Exited { process, ended })
    }

    fn tell(&self, event: &Event) -> io::Result<()> {
        wire::send(self.control, &event.encode(), &[])
    }
}

/// A program in the form the kernel wants.
struct Launch {
    path: CString,
    arguments: Vec<CString>,
    variables: Vec<CString>,
    directory: PathBuf,
}

struct Started {
    pid: i32,
    stdout: OwnedFd,
    stderr: OwnedFd,
}

impl Launch {
    fn new(
        program: PathBuf,
        arguments: Vec<OsString>,
        variables: Vec<(OsString, OsString)>,
        directory: PathBuf,
    ) -> Result<Self, (SpawnFault, io::Error)> {
        let convert = || -> io::Result<Self> {
            Ok(Self {
                path: c_string(program.into_os_string())?,
                arguments: arguments
                    .into_iter()
                    .map(c_string)
                    .collect::<io::Result<_>>()?,
                variables: variables
                    .into_iter()
                    .map(|(mut name, value)| {
                        name.push("=");
                        name.push(value);
                        c_string(name)
                    })
                    .collect::<io::Result<_>>()?,
                directory,
            })
        };
        convert().map_err(|error| (SpawnFault::Prepare, error))
    }

    /// Starts the program with pipes of its own: made here, they belong to the function's user, who can then open
    /// `/dev/stdout` like anywhere else.
    fn start(&self, null: BorrowedFd<'_>) -> Result<Started, (SpawnFault, io::Error)> {
        let pipe = || {
            rustix::pipe::pipe_with(PipeFlags::CLOEXEC)
                .map_err(|error| (SpawnFault::Prepare, error.into()))
        };
        let (stdout, stdout_writer) = pipe()?;
        let (stderr, stderr_writer) = pipe()?;
        rustix::process::chdir(&self.directory)
            .map_err(|error| (SpawnFault::Directory, error.into()))?;
        let pid = spawn::spawn(&Program {
            path: &self.path,
            arguments: &self.arguments,
            variables: &self.variables,
            stdin: null,
            stdout: stdout_writer.as_fd(),
            stderr: stderr_writer.as_fd(),
        })
        .map_err(|error| (SpawnFault::Exec, error))?;
        Ok(Started {
            pid,
            stdout,
            stderr,
        })
    }
}

fn c_string(text: OsString) -> io::Result<CString> {
    CString::new(text.into_vec()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
}
