//! The control plane of a simulated host: which version is current, and under which limits it runs.

use std::collections::HashMap;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use firelight_events::{Functions, Limits, Resolution, Resolved};
use firelight_invoke::{
    Ceiling, EnvironmentFacts, InitializationType, Prepare, PrepareError, Prepared, Quota, Versions,
};
use firelight_model::{
    Architecture, CodeBlob, CodeSha256, ConfigIdentity, Draw, EnvironmentConcurrency,
    EphemeralStorage, FunctionArn, FunctionName, FunctionTimeout, FunctionVersion, LoggingConfig,
    MemorySize, Package, Qualifier, RecursiveLoop, SnapStart, Tenancy, TracingMode, Version,
    VersionKey, ZipPackage,
};
use firelight_sandbox::ProcessSpec;

use super::runtime;
use crate::targets::every_end;

/// A function with what a scenario decided about it.
pub(crate) struct HostedFunction {
    pub(crate) arn: FunctionArn,
    pub(crate) memory_mb: u32,
    pub(crate) timeout_s: u32,
    pub(crate) ceiling: Ceiling,
    /// Kept ready, beside the ceiling.
    pub(crate) provisioned: u32,
    /// Events that one environment runs at once.
    pub(crate) concurrency: EnvironmentConcurrency,
    pub(crate) limits: Limits,
}

/// All functions in their current state.
pub(crate) struct Catalogue {
    /// What the account may run at once.
    account: u32,
    functions: Vec<HostedFunction>,
    current: Mutex<HashMap<FunctionName, Arc<FunctionVersion>>>,
    /// How many environments of each function were ever prepared.
    prepared: Mutex<HashMap<FunctionName, u32>>,
}

impl Catalogue {
    pub(crate) fn new(account: u32, functions: Vec<HostedFunction>) -> Self {
        let first = |function: &HostedFunction| {
            let version = Arc::new(version(function, [0; 16]));
            (function.arn.name.clone(), version)
        };
        Self {
            account,
            prepared: Mutex::default(),
            current: Mutex::new(functions.iter().map(first).collect()),
            functions,
        }
    }

    pub(crate) fn account(&self) -> u32 {
        self.account
    }

    pub(crate) fn prepared(&self, function: &FunctionName) -> u32 {
        let prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        prepared.get(function).copied().unwrap_or_default()
    }

    pub(crate) fn functions(&self) -> &[HostedFunction] {
        &self.functions
    }

    pub(crate) fn function(&self, name: &FunctionName) -> Option<&HostedFunction> {
        self.functions
            .iter()
            .find(|function| function.arn.name == *name)
    }

    /// Puts new code in place: the environments of the old one drain.
    pub(crate) fn update(&self, function: &HostedFunction, identity: [u8; 16]) {
        let version = Arc::new(version(function, identity));
        self.current().insert(function.arn.name.clone(), version);
    }

    pub(crate) fn key(&self, function: &FunctionName) -> Option<VersionKey> {
        self.current().get(function).map(|version| version.key())
    }

    fn current(&self) -> MutexGuard<'_, HashMap<FunctionName, Arc<FunctionVersion>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Versions for Catalogue {
    fn find(&self, key: &VersionKey) -> Option<Arc<FunctionVersion>> {
        let current = self.current();
        let version = current.get(&key.function)?;
        (version.key() == *key).then(|| Arc::clone(version))
    }

    fn provisioned(&self) -> Vec<(VersionKey, u32)> {
        let kept = self.functions.iter().filter(|one| one.provisioned > 0);
        kept.filter_map(|one| Some((self.key(&one.arn.name)?, one.provisioned)))
            .collect()
    }

    fn quota(&self, key: &VersionKey) -> Quota {
        let known = self.function(&key.function);
        Quota {
            account: self.account,
            provisioned: known.map_or(0, |function| function.provisioned),
            ceiling: known.map_or(Ceiling::Unreserved(0), |function| function.ceiling),
        }
    }
}

impl Functions for Catalogue {
    fn resolve(&self, function: &FunctionArn, _: Option<&Qualifier>, _: Draw) -> Resolution {
        let known = self.function(&function.name);
        let (Some(known), Some(version)) = (known, self.key(&function.name)) else {
            return Resolution::Gone;
        };
        Resolution::Ready(Box::new(Resolved {
            version,
            limits: known.limits,
            targets: every_end(),
            stopped: false,
            recursive_loop: RecursiveLoop::Terminate,
        }))
    }
}

impl Prepare for Catalogue {
    fn prepare<'a>(
        &'a self,
        version: &'a FunctionVersion,
        facts: &'a EnvironmentFacts,
    ) -> Pin<Box<dyn Future<Output = Result<Prepared, PrepareError>> + Send + 'a>> {
        // What is kept ready is started at a pace of its own.
        if facts.initialization_type == InitializationType::OnDemand {
            let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
            *prepared.entry(version.arn.name.clone()).or_default() += 1;
        }
        let name = facts.log_stream.stream.clone();
        Box::pin(ready(Ok(Prepared {
            mounts: Vec::new(),
            overlays: Vec::new(),
            runtime: ProcessSpec {
                program: "/var/task/bootstrap".into(),
                arguments: vec!["bootstrap".into()],
                variables: vec![
                    (runtime::NAME.into(), name.into()),
                    (
                        runtime::SEATS.into(),
                        version.concurrency.get().to_string().into(),
                    ),
                ],
                directory: "/var/task".into(),
            },
            ahead: None,
            extensions: Vec::new(),
            runtime_version: None,
            pins: Box::new(()),
        })))
    }
}

fn version(function: &HostedFunction, identity: [u8; 16]) -> FunctionVersion {
    const VALID: &str = "a constant of the simulator is valid";
    FunctionVersion {
        arn: function.arn.clone(),
        version: Version::Latest,
        revision: ConfigIdentity::from_random(identity),
        package: Package::Zip(ZipPackage {
            runtime: "provided.al2023".parse().expect(VALID),
            handler: "h".parse().expect(VALID),
            code: CodeBlob {
                sha256: CodeSha256::from_bytes([0; 32]),
                size_bytes: 1,
            },
            layers: Vec::new(),
        }),
        architecture: Architecture::X86_64,
        memory: MemorySize::from_mb(function.memory_mb).expect(VALID),
        timeout: FunctionTimeout::from_seconds(function.timeout_s).expect(VALID),
        ephemeral_storage: EphemeralStorage::from_mb(512).expect(VALID),
        variables: Default::default(),
        role: "arn:aws:iam::000000000000:role/r".parse().expect(VALID),
        logging: LoggingConfig::of(&function.arn.name),
        tracing: TracingMode::PassThrough,
        snap_start: SnapStart::None,
        tenancy: Tenancy::Shared,
        concurrency: function.concurrency,
        dead_letter_target: None,
    }
}
