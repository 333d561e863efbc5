//! Settings of a function, as a request gives them: what is absent stays as it is.

use std::collections::BTreeMap;

use firelight_model::{
    EnvironmentVariables, EphemeralStorage, FunctionArn, FunctionTimeout, Handler, LayerListError,
    LayerVersionArn, LevelWithText, LoggingChange, MemorySize, PackageType, RoleArn,
    RuntimeIdentifier, SnapStart, Tenancy, TracingMode, check_layers,
};

use crate::outside::{RuntimeRefusal, World};
use crate::records::configuration::{
    AttachedLayer, CapacityRecord, Configuration, DurableRecord, FileSystemRecord, ImageOverrides,
    PackageRecord, VpcRecord, ZipRecord,
};
use crate::view::Tables;

/// What all layers and the code of a function may have together when unpacked.
const UNZIPPED_LIMIT_BYTES: u64 = 262_144_000;

/// Settings to change; `None` leaves one as it is.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub description: Option<String>,
    pub role: Option<RoleArn>,
    pub runtime: Option<RuntimeIdentifier>,
    pub handler: Option<Handler>,
    pub memory: Option<MemorySize>,
    pub timeout: Option<FunctionTimeout>,
    pub ephemeral_storage: Option<EphemeralStorage>,
    pub variables: Option<EnvironmentVariables>,
    pub layers: Option<Vec<LayerVersionArn>>,
    pub logging: Option<LoggingChange>,
    pub tracing: Option<TracingMode>,
    pub snap_start: Option<SnapStart>,
    /// The empty text takes the target away.
    pub dead_letter_target: Option<String>,
    /// The empty text takes the key away.
    pub kms_key: Option<String>,
    pub vpc: Option<VpcSettings>,
    pub file_systems: Option<Vec<FileSystemRecord>>,
    /// Empty overrides take all of them away.
    pub image: Option<ImageOverrides>,
    pub durable: Option<DurableRecord>,
    pub capacity: Option<CapacityRecord>,
}

/// The network a function is attached to; empty lists detach it.
#[derive(Clone, Debug, Default)]
pub struct VpcSettings {
    pub subnet_ids: Option<Vec<String>>,
    pub security_group_ids: Option<Vec<String>>,
    pub ipv6_allowed: Option<bool>,
}

/// The settings cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("the role {role} cannot be assumed")]
    RoleNotAssumable { role: RoleArn },
    #[error("no function can have the runtime {runtime}")]
    Runtime {
        runtime: RuntimeIdentifier,
        #[source]
        refusal: RuntimeRefusal,
    },
    #[error("a function with a zip has a runtime and a handler")]
    RuntimeRequired,
    #[error("a function with an image has neither runtime, nor handler, nor layers")]
    RuntimeWithImage,
    #[error(transparent)]
    Layers(#[from] LayerListError),
    #[error("layer version {arn} does not exist")]
    NoSuchLayer { arn: LayerVersionArn },
    #[error("layer version {arn} is not shared with the account")]
    LayerNotShared { arn: LayerVersionArn },
    #[error("code and layers have {actual_bytes} bytes when unpacked")]
    TooLargeWithLayers { actual_bytes: u64 },
    #[error(transparent)]
    LogLevel(#[from] LevelWithText),
    #[error("{runtime} has no SnapStart")]
    NoSnapStart { runtime: RuntimeIdentifier },
    #[error("a function whose environments belong to tenants has no SnapStart")]
    SnapStartWithTenants,
    #[error("a function with a zip overrides nothing of an image")]
    ImageConfigWithZip,
    #[error("a network needs both subnets and security groups")]
    HalfNetwork,
    #[error("{target} takes no events that failed")]
    DeadLetterTarget { target: String },
    #[error("a function is durable from its creation on, or never")]
    DurableLater,
    #[error("a function runs on a capacity provider from its creation on, or never")]
    CapacityLater,
}

impl Settings {
    /// Asks the world whether role and runtime are good, if they are given.
    pub(crate) fn check_world(
        &self,
        world: &World,
        function: &FunctionArn,
    ) -> Result<(), SettingsError> {
        let cannot_assume = |role: &&RoleArn| !world.can_assume(role, function);
        if let Some(role) = self.role.as_ref().filter(cannot_assume) {
            return Err(SettingsError::RoleNotAssumable { role: role.clone() });
        }
        let Some(runtime) = &self.runtime else {
            return Ok(());
        };
        let refused = |refusal| SettingsError::Runtime {
            runtime: runtime.clone(),
            refusal,
        };
        world.check_runtime(runtime).map_err(refused)
    }

    /// Returns `base` with the settings changed.
    pub(crate) fn applied(
        &self,
        base: &Configuration,
        function: &FunctionArn,
        tables: &Tables,
    ) -> Result<Configuration, SettingsError> {
        let configuration = Configuration {
            description: given(&self.description, &base.description),
            role: given(&self.role, &base.role),
            package: self.package(&base.package, function, tables)?,
            architecture: base.architecture,
            memory: self.memory.unwrap_or(base.memory),
            timeout: self.timeout.unwrap_or(base.timeout),
            ephemeral_storage: self.ephemeral_storage.unwrap_or(base.ephemeral_storage),
            variables: self.variables(base),
            logging: base
                .logging
                .merged(&self.logging.clone().unwrap_or_default())?,
            tracing: self.tracing.unwrap_or(base.tracing),
            snap_start: self.snap_start.unwrap_or(base.snap_start),
            tenancy: base.tenancy,
            dead_letter_target: given_text(&self.dead_letter_target, &base.dead_letter_target),
            kms_key: given_text(&self.kms_key, &base.kms_key),
            vpc: self.vpc(base),
            file_systems: given(&self.file_systems, &base.file_systems),
            durable: self.durable.clone().or_else(|| base.durable.clone()),
            capacity: self.capacity.clone().or_else(|| base.capacity.clone()),
        };
        check(&configuration)?;
        Ok(configuration)
    }

    fn variables(&self, base: &Configuration) -> Option<BTreeMap<String, String>> {
        match &self.variables {
            Some(variables) => Some(variables.as_map().clone()),
            None => base.variables.clone(),
        }
    }

    fn vpc(&self, base: &Configuration) -> Option<VpcRecord> {
        let Some(change) = &self.vpc else {
            return base.vpc.clone();
        };
        let old = base.vpc.clone().unwrap_or_default();
        let subnet_ids = given(&change.subnet_ids, &old.subnet_ids);
        Some(VpcRecord {
            vpc_id: vpc_of(&subnet_ids),
            security_group_ids: given(&change.security_group_ids, &old.security_group_ids),
            ipv6_allowed: change.ipv6_allowed.unwrap_or(old.ipv6_allowed),
            subnet_ids,
        })
    }

    fn package(
        &self,
        base: &PackageRecord,
        function: &FunctionArn,
        tables: &Tables,
    ) -> Result<PackageRecord, SettingsError> {
        match base {
            PackageRecord::Zip(_) if self.overrides_image() => {
                Err(SettingsError::ImageConfigWithZip)
            }
            PackageRecord::Zip(zip) => Ok(PackageRecord::Zip(ZipRecord {
                runtime: given(&self.runtime, &zip.runtime),
                handler: given(&self.handler, &zip.handler),
                code: zip.code.clone(),
                layers: match &self.layers {
                    Some(layers) => attach(layers, function, tables)?,
                    None => zip.layers.clone(),
                },
            })),
            PackageRecord::Image(_) if self.is_for_zip() => Err(SettingsError::RuntimeWithImage),
            PackageRecord::Image(image) => {
                let mut image = image.clone();
                if let Some(overrides) = &self.image {
                    image.overrides =
                        Some(overrides.clone()).filter(|o| *o != ImageOverrides::default());
                }
                Ok(PackageRecord::Image(image))
            }
        }
    }

    fn overrides_image(&self) -> bool {
        let given = self.image.as_ref();
        given.is_some_and(|overrides| *overrides != ImageOverrides::default())
    }

    /// Checks that an update makes no function durable that is not.
    pub(crate) fn check_durable(&self, base: &Configuration) -> Result<(), SettingsError> {
        if self.durable.is_some() && base.durable.is_none() {
            Err(SettingsError::DurableLater)
        } else {
            Ok(())
        }
    }

    /// Checks that an update moves no function to a capacity provider.
    pub(crate) fn check_capacity(&self, base: &Configuration) -> Result<(), SettingsError> {
        if self.capacity.is_some() && base.capacity.is_none() {
            Err(SettingsError::CapacityLater)
        } else {
            Ok(())
        }
    }

    /// Tells whether something is given that only a function with a zip can have.
    pub(crate) fn is_for_zip(&self) -> bool {
        let has_layers = self
            .layers
            .as_ref()
            .is_some_and(|layers| !layers.is_empty());
        self.runtime.is_some() || self.handler.is_some() || has_layers
    }
}

fn given<T: Clone>(new: &Option<T>, old: &T) -> T {
    new.as_ref().unwrap_or(old).clone()
}

/// Returns the new text if one is given, where the empty text means none.
fn given_text(new: &Option<String>, old: &Option<String>) -> Option<String> {
    match new {
        Some(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        None => old.clone(),
    }
}

/// Names the network of some subnets. There is no EC2 to ask, so it follows from their ids.
fn vpc_of(subnet_ids: &[String]) -> String {
    match subnet_ids.first() {
        Some(first) => format!("vpc-{}", first.trim_start_matches("subnet-")),
        None => String::new(),
    }
}

/// Looks the layers up. What is attached stays usable when the layer version is deleted later.
fn attach(
    layers: &[LayerVersionArn],
    function: &FunctionArn,
    tables: &Tables,
) -> Result<Vec<AttachedLayer>, SettingsError> {
    check_layers(layers, &function.region)?;
    let attach = |arn: &LayerVersionArn| {
        if !tables.may_use_layer(function.account, arn) {
            return Err(SettingsError::LayerNotShared { arn: arn.clone() });
        }
        let version = tables.layer_version(arn);
        version
            .map(|version| AttachedLayer {
                arn: arn.clone(),
                code: version.record.code.clone(),
            })
            .ok_or_else(|| SettingsError::NoSuchLayer { arn: arn.clone() })
    };
    layers.iter().map(attach).collect()
}

/// Checks what can only be judged on the whole configuration.
pub(crate) fn check(configuration: &Configuration) -> Result<(), SettingsError> {
    check_network(configuration.vpc.as_ref())?;
    check_dead_letter(configuration.dead_letter_target.as_deref())?;
    let wants_snap_start = configuration.snap_start == SnapStart::PublishedVersions;
    if wants_snap_start && configuration.tenancy != Tenancy::Shared {
        return Err(SettingsError::SnapStartWithTenants);
    }
    let Some(zip) = configuration.zip() else {
        return Ok(());
    };
    check_unzipped(zip)?;
    if wants_snap_start && !has_snap_start(&zip.runtime) {
        return Err(SettingsError::NoSnapStart {
            runtime: zip.runtime.clone(),
        });
    }
    Ok(())
}

fn check_network(vpc: Option<&VpcRecord>) -> Result<(), SettingsError> {
    match vpc {
        Some(vpc) if vpc.subnet_ids.is_empty() != vpc.security_group_ids.is_empty() => {
            Err(SettingsError::HalfNetwork)
        }
        _ => Ok(()),
    }
}

/// Events that failed go to a queue or a topic.
fn check_dead_letter(target: Option<&str>) -> Result<(), SettingsError> {
    let service = target.and_then(|target| target.split(':').nth(2));
    match (target, service) {
        (None, _) | (_, Some("sqs" | "sns")) => Ok(()),
        (Some(target), _) => Err(SettingsError::DeadLetterTarget {
            target: target.to_owned(),
        }),
    }
}

fn check_unzipped(zip: &ZipRecord) -> Result<(), SettingsError> {
    let layers: u64 = zip
        .layers
        .iter()
        .map(|layer| layer.code.unzipped_bytes)
        .sum();
    let actual_bytes = zip.code.unzipped_bytes + layers;
    if actual_bytes > UNZIPPED_LIMIT_BYTES {
        return Err(SettingsError::TooLargeWithLayers { actual_bytes });
    }
    Ok(())
}

/// Tells whether AWS offers SnapStart for a runtime: Java 11, Python 3.12, .NET 8, and all that is newer.
fn has_snap_start(runtime: &RuntimeIdentifier) -> bool {
    let name = runtime.as_str();
    let newer_than = |prefix: &str, lowest: u32| {
        let rest = name
            .strip_prefix(prefix)
            .and_then(|rest| rest.split('.').next());
        rest.and_then(|number| number.parse().ok())
            .is_some_and(|number: u32| number >= lowest)
    };
    newer_than("java", 11) || newer_than("python3.", 12) || newer_than("dotnet", 8)
}

/// Tells which kind of package the settings are made for is at odds with the code.
pub(crate) fn check_required(
    settings: &Settings,
    package_type: PackageType,
) -> Result<(), SettingsError> {
    match package_type {
        PackageType::Zip if settings.runtime.is_none() || settings.handler.is_none() => {
            Err(SettingsError::RuntimeRequired)
        }
        PackageType::Image if settings.is_for_zip() => Err(SettingsError::RuntimeWithImage),
        PackageType::Zip | PackageType::Image => Ok(()),
    }
}
