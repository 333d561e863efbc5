//! What the data plane needs to know of one executable version of a function.

use std::fmt;

use crate::{
    AccountId, AliasName, Architecture, CodeSha256, ConfigIdentity, EnvironmentConcurrency,
    EnvironmentVariables, EphemeralStorage, FunctionArn, FunctionName, FunctionTimeout, Handler,
    LayerVersionArn, LoggingConfig, MemorySize, PackageType, Region, RoleArn, RuntimeIdentifier,
    SnapStart, Tenancy, TracingMode, Version,
};

/// One immutable executable configuration of a function: a published version, or one state of `$LATEST`.
///
/// Owned, without wire types, and complete: nothing more has to be read to start an environment from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionVersion {
    /// The unqualified ARN; it also names the account, the region and the function.
    pub arn: FunctionArn,
    pub version: Version,
    /// Differs for any two states of code or configuration. Environments are pooled by it.
    pub revision: ConfigIdentity,
    pub package: Package,
    pub architecture: Architecture,
    pub memory: MemorySize,
    pub timeout: FunctionTimeout,
    pub ephemeral_storage: EphemeralStorage,
    pub variables: EnvironmentVariables,
    pub role: RoleArn,
    pub logging: LoggingConfig,
    pub tracing: TracingMode,
    pub snap_start: SnapStart,
    pub tenancy: Tenancy,
    /// Invocations that one environment may run at once.
    pub concurrency: EnvironmentConcurrency,
    /// ARN of the queue or topic that gets events nobody could process.
    pub dead_letter_target: Option<String>,
}

/// The code of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Package {
    Zip(ZipPackage),
    Image(ImagePackage),
}

/// Code that arrived as a zip, with what only such code has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZipPackage {
    pub runtime: RuntimeIdentifier,
    pub handler: Handler,
    pub code: CodeBlob,
    /// Laid under `/opt` in this order; a later one covers an earlier one.
    pub layers: Vec<LayerBlob>,
}

/// Code that is a container image, with what the function overrides of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePackage {
    pub uri: String,
    pub entry_point: Option<Vec<String>>,
    pub command: Option<Vec<String>>,
    pub working_directory: Option<String>,
}

/// A zip in the blob store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CodeBlob {
    pub sha256: CodeSha256,
    pub size_bytes: u64,
}

/// A layer version and the zip that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerBlob {
    pub arn: LayerVersionArn,
    pub code: CodeBlob,
}

/// Names one state of one version on any machine: what environments are pooled by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VersionKey {
    pub account: AccountId,
    pub region: Region,
    pub function: FunctionName,
    pub version: Version,
    pub revision: ConfigIdentity,
}

impl VersionKey {
    /// Returns the unqualified ARN of the function.
    pub fn arn(&self) -> FunctionArn {
        FunctionArn {
            region: self.region.clone(),
            account: self.account,
            name: self.function.clone(),
        }
    }
}

impl fmt::Display for VersionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            account,
            region,
            function,
            version,
            revision,
        } = self;
        write!(f, "{region}:{account}:{function}:{version} ({revision})")
    }
}

impl FunctionVersion {
    pub fn key(&self) -> VersionKey {
        VersionKey {
            account: self.arn.account,
            region: self.arn.region.clone(),
            function: self.arn.name.clone(),
            version: self.version,
            revision: self.revision,
        }
    }

    pub fn account(&self) -> AccountId {
        self.arn.account
    }

    pub fn package_type(&self) -> PackageType {
        match self.package {
            Package::Zip(_) => PackageType::Zip,
            Package::Image(_) => PackageType::Image,
        }
    }

    /// Returns the zip with its runtime, handler and layers; `None` for an image.
    pub fn zip(&self) -> Option<&ZipPackage> {
        match &self.package {
            Package::Zip(zip) => Some(zip),
            Package::Image(_) => None,
        }
    }

    /// Returns the ARN that an invocation addressed: by alias if there was one, else by version number, and
    /// unqualified for `$LATEST`.
    pub fn invoked_arn(&self, alias: Option<&AliasName>) -> String {
        match (alias, self.version) {
            (Some(alias), _) => format!("{}:{alias}", self.arn),
            (None, Version::Number(number)) => format!("{}:{number}", self.arn),
            (None, Version::Latest) => self.arn.to_string(),
        }
    }
}
