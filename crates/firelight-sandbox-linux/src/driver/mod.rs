//! The daemon's side of the driver: asks the launcher for sandboxes and their inits for programs.
//!
//! Freezing, measuring and throttling go through descriptors of single cgroup files that come with each sandbox, so
//! that an invocation costs no trip to the launcher.

mod book;
mod dial;
mod link;
mod meters;
mod probe;
mod process;
mod reader;
mod sampler;
mod sandbox;
mod waiting;
mod working_set;

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use firelight_sandbox::{
    LaunchError, ListenAt, ProcessSpec, SandboxDriver, SandboxSpec, WaitingProgram,
};
use tokio::sync::watch;

use crate::disk::Capacity;
use crate::launcher::raise_descriptor_limit;
use crate::net::{EgressNetwork, Relay, Services};
use crate::report::{self, HostReport};
use crate::role::LAUNCHER;
use crate::wire::{self, Begin, Begins, Fault, First, MAX_PACKET, News, Order};

use link::Link;
use waiting::Programs;

pub use probe::probe;
pub use process::LinuxProcess;
pub use sandbox::LinuxSandbox;

/// What the driver must know at its start.
#[derive(Clone, Debug)]
pub struct LinuxConfig {
    /// Names this installation in cgroup directories, so that it finds what an earlier life of it left: letters,
    /// digits and dashes, one per data directory.
    pub instance: String,
    /// A directory for the launcher's few files; only one driver may use it at a time. Where the daemon is not the
    /// launcher's user, the daemon must not be able to write there or to replace it.
    pub state_dir: PathBuf,
    /// A directory on a disk, for what functions write to `/tmp`; can be the same. It may lie in a directory of the
    /// daemon's: the launcher takes only one of its own there.
    pub image_dir: PathBuf,
    /// Host directories and files whose content sandboxes may be shown. Anything else is refused by the launcher.
    pub allowed_sources: Vec<PathBuf>,
    /// First of the host user and group ids that sandboxes run as, two for each.
    pub first_host_id: u32,
    /// Sandboxes kept ready ahead of demand.
    pub blank_sandboxes: u32,
    /// The listener address and the host name of those; a spec that asks for the same is served faster.
    pub listen_at: ListenAt,
    pub host_name: String,
    /// What their `/tmp` holds.
    pub tmp_bytes: u64,
    pub tmp_inodes: u64,
    pub host_network: HostNetwork,
    /// Where sandboxes with [`Egress::Nat`](firelight_sandbox::Egress::Nat) get their addresses from, and what they
    /// reach; without one there is no such egress.
    pub egress_network: Option<EgressNetwork>,
}

/// Whether a spec may ask for the host's own network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostNetwork {
    Refused,
    /// For development: a sandbox that asks for it has no wall around its network.
    Allowed,
}

impl LinuxConfig {
    /// First of the ids that no distribution gives out: above systemd's containers, below 2^31.
    pub const DEFAULT_FIRST_HOST_ID: u32 = 0x7000_0000;

    /// A part of the addresses set aside for tests of networks, which no internet host has.
    pub const DEFAULT_EGRESS_NETWORK: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);
}

/// The driver could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the instance name {instance:?} is not made of 1 to 64 letters, digits and dashes")]
    InvalidInstance { instance: String },
    #[error("could not start the launcher")]
    Spawn {
        #[source]
        source: io::Error,
    },
    #[error("the launcher ended before it was ready")]
    Ended,
    #[error("the launcher could not {step}")]
    Step {
        step: String,
        #[source]
        source: io::Error,
    },
}

/// Makes sandboxes of processes. Dropping the last clone of it, and the last sandbox, ends the launcher.
#[derive(Clone, Debug)]
pub struct LinuxDriver {
    link: Arc<Link>,
    report: Arc<HostReport>,
    programs: Arc<Programs>,
    api: Arc<Mutex<Option<TcpListener>>>,
    /// Present where sandboxes cannot ask whom the host asks for names.
    names: Arc<Mutex<Option<Relay>>>,
}

impl LinuxDriver {
    /// Starts the launcher and waits until it stands. Blocks for some milliseconds; to be called early, while the
    /// daemon is small and still has its privileges, inside a tokio runtime. Raises the process's soft limit of
    /// descriptors to its hard one, because each sandbox takes about a dozen.
    pub fn start(config: &LinuxConfig) -> Result<Self, StartError> {
        check_instance(&config.instance)?;
        raise_descriptor_limit();
        let failed = |source| StartError::Spawn { source };
        let (socket, launcher_socket) = wire::pair().map_err(failed)?;
        let launcher = spawn_launcher(launcher_socket).map_err(failed)?;
        wire::send(&socket, &Order::Begin(begin(config)).encode(), &[]).map_err(failed)?;
        let (walls, Services { api, names }) = await_ready(&socket)?;
        let names = names.map(Relay::start).transpose().map_err(failed)?;
        let link = Link::new(socket, launcher).map_err(failed)?;
        Ok(Self {
            api: Arc::new(Mutex::new(api)),
            names: Arc::new(Mutex::new(names)),
            link,
            report: Arc::new(HostReport { walls }),
            programs: Arc::default(),
        })
    }

    /// The walls of this driver on this host, as its launcher found them.
    pub fn report(&self) -> &HostReport {
        &self.report
    }

    /// How many programs wait in sandboxes, of those that
    /// [`keep_waiting`](firelight_sandbox::SandboxDriver::keep_waiting) asked for.
    pub fn programs_waiting(&self) -> watch::Receiver<u32> {
        self.link.programs_waiting()
    }

    /// Takes the listener that sandboxes reach at its address, where the configuration wants one; `None` the second
    /// time. While it is open the sandboxes' network stays, so it has to be closed before [`LinuxDriver::stop`].
    pub fn take_api_listener(&self) -> Option<TcpListener> {
        take(&self.api)
    }

    /// Ends the launcher and with it every sandbox, and waits until nothing of them is left.
    pub async fn stop(&self) {
        drop((self.take_api_listener(), take(&self.names)));
        self.link.stop().await;
    }

    /// The launcher's process id, for logs and diagnosis.
    pub fn launcher_pid(&self) -> u32 {
        self.link.launcher_pid()
    }
}

impl SandboxDriver for LinuxDriver {
    type Sandbox = LinuxSandbox;

    async fn launch(&self, spec: SandboxSpec) -> Result<LinuxSandbox, LaunchError> {
        let parcel = self.link.launch(spec, None).await?;
        LinuxSandbox::new(&self.link, parcel, None)
    }

    fn keep_waiting(&self, wanted: Vec<(WaitingProgram, u32)>) {
        self.link.keep_waiting(self.programs.replace(wanted));
    }

    async fn launch_waiting(
        &self,
        spec: SandboxSpec,
        program: &WaitingProgram,
        process: &ProcessSpec,
    ) -> Result<LinuxSandbox, LaunchError> {
        let first = First {
            process: process.clone(),
            waiting: self.programs.number_of(program),
            begins: Begins::WhenTold,
        };
        let parcel = self.link.launch(spec, Some(first)).await?;
        LinuxSandbox::new(&self.link, parcel, None)
    }

    async fn launch_with(
        &self,
        spec: SandboxSpec,
        process: ProcessSpec,
        waiting: Option<&WaitingProgram>,
    ) -> Result<LinuxSandbox, LaunchError> {
        let program = process.program.display().to_string();
        let first = First {
            process,
            waiting: waiting.and_then(|waiting| self.programs.number_of(waiting)),
            begins: Begins::AtOnce,
        };
        let parcel = self.link.launch(spec, Some(first)).await?;
        LinuxSandbox::new(&self.link, parcel, Some(program))
    }
}

fn take<T>(place: &Mutex<Option<T>>) -> Option<T> {
    place.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn check_instance(instance: &str) -> Result<(), StartError> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if instance.is_empty() || instance.len() > 64 || !instance.bytes().all(legal) {
        return Err(StartError::InvalidInstance {
            instance: instance.to_owned(),
        });
    }
    Ok(())
}

/// Executes this binary again. Without a closure between, `Command` uses `posix_spawn`, which copies nothing.
fn spawn_launcher(socket: OwnedFd) -> io::Result<Child> {
    Command::new("/proc/self/exe")
        .arg(LAUNCHER)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(socket))
        .stdout(Stdio::null())
        .spawn()
}

fn begin(config: &LinuxConfig) -> Begin {
    Begin {
        instance: config.instance.clone(),
        state_dir: config.state_dir.clone(),
        image_dir: config.image_dir.clone(),
        allowed_sources: config.allowed_sources.clone(),
        first_host_id: config.first_host_id,
        blank_sandboxes: config.blank_sandboxes,
        listen_at: config.listen_at,
        host_name: config.host_name.clone(),
        tmp: Capacity {
            bytes: config.tmp_bytes,
            inodes: config.tmp_inodes,
        },
        daemon_pid: std::process::id(),
        host_network: config.host_network == HostNetwork::Allowed,
        egress_network: config.egress_network.clone(),
    }
}

/// Waits until the launcher stands; returns its walls, and the sockets that it has bound for the daemon.
fn await_ready(socket: &OwnedFd) -> Result<(Vec<report::Wall>, Services), StartError> {
    let mut buffer = vec![0; MAX_PACKET];
    let packet = wire::receive(socket, &mut buffer)
        .map_err(|source| StartError::Spawn { source })?
        .ok_or(StartError::Ended)?;
    match News::decode(&packet.bytes).map_err(|_| StartError::Ended)? {
        News::Ready { walls, api } => {
            let walls = report::decode(&walls).map_err(|_| StartError::Ended)?;
            Ok((walls, Services::from_fds(api, packet.fds.into_iter())))
        }
        News::LaunchFailed {
            fault: Fault::Step { step, errno },
            ..
        } => Err(StartError::Step {
            step,
            source: io::Error::from_raw_os_error(errno),
        }),
        _ => Err(StartError::Ended),
    }
}
