//! From records to what the data plane runs.

use firelight_model::{
    CodeBlob, ConfigIdentity, EnvironmentConcurrency, EnvironmentVariables, FunctionArn,
    FunctionVersion, ImagePackage, LayerBlob, Package, Version, ZipPackage,
};

use crate::records::configuration::{
    CodeRecord, Configuration, ImageOverrides, ImageRecord, PackageRecord, ZipRecord,
};

/// Builds the executable form of one version.
pub(super) fn executable(
    arn: &FunctionArn,
    version: Version,
    identity: ConfigIdentity,
    configuration: &Configuration,
) -> FunctionVersion {
    let Configuration { variables, .. } = configuration;
    FunctionVersion {
        arn: arn.clone(),
        version,
        revision: identity,
        package: package(&configuration.package),
        architecture: configuration.architecture,
        memory: configuration.memory,
        timeout: configuration.timeout,
        ephemeral_storage: configuration.ephemeral_storage,
        variables: EnvironmentVariables::restore(variables.clone().unwrap_or_default()),
        role: configuration.role.clone(),
        logging: configuration.logging.clone(),
        tracing: configuration.tracing,
        snap_start: configuration.snap_start,
        tenancy: configuration.tenancy,
        concurrency: configuration
            .capacity
            .as_ref()
            .map_or(EnvironmentConcurrency::ONE, |capacity| {
                capacity.environment_concurrency
            }),
        dead_letter_target: configuration.dead_letter_target.clone(),
    }
}

fn package(record: &PackageRecord) -> Package {
    match record {
        PackageRecord::Zip(zip) => Package::Zip(zip_package(zip)),
        PackageRecord::Image(image) => Package::Image(image_package(image)),
    }
}

fn zip_package(zip: &ZipRecord) -> ZipPackage {
    let layers = zip.layers.iter();
    ZipPackage {
        runtime: zip.runtime.clone(),
        handler: zip.handler.clone(),
        code: blob(&zip.code),
        layers: layers
            .map(|layer| LayerBlob {
                arn: layer.arn.clone(),
                code: blob(&layer.code),
            })
            .collect(),
    }
}

fn blob(code: &CodeRecord) -> CodeBlob {
    CodeBlob {
        sha256: code.sha256,
        size_bytes: code.size_bytes,
    }
}

fn image_package(image: &ImageRecord) -> ImagePackage {
    let ImageOverrides {
        entry_point,
        command,
        working_directory,
    } = image.overrides.clone().unwrap_or_default();
    ImagePackage {
        uri: image.uri.clone(),
        entry_point,
        command,
        working_directory,
    }
}
