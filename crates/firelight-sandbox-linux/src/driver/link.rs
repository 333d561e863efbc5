//! The daemon's end of the socket to the launcher: matches answers with who waits for them.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use firelight_sandbox::{LaunchError, SandboxError, SandboxSpec};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;

use super::reader::PacketSocket;
use super::sampler::Sampler;
use crate::wire::{self, Fault, FdTag, First, MAX_PACKET, News, Order, Packet};

/// Answers by ticket; `None` once the launcher is gone and nobody can be answered any more.
type Waiting = Option<HashMap<u64, oneshot::Sender<Answer>>>;

#[derive(Debug)]
enum Answer {
    Launched(Parcel),
    LaunchFailed(Fault),
    Destroyed,
}

/// What the launcher gives for a new sandbox.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) number: u64,
    /// Whether the program that was to wait did.
    pub(super) waited: bool,
    pub(super) fds: Vec<(FdTag, OwnedFd)>,
}

#[derive(Debug)]
pub(super) struct Link {
    socket: Arc<PacketSocket>,
    waiting: Mutex<(u64, Waiting)>,
    launcher_pid: u32,
    /// True once the launcher has ended and left nothing.
    ended: watch::Sender<bool>,
    /// Programs that wait in sandboxes now.
    programs_waiting: watch::Sender<u32>,
    runtime: Handle,
    reader: AbortHandle,
    sampler: Sampler,
}

impl Link {
    pub(super) fn new(socket: OwnedFd, launcher: Child) -> io::Result<Arc<Self>> {
        let socket = Arc::new(PacketSocket::new(socket)?);
        Ok(Arc::new_cyclic(|link| Self {
            waiting: Mutex::new((1, Some(HashMap::new()))),
            launcher_pid: launcher.id(),
            ended: watch::Sender::new(false),
            programs_waiting: watch::Sender::new(0),
            runtime: Handle::current(),
            reader: tokio::spawn(read(Weak::clone(link), Arc::clone(&socket), launcher))
                .abort_handle(),
            sampler: Sampler::start(),
            socket,
        }))
    }

    pub(super) fn launcher_pid(&self) -> u32 {
        self.launcher_pid
    }

    /// What looks at the memory of all sandboxes.
    pub(super) fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// Has the launcher make a sandbox for this first process, if it is known.
    pub(super) async fn launch(
        self: &Arc<Self>,
        spec: SandboxSpec,
        first: Option<First>,
    ) -> Result<Parcel, LaunchError> {
        let Some((ticket, answer)) = self.ticket() else {
            return Err(LaunchError::LauncherGone);
        };
        let waiting = Launching { link: self, ticket };
        let order = Order::Launch {
            ticket,
            spec,
            first,
        };
        let sent = self.socket.send(&order.encode()).await;
        sent.map_err(send_failed)?;
        let answer = answer.await.map_err(|_| LaunchError::LauncherGone)?;
        std::mem::forget(waiting);
        match answer {
            Answer::Launched(parcel) => Ok(parcel),
            Answer::LaunchFailed(fault) => Err(launch_error(fault)),
            Answer::Destroyed => Err(LaunchError::LauncherGone),
        }
    }

    /// Has the launcher destroy a sandbox and waits until nothing of it is left.
    pub(super) async fn destroy(&self, number: u64) -> Result<(), SandboxError> {
        let Some((ticket, answer)) = self.ticket() else {
            // A launcher that is gone has taken its sandboxes with it.
            return Ok(());
        };
        let order = Order::Destroy { ticket, number }.encode();
        if self.socket.send(&order).await.is_err() {
            return Ok(());
        }
        // An answer that never comes means the same: the launcher is gone.
        let _ = answer.await;
        Ok(())
    }

    /// Ends the launcher and all its sandboxes, and waits until nothing of them is left.
    pub(super) async fn stop(&self) {
        // The launcher reads the end of its orders as its own end.
        let _ = rustix::net::shutdown(&*self.socket, rustix::net::Shutdown::Write);
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// Has the launcher destroy a sandbox, without waiting.
    pub(super) fn destroy_later(self: &Arc<Self>, number: u64) {
        self.send_later(Order::Destroy { ticket: 0, number }.encode());
    }

    pub(super) fn programs_waiting(&self) -> watch::Receiver<u32> {
        self.programs_waiting.subscribe()
    }

    /// Has the launcher keep these programs waiting, without waiting for it.
    pub(super) fn keep_waiting(self: &Arc<Self>, wanted: Vec<wire::Waiting>) {
        self.send_later(Order::KeepWaiting { wanted }.encode());
    }

    fn send_later(self: &Arc<Self>, order: Vec<u8>) {
        let full = self.socket.try_send(&order).err();
        if full.is_some_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
            let link = Arc::clone(self);
            self.runtime
                .spawn(async move { link.socket.send(&order).await });
        }
    }

    fn ticket(&self) -> Option<(u64, oneshot::Receiver<Answer>)> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, waiting) = &mut *waiting;
        let ticket = *next;
        waiting.as_mut()?.insert(ticket, sender);
        *next += 1;
        Some((ticket, receiver))
    }

    fn answer(self: &Arc<Self>, ticket: u64, answer: Answer) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = waiting
            .1
            .as_mut()
            .and_then(|waiting| waiting.remove(&ticket));
        drop(waiting);
        let unheard = match sender {
            Some(sender) => sender.send(answer).err(),
            None => Some(answer),
        };
        // Whoever ordered it has gone away meanwhile.
        if let Some(Answer::Launched(parcel)) = unheard {
            self.destroy_later(parcel.number);
        }
    }

    fn take_in(self: &Arc<Self>, packet: Packet) {
        match News::decode(&packet.bytes) {
            Ok(News::Launched {
                ticket,
                number,
                laps,
                waited,
                tags,
            }) => {
                tracing::debug!(number, waited, ?laps, "sandbox launched");
                if waited {
                    let count = *self.programs_waiting.borrow();
                    self.note_waiting(count.saturating_sub(1));
                }
                if packet.lacks_fds {
                    self.destroy_later(number);
                    let reason = "this process has no room for more descriptors".to_owned();
                    return self.answer(ticket, Answer::LaunchFailed(Fault::Exhausted { reason }));
                }
                let parcel = Parcel {
                    number,
                    waited,
                    fds: tags.into_iter().zip(packet.fds).collect(),
                };
                self.answer(ticket, Answer::Launched(parcel));
            }
            Ok(News::LaunchFailed { ticket, fault }) => {
                self.answer(ticket, Answer::LaunchFailed(fault));
            }
            Ok(News::Destroyed { ticket }) => self.answer(ticket, Answer::Destroyed),
            Ok(News::Waiting { count }) => self.note_waiting(count),
            Ok(News::Notice { text }) => tracing::warn!("launcher: {text}"),
            Ok(News::Ready { .. }) => {}
            Err(error) => tracing::error!(%error, "the launcher said something strange"),
        }
    }

    fn note_waiting(&self, count: u32) {
        tracing::debug!(count, "programs wait");
        self.programs_waiting.send_replace(count);
    }

    /// Lets everybody who waits know that no answer will come.
    fn close(&self) {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .1 = None;
        self.ended.send_replace(true);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // With both ends of ours gone the launcher ends; the process is reaped with the runtime's other children.
        self.reader.abort();
    }
}

/// An order whose future may be dropped: then its answer finds nobody, and the sandbox is destroyed again.
struct Launching<'a> {
    link: &'a Arc<Link>,
    ticket: u64,
}

impl Drop for Launching<'_> {
    fn drop(&mut self) {
        let mut waiting = self
            .link
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = waiting.1.as_mut() {
            waiting.remove(&self.ticket);
        }
    }
}

/// Reads the launcher's news until it is gone, then reaps it.
async fn read(link: Weak<Link>, socket: Arc<PacketSocket>, mut launcher: Child) {
    let mut buffer = vec![0; MAX_PACKET];
    loop {
        let packet = match socket.receive(&mut buffer).await {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            Err(error) => {
                tracing::error!(%error, "lost the launcher");
                break;
            }
        };
        let Some(link) = link.upgrade() else { return };
        link.take_in(packet);
    }
    // It has closed its socket as its last act, so this does not take long.
    let _ = tokio::task::spawn_blocking(move || launcher.wait()).await;
    if let Some(link) = link.upgrade() {
        link.close();
    }
}

fn send_failed(error: io::Error) -> LaunchError {
    if error.kind() == io::ErrorKind::InvalidInput {
        return LaunchError::InvalidSpec {
            reason: error.to_string(),
        };
    }
    LaunchError::LauncherGone
}

fn launch_error(fault: Fault) -> LaunchError {
    match fault {
        Fault::InvalidSpec { reason } => LaunchError::InvalidSpec { reason },
        Fault::Exhausted { reason } => LaunchError::Exhausted { reason },
        Fault::WallMissing { wall, reason } => LaunchError::WallMissing {
            wall: wall_name(&wall),
            reason,
        },
        Fault::Step { step, errno } => LaunchError::Step {
            step,
            source: io::Error::from_raw_os_error(errno),
        },
    }
}

/// The contract's error wants a name that lives for ever; there are few.
fn wall_name(name: &str) -> &'static str {
    const NAMES: &[&str] = &[
        "egress",
        "memory-limit",
        "process-limit",
        "cpu-limit",
        "freezer",
    ];
    NAMES
        .iter()
        .find(|known| **known == name)
        .copied()
        .unwrap_or("a wall")
}
