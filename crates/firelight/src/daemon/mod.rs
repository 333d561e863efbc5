//! The daemon behind `firelight dev` and `firelight serve`: wires the crates together and runs until told to stop.
//!
//! ```text
//!  start:  data directory ─► launcher ─► store, logs, usage ─► control, IAM ─► data plane ─► front door ─► announced
//!  stop:   front door drains ─► data plane drains ─► control ─► launcher ─► logs and usage written ─► gone
//! ```
//!
//! The launcher is started right after the data directory is taken: it holds the privileges, and nothing of the outside
//! has been heard yet. Then the daemon becomes the user it is told to be ([`user`]), if it started as root. A second signal while draining ends the process at once; whatever was acknowledged is durable.
//!
//! Deliberately absent: logic. Each adapter in this folder is the glue between two crates that must not know each other.

mod admin;
mod data_plane;
mod deliveries;
pub(crate) mod egress;
mod events;
mod functions_api;
mod live_log;
mod log;
mod objects;
mod outside;
mod sandboxes;
mod secret;
mod spans;
mod stop;
mod sweep;
mod usage;
mod user;

pub use outside::today;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use firelight_api::lambda::Lambda;
use firelight_api::{FrontDoor, FrontDoorConfig, ServerLimits, Services};
use firelight_control::Control;
use firelight_control::iam::Iam;
use firelight_control::logs::{Forwarder, Logs};
use firelight_control::ssm::Ssm;
use firelight_control::sts::{CredentialBook, Enforcement, RootKey, Sts};
use firelight_control::usage::Books;
use firelight_events::{Dispatcher, Token};
use firelight_invoke::{DataPlane, Invoker};
use firelight_s3::Depot;
use firelight_sandbox_linux::LinuxDriver;
use firelight_store::{
    DataDir, DirectoryBlobs, LogStore, OpenDataDirError, SqliteQueue, SqliteStore, StoreClock,
    UsageStore,
};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::spans::Spans;
use self::stop::Stop;
use self::user::DaemonUser;
use crate::announce;
use crate::config::{Authentication, Mode, ServerConfig};
use crate::descriptors;
use crate::failure::{Exit, Failure};

/// How long invocations may run on after the daemon was told to stop.
const DRAIN: Duration = Duration::from_secs(30);

/// Runs the daemon until a signal ends it.
pub fn run(config: ServerConfig) -> Result<(), Failure> {
    log::start(&config.log);
    if let Err(error) = descriptors::raise_limit() {
        tracing::warn!(%error, "the limit of descriptors stays as it is; many connections at once may not fit");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::because(Exit::Failure, "could not start", &error))?;
    runtime.block_on(async {
        let daemon = Daemon::start(&config).await?;
        match daemon.run().await {
            Stop::Asked => Ok(()),
            Stop::LauncherLost => Err(Failure::new(Exit::Failure, "the launcher ended")
                .with_why("every sandbox was lost with it; what was acknowledged is kept")),
        }
    })
}

/// Everything that runs, in the order it was started.
struct Daemon {
    driver: LinuxDriver,
    logs: LogStore,
    usage: UsageStore,
    completion: firelight_control::Completion,
    data_plane: DataPlane<LinuxDriver>,
    spans: Spans,
    queue: SqliteQueue,
    dispatcher: Dispatcher,
    forwarding: JoinHandle<()>,
    background: CancellationToken,
    door: FrontDoor,
    limits: ServerLimits,
    listener: TcpListener,
    /// Where functions find the same.
    api: Option<TcpListener>,
    _admin: Option<admin::Admin>,
    _egress: Option<egress::EgressNetwork>,
    // Given back last: no other daemon may take the directory before.
    _data: DataDir,
}

impl Daemon {
    async fn start(config: &ServerConfig) -> Result<Self, Failure> {
        let user = DaemonUser::of(config)?;
        user.take_over(&config.data_dir)?;
        user.put_on()?;
        let data = take_data_dir(config)?;
        let ground = sandboxes::HostGround::find(config, &data)?;
        user.take_off()?;
        let (driver, egress) = sandboxes::start_driver(config, &user, &data, &ground)?;
        user.keep_on()?;
        let store = SqliteStore::open(&data.records_file(), StoreClock::system())
            .await
            .map_err(failed("could not open the store"))?;
        let blobs =
            DirectoryBlobs::open(data.blobs()).map_err(failed("could not open the blobs"))?;
        let logs = LogStore::open(&data.logs_file(), outside::store_clock())
            .await
            .map_err(failed("could not open the logs"))?;
        let usage = UsageStore::open(&data.usage_file())
            .await
            .map_err(failed("could not open the usage"))?;
        let session_key = secret::session_key(&config.data_dir)
            .map_err(failed("could not make the secret of sessions"))?;
        let sources = Arc::new(outside::sources());
        let iam = Iam::start(store.clone(), Arc::clone(&sources))
            .await
            .map_err(failed("could not start IAM"))?;
        let enforcement = enforcement(config.mode);
        let sts = Sts::new(
            session_key.clone(),
            iam.view().clone(),
            Arc::clone(&sources),
            enforcement,
        );
        let control_outside = outside::ControlOutside::new(config, ground.inventory(), sts.clone());
        let control = Control::start(store.clone(), blobs.clone(), control_outside)
            .await
            .map_err(failed("could not start the control plane"))?;
        let packages = sandboxes::packages(&data, blobs.clone())?;
        let listener = listen(config).await?;
        let own = listener
            .local_addr()
            .map_err(failed("could not tell the bound address"))?;
        let api = functions_api::take(config, &driver)
            .map_err(failed("could not take the listener for functions"))?;
        let api_url = functions_api::url(config, api.as_ref(), own);
        let background = CancellationToken::new();
        let spans = Spans::start(config.traces.as_ref())
            .map_err(failed("could not prepare the export of spans"))?;
        let data_plane = data_plane::start(
            config,
            driver.clone(),
            control.clone(),
            ground.zip_ground(packages.clone()).with_api(api_url),
            data_plane::Records {
                logs: logs.clone(),
                books: usage.clone(),
                spans: spans.sink(),
            },
            sts.clone(),
        );
        let readiness = sandboxes::Readiness {
            packages,
            data_plane: data_plane.clone(),
        };
        let completion = control.start_completion(&background, readiness);
        let tidying = data_plane.clone();
        tokio::spawn(background.clone().run_until_cancelled_owned(async move {
            tidying.keep_tidy().await;
        }));
        if let Some(after) = config.limits.inactive_after {
            let control = control.clone();
            tokio::spawn(background.clone().run_until_cancelled_owned(async move {
                control.watch_idleness(after).await;
            }));
        }
        let depot = Depot::new(store.clone(), blobs.clone(), objects::outside());
        sweep::start(&background, control.clone(), depot.clone(), blobs);
        let credentials = CredentialBook::new(
            root_keys(config)?,
            session_key.clone(),
            Arc::new(iam.view().clone()),
        );
        let queue = SqliteQueue::open(&data.queue_file(), StoreClock::system())
            .await
            .map_err(failed("could not open the queue"))?;
        let invoker: Arc<dyn Invoker> = Arc::new(data_plane.clone());
        let deliveries = deliveries::open(&config.endpoints, own, control.clone(), sts.clone())
            .map_err(failed("could not prepare the calls of other services"))?;
        let events = events::open(
            queue.clone(),
            control.clone(),
            Arc::clone(&invoker),
            deliveries,
            config.traces.is_some(),
        );
        let numbers = admin::Sources {
            plane: data_plane.clone(),
            driver: driver.clone(),
            events: events.clone(),
            logs: logs.clone(),
            spans: spans.totals(),
        };
        let dispatcher = events.dispatch(Token::alone(queue.epoch()));
        let fetch = Arc::new(objects::FromDepot::new(
            depot.clone(),
            config.region.clone(),
        ));
        let lambda = Lambda::new(control, session_key, invoker)
            .with_events(events)
            .sampling_traces(config.traces.is_some())
            .limiting_callers(config.limits.control_requests)
            .with_objects(fetch);
        let log_groups = Logs::new(logs.clone(), store.clone());
        let recipient = Arc::new(lambda.log_recipient());
        let forwarder = Forwarder::new(log_groups.clone(), recipient);
        let forwarding = tokio::spawn(forwarder.run(background.clone()));
        let services = Services {
            credentials,
            iam,
            sts,
            s3: firelight_s3::Endpoint::new(depot),
            ssm: Ssm::new(store, sources),
            logs: log_groups,
            books: Books::new(usage.clone()),
            lambda,
        };
        let door = FrontDoor::new(front_door_config(config), services);
        let admin = admin::start_if_wanted(config.admin, numbers)
            .await
            .map_err(failed("could not listen for operators"))?;
        announce_ready(config, &listener)?;
        Ok(Self {
            driver,
            logs,
            usage,
            completion,
            data_plane,
            spans,
            queue,
            dispatcher,
            forwarding,
            background,
            door,
            limits: server_limits(config.limits.connections_per_address),
            listener,
            api,
            _admin: admin,
            _egress: egress,
            _data: data,
        })
    }

    /// Serves until a signal comes, then stops everything in order.
    async fn run(self) -> Stop {
        let limits = self.limits;
        let (sender, stopped) = tokio::sync::oneshot::channel();
        let launcher_pid = self.driver.launcher_pid();
        let shutdown = async move {
            // The receiver is awaited below, after the server that awaits this.
            let _ = sender.send(stop::wanted(launcher_pid).await);
        };
        let closing = CancellationToken::new();
        let for_functions = self.api.map(|api| {
            let closing = closing.clone().cancelled_owned();
            tokio::spawn(firelight_api::serve(
                self.door.clone(),
                api,
                limits,
                closing,
            ))
        });
        firelight_api::serve(self.door, self.listener, limits, shutdown).await;
        self.background.cancel();
        // A panic of it was reported by the runtime already.
        self.forwarding.await.ok();
        self.dispatcher.stop(DRAIN).await;
        self.data_plane.drain(DRAIN).await;
        // Only now does no function run that may still ask for something.
        closing.cancel();
        if let Some(serving) = for_functions {
            // A panic of it was reported by the runtime already.
            serving.await.ok();
        }
        self.completion.stop().await;
        self.driver.stop().await;
        self.spans.close().await;
        self.queue.close().await;
        self.usage.close().await;
        self.logs.close().await;
        stopped.await.unwrap_or(Stop::Asked)
    }
}

fn take_data_dir(config: &ServerConfig) -> Result<DataDir, Failure> {
    DataDir::open(&config.data_dir).map_err(|error| {
        let remedy = match &error {
            OpenDataDirError::InUse { .. } => {
                "stop the daemon that has it, or name another directory with --data-dir"
            }
            OpenDataDirError::Create { .. } | OpenDataDirError::Lock { .. } => {
                "name a directory that this user may write to with --data-dir"
            }
        };
        failed("could not take the data directory")(error).with_remedy(remedy)
    })
}

/// Takes the address. Who connects from now on waits until the daemon serves.
async fn listen(config: &ServerConfig) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(config.listen).await;
    listener.map_err(|error| {
        let what = format!("could not listen on {}", config.listen);
        let failure = Failure::because(Exit::Failure, what, &error);
        match error.kind() {
            std::io::ErrorKind::AddrInUse => failure.with_remedy(
                "stop what listens there, or name another address with --listen (port 0 takes a free one)",
            ),
            std::io::ErrorKind::PermissionDenied => failure.with_remedy(
                "name a port of 1024 or higher with --listen, or start as root with --user",
            ),
            _ => failure,
        }
    })
}

/// Turns an error of a step into a failure that names the step.
fn failed<E: std::error::Error + 'static>(step: &'static str) -> impl FnOnce(E) -> Failure {
    move |error| Failure::because(Exit::Failure, step, &error)
}

fn enforcement(mode: Mode) -> Enforcement {
    match mode {
        Mode::Dev => Enforcement::Off,
        Mode::Serve => Enforcement::On,
    }
}

fn root_keys(config: &ServerConfig) -> Result<Vec<RootKey>, Failure> {
    if config.mode == Mode::Dev {
        return Ok(Vec::new());
    }
    let key = crate::root_key::RootKey::load_or_create(&config.data_dir, config.account)
        .map_err(failed("could not make the root key"))?;
    Ok(vec![RootKey {
        account: config.account,
        access_key_id: key.access_key_id,
        secret_access_key: key.secret_access_key,
    }])
}

fn server_limits(connections_per_address: Option<u32>) -> ServerLimits {
    let most = connections_per_address.and_then(|most| usize::try_from(most).ok());
    ServerLimits {
        max_connections_per_address: most.unwrap_or(usize::MAX),
        drain_timeout: DRAIN,
        ..ServerLimits::default()
    }
}

fn front_door_config(config: &ServerConfig) -> FrontDoorConfig {
    FrontDoorConfig {
        authentication: match config.authentication {
            Authentication::Any => firelight_api::Authentication::AnyCredentials,
            Authentication::Signature => firelight_api::Authentication::Required,
        },
        account: config.account,
        region: config.region.clone(),
    }
}

fn announce_ready(config: &ServerConfig, listener: &TcpListener) -> Result<(), Failure> {
    let bound = listener
        .local_addr()
        .map_err(failed("could not tell the bound address"))?;
    if let Some(path) = &config.port_file {
        announce::write_port_file(path, bound).map_err(failed("could not write the port file"))?;
    }
    // Whoever started the daemon may have stopped reading; it serves all the same.
    let _ = writeln!(std::io::stdout(), "{}", announce::greeting(config, bound));
    Ok(())
}
