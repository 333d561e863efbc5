//! `FunctionConfiguration`: which fields an answer has, and when.
//!
//! Presence is part of the contract: Terraform and the waiters of the SDKs tell an absent field from an empty one.

use firelight_control::FunctionDescription;
use firelight_control::records::configuration::{
    AttachedLayer, CapacityRecord, Configuration, DurableRecord, FileSystemRecord, ImageRecord,
    PackageRecord, VpcRecord,
};
use firelight_model::{
    LoggingConfig, Region, RuntimeIdentifier, SnapStart, State, Tenancy, Version,
};
use firelight_wire::shapes;
use sha2::{Digest, Sha256};

/// Renders a version as the calls do that concern one function.
pub(super) fn full(described: &FunctionDescription) -> shapes::FunctionConfiguration {
    let listed = listed(described);
    let cycle = &described.life_cycle;
    let update = cycle.last_update.as_ref();
    let (state, update_reason) = (&cycle.state, update.and_then(|update| update.reason()));
    shapes::FunctionConfiguration {
        state: shapes::State::from_wire(state.name()),
        state_reason: state.reason().map(|reason| reason.text.clone()),
        state_reason_code: state_code(state),
        last_update_status: update
            .and_then(|update| shapes::LastUpdateStatus::from_wire(update.name())),
        last_update_status_reason: update_reason.map(|reason| reason.text.clone()),
        last_update_status_reason_code: update_reason
            .and_then(|reason| shapes::LastUpdateStatusReasonCode::from_wire(&reason.code)),
        runtime_version_config: runtime_version(described),
        ..listed
    }
}

fn state_code(state: &State) -> Option<shapes::StateReasonCode> {
    state
        .reason()
        .and_then(|reason| shapes::StateReasonCode::from_wire(&reason.code))
}

/// Renders a version as listings do: without states and without the runtime's version.
pub(super) fn listed(described: &FunctionDescription) -> shapes::FunctionConfiguration {
    let configuration = &described.configuration;
    let base = shapes::FunctionConfiguration {
        function_name: Some(described.arn.name.to_string()),
        function_arn: Some(described.arn_text()),
        version: Some(described.version.to_string()),
        last_modified: Some(described.last_modified.to_string()),
        revision_id: Some(described.revision.to_string()),
        snap_start: Some(snap_start(configuration.snap_start, described.version)),
        ..settings(configuration)
    };
    with_package(base, &configuration.package)
}

fn settings(configuration: &Configuration) -> shapes::FunctionConfiguration {
    shapes::FunctionConfiguration {
        role: Some(configuration.role.to_string()),
        code_size: i64::try_from(configuration.code_size()).ok(),
        code_sha256: Some(configuration.code_sha256_text()),
        description: Some(configuration.description.clone()),
        timeout: i32::try_from(configuration.timeout.seconds()).ok(),
        memory_size: i32::try_from(configuration.memory.mb()).ok(),
        package_type: shapes::PackageType::from_wire(configuration.package_type().as_str()),
        architectures: shapes::Architecture::from_wire(configuration.architecture.as_str())
            .map(|architecture| vec![architecture]),
        ephemeral_storage: i32::try_from(configuration.ephemeral_storage.mb())
            .ok()
            .map(|size| shapes::EphemeralStorage { size }),
        tracing_config: Some(shapes::TracingConfigResponse {
            mode: shapes::TracingMode::from_wire(configuration.tracing.as_str()),
        }),
        logging_config: Some(logging(&configuration.logging)),
        environment: environment(configuration),
        vpc_config: configuration.vpc.as_ref().map(vpc),
        dead_letter_config: configuration.dead_letter_target.clone().map(|target| {
            shapes::DeadLetterConfig {
                target_arn: Some(target),
            }
        }),
        kms_key_arn: configuration.kms_key.clone(),
        file_system_configs: file_systems(&configuration.file_systems),
        tenancy_config: tenancy(configuration.tenancy),
        durable_config: configuration.durable.as_ref().map(durable),
        capacity_provider_config: configuration.capacity.as_ref().map(capacity),
        ..shapes::FunctionConfiguration::default()
    }
}

fn with_package(
    base: shapes::FunctionConfiguration,
    package: &PackageRecord,
) -> shapes::FunctionConfiguration {
    match package {
        PackageRecord::Zip(zip) => shapes::FunctionConfiguration {
            runtime: Some(zip.runtime.to_string()),
            handler: Some(zip.handler.to_string()),
            layers: layers(&zip.layers),
            ..base
        },
        PackageRecord::Image(image) => shapes::FunctionConfiguration {
            image_config_response: image_config(image),
            ..base
        },
    }
}

fn environment(configuration: &Configuration) -> Option<shapes::EnvironmentResponse> {
    let variables = configuration.variables.clone()?;
    Some(shapes::EnvironmentResponse {
        variables: Some(variables),
        error: None,
    })
}

fn layers(layers: &[AttachedLayer]) -> Option<Vec<shapes::Layer>> {
    let layer = |layer: &AttachedLayer| shapes::Layer {
        arn: Some(layer.arn.to_string()),
        code_size: i64::try_from(layer.code.size_bytes).ok(),
        ..shapes::Layer::default()
    };
    (!layers.is_empty()).then(|| layers.iter().map(layer).collect())
}

fn image_config(image: &ImageRecord) -> Option<shapes::ImageConfigResponse> {
    let overrides = image.overrides.clone()?;
    let image_config = shapes::ImageConfig {
        entry_point: overrides.entry_point,
        command: overrides.command,
        working_directory: overrides.working_directory,
    };
    Some(shapes::ImageConfigResponse {
        image_config: Some(image_config),
        error: None,
    })
}

fn vpc(vpc: &VpcRecord) -> shapes::VpcConfigResponse {
    shapes::VpcConfigResponse {
        subnet_ids: Some(vpc.subnet_ids.clone()),
        security_group_ids: Some(vpc.security_group_ids.clone()),
        vpc_id: Some(vpc.vpc_id.clone()),
        ipv6_allowed_for_dual_stack: Some(vpc.ipv6_allowed),
    }
}

fn file_systems(systems: &[FileSystemRecord]) -> Option<Vec<shapes::FileSystemConfig>> {
    let system = |system: &FileSystemRecord| shapes::FileSystemConfig {
        arn: system.arn.clone(),
        local_mount_path: system.local_mount_path.clone(),
        s3_files_config: None,
    };
    (!systems.is_empty()).then(|| systems.iter().map(system).collect())
}

fn tenancy(tenancy: Tenancy) -> Option<shapes::TenancyConfig> {
    let mode = shapes::TenantIsolationMode::from_wire(tenancy.as_str())?;
    Some(shapes::TenancyConfig {
        tenant_isolation_mode: mode,
    })
}

fn durable(durable: &DurableRecord) -> shapes::DurableConfig {
    shapes::DurableConfig {
        execution_timeout: i32::try_from(durable.execution_timeout_seconds).ok(),
        retention_period_in_days: i32::try_from(durable.retention_days).ok(),
        kms_key_arn: durable.kms_key.clone(),
    }
}

fn capacity(capacity: &CapacityRecord) -> shapes::CapacityProviderConfig {
    let instances = shapes::LambdaManagedInstancesCapacityProviderConfig {
        capacity_provider_arn: capacity.provider_arn.clone(),
        per_execution_environment_max_concurrency: Some(
            capacity.environment_concurrency.get().into(),
        ),
        execution_environment_memory_gib_per_vcpu: Some(capacity.memory_gib_per_vcpu),
    };
    shapes::CapacityProviderConfig {
        lambda_managed_instances_capacity_provider_config: instances,
    }
}

fn logging(logging: &LoggingConfig) -> shapes::LoggingConfig {
    shapes::LoggingConfig {
        log_format: shapes::LogFormat::from_wire(logging.format().as_str()),
        application_log_level: logging
            .application_level()
            .and_then(|level| shapes::ApplicationLogLevel::from_wire(level.as_str())),
        system_log_level: logging
            .system_level()
            .and_then(|level| shapes::SystemLogLevel::from_wire(level.as_str())),
        log_group: Some(logging.group.to_string()),
    }
}

/// Snapshots are made of published versions only.
fn snap_start(apply_on: SnapStart, version: Version) -> shapes::SnapStartResponse {
    let is_on = apply_on == SnapStart::PublishedVersions && version != Version::Latest;
    let status = if is_on { "On" } else { "Off" };
    shapes::SnapStartResponse {
        apply_on: shapes::SnapStartApplyOn::from_wire(apply_on.as_str()),
        optimization_status: shapes::SnapStartOptimizationStatus::from_wire(status),
    }
}

fn runtime_version(described: &FunctionDescription) -> Option<shapes::RuntimeVersionConfig> {
    let runtime = &described.configuration.zip()?.runtime;
    let arn = runtime_version_arn(&described.arn.region, runtime);
    Some(shapes::RuntimeVersionConfig {
        runtime_version_arn: Some(arn),
        error: None,
    })
}

/// Names the version of a runtime. There is one of each here, so its name follows from the identifier.
pub(super) fn runtime_version_arn(region: &Region, runtime: &RuntimeIdentifier) -> String {
    let digest = Sha256::digest(runtime.as_str());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("arn:aws:lambda:{region}::runtime:{hex}")
}
