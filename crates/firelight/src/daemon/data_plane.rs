//! The data plane's view of everything else.

use std::sync::Arc;
use std::time::Duration;

use firelight_control::Control;
use firelight_control::sts::Sts;
use firelight_invoke::{
    Budget, Ceiling, Clock, Credentials, DataPlane, Paces, Ports, Quota, Settings, SpanSink,
    StreamLimits, Versions, ZipGround,
};
use firelight_model::{FunctionVersion, Version, VersionKey};
use firelight_sandbox::Egress;
use firelight_sandbox_linux::{EGRESS_NAT, LinuxDriver};
use firelight_store::{DirectoryBlobs, LogStore, UsageStore};

use super::live_log::LiveLog;
use super::{outside, usage};
use crate::config::{Mode, Network, ServerConfig, TagPolicy};

/// How long the credentials of an environment are good: longer than one lives.
const CREDENTIAL_SECONDS: u32 = 12 * 3600;

/// Requests of one version that may wait for environments, unless more may run at once.
const LONGEST_LINE: u32 = 1000;

/// Where what happens is written down.
pub struct Records {
    pub logs: LogStore,
    pub books: UsageStore,
    pub spans: Option<SpanSink>,
}

pub fn start(
    config: &ServerConfig,
    driver: LinuxDriver,
    control: Control,
    ground: ZipGround<DirectoryBlobs>,
    records: Records,
    sts: Sts,
) -> DataPlane<LinuxDriver> {
    let Records { logs, books, spans } = records;
    let settings = settings(config, &driver);
    let (throttled, moved) = (books.clone(), books.clone());
    let live = LiveLog::start(config.mode);
    let ports = Ports {
        driver,
        versions: Arc::new(ControlVersions {
            control,
            tag_policies: config.egress.tags.clone(),
        }),
        prepare: Arc::new(ground),
        logs: Arc::new(move |line| {
            live.line(&line);
            logs.append(line);
        }),
        usage: Arc::new(move |meter| usage::record_invocation(&books, &meter, outside::now())),
        traffic: Arc::new(move |version, traffic| {
            usage::record_traffic(&moved, version, traffic, outside::now());
        }),
        throttles: Arc::new(move |version| {
            usage::record_throttle(&throttled, version, outside::now())
        }),
        spans,
        credentials: Arc::new(move |version| credentials(&sts, version)),
        random: Arc::new(|| u128::from_be_bytes(outside::random())),
        clock: Clock::new(outside::now),
    };
    DataPlane::new(ports, settings)
}

fn settings(config: &ServerConfig, driver: &LinuxDriver) -> Settings {
    let milli_cpus = host_milli_cpus();
    Settings {
        init_timeout: Duration::from_secs(10),
        idle_limit: config.sandbox.idle,
        freeze_after: Duration::from_millis(100),
        longest_line: LONGEST_LINE.max(config.limits.concurrency) as usize,
        capacity_wait: Duration::from_secs(10),
        budget: Budget {
            memory_mb: memory_budget_mb(),
            environments: config.sandbox.max_environments,
        },
        paces: Paces {
            requests: config.limits.requests_per_environment,
            ..Paces::AWS
        },
        stream_limits: match config.mode {
            Mode::Dev => StreamLimits {
                rate: None,
                ..StreamLimits::AWS
            },
            Mode::Serve => StreamLimits::AWS,
        },
        egress: egress(config.sandbox.network, driver),
        init_milli_cpus: milli_cpus.min(2000),
        started_runtimes: config.sandbox.started_interpreters,
        unlimited_cpu: config.mode == Mode::Dev,
    }
}

/// What functions reach. A host that cannot give them the internet safely gives them nothing, and start-up said so.
fn egress(network: Network, driver: &LinuxDriver) -> Egress {
    let missing = driver
        .report()
        .missing()
        .any(|wall| wall.name == EGRESS_NAT);
    match network {
        Network::Host => Egress::Host,
        Network::Internet if !missing => Egress::Nat,
        Network::Internet | Network::None => Egress::None,
    }
}

fn host_milli_cpus() -> u32 {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(cpus).unwrap_or(1).saturating_mul(1000)
}

/// Nine tenths of the machine's memory: what environments are promised they rarely use at once.
fn memory_budget_mb() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map_or(4096, |kib| kib / 1024 * 9 / 10)
}

fn credentials(sts: &Sts, version: &FunctionVersion) -> Credentials {
    let minted = sts.mint_role_credentials(&version.role, &version.arn, CREDENTIAL_SECONDS);
    Credentials {
        access_key_id: minted.access_key_id,
        secret_access_key: minted.secret_access_key,
        session_token: minted.session_token,
    }
}

/// The control plane's view, as the data plane asks it.
struct ControlVersions {
    control: Control,
    /// In the order of their numbers.
    tag_policies: Vec<TagPolicy>,
}

impl Versions for ControlVersions {
    fn find(&self, key: &VersionKey) -> Option<Arc<FunctionVersion>> {
        let function = self.control.view().function(&key.arn())?;
        let version = match key.version {
            Version::Latest => &function.latest,
            Version::Number(number) => &function.versions.get(&number)?.executable,
        };
        (version.revision == key.revision).then(|| Arc::clone(version))
    }

    fn provisioned(&self) -> Vec<(VersionKey, u32)> {
        self.control.view().provisioned_versions()
    }

    fn quota(&self, key: &VersionKey) -> Quota {
        let concurrency = self.control.view().concurrency(key);
        Quota {
            account: concurrency.account,
            provisioned: concurrency.provisioned,
            ceiling: match concurrency.reserved {
                Some(reserved) => Ceiling::Reserved(reserved),
                None => Ceiling::Unreserved(concurrency.unreserved),
            },
        }
    }

    /// Of the tags with rules of their own, the first that the function has decides.
    fn egress(&self, version: &FunctionVersion, usual: Egress) -> Egress {
        let Some(function) = self.control.view().function(&version.arn) else {
            return usual;
        };
        let tags = &function.function.record.tags;
        let has = |policy: &TagPolicy| tags.iter().any(|(key, value)| policy.matches(key, value));
        let number = self.tag_policies.iter().position(has);
        match (usual, number.and_then(|number| u16::try_from(number).ok())) {
            (Egress::Nat, Some(number)) => Egress::NatUnder(number),
            _ => usual,
        }
    }
}
