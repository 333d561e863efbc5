//! Code and settings of one function version, as they stand in the record of the function or of the version.

use std::collections::BTreeMap;

use firelight_model::{
    Architecture, CodeSha256, EnvironmentConcurrency, EphemeralStorage, FunctionTimeout, Handler,
    LayerVersionArn, LogForm, LoggingConfig, MemorySize, PackageType, RoleArn, RuntimeIdentifier,
    SnapStart, Tenancy, TracingMode,
};
use serde::{Deserialize, Serialize};

use super::codec;

/// Everything of a version that a publication freezes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    pub description: String,
    #[serde(with = "codec::text")]
    pub role: RoleArn,
    pub package: PackageRecord,
    #[serde(with = "codec::text")]
    pub architecture: Architecture,
    #[serde(with = "codec::memory_mb", rename = "memory_mb")]
    pub memory: MemorySize,
    #[serde(with = "codec::timeout_seconds", rename = "timeout_seconds")]
    pub timeout: FunctionTimeout,
    #[serde(with = "codec::storage_mb", rename = "ephemeral_storage_mb")]
    pub ephemeral_storage: EphemeralStorage,
    /// `None` if no environment was ever given, which AWS tells apart from an empty one.
    #[serde(default)]
    pub variables: Option<BTreeMap<String, String>>,
    #[serde(with = "LoggingRecord")]
    pub logging: LoggingConfig,
    #[serde(with = "codec::text")]
    pub tracing: TracingMode,
    #[serde(with = "codec::text")]
    pub snap_start: SnapStart,
    #[serde(with = "codec::text")]
    pub tenancy: Tenancy,
    #[serde(default)]
    pub dead_letter_target: Option<String>,
    #[serde(default)]
    pub kms_key: Option<String>,
    #[serde(default)]
    pub vpc: Option<VpcRecord>,
    #[serde(default)]
    pub file_systems: Vec<FileSystemRecord>,
    #[serde(default)]
    pub durable: Option<DurableRecord>,
    #[serde(default)]
    pub capacity: Option<CapacityRecord>,
}

/// The code, and what only one kind of package has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum PackageRecord {
    Zip(ZipRecord),
    Image(ImageRecord),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ZipRecord {
    #[serde(with = "codec::text")]
    pub runtime: RuntimeIdentifier,
    #[serde(with = "codec::text")]
    pub handler: Handler,
    pub code: CodeRecord,
    #[serde(default)]
    pub layers: Vec<AttachedLayer>,
}

/// A zip in the blob store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CodeRecord {
    #[serde(with = "codec::text")]
    pub sha256: CodeSha256,
    pub size_bytes: u64,
    pub unzipped_bytes: u64,
    #[serde(default)]
    pub source_kms_key: Option<String>,
}

/// A layer version with all that is needed of it: the function keeps it when the layer version is deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttachedLayer {
    #[serde(with = "codec::text")]
    pub arn: LayerVersionArn,
    pub code: CodeRecord,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageRecord {
    pub uri: String,
    /// SHA-256 of the image, as far as it is known.
    #[serde(with = "codec::text")]
    pub sha256: CodeSha256,
    #[serde(default)]
    pub overrides: Option<ImageOverrides>,
}

/// What a function sets differently from its image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageOverrides {
    #[serde(default)]
    pub entry_point: Option<Vec<String>>,
    #[serde(default)]
    pub command: Option<Vec<String>>,
    #[serde(default)]
    pub working_directory: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VpcRecord {
    pub subnet_ids: Vec<String>,
    pub security_group_ids: Vec<String>,
    pub vpc_id: String,
    #[serde(default)]
    pub ipv6_allowed: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileSystemRecord {
    pub arn: String,
    pub local_mount_path: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DurableRecord {
    pub execution_timeout_seconds: u32,
    pub retention_days: u32,
    #[serde(default)]
    pub kms_key: Option<String>,
}

/// The capacity provider a function runs on, and how its environments share it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CapacityRecord {
    pub provider_arn: String,
    #[serde(with = "codec::concurrency")]
    pub environment_concurrency: EnvironmentConcurrency,
    pub memory_gib_per_vcpu: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "LoggingConfig")]
struct LoggingRecord {
    #[serde(with = "codec::text")]
    group: firelight_model::LogGroupName,
    #[serde(with = "LogFormRecord")]
    form: LogForm,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "LogForm", tag = "format")]
enum LogFormRecord {
    Text,
    Json {
        #[serde(with = "codec::text")]
        application: firelight_model::ApplicationLogLevel,
        #[serde(with = "codec::text")]
        system: firelight_model::SystemLogLevel,
    },
}

impl Configuration {
    pub fn package_type(&self) -> PackageType {
        match self.package {
            PackageRecord::Zip(_) => PackageType::Zip,
            PackageRecord::Image(_) => PackageType::Image,
        }
    }

    pub fn zip(&self) -> Option<&ZipRecord> {
        match &self.package {
            PackageRecord::Zip(zip) => Some(zip),
            PackageRecord::Image(_) => None,
        }
    }

    pub fn code_sha256(&self) -> CodeSha256 {
        match &self.package {
            PackageRecord::Zip(zip) => zip.code.sha256,
            PackageRecord::Image(image) => image.sha256,
        }
    }

    /// Returns the size of the zip; an image counts as nothing.
    pub fn code_size(&self) -> u64 {
        self.zip().map_or(0, |zip| zip.code.size_bytes)
    }

    /// Returns AWS's text of the digest: base64 for a zip, hex for an image.
    pub fn code_sha256_text(&self) -> String {
        match self.package_type() {
            PackageType::Zip => self.code_sha256().to_base64(),
            PackageType::Image => self.code_sha256().to_hex(),
        }
    }
}
