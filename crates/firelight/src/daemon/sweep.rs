//! The sweep of blobs that no record names any more.
//!
//! A blob is written before the record that names it, so only blobs older than a grace are taken.

use std::time::Duration;

use firelight_control::Control;
use firelight_s3::Depot;
use firelight_store::{BlobDigest, Blobs, DirectoryBlobs, SqliteStore};
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(3600);
const GRACE: Duration = Duration::from_secs(24 * 3600);

/// Sweeps now and then, until the token ends.
pub fn start(
    token: &CancellationToken,
    control: Control,
    objects: Depot<SqliteStore, DirectoryBlobs>,
    blobs: DirectoryBlobs,
) {
    let sweeping = async move {
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            ticks.tick().await;
            // Without knowing all that is referenced, nothing may go.
            let of_objects = match objects.referenced_blobs().await {
                Ok(referenced) => referenced,
                Err(error) => {
                    tracing::warn!(%error, "blobs are not swept: objects could not be read");
                    continue;
                }
            };
            let referenced = control
                .view()
                .referenced_code()
                .into_iter()
                .map(|sha256| BlobDigest::from_bytes(*sha256.as_bytes()))
                .chain(of_objects)
                .collect();
            match blobs.sweep(referenced, GRACE).await {
                Ok(swept) => tracing::debug!(?swept, "blobs swept"),
                Err(error) => tracing::warn!(%error, "blobs could not be swept"),
            }
        }
    };
    tokio::spawn(token.clone().run_until_cancelled_owned(sweeping));
}
