//! Which blobs objects are made of, for the sweep.
//!
//! Records move while they are listed. Parts become versions and never the other way, so parts are listed first; a
//! version stays where it is until it is deleted; a copy has blobs of its own, young ones. So whatever lives is seen.

use std::collections::HashSet;

use firelight_model::AccountId;
use firelight_store::{BlobDigest, Blobs, Prefix, Store};

use super::{Depot, PAGE};
use crate::record::{NAME, NameRecord, PART, PartRecord, Segment, VERSION, VersionRecord, decode};
use crate::refusal::Refusal;

/// The blobs of objects could not be told; nothing may be swept.
#[derive(Debug, thiserror::Error)]
#[error("could not list the blobs of objects")]
pub struct ListBlobsError(#[source] Refusal);

impl<S: Store, B: Blobs> Depot<S, B> {
    /// Returns every blob that an object or a part of one is made of.
    pub async fn referenced_blobs(&self) -> Result<HashSet<BlobDigest>, ListBlobsError> {
        self.referenced().await.map_err(ListBlobsError)
    }

    async fn referenced(&self) -> Result<HashSet<BlobDigest>, Refusal> {
        let mut referenced = HashSet::new();
        let accounts = self.accounts().await?;
        for account in &accounts {
            let content = |body: &[u8]| Ok(decode::<PartRecord>(body)?.content);
            self.collect(&Prefix::kind(*account, PART), content, &mut referenced)
                .await?;
        }
        for account in &accounts {
            let content = |body: &[u8]| {
                let object = decode::<VersionRecord>(body)?.object;
                Ok(object.map(|object| object.content).unwrap_or_default())
            };
            self.collect(&Prefix::kind(*account, VERSION), content, &mut referenced)
                .await?;
        }
        Ok(referenced)
    }

    /// Returns the accounts that have buckets.
    async fn accounts(&self) -> Result<Vec<AccountId>, Refusal> {
        let names = self.list_all(&Prefix::system(NAME)).await?;
        let mut accounts = HashSet::new();
        for name in names {
            let owner: NameRecord = decode(&name.value.body)?;
            accounts.insert(owner.account.parse().map_err(Refusal::internal)?);
        }
        Ok(accounts.into_iter().collect())
    }

    async fn collect(
        &self,
        range: &Prefix,
        content: impl Fn(&[u8]) -> Result<Vec<Segment>, Refusal> + Send,
        referenced: &mut HashSet<BlobDigest>,
    ) -> Result<(), Refusal> {
        let mut after = None;
        loop {
            let page = self.list(range, after.as_ref(), PAGE).await?;
            for record in &page.records {
                let segments = content(&record.value.body)?;
                referenced.extend(segments.iter().map(|segment| segment.digest));
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}
