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

use super::waiting::Waiting;
use crate::step::errno;
use crate::sys::signal::{child_signals, kill_all_others, kill_child, reap_blocking, reap_one};
use crate::sys::spawn::{Program, Spawner};
use crate::wire::{self, Ended, Event, MAX_PACKET, SpawnFault, Task};

/// Serves until the other end of `control` is closed.
pub(super) fn serve(control: &OwnedFd) -> io::Result<()> {
    let mut init = Init {
        control: control.as_fd(),
        deaths: child_signals()?,
        null: rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?,
        spawner: Spawner::new(),
        started: HashMap::new(),
        waiting: None,
    };
    init.rehearse();
    // The kernel hands out zeroed pages as they are first used, so an idle init pays for none of this.
    let mut buffer = vec![0; MAX_PACKET];
    loop {
        let ready = init.wait()?;
        if ready.death {
            init.reap()?;
        }
        if ready.waiting {
            init.hear_waiting()?;
        }
        if ready.task {
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
    spawner: Spawner,
    /// Programs the daemon asked for and that were not reaped yet, by pid.
    started: HashMap<i32, u32>,
    /// The program that was prepared and that nobody has claimed.
    waiting: Option<Waiting>,
}

/// Which of init's descriptors have something to say.
struct Ready {
    task: bool,
    death: bool,
    waiting: bool,
}

impl Init<'_> {
    /// Starts a program that there is not. The pages that a start touches are shared with the launcher until then, or
    /// not mapped at all; without this the first program of the function would wait for a hundred of them.
    fn rehearse(&mut self) {
        let nothing = Launch::new("/".into(), vec!["/".into()], Vec::new(), "/".into());
        // It fails, as it should.
        let _ = nothing.and_then(|launch| self.start(&launch, None));
    }

    fn start(
        &mut self,
        launch: &Launch,
        waits_at: Option<BorrowedFd<'_>>,
    ) -> Result<Started, (SpawnFault, io::Error)> {
        launch.start(&mut self.spawner, self.null.as_fd(), waits_at)
    }

    fn wait(&self) -> io::Result<Ready> {
        let unheard = self.waiting.as_ref().and_then(Waiting::unheard);
        let mut fds = vec![
            PollFd::new(&self.control, PollFlags::IN),
            PollFd::new(&self.deaths, PollFlags::IN),
        ];
        fds.extend(unheard.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        rustix::io::retry_on_intr(|| rustix::event::poll(&mut fds, None))?;
        let is_ready = |index: usize| fds.get(index).is_some_and(|fd| !fd.revents().is_empty());
        Ok(Ready {
            task: is_ready(0),
            death: is_ready(1),
            waiting: is_ready(2),
        })
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
                let started = launch.and_then(|launch| self.start(&launch, None));
                self.report_spawn(process, started)
            }
            Task::Prepare {
                program,
                arguments,
                variables,
                directory,
            } => {
                let launch = Launch::new(program, arguments, variables, directory);
                self.prepare(launch)
            }
            Task::Claim {
                process,
                variables,
                directory,
            } => self.claim(process, variables, directory),
            Task::Connect { ticket, port } => self.connect(ticket, port),
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

    /// Starts the program that waits. Where it cannot be, the sandbox is none the worse for it.
    fn prepare(&mut self, launch: Result<Launch, (SpawnFault, io::Error)>) -> io::Result<()> {
        let prepared = launch.and_then(|launch| {
            let (socket, theirs) = wire::pair().map_err(|error| (SpawnFault::Prepare, error))?;
            let started = self.start(&launch, Some(theirs.as_fd()))?;
            Ok(Waiting::new(started.pid, started.output, socket))
        });
        self.waiting = prepared.ok();
        match self.waiting {
            Some(_) => Ok(()),
            None => self.tell(&Event::Unprepared),
        }
    }

    fn hear_waiting(&mut self) -> io::Result<()> {
        let Some(mut waiting) = self.waiting.take() else {
            return Ok(());
        };
        if waiting.hear() {
            self.waiting = Some(waiting);
            return self.tell(&Event::Prepared);
        }
        waiting.discard();
        self.tell(&Event::Unprepared)
    }

    fn claim(
        &mut self,
        process: u32,
        variables: Vec<(OsString, OsString)>,
        directory: PathBuf,
    ) -> io::Result<()> {
        let gone = || io::Error::from_raw_os_error(libc::ESRCH);
        let waiting = self.waiting.take().ok_or_else(gone);
        let claimed = waiting.and_then(|waiting| waiting.claim(variables, directory));
        let started = claimed.map(|claimed| Started {
            pid: claimed.pid,
            output: claimed.output,
        });
        self.report_spawn(
            process,
            started.map_err(|error| (SpawnFault::Waiting, error)),
        )
    }

    fn report_spawn(
        &mut self,
        process: u32,
        started: Result<Started, (SpawnFault, io::Error)>,
    ) -> io::Result<()> {
        match started {
            Ok(started) => {
                self.started.insert(started.pid, process);
                let fds = [started.output.as_fd()];
                wire::send(self.control, &Event::Spawned { process }.encode(), &fds)
            }
            Err((fault, error)) => self.tell(&Event::SpawnFailed {
                process,
                fault,
                errno: errno(&error),
            }),
        }
    }

    fn connect(&self, ticket: u32, port: u16) -> io::Result<()> {
        match super::connect::begin(port) {
            Ok(socket) => wire::send(
                self.control,
                &Event::Connecting { ticket }.encode(),
                &[socket.as_fd()],
            ),
            Err(error) => self.tell(&Event::NotConnecting {
                ticket,
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
        if self
            .waiting
            .as_ref()
            .is_some_and(|waiting| waiting.pid() == pid)
        {
            self.waiting = None;
            return self.tell(&Event::Unprepared);
        }
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
    output: OwnedFd,
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

    /// Starts the program with a pipe of its own: made here, it belongs to the function's user, who can then open
    /// `/dev/stdout` like anywhere else. One that shall wait gets its end of the socket for that.
    fn start(
        &self,
        spawner: &mut Spawner,
        null: BorrowedFd<'_>,
        waits_at: Option<BorrowedFd<'_>>,
    ) -> Result<Started, (SpawnFault, io::Error)> {
        let (output, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)
            .map_err(|error| (SpawnFault::Prepare, error.into()))?;
        rustix::process::chdir(&self.directory)
            .map_err(|error| (SpawnFault::Directory, error.into()))?;
        let program = Program {
            path: &self.path,
            arguments: &self.arguments,
            variables: &self.variables,
            stdin: null,
            output: writer.as_fd(),
            waits_at,
        };
        let pid = spawner
            .spawn(&program)
            .map_err(|error| (SpawnFault::Exec, error))?;
        Ok(Started { pid, output })
    }
}

fn c_string(text: OsString) -> io::Result<CString> {
    CString::new(text.into_vec()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
}
