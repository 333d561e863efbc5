//! New code for a function, from its arrival to a record of it.

use bytes::Bytes;
use firelight_model::{AccountId, CodeSha256, PackageType};
use firelight_package::InvalidPackage;
use firelight_store::PutBlobError;

use crate::Control;
use crate::records::configuration::{CodeRecord, ImageOverrides, ImageRecord, PackageRecord};
use crate::transit::StagedPackage;

/// Code as a request brings it.
#[derive(Clone, Debug)]
pub enum NewCode {
    Zip {
        zip: Bytes,
        source_kms_key: Option<String>,
    },
    Image {
        uri: String,
    },
}

impl NewCode {
    pub fn package_type(&self) -> PackageType {
        match self {
            Self::Zip { .. } => PackageType::Zip,
            Self::Image { .. } => PackageType::Image,
        }
    }
}

/// The code cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    #[error("the package is not a zip that can be unpacked")]
    NotAZip(#[source] InvalidPackage),
    #[error("the package is empty")]
    Empty,
    #[error("the package is larger than {limit_bytes} bytes when unpacked")]
    TooLargeUnzipped { limit_bytes: u64 },
    #[error("all packages together would have more than {limit_bytes} bytes")]
    StorageExceeded { limit_bytes: u64 },
    #[error("an image was given for a function with a zip")]
    ImageForZip,
    #[error("a zip was given for a function with an image")]
    ZipForImage,
    #[error("could not store the package")]
    Put(#[source] PutBlobError),
    #[error("the inspection of the package broke off")]
    Inspection(#[source] tokio::task::JoinError),
}

/// Code that is stored, or will be with the commit that carries it.
#[derive(Clone, Debug)]
pub(crate) enum StoredCode {
    Zip(StagedPackage),
    Image { uri: String, sha256: CodeSha256 },
}

impl Control {
    /// Checks new code and stores it, before any record names it.
    pub(crate) async fn store_code(
        &self,
        account: AccountId,
        code: NewCode,
    ) -> Result<StoredCode, CodeError> {
        match code {
            NewCode::Zip {
                zip,
                source_kms_key,
            } => {
                let mut package = self.store_zip(account, zip).await?;
                package.record.source_kms_key = source_kms_key;
                Ok(StoredCode::Zip(package))
            }
            NewCode::Image { uri } => {
                let sha256 = image_sha256(&uri);
                Ok(StoredCode::Image { uri, sha256 })
            }
        }
    }
}

/// Returns the digest an image reference carries. One that carries none is only resolved when the image is pulled;
/// until then the digest of the reference stands for it, so that another reference is another code.
fn image_sha256(uri: &str) -> CodeSha256 {
    use sha2::{Digest, Sha256};

    let pinned = uri
        .rsplit_once("@sha256:")
        .and_then(|(_, hex)| CodeSha256::from_hex(hex).ok());
    pinned.unwrap_or_else(|| CodeSha256::from_bytes(Sha256::digest(uri).into()))
}

impl StoredCode {
    /// Returns how much of the account's code storage the code takes.
    pub(crate) fn stored_bytes(&self) -> u64 {
        match self {
            Self::Zip(package) => package.record.size_bytes,
            Self::Image { .. } => 0,
        }
    }

    /// The package whose content a commit has to carry.
    pub(crate) fn package(&self) -> Option<&StagedPackage> {
        match self {
            Self::Zip(package) => Some(package),
            Self::Image { .. } => None,
        }
    }

    pub(crate) fn package_type(&self) -> PackageType {
        match self {
            Self::Zip(_) => PackageType::Zip,
            Self::Image { .. } => PackageType::Image,
        }
    }

    /// Replaces the code of a package, keeping everything else of it.
    pub(crate) fn replace_in(&self, package: &PackageRecord) -> Result<PackageRecord, CodeError> {
        match (self, package) {
            (Self::Zip(package), PackageRecord::Zip(zip)) => {
                let mut zip = zip.clone();
                zip.code = package.record.clone();
                Ok(PackageRecord::Zip(zip))
            }
            (Self::Image { .. }, PackageRecord::Image(image)) => {
                Ok(PackageRecord::Image(self.image(image.overrides.clone())?))
            }
            (Self::Image { .. }, PackageRecord::Zip(_)) => Err(CodeError::ImageForZip),
            (Self::Zip(_), PackageRecord::Image(_)) => Err(CodeError::ZipForImage),
        }
    }

    pub(crate) fn image(
        &self,
        overrides: Option<ImageOverrides>,
    ) -> Result<ImageRecord, CodeError> {
        match self {
            Self::Image { uri, sha256 } => Ok(ImageRecord {
                uri: uri.clone(),
                sha256: *sha256,
                overrides,
            }),
            Self::Zip(_) => Err(CodeError::ZipForImage),
        }
    }

    pub(crate) fn zip(&self) -> Result<CodeRecord, CodeError> {
        match self {
            Self::Zip(package) => Ok(package.record.clone()),
            Self::Image { .. } => Err(CodeError::ImageForZip),
        }
    }
}
