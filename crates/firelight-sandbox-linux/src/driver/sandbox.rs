//! One sandbox as the daemon holds it: the socket to its init, its meters, its listener.
//!
//! What init says is not trusted: it shares its walls with the function. An event that answers no question is
//! ignored, and one that cannot be understood ends the sandbox.

use std::collections::HashMap;
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use firelight_sandbox::{
    Begun, Dialer, Exit, LaunchError, ProcessSpec, Sandbox, SandboxError, SpawnError, Traffic,
    Usage,
};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::book::{Book, Starting};
use super::dial::dial;
use super::link::{Link, Parcel};
use super::meters::{self, Meters, Motion};
use super::process::LinuxProcess;
use super::reader::PacketSocket;
use crate::wire::{Ended, Event, FIRST_PROCESS, FdTag, Packet, SpawnFault, Task};

/// Larger than any event; what is larger did not come from an init of ours.
const MAX_EVENT: usize = 64;
/// How long the kernel may take to freeze every process before that is a failure.
const FREEZE_TIMEOUT: Duration = Duration::from_secs(2);

/// A sandbox made of namespaces. Dropping it destroys it in the background.
#[derive(Debug)]
pub struct LinuxSandbox {
    number: u64,
    listener: Option<TcpListener>,
    inner: Arc<Inner>,
    link: Arc<Link>,
    reader: AbortHandle,
    /// Whether a program waits inside that nobody has claimed.
    waiting: AtomicBool,
    /// The process that the launch began, until it is taken.
    begun: Mutex<Option<BegunProcess>>,
    destroyed: bool,
}

/// A process that init was told to begin, and what it is of.
#[derive(Debug)]
struct BegunProcess {
    program: String,
    waited: bool,
    starting: Starting,
}

/// What the sandbox and its processes share.
#[derive(Debug)]
pub(super) struct Inner {
    control: Arc<PacketSocket>,
    meters: Arc<Meters>,
    /// The counters of the interface. Open, they keep the sandbox's network alive, so they go before the sandbox does.
    traffic: Mutex<Option<OwnedFd>>,
    book: Mutex<Book>,
}

impl LinuxSandbox {
    /// Takes over what the launcher gave, and the program that it began there. A sandbox that cannot be taken over is
    /// destroyed.
    pub(super) fn new(
        link: &Arc<Link>,
        parcel: Parcel,
        begun: Option<String>,
    ) -> Result<Self, LaunchError> {
        let number = parcel.number;
        let taken = Self::take_over(Arc::clone(link), parcel, begun);
        if taken.is_err() {
            link.destroy_later(number);
        }
        taken
    }

    fn take_over(
        link: Arc<Link>,
        parcel: Parcel,
        begun: Option<String>,
    ) -> Result<Self, LaunchError> {
        let mut fds: HashMap<FdTag, OwnedFd> = parcel.fds.into_iter().collect();
        let control = fds
            .remove(&FdTag::Control)
            .ok_or(LaunchError::LauncherGone)?;
        let listener = fds.remove(&FdTag::Listener).map(TcpListener::from);
        let traffic = fds.remove(&FdTag::Traffic);
        let failed = |source| LaunchError::Step {
            step: "watch the sandbox's init".into(),
            source,
        };
        let control = Arc::new(PacketSocket::new(control).map_err(failed)?);
        let mut book = Book::default();
        // Entered before anything init says can be heard.
        let begun = begun.map(|program| BegunProcess {
            program,
            waited: parcel.waited,
            starting: book.start(),
        });
        let number = begun.as_ref().map(|begun| begun.starting.number);
        debug_assert!(number.is_none_or(|number| number == FIRST_PROCESS));
        let inner = Arc::new(Inner {
            control: Arc::clone(&control),
            meters: link.sampler().meters(fds),
            traffic: Mutex::new(traffic),
            book: Mutex::new(book),
        });
        let reader = tokio::spawn(read(Arc::clone(&inner))).abort_handle();
        Ok(Self {
            number: parcel.number,
            listener,
            inner,
            link,
            reader,
            waiting: AtomicBool::new(parcel.waited && begun.is_none()),
            begun: Mutex::new(begun),
            destroyed: false,
        })
    }

    /// Has init start a process, in one way or another.
    async fn start(
        &self,
        task: impl FnOnce(u32) -> Task,
    ) -> Result<Result<LinuxProcess, (SpawnFault, io::Error)>, SandboxError> {
        let starting = self.inner.book()?.start();
        self.inner.tell(&task(starting.number)).await?;
        self.started(starting).await
    }

    async fn started(
        &self,
        starting: Starting,
    ) -> Result<Result<LinuxProcess, (SpawnFault, io::Error)>, SandboxError> {
        let answer = starting.answered.await.map_err(|_| SandboxError::Gone)?;
        Ok(answer.map(|output| LinuxProcess {
            number: starting.number,
            output: Some(output),
            exit: starting.exited,
            sandbox: Arc::clone(&self.inner),
        }))
    }

    fn begun(&self) -> Option<BegunProcess> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.take()
    }

    async fn move_to(&self, motion: Motion) -> Result<(), SandboxError> {
        let step = match motion {
            Motion::Frozen => "freeze the sandbox",
            Motion::Running => "thaw the sandbox",
        };
        let meters = &self.inner.meters;
        meters.set_motion(motion).map_err(failed(step))?;
        // Thawed processes run when the kernel comes to them; only frozen ones are worth waiting for.
        if motion == Motion::Running || meters.is_frozen().map_err(failed(step))? {
            return Ok(());
        }
        let inner = Arc::clone(&self.inner);
        let settled = tokio::task::spawn_blocking(move || await_frozen(&inner.meters));
        settled
            .await
            .map_err(io::Error::other)
            .flatten()
            .map_err(failed(step))
    }
}

/// Waits for the kernel on a thread of its own: it gives no event for this on version 1.
fn await_frozen(meters: &Meters) -> io::Result<()> {
    let deadline = tokio::time::Instant::now() + FREEZE_TIMEOUT;
    while !meters.is_frozen()? {
        if tokio::time::Instant::now() > deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        // Asked again because a process that was being started may have slipped through on version 1.
        if !meters.freeze_again()? {
            break;
        }
        meters.wait_for_change(Duration::from_millis(1));
    }
    Ok(())
}

impl Sandbox for LinuxSandbox {
    type Process = LinuxProcess;

    fn take_listener(&mut self) -> Option<TcpListener> {
        self.listener.take()
    }

    fn dialer(&self) -> Dialer {
        let inner = Arc::downgrade(&self.inner);
        Arc::new(move |port| Box::pin(dial(Weak::clone(&inner), port)))
    }

    async fn spawn(&self, process: ProcessSpec) -> Result<LinuxProcess, SpawnError> {
        let program = process.program.display().to_string();
        let started = self.start(|number| Task::spawn(number, process)).await?;
        started.map_err(|(fault, source)| spawn_error(program, fault, source))
    }

    async fn claim_waiting(
        &self,
        process: &ProcessSpec,
    ) -> Result<Option<LinuxProcess>, SandboxError> {
        if !self.waiting.swap(false, Ordering::AcqRel) {
            return Ok(None);
        }
        let task = |number| Task::claim(number, process.clone());
        // It ended while it waited, or broke its silence: the process can still be spawned.
        Ok(self.start(task).await?.ok())
    }

    async fn take_begun(&self) -> Result<Option<Begun<LinuxProcess>>, SpawnError> {
        let Some(begun) = self.begun() else {
            return Ok(None);
        };
        let waited = begun.waited;
        match self.started(begun.starting).await? {
            Ok(process) => Ok(Some(Begun { process, waited })),
            // It ended while it waited, or broke its silence: the process can still be spawned.
            Err(_) if waited => Ok(None),
            Err((fault, source)) => Err(spawn_error(begun.program, fault, source)),
        }
    }

    async fn kill_processes(&self) -> Result<(), SandboxError> {
        // A frozen init could not carry it out.
        let thaw = "thaw the sandbox";
        self.inner
            .meters
            .set_motion(Motion::Running)
            .map_err(failed(thaw))?;
        // What the function did to itself before is not the reason for the deaths that follow.
        self.inner.note_out_of_memory_kills();
        let (answer, answered) = oneshot::channel();
        self.waiting.store(false, Ordering::Release);
        drop(self.begun());
        let ticket = {
            let mut book = self.inner.book()?;
            let ticket = book.number();
            book.killing.insert(ticket, answer);
            ticket
        };
        self.inner.tell(&Task::KillAll { ticket }).await?;
        answered.await.map_err(|_| SandboxError::Gone)?;
        self.inner.meters.reset_peak();
        Ok(())
    }

    async fn freeze(&self) -> Result<(), SandboxError> {
        self.move_to(Motion::Frozen).await
    }

    async fn thaw(&self) -> Result<(), SandboxError> {
        self.move_to(Motion::Running).await
    }

    async fn set_cpu(&self, milli_cpus: u32) -> Result<(), SandboxError> {
        self.inner
            .meters
            .set_cpu(milli_cpus)
            .map_err(failed("set the CPU limit"))
    }

    async fn usage(&self) -> Result<Usage, SandboxError> {
        self.inner
            .meters
            .usage()
            .map_err(failed("read the sandbox's counters"))
    }

    async fn memory_peak_bytes(&self) -> Result<u64, SandboxError> {
        let peak = self.inner.meters.memory_peak_bytes();
        peak.map_err(failed("read the sandbox's memory counter"))
    }

    async fn traffic(&self) -> Result<Traffic, SandboxError> {
        let traffic = self.inner.traffic();
        match traffic.as_ref() {
            Some(counters) => {
                meters::traffic(counters).map_err(failed("read its interface's counters"))
            }
            None => Ok(Traffic::default()),
        }
    }

    async fn destroy(mut self) -> Result<(), SandboxError> {
        self.inner.traffic().take();
        let link = Arc::clone(&self.link);
        let destroyed = link.destroy(self.number).await;
        self.destroyed = true;
        destroyed
    }
}

impl Drop for LinuxSandbox {
    fn drop(&mut self) {
        self.reader.abort();
        self.inner.lose();
        self.inner.traffic().take();
        if !self.destroyed {
            self.link.destroy_later(self.number);
        }
    }
}

impl Inner {
    fn traffic(&self) -> MutexGuard<'_, Option<OwnedFd>> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The book, if init is still there.
    fn book(&self) -> Result<MutexGuard<'_, Book>, SandboxError> {
        let book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        if book.gone {
            Err(SandboxError::Gone)
        } else {
            Ok(book)
        }
    }

    pub(super) async fn tell(&self, task: &Task) -> Result<(), SandboxError> {
        self.control
            .send(&task.encode())
            .await
            .map_err(|error| match error.kind() {
                io::ErrorKind::InvalidInput => {
                    failed("send so large a request to the sandbox")(error)
                }
                _ => SandboxError::Gone,
            })
    }

    /// Has init begin a connection to a port inside.
    pub(super) async fn connect(&self, port: u16) -> io::Result<OwnedFd> {
        let (answer, answered) = oneshot::channel();
        let ticket = {
            let mut book = self.book().map_err(io::Error::other)?;
            // Whoever gave up waiting is not waited for, however long init is frozen.
            book.connecting.retain(|_, waiting| !waiting.is_closed());
            let ticket = book.number();
            book.connecting.insert(ticket, answer);
            ticket
        };
        let task = Task::Connect { ticket, port };
        self.tell(&task).await.map_err(io::Error::other)?;
        answered.await.map_err(io::Error::other)?
    }

    fn take_in(&self, packet: Packet) -> Result<(), crate::wire::Malformed> {
        let event = Event::decode(&packet.bytes)?;
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Spawned { process } => book.spawned(process, packet.fds),
            Event::SpawnFailed {
                process,
                fault,
                errno,
            } => {
                if let Some(spawning) = book.spawning.remove(&process) {
                    let error = io::Error::from_raw_os_error(errno);
                    let _ = spawning.answer.send(Err((fault, error)));
                }
            }
            Event::Exited { process, ended } => {
                if let Some(exit) = book.running.remove(&process) {
                    exit.send_replace(Some(self.exit(&mut book, ended)));
                }
            }
            Event::KilledAll { ticket } => {
                if let Some(answer) = book.killing.remove(&ticket) {
                    let _ = answer.send(());
                }
            }
            Event::Connecting { ticket } => book.connecting(ticket, packet.fds),
            Event::NotConnecting { ticket, errno } => {
                if let Some(answer) = book.connecting.remove(&ticket) {
                    let _ = answer.send(Err(io::Error::from_raw_os_error(errno)));
                }
            }
            // The claim will say so, if there is one.
            Event::Prepared | Event::Unprepared => {}
        }
        Ok(())
    }

    /// Names the reason of a death: the kernel's count tells a kill for lack of memory from any other.
    fn exit(&self, book: &mut Book, ended: Ended) -> Exit {
        match ended {
            Ended::Code(code) => Exit::Code(code),
            Ended::Signal(libc::SIGKILL) => {
                let count = self.meters.out_of_memory_kills().unwrap_or(0);
                let known = std::mem::replace(&mut book.known_out_of_memory_kills, count);
                if count > known {
                    self.meters.note_that_memory_ran_out();
                    Exit::OutOfMemory
                } else {
                    Exit::Signal(libc::SIGKILL)
                }
            }
            Ended::Signal(signal) => Exit::Signal(signal),
        }
    }

    fn note_out_of_memory_kills(&self) {
        let count = self.meters.out_of_memory_kills().unwrap_or(0);
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        book.known_out_of_memory_kills = count;
    }

    /// Tells everybody who waits that init is gone.
    fn lose(&self) {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        *book = Book {
            gone: true,
            ..Book::default()
        };
    }
}

async fn read(inner: Arc<Inner>) {
    let mut buffer = [0; MAX_EVENT];
    while let Ok(Some(packet)) = inner.control.receive(&mut buffer).await {
        if let Err(error) = inner.take_in(packet) {
            tracing::warn!(%error, "a sandbox's init said something strange");
            break;
        }
    }
    inner.lose();
}

fn spawn_error(program: String, fault: SpawnFault, source: io::Error) -> SpawnError {
    let lacking = matches!(source.raw_os_error(), Some(libc::EAGAIN | libc::ENOMEM));
    match fault {
        SpawnFault::Exec if !lacking => SpawnError::Exec { program, source },
        SpawnFault::Directory => {
            SpawnError::Sandbox(failed("enter the program's directory")(source))
        }
        _ => SpawnError::Sandbox(failed("start a process")(source)),
    }
}

fn failed(step: &str) -> impl FnOnce(io::Error) -> SandboxError {
    let step = step.to_owned();
    move |source| SandboxError::Step { step, source }
}
