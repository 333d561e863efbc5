//! A data plane with everything from outside replaced.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use firelight_invoke::{
    Ahead, Budget, Call, Ceiling, Clock, Completed, Credentials, DataPlane, EnvironmentFacts,
    FunctionResult, InvocationMeter, Invoker, LogTail, NotStarted, Outcome, Paces, Ports, Prepare,
    PrepareError, Prepared, Quota, ResponseMode, Settings, StreamLimits, Versions,
};
use firelight_model::{
    Architecture, CodeBlob, CodeSha256, ConfigIdentity, EnvironmentConcurrency, EphemeralStorage,
    FunctionArn, FunctionTimeout, FunctionVersion, LoggingConfig, MemorySize, Package, RequestId,
    SnapStart, Tenancy, TracingMode, Version, VersionKey, WallTime, ZipPackage,
};
use firelight_sandbox::fake::FakeDriver;
use firelight_sandbox::{Egress, ProcessSpec};

use crate::runtime::{self, Act, Handler, Init};

/// The time it is in every test: 2026-11-23T15:00:00.000Z.
pub(crate) const NOW_MS: u64 = 1_795_446_000_000;

/// What the runtimes of a test do; may be changed while it runs.
pub(crate) struct Script {
    pub init: Init,
    pub handler: Handler,
}

pub(crate) struct Plane {
    pub plane: DataPlane<FakeDriver>,
    pub driver: FakeDriver,
    pub script: Arc<Mutex<Script>>,
    pub versions: Arc<TestVersions>,
    pub lines: Arc<Mutex<Vec<String>>>,
    pub meters: Arc<Mutex<Vec<InvocationMeter>>>,
}

#[derive(Default)]
pub(crate) struct TestVersions {
    known: Mutex<HashMap<VersionKey, Arc<FunctionVersion>>>,
    ceiling: Mutex<Option<Ceiling>>,
    provisioned: Mutex<Vec<(VersionKey, u32)>>,
}

impl TestVersions {
    pub(crate) fn add(&self, version: FunctionVersion) -> VersionKey {
        let key = version.key();
        self.known
            .lock()
            .unwrap()
            .insert(key.clone(), Arc::new(version));
        key
    }

    pub(crate) fn remove(&self, key: &VersionKey) {
        self.known.lock().unwrap().remove(key);
    }

    pub(crate) fn set_ceiling(&self, ceiling: Ceiling) {
        *self.ceiling.lock().unwrap() = Some(ceiling);
    }
}

impl Versions for TestVersions {
    fn find(&self, key: &VersionKey) -> Option<Arc<FunctionVersion>> {
        self.known.lock().unwrap().get(key).cloned()
    }

    fn provisioned(&self) -> Vec<(VersionKey, u32)> {
        self.provisioned.lock().unwrap().clone()
    }

    fn quota(&self, _key: &VersionKey) -> Quota {
        let ceiling = *self.ceiling.lock().unwrap();
        Quota {
            account: 1000,
            provisioned: 0,
            ceiling: ceiling.unwrap_or(Ceiling::Unreserved(1000)),
        }
    }
}

struct NothingToPrepare;

/// The function whose runtime can be started ahead.
pub(crate) const AHEAD: &str = "ahead";

fn ahead() -> Ahead {
    Ahead {
        mounts: vec![],
        process: ProcessSpec {
            program: "/var/lang/bin/python".into(),
            arguments: vec![],
            variables: vec![],
            directory: "/var/task".into(),
        },
        memory_mb: 16,
    }
}

impl Prepare for NothingToPrepare {
    fn prepare<'a>(
        &'a self,
        version: &'a FunctionVersion,
        _facts: &'a EnvironmentFacts,
    ) -> Pin<Box<dyn Future<Output = Result<Prepared, PrepareError>> + Send + 'a>> {
        let concurrency = version.concurrency.get().to_string();
        let waits = version.arn.name.as_str() == AHEAD;
        Box::pin(async move {
            Ok(Prepared {
                mounts: vec![],
                overlays: vec![],
                runtime: ProcessSpec {
                    program: "/var/task/bootstrap".into(),
                    arguments: vec!["bootstrap".into()],
                    variables: vec![(runtime::CONCURRENCY.into(), concurrency.into())],
                    directory: "/var/task".into(),
                },
                ahead: waits.then(ahead),
                extensions: vec![],
                runtime_version: Some((
                    "python:3.12.v1".into(),
                    "arn:aws:lambda:us-east-1::runtime:aa".into(),
                )),
                pins: Box::new(()),
            })
        })
    }
}

impl Plane {
    pub(crate) fn new(handler: impl Fn(String) -> Act + Send + Sync + 'static) -> Self {
        Self::with(handler, |_| {})
    }

    pub(crate) fn with(
        handler: impl Fn(String) -> Act + Send + Sync + 'static,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let script = Arc::new(Mutex::new(Script {
            init: Init::Fine,
            handler: Arc::new(handler),
        }));
        let inner = Arc::clone(&script);
        let driver = FakeDriver::scripted(move |inside| {
            let script = inner.lock().unwrap();
            runtime::run(inside, script.init.clone(), Arc::clone(&script.handler))
        });
        let (lines, meters) = (
            Arc::<Mutex<Vec<String>>>::default(),
            Arc::<Mutex<Vec<_>>>::default(),
        );
        let versions = Arc::new(TestVersions::default());
        let counter = AtomicU64::new(0);
        let ports = Ports {
            driver: driver.clone(),
            versions: Arc::clone(&versions) as Arc<dyn Versions>,
            prepare: Arc::new(NothingToPrepare),
            logs: {
                let lines = Arc::clone(&lines);
                Arc::new(move |record| {
                    lines
                        .lock()
                        .unwrap()
                        .push(String::from_utf8(record.message.to_vec()).unwrap());
                })
            },
            spans: None,
            usage: {
                let meters = Arc::clone(&meters);
                Arc::new(move |meter| meters.lock().unwrap().push(meter))
            },
            traffic: Arc::new(|_, _| {}),
            throttles: Arc::new(|_| {}),
            credentials: Arc::new(|_| Credentials {
                access_key_id: "key".into(),
                secret_access_key: "secret".into(),
                session_token: "token".into(),
            }),
            random: Arc::new(move || u128::from(counter.fetch_add(1, Ordering::Relaxed))),
            clock: Clock::new(|| WallTime::from_epoch_ms(NOW_MS)),
        };
        let mut settings = Settings {
            init_timeout: Duration::from_secs(10),
            idle_limit: Duration::from_secs(300),
            freeze_after: Duration::from_secs(60),
            longest_line: 100,
            capacity_wait: Duration::from_secs(10),
            budget: Budget {
                memory_mb: 10_240,
                environments: 100,
            },
            paces: Paces {
                requests: None,
                ..Paces::AWS
            },
            stream_limits: StreamLimits {
                most_bytes: 200 * 1024 * 1024,
                rate: None,
            },
            egress: Egress::None,
            init_milli_cpus: 1000,
            started_runtimes: 8,
            unlimited_cpu: true,
        };
        change(&mut settings);
        Self {
            plane: DataPlane::new(ports, settings),
            driver,
            script,
            versions,
            lines,
            meters,
        }
    }

    /// Adds `$LATEST` of a function in a state of its own.
    pub(crate) fn add(&self, name: &str, state: u8) -> VersionKey {
        self.versions.add(version(name, state))
    }

    pub(crate) async fn invoke(&self, key: &VersionKey, payload: &str) -> Outcome {
        self.plane.invoke(call(key, payload)).await
    }

    pub(crate) async fn invoke_with_tail(&self, key: &VersionKey, payload: &str) -> Completed {
        let call = Call {
            log_tail: LogTail::Wanted,
            ..call(key, payload)
        };
        completed(self.plane.invoke(call).await)
    }

    pub(crate) fn set_init(&self, init: Init) {
        self.script.lock().unwrap().init = init;
    }
}

pub(crate) fn call(key: &VersionKey, payload: &str) -> Call {
    Call {
        request_id: RequestId::from_random([7; 16]),
        version: key.clone(),
        invoked_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".into(),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        client_context: None,
        trace: None,
        tenant_id: None,
        log_tail: LogTail::None,
        response_mode: ResponseMode::Buffered,
        attempt: 1,
    }
}

/// The id that [`call`] gives.
pub(crate) const REQUEST_ID: &str = "07070707-0707-4707-8707-070707070707";

pub(crate) fn version(name: &str, state: u8) -> FunctionVersion {
    let function = name.parse().unwrap();
    FunctionVersion {
        logging: LoggingConfig::of(&function),
        arn: FunctionArn {
            region: "us-east-1".parse().unwrap(),
            account: "000000000000".parse().unwrap(),
            name: function,
        },
        version: Version::Latest,
        revision: ConfigIdentity::from_random([state; 16]),
        package: Package::Zip(ZipPackage {
            runtime: "provided.al2023".parse().unwrap(),
            handler: "h".parse().unwrap(),
            code: CodeBlob {
                sha256: CodeSha256::from_bytes([0; 32]),
                size_bytes: 1,
            },
            layers: vec![],
        }),
        architecture: Architecture::X86_64,
        memory: MemorySize::from_mb(128).unwrap(),
        timeout: FunctionTimeout::from_seconds(3).unwrap(),
        ephemeral_storage: EphemeralStorage::from_mb(512).unwrap(),
        variables: Default::default(),
        role: "arn:aws:iam::000000000000:role/r".parse().unwrap(),
        tracing: TracingMode::PassThrough,
        snap_start: SnapStart::None,
        tenancy: Tenancy::Shared,
        concurrency: EnvironmentConcurrency::ONE,
        dead_letter_target: None,
    }
}

pub(crate) fn completed(outcome: Outcome) -> Completed {
    match outcome {
        Outcome::Completed(completed) => completed,
        other => panic!("not completed: {other:?}"),
    }
}

pub(crate) fn success(outcome: Outcome) -> String {
    match completed(outcome).result {
        FunctionResult::Success(payload) => String::from_utf8(payload.to_vec()).unwrap(),
        FunctionResult::Error(payload) => panic!("function error: {payload:?}"),
    }
}

pub(crate) fn error(outcome: Outcome) -> String {
    match completed(outcome).result {
        FunctionResult::Error(payload) => String::from_utf8(payload.to_vec()).unwrap(),
        FunctionResult::Success(payload) => panic!("no function error: {payload:?}"),
    }
}

pub(crate) fn not_started(outcome: Outcome) -> NotStarted {
    match outcome {
        Outcome::NotStarted(reason) => reason,
        other => panic!("started: {other:?}"),
    }
}

pub(crate) fn echo(event: String) -> Act {
    Act::Answer(event)
}
