//! A control plane for one test, with a still clock and packages that are made here.

use std::io::{Cursor, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use firelight_control::{
    AWS_CODE_STORAGE_BYTES, Completion, Control, CreateFunction, FunctionDescription, NewCode,
    Origin, Outside, Preparer, PublishLayerVersion, PublishVersion, RuntimeRefusal, Settings,
    UpdateFunctionCode,
};
use firelight_model::{
    Architecture, FunctionArn, FunctionTarget, FunctionVersion, LayerArn, LifeCycle, PackageType,
    Reason, RequestId, RoleArn, RuntimeIdentifier, Tenancy, WallTime,
};
use firelight_store::{DirectoryBlobs, MemoryStore, Store};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Counts: ids never repeat, and the time is the count.
#[derive(Clone, Default)]
pub(crate) struct Counting {
    count: Arc<AtomicU64>,
    code_storage_limit_bytes: Option<u64>,
}

impl Counting {
    fn next(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }
}

impl Outside for Counting {
    fn now(&self) -> WallTime {
        WallTime::from_epoch_ms(1_700_000_000_000 + self.next())
    }

    fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[8..].copy_from_slice(&self.next().to_be_bytes());
        bytes[..8].copy_from_slice(&self.next().to_le_bytes());
        bytes
    }

    fn check_runtime(&self, runtime: &RuntimeIdentifier) -> Result<(), RuntimeRefusal> {
        match runtime.as_str() {
            "python3.7" => Err(RuntimeRefusal::Deprecated),
            "python9" => Err(RuntimeRefusal::Unknown),
            _ => Ok(()),
        }
    }

    fn code_storage_limit_bytes(&self) -> u64 {
        self.code_storage_limit_bytes
            .unwrap_or(AWS_CODE_STORAGE_BYTES)
    }

    fn can_assume(&self, role: &RoleArn, _function: &FunctionArn) -> bool {
        role.role_name() != "stranger"
    }
}

/// Makes everything ready but functions named `broken`.
pub(crate) struct Ready;

impl Preparer for Ready {
    async fn prepare(&self, version: &FunctionVersion) -> Result<(), Reason> {
        if version.arn.name.as_str() == "broken" {
            return Err(Reason {
                code: "InvalidZipFileException".into(),
                text: "broken".into(),
            });
        }
        Ok(())
    }
}

/// A control plane whose blobs go away with it.
#[must_use]
pub(crate) struct TestControl {
    pub(crate) control: Control,
    pub(crate) store: MemoryStore,
    pub(crate) blobs: DirectoryBlobs,
    outside: Counting,
    _directory: TempDir,
}

impl std::ops::Deref for TestControl {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.control
    }
}

impl TestControl {
    pub(crate) async fn new() -> Self {
        Self::with(Counting::default()).await
    }

    /// Starts with room for so many bytes of packages.
    pub(crate) async fn with_code_storage(limit_bytes: u64) -> Self {
        Self::with(Counting {
            code_storage_limit_bytes: Some(limit_bytes),
            ..Counting::default()
        })
        .await
    }

    async fn with(outside: Counting) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let blobs = DirectoryBlobs::open(directory.path().join("blobs")).unwrap();
        let store = MemoryStore::default();
        let control = start(&store, &blobs, &outside).await;
        Self {
            control,
            store,
            blobs,
            outside,
            _directory: directory,
        }
    }

    /// Starts a second control plane on the same store, as after a restart or on another machine.
    pub(crate) async fn again(&self) -> Control {
        start(&self.store, &self.blobs, &self.outside).await
    }

    pub(crate) fn complete(&self) -> Completion {
        self.control
            .start_completion(&CancellationToken::new(), Ready)
    }
}

async fn start<S: Store>(store: &S, blobs: &DirectoryBlobs, outside: &Counting) -> Control {
    Control::start(store.clone(), blobs.clone(), outside.clone())
        .await
        .unwrap()
}

pub(crate) fn origin() -> Origin {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&count.to_be_bytes());
    Origin {
        request_id: RequestId::from_random(bytes),
    }
}

pub(crate) fn arn(name: &str) -> FunctionArn {
    FunctionArn {
        region: "us-east-1".parse().unwrap(),
        account: "123456789012".parse().unwrap(),
        name: name.parse().unwrap(),
    }
}

pub(crate) fn target(name: &str, qualifier: &str) -> FunctionTarget {
    FunctionTarget {
        arn: arn(name),
        qualifier: Some(qualifier.parse().unwrap()),
    }
}

pub(crate) fn whole(name: &str) -> FunctionTarget {
    FunctionTarget {
        arn: arn(name),
        qualifier: None,
    }
}

/// Returns a zip with one file.
pub(crate) fn zip(content: &str) -> Bytes {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("index.py", zip::write::SimpleFileOptions::default())
        .unwrap();
    zip.write_all(content.as_bytes()).unwrap();
    Bytes::from(zip.finish().unwrap().into_inner())
}

pub(crate) fn code(content: &str) -> NewCode {
    NewCode::Zip {
        zip: zip(content),
        source_kms_key: None,
    }
}

pub(crate) fn python() -> Settings {
    Settings {
        runtime: Some("python3.13".parse().unwrap()),
        handler: Some("index.handler".parse().unwrap()),
        ..Settings::default()
    }
}

pub(crate) fn creation(name: &str) -> CreateFunction {
    CreateFunction {
        arn: arn(name),
        role: "arn:aws:iam::123456789012:role/r1".parse().unwrap(),
        package_type: PackageType::Zip,
        code: code("one"),
        architecture: Architecture::X86_64,
        tenancy: Tenancy::Shared,
        settings: python(),
        tags: Default::default(),
        code_signing_config: None,
        publish: false,
    }
}

pub(crate) fn publication(name: &str) -> PublishVersion {
    PublishVersion {
        arn: arn(name),
        description: None,
        expected_sha256: None,
        expected_revision: None,
    }
}

pub(crate) fn update(name: &str, content: &str) -> UpdateFunctionCode {
    UpdateFunctionCode {
        arn: arn(name),
        code: code(content),
        architecture: None,
        publish: false,
        dry_run: false,
        expected_revision: None,
    }
}

pub(crate) fn layer(name: &str) -> LayerArn {
    LayerArn {
        region: "us-east-1".parse().unwrap(),
        account: "123456789012".parse().unwrap(),
        name: name.parse().unwrap(),
    }
}

pub(crate) fn layer_publication(name: &str, content: &str) -> PublishLayerVersion {
    PublishLayerVersion {
        arn: layer(name),
        zip: zip(content),
        description: String::new(),
        license: None,
        compatible_runtimes: None,
        compatible_architectures: None,
    }
}

/// Waits until nothing is owed to a function any more, and describes it.
pub(crate) async fn settled(control: &Control, name: &str) -> FunctionDescription {
    described_when(control, &whole(name), |cycle| !cycle.is_moving()).await
}

pub(crate) async fn described_when(
    control: &Control,
    target: &FunctionTarget,
    wanted: impl Fn(&LifeCycle) -> bool,
) -> FunctionDescription {
    loop {
        let seen = control.view().applied();
        let described = control.describe(target).unwrap();
        if wanted(&described.life_cycle) {
            return described;
        }
        let next = firelight_store::Rev::new(seen.get() + 1);
        control.view().reach(next).await.unwrap();
    }
}

/// Creates a function and waits until it is active.
pub(crate) async fn active(control: &TestControl, name: &str) -> FunctionDescription {
    let _completion = control.complete();
    control
        .create_function(&origin(), creation(name))
        .await
        .unwrap();
    settled(control, name).await
}
