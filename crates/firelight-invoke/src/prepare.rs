//! Preparing an environment: what runs inside it and on what ground, before any sandbox exists.
//!
//! [`Prepare`] finds the code and the programs; this module adds what belongs to the environment itself: its names, its
//! credentials, its log stream and its limits.

use std::any::Any;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use firelight_model::{FunctionVersion, LogGroupName, WallTime};
use firelight_runtimes::{Ahead, InitializationType};
use firelight_sandbox::{
    Egress, LaunchError, Limits, ListenAt, Overlay, ProcessSpec, ReadOnlyMount, SandboxId,
    SandboxSpec, WaitingProgram,
};
use firelight_store::{LogPlace, StreamName};

use crate::clock::Clock;
use crate::journal::Journal;
use crate::platform_event::RuntimeVersion;
use crate::ports::{Credentials, Ports};
use crate::settings::Settings;
use crate::started::StartedRuntime;

/// Where the Runtime API is reached inside a sandbox, as on AWS.
pub const RUNTIME_API: &str = "169.254.100.1:9001";

/// Finds the code and the programs of a version.
pub trait Prepare: Send + Sync + 'static {
    fn prepare<'a>(
        &'a self,
        version: &'a FunctionVersion,
        facts: &'a EnvironmentFacts,
    ) -> Pin<Box<dyn Future<Output = Result<Prepared, PrepareError>> + Send + 'a>>;
}

/// What is special to one environment and shows in its variables.
#[derive(Clone, Debug)]
pub struct EnvironmentFacts {
    pub log_stream: Arc<StreamName>,
    pub credentials: Credentials,
    pub initialization_type: InitializationType,
}

/// What runs inside an environment, and on what ground.
pub struct Prepared {
    pub mounts: Vec<ReadOnlyMount>,
    pub overlays: Vec<Overlay>,
    pub runtime: ProcessSpec,
    /// How the runtime can be started before it is known for which function; `None` if it cannot.
    pub ahead: Option<Ahead>,
    /// External extensions by the name of their file, in the order they are started.
    pub extensions: Vec<(String, ProcessSpec)>,
    /// Absent for custom runtimes.
    pub runtime_version: Option<(String, String)>,
    /// Keeps the directories behind the mounts alive as long as the environment lives.
    pub pins: Box<dyn Any + Send + Sync>,
}

/// The ground of an environment cannot be prepared.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct PrepareError {
    pub what: String,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What runs inside, as the environment keeps it.
pub(crate) struct Program {
    pub(crate) runtime: ProcessSpec,
    pub(crate) extensions: Vec<(String, ProcessSpec)>,
    pub(crate) initialization_type: &'static str,
    pub(crate) runtime_version: Option<RuntimeVersion>,
    _pins: Box<dyn Any + Send + Sync>,
}

impl Program {
    /// Tells all processes where the Runtime API really is.
    pub(crate) fn reach_runtime_api_at(&mut self, address: SocketAddr) {
        let extensions = self.extensions.iter_mut().map(|(_, process)| process);
        for process in extensions.chain([&mut self.runtime]) {
            let variables = process.variables.iter_mut();
            for (_, value) in variables.filter(|(name, _)| name == "AWS_LAMBDA_RUNTIME_API") {
                *value = address.to_string().into();
            }
        }
    }
}

/// Everything that is decided before an environment is launched.
pub(crate) struct Blueprint {
    pub(crate) version: Arc<FunctionVersion>,
    pub(crate) program: Program,
    pub(crate) spec: SandboxSpec,
    /// The runtime as it may wait in a sandbox for this environment.
    pub(crate) started: Option<StartedRuntime>,
    pub(crate) journal: Journal,
    pub(crate) clock: Clock,
    pub(crate) settings: Settings,
}

/// An environment could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MakeError {
    #[error("its code could not be prepared")]
    Prepare(#[from] PrepareError),
    #[error("its sandbox could not be launched")]
    Launch(#[from] LaunchError),
}

/// Decides everything about a new environment of `version`.
pub(crate) async fn blueprint<D>(
    version: &Arc<FunctionVersion>,
    ports: &Ports<D>,
    settings: &Settings,
    initialization_type: InitializationType,
) -> Result<Blueprint, MakeError> {
    let id = SandboxId::from_random((ports.random)());
    let log_stream = Arc::new(log_stream(version, ports.clock.now(), (ports.random)()));
    let facts = EnvironmentFacts {
        log_stream: Arc::clone(&log_stream),
        credentials: (ports.credentials)(version),
        initialization_type,
    };
    let prepared = ports.prepare.prepare(version, &facts).await?;
    let egress = ports.versions.egress(version, settings.egress);
    let spec = SandboxSpec {
        id,
        mounts: prepared.mounts,
        overlays: prepared.overlays,
        limits: limits(version, settings),
        listen_at: ListenAt(runtime_api_address(egress)),
        egress,
        host_name: "localhost".into(),
    };
    // One that waits knows the address already.
    let ahead = prepared.ahead.filter(|_| egress != Egress::Host);
    let started = ahead.map(|ahead| started_runtime(ahead, &spec));
    let program = Program {
        runtime: prepared.runtime,
        extensions: prepared.extensions,
        initialization_type: initialization_type.as_str(),
        runtime_version: prepared
            .runtime_version
            .map(|(name, arn)| RuntimeVersion { name, arn }),
        _pins: prepared.pins,
    };
    Ok(Blueprint {
        version: Arc::clone(version),
        program,
        spec,
        started,
        journal: Journal::new(log_stream, version.logging.form, Arc::clone(&ports.logs)),
        clock: ports.clock.clone(),
        settings: settings.clone(),
    })
}

/// The runtime in a sandbox that can become this one. While it waits it gets half a CPU: it has time.
fn started_runtime(ahead: Ahead, spec: &SandboxSpec) -> StartedRuntime {
    const MEMORY_BYTES: u64 = 256 * 1024 * 1024;
    StartedRuntime {
        memory_mb: ahead.memory_mb,
        program: WaitingProgram {
            mounts: ahead.mounts,
            process: ahead.process,
            listen_at: spec.listen_at,
            egress: spec.egress.without_policy(),
            host_name: spec.host_name.clone(),
            limits: Limits {
                memory_bytes: MEMORY_BYTES,
                milli_cpus: 500,
                ..spec.limits
            },
        },
    }
}

/// Where the Runtime API listens. In the host's own network that address is nobody's, and each environment takes a free
/// port.
fn runtime_api_address(egress: Egress) -> SocketAddr {
    match egress {
        Egress::Host => SocketAddr::from(([127, 0, 0, 1], 0)),
        _ => RUNTIME_API.parse().expect("the constant is an address"),
    }
}

fn limits(version: &FunctionVersion, settings: &Settings) -> Limits {
    Limits {
        memory_bytes: version.memory.bytes(),
        milli_cpus: settings.init_milli_cpus,
        processes: 1024,
        open_files: 1024,
        tmp_bytes: version.ephemeral_storage.bytes(),
        // One inode for every 4 KiB, more than any file system would be made with.
        tmp_inodes: version.ephemeral_storage.bytes() / 4096,
    }
}

/// Names the stream as Lambda does: with the function's name in it where the group is not the function's own.
fn log_stream(version: &FunctionVersion, now: WallTime, random: u128) -> StreamName {
    let date = &now.to_string()[..10].replace('-', "/");
    let own_group = version.logging.group == LogGroupName::of(&version.arn.name);
    let name = if own_group {
        format!("{date}/[{}]{random:032x}", version.version)
    } else {
        format!(
            "{date}/{}[{}]{random:032x}",
            version.arn.name, version.version
        )
    };
    StreamName {
        place: LogPlace::new(version.account(), &version.arn.region),
        group: version.logging.group.to_string(),
        stream: name,
    }
}
