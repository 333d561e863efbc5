//! What a sandbox is asked to be: plain data, legal in any combination unless a constructor checks.

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Names a sandbox: 128 random bits, unique over all machines. Never a pid, a path or a port.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SandboxId(u128);

impl SandboxId {
    pub const fn from_random(bits: u128) -> Self {
        Self(bits)
    }

    pub const fn bits(self) -> u128 {
        self.0
    }
}

impl fmt::Display for SandboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for SandboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Everything that is fixed for the life of a sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxSpec {
    pub id: SandboxId,
    /// Host directories and files shown read-only, in order; a later target may lie inside an earlier one.
    /// The root itself is an empty read-only file system with the standard directories.
    pub mounts: Vec<ReadOnlyMount>,
    /// Several host directories merged at one target, the last one winning (`/opt` from layers).
    pub overlays: Vec<Overlay>,
    pub limits: Limits,
    pub listen_at: ListenAt,
    pub egress: Egress,
    /// Host name inside, also resolvable inside to the loopback address.
    pub host_name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReadOnlyMount {
    pub source: PathBuf,
    /// Absolute path inside.
    pub target: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    pub sources: Vec<PathBuf>,
    pub target: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    pub memory_bytes: u64,
    /// Thousandths of one CPU.
    pub milli_cpus: u32,
    /// Processes and threads together.
    pub processes: u32,
    pub open_files: u32,
    /// Size of the writable `/tmp`.
    pub tmp_bytes: u64,
    pub tmp_inodes: u64,
}

/// Where the sandbox's own listener is bound, inside its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenAt(pub SocketAddr);

/// What the sandbox can reach outside itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Egress {
    /// Its own loopback and nothing else.
    None,
    /// The internet through the host's address; never the host itself, its neighbours or other sandboxes.
    Nat,
    /// The same under a policy of its own, which the driver was given under this number at its start.
    NatUnder(u16),
    /// The host's own network. No wall at all: for development only.
    Host,
}

impl Egress {
    /// What the sandbox's network is made of, whatever the policy: what can be prepared before its owner is known.
    #[must_use]
    pub fn without_policy(self) -> Self {
        match self {
            Self::NatUnder(_) => Self::Nat,
            other => other,
        }
    }
}

/// One program to start inside a sandbox. The variables are exactly these: nothing is inherited.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProcessSpec {
    /// Absolute path inside the sandbox.
    pub program: PathBuf,
    /// The arguments, the first one being the program's name for itself.
    pub arguments: Vec<OsString>,
    pub variables: Vec<(OsString, OsString)>,
    pub directory: PathBuf,
}

/// A program that is started before it is known what for: it waits, in a sandbox that shows it these mounts alone, until
/// it is told its variables and its directory.
///
/// It finds a socket at [`WAITING_DESCRIPTOR`] and, in [`WAITING_VARIABLE`], nothing but room for its later variables.
/// When it can do no more without knowing what for, it forgets all its variables and sends one byte. The answer is one
/// packet: the directory and then each variable as `NAME=value`, every part with a NUL after it. The program enters the
/// directory, takes over the variables and closes the socket. It prints nothing before.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WaitingProgram {
    /// A sandbox it is claimed for must begin with exactly these.
    pub mounts: Vec<ReadOnlyMount>,
    pub process: ProcessSpec,
    pub listen_at: ListenAt,
    pub egress: Egress,
    pub host_name: String,
    /// Hold while it waits. The numbers of processes and of open files are those of the sandbox it is claimed for.
    pub limits: Limits,
}

/// The descriptor at which a waiting program hears what for: beyond those that a program opens while it starts, so that
/// they have the numbers they would have anyway.
pub const WAITING_DESCRIPTOR: i32 = 63;

/// The variable that tells a program to wait.
pub const WAITING_VARIABLE: &str = "_FIRELIGHT_WAITS";
