//! Deployment packages: the one place that knows how zips are inspected and stored.

use std::fs::File;
use std::io::Cursor;

use bytes::Bytes;
use firelight_model::{AccountId, CodeSha256};
use firelight_package::{InvalidPackage, Limits, PackageInfo, inspect};
use firelight_store::{BlobDigest, OpenBlobError, StagedBlob};

use super::code::CodeError;
use crate::control::Control;
use crate::records::configuration::CodeRecord;
use crate::transit::StagedPackage;

impl Control {
    /// Checks a zip as a whole, then stores it. Nothing is stored of a zip that could not be unpacked.
    ///
    /// It is durable with the commit that carries it.
    pub(crate) async fn store_zip(
        &self,
        account: AccountId,
        zip: Bytes,
    ) -> Result<StagedPackage, CodeError> {
        let info = inspected(zip.clone()).await?;
        let staged = self.contents().stage(zip.clone()).await;
        let staged = staged.map_err(CodeError::Put)?;
        let (StagedBlob::Durable(blob) | StagedBlob::Volatile(blob)) = staged;
        let record = CodeRecord {
            sha256: CodeSha256::from_bytes(*blob.digest.as_bytes()),
            size_bytes: blob.size,
            unzipped_bytes: info.unzipped_bytes,
            source_kms_key: None,
        };
        let unique = self.world().revision();
        Ok(StagedPackage::new(account, unique, staged, zip, record))
    }
}

/// Inspects on a thread for blocking work: a large zip keeps a core busy for a while.
async fn inspected(zip: Bytes) -> Result<PackageInfo, CodeError> {
    let inspect = move || inspect(Cursor::new(zip), &Limits::LAMBDA);
    match tokio::task::spawn_blocking(inspect).await {
        Ok(inspected) => inspected.map_err(CodeError::from),
        Err(panicked) => Err(CodeError::Inspection(panicked)),
    }
}

/// A stored package cannot be handed out.
#[derive(Debug, thiserror::Error)]
pub enum OpenCodeError {
    #[error("there is no package {sha256}")]
    Missing { sha256: CodeSha256 },
    #[error("could not open package {sha256}")]
    Unreadable {
        sha256: CodeSha256,
        #[source]
        source: OpenBlobError,
    },
}

impl Control {
    /// Opens a stored package, checked against its digest; returns it with its size.
    pub async fn open_code(&self, sha256: CodeSha256) -> Result<(File, u64), OpenCodeError> {
        let digest = BlobDigest::from_bytes(*sha256.as_bytes());
        match self.contents().open(digest).await {
            Ok(open) => Ok((open.file, open.size)),
            Err(OpenBlobError::Missing { .. }) => Err(OpenCodeError::Missing { sha256 }),
            Err(source) => Err(OpenCodeError::Unreadable { sha256, source }),
        }
    }
}

impl From<InvalidPackage> for CodeError {
    fn from(invalid: InvalidPackage) -> Self {
        match invalid {
            InvalidPackage::TooLarge { limit_bytes } => Self::TooLargeUnzipped { limit_bytes },
            InvalidPackage::Empty => Self::Empty,
            other => Self::NotAZip(other),
        }
    }
}
