//! What a request says about a function, turned into the domain's types.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use firelight_control::records::configuration::{
    CapacityRecord, DurableRecord, FileSystemRecord, ImageOverrides,
};
use firelight_control::{NewCode, Settings, VpcSettings};
use firelight_model::{
    AccountId, Architecture, EnvironmentConcurrency, EnvironmentVariables, EphemeralStorage,
    FunctionTimeout, LoggingChange, MemorySize, SnapStart, Tenancy, TracingMode,
};
use firelight_wire::{Blob, ErrorReply, shapes};

use super::call::Call;
use super::refusals;

/// The largest zip that travels in a request.
const ZIP_LIMIT_BYTES: usize = 52_428_800;

/// How long the data of a durable execution is kept unless said otherwise.
const RETENTION_DAYS: u32 = 14;

/// Fetches packages out of buckets.
pub trait FetchObject: Send + Sync {
    fn fetch<'a>(
        &'a self,
        account: AccountId,
        object: &'a ObjectName,
    ) -> Pin<Box<dyn Future<Output = Result<Bytes, ObjectError>> + Send + 'a>>;
}

/// An object in a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectName {
    pub bucket: String,
    pub key: String,
    pub version: Option<String>,
}

/// S3's refusal, as it is passed on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ObjectError {
    pub code: String,
    pub message: String,
}

impl ObjectError {
    fn no_bucket() -> Self {
        let message = "The specified bucket does not exist".to_owned();
        Self {
            code: "NoSuchBucket".to_owned(),
            message,
        }
    }
}

/// Returns the code that a request brings or points to.
pub(super) async fn code(
    call: &Call<'_>,
    given: shapes::FunctionCode,
) -> Result<NewCode, ErrorReply> {
    if let Some(uri) = given.image_uri {
        return Ok(NewCode::Image { uri });
    }
    let source_kms_key = given.source_kms_key_arn;
    if let Some(blob) = given.zip_file {
        if given.s3_bucket.is_some() || given.s3_key.is_some() {
            return Err(refusals::two_sources());
        }
        let zip = zip(blob)?;
        return Ok(NewCode::Zip {
            zip,
            source_kms_key,
        });
    }
    let (Some(bucket), Some(key)) = (given.s3_bucket, given.s3_key) else {
        return Err(refusals::no_code());
    };
    let object = ObjectName {
        bucket,
        key,
        version: given.s3_object_version,
    };
    let zip = fetch(call, &object).await.map_err(refusals::object)?;
    Ok(NewCode::Zip {
        zip,
        source_kms_key,
    })
}

/// Returns a zip that travelled in the request.
pub(super) fn zip(blob: Blob) -> Result<Bytes, ErrorReply> {
    if blob.0.len() > ZIP_LIMIT_BYTES {
        return Err(refusals::zip_too_large(ZIP_LIMIT_BYTES));
    }
    Ok(Bytes::from(blob.0))
}

pub(super) async fn fetch(call: &Call<'_>, object: &ObjectName) -> Result<Bytes, ObjectError> {
    match &call.lambda.objects {
        Some(objects) => objects.fetch(call.context.account, object).await,
        None => Err(ObjectError::no_bucket()),
    }
}

pub(super) fn architecture(given: Option<&[shapes::Architecture]>) -> Option<Architecture> {
    let first = given?.first()?;
    Architecture::from_name(first.as_str())
}

pub(super) fn tenancy(given: Option<&shapes::TenancyConfig>) -> Tenancy {
    let mode = given.map(|config| config.tenant_isolation_mode.as_str());
    mode.and_then(Tenancy::from_name).unwrap_or(Tenancy::Shared)
}

/// The settings that creation and update have in common, under their names on the wire.
pub(super) struct GivenSettings {
    pub(super) description: Option<String>,
    pub(super) role: Option<String>,
    pub(super) runtime: Option<String>,
    pub(super) handler: Option<String>,
    pub(super) memory_size: Option<i32>,
    pub(super) timeout: Option<i32>,
    pub(super) ephemeral_storage: Option<shapes::EphemeralStorage>,
    pub(super) environment: Option<shapes::Environment>,
    pub(super) layers: Option<Vec<String>>,
    pub(super) logging_config: Option<shapes::LoggingConfig>,
    pub(super) tracing_config: Option<shapes::TracingConfig>,
    pub(super) snap_start: Option<shapes::SnapStart>,
    pub(super) dead_letter_config: Option<shapes::DeadLetterConfig>,
    pub(super) kms_key_arn: Option<String>,
    pub(super) vpc_config: Option<shapes::VpcConfig>,
    pub(super) file_system_configs: Option<Vec<shapes::FileSystemConfig>>,
    pub(super) image_config: Option<shapes::ImageConfig>,
    pub(super) durable_config: Option<shapes::DurableConfig>,
    pub(super) capacity_provider_config: Option<shapes::CapacityProviderConfig>,
}

impl GivenSettings {
    /// Turns the settings into the domain's, in AWS's order of checks.
    pub(super) fn settings(self) -> Result<Settings, ErrorReply> {
        let memory = self.memory_size.map(memory).transpose()?;
        let timeout = self.timeout.map(timeout).transpose()?;
        let variables = self.environment.map(variables).transpose()?;
        let runtime = self
            .runtime
            .map(|text| text.parse().map_err(|_| refusals::unknown_runtime(&text)));
        let handler = self
            .handler
            .map(|text| text.parse().map_err(|_| refusals::bad_handler(&text)));
        let layers = self.layers.map(layers).transpose()?;
        Ok(Settings {
            description: self.description,
            role: self
                .role
                .map(|text| text.parse().map_err(|_| refusals::bad_role(&text)))
                .transpose()?,
            runtime: runtime.transpose()?,
            handler: handler.transpose()?,
            memory,
            timeout,
            ephemeral_storage: self.ephemeral_storage.map(ephemeral_storage).transpose()?,
            variables,
            layers,
            logging: self.logging_config.map(logging).transpose()?,
            tracing: self.tracing_config.and_then(tracing),
            snap_start: self.snap_start.and_then(snap_start),
            dead_letter_target: self
                .dead_letter_config
                .map(|config| config.target_arn.unwrap_or_default()),
            kms_key: self.kms_key_arn,
            vpc: self.vpc_config.map(vpc),
            file_systems: self.file_system_configs.map(file_systems),
            image: self.image_config.map(image),
            durable: self.durable_config.map(durable).transpose()?,
            capacity: self.capacity_provider_config.map(capacity),
        })
    }
}

fn memory(mb: i32) -> Result<MemorySize, ErrorReply> {
    let size = u32::try_from(mb)
        .ok()
        .and_then(|mb| MemorySize::from_mb(mb).ok());
    size.ok_or_else(|| refusals::out_of_range("memorySize", mb, MemorySize::MAX_MB))
}

fn timeout(seconds: i32) -> Result<FunctionTimeout, ErrorReply> {
    let timeout = u32::try_from(seconds)
        .ok()
        .and_then(|s| FunctionTimeout::from_seconds(s).ok());
    timeout.ok_or_else(|| refusals::out_of_range("timeout", seconds, FunctionTimeout::MAX_SECONDS))
}

fn ephemeral_storage(storage: shapes::EphemeralStorage) -> Result<EphemeralStorage, ErrorReply> {
    let size = u32::try_from(storage.size)
        .ok()
        .and_then(|mb| EphemeralStorage::from_mb(mb).ok());
    let field = "ephemeralStorage.size";
    size.ok_or_else(|| refusals::out_of_range(field, storage.size, EphemeralStorage::MAX_MB))
}

fn variables(environment: shapes::Environment) -> Result<EnvironmentVariables, ErrorReply> {
    let given = environment.variables.unwrap_or_default();
    EnvironmentVariables::new(given.into_iter().collect()).map_err(refusals::variables)
}

fn layers(given: Vec<String>) -> Result<Vec<firelight_model::LayerVersionArn>, ErrorReply> {
    let parse = |text: String| text.parse().map_err(|_| refusals::unknown_layer(&text));
    given.into_iter().map(parse).collect()
}

fn logging(given: shapes::LoggingConfig) -> Result<LoggingChange, ErrorReply> {
    let group = given
        .log_group
        .map(|text| text.parse().map_err(|_| refusals::bad_log_group(&text)));
    Ok(LoggingChange {
        format: given.log_format.and_then(|word| word.as_str().parse().ok()),
        application: given
            .application_log_level
            .and_then(|word| word.as_str().parse().ok()),
        system: given
            .system_log_level
            .and_then(|word| word.as_str().parse().ok()),
        group: group.transpose()?,
    })
}

fn tracing(given: shapes::TracingConfig) -> Option<TracingMode> {
    TracingMode::from_name(given.mode?.as_str())
}

fn snap_start(given: shapes::SnapStart) -> Option<SnapStart> {
    SnapStart::from_name(given.apply_on?.as_str())
}

fn vpc(given: shapes::VpcConfig) -> VpcSettings {
    VpcSettings {
        subnet_ids: given.subnet_ids,
        security_group_ids: given.security_group_ids,
        ipv6_allowed: given.ipv6_allowed_for_dual_stack,
    }
}

fn file_systems(given: Vec<shapes::FileSystemConfig>) -> Vec<FileSystemRecord> {
    let system = |system: shapes::FileSystemConfig| FileSystemRecord {
        arn: system.arn,
        local_mount_path: system.local_mount_path,
    };
    given.into_iter().map(system).collect()
}

fn image(given: shapes::ImageConfig) -> ImageOverrides {
    ImageOverrides {
        entry_point: given.entry_point,
        command: given.command,
        working_directory: given.working_directory,
    }
}

fn durable(given: shapes::DurableConfig) -> Result<DurableRecord, ErrorReply> {
    let number = |given: Option<i32>| given.and_then(|number| u32::try_from(number).ok());
    let timeout = number(given.execution_timeout);
    Ok(DurableRecord {
        execution_timeout_seconds: timeout
            .ok_or_else(|| refusals::null_member("durableConfig.executionTimeout"))?,
        retention_days: number(given.retention_period_in_days).unwrap_or(RETENTION_DAYS),
        kms_key: given.kms_key_arn,
    })
}

/// The defaults are those that AWS is believed to have (lambda-facts §1.3).
fn capacity(given: shapes::CapacityProviderConfig) -> CapacityRecord {
    const MEMORY_GIB_PER_VCPU: f64 = 2.0;
    let shapes::LambdaManagedInstancesCapacityProviderConfig {
        capacity_provider_arn,
        per_execution_environment_max_concurrency,
        execution_environment_memory_gib_per_vcpu,
    } = given.lambda_managed_instances_capacity_provider_config;
    let concurrency = per_execution_environment_max_concurrency
        .and_then(|invocations| EnvironmentConcurrency::new(u16::try_from(invocations).ok()?));
    CapacityRecord {
        provider_arn: capacity_provider_arn,
        environment_concurrency: concurrency
            .unwrap_or(EnvironmentConcurrency::OF_MANAGED_INSTANCES),
        memory_gib_per_vcpu: execution_environment_memory_gib_per_vcpu
            .unwrap_or(MEMORY_GIB_PER_VCPU),
    }
}
