//! Glue between buckets and functions: packages that are deployed from a bucket.

use std::pin::Pin;

use bytes::Bytes;
use firelight_api::lambda::{FetchObject, ObjectError, ObjectName};
use firelight_model::{AccountId, Region};
use firelight_s3::{Caller, Depot, Outside};
use firelight_store::{DirectoryBlobs, SqliteStore};

/// No package may be longer, because its content may not.
const MAX_PACKAGE: u64 = 262_144_000;

/// Takes packages out of buckets.
pub struct FromDepot {
    depot: Depot<SqliteStore, DirectoryBlobs>,
    region: Region,
}

impl FromDepot {
    pub fn new(depot: Depot<SqliteStore, DirectoryBlobs>, region: Region) -> Self {
        Self { depot, region }
    }
}

impl FetchObject for FromDepot {
    fn fetch<'a>(
        &'a self,
        account: AccountId,
        object: &'a ObjectName,
    ) -> Pin<Box<dyn Future<Output = Result<Bytes, ObjectError>> + Send + 'a>> {
        Box::pin(async move {
            let ObjectName {
                bucket,
                key,
                version,
            } = object;
            let caller = Caller::new(account, self.region.to_string());
            let fetched = self
                .depot
                .fetch(&caller, bucket, key, version.as_deref(), MAX_PACKAGE)
                .await;
            fetched.map_err(|refusal| ObjectError {
                code: refusal.code.into_owned(),
                message: refusal.message,
            })
        })
    }
}

/// Where buckets take time and chance from.
pub fn outside() -> Outside {
    let sources = super::outside::sources();
    Outside {
        now: sources.now,
        random: sources.random,
    }
}
