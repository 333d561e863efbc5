//! Reading a whole object without HTTP, for whoever deploys from a bucket.

use bytes::{Bytes, BytesMut};
use firelight_store::{Blobs, Store};
use futures_util::StreamExt;

use crate::depot::content;
use crate::depot::{Caller, Depot, Target};
use crate::refusal::Refusal;

impl<S: Store, B: Blobs> Depot<S, B> {
    /// Returns the content of an object of at most `limit` bytes.
    ///
    /// # Errors
    /// S3's own refusal, such as `NoSuchKey`.
    pub async fn fetch(
        &self,
        caller: &Caller,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        limit: u64,
    ) -> Result<Bytes, Refusal> {
        let bucket = self.bucket(caller, bucket).await?;
        let (_, object) = self.object(&bucket, Target { key, version }).await?;
        if object.size > limit {
            return Err(Refusal::entity_too_large(object.size, limit));
        }
        let mut whole = BytesMut::new();
        let mut stream = content::stream(&self.blobs, &object.content, 0..object.size);
        while let Some(chunk) = stream.next().await {
            whole.extend_from_slice(&chunk?);
        }
        Ok(whole.freeze())
    }
}
