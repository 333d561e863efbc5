//! Function URLs: which function an id leads to, and how.

use firelight_model::{FunctionArn, FunctionTarget, InvokeMode, Qualifier, UrlAuthType};
use firelight_store::Expect;

use crate::control::{Control, Decision, Origin, StoreTrouble};
use crate::functions::{FindError, Page, behind};
use crate::outside::World;
use crate::records::qualified::{CorsRecord, UrlRecord};
use crate::records::{Stored, encode, key};
use crate::view::{Tables, View};

/// The letters and digits of an id.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A function URL as it is described to a caller.
#[derive(Clone, Debug, PartialEq)]
pub struct UrlDescription {
    pub arn: FunctionArn,
    /// `$LATEST` or an alias.
    pub qualifier: Qualifier,
    pub record: UrlRecord,
}

/// Settings of a URL; `None` leaves one as it is.
#[derive(Clone, Debug, Default)]
pub struct UrlSettings {
    pub auth_type: Option<UrlAuthType>,
    pub cors: Option<CorsRecord>,
    pub invoke_mode: Option<InvokeMode>,
}

/// The URL is not there, or could not become what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    #[error(transparent)]
    Find(#[from] FindError),
    #[error("there is a URL already")]
    Exists { target: String },
    #[error("functions whose environments belong to tenants have no URL")]
    Tenants,
    #[error("there is no URL")]
    NoUrl,
    #[error("could not change the URL")]
    Store(#[from] StoreTrouble),
}

impl Control {
    pub async fn create_url(
        &self,
        origin: &Origin,
        target: &FunctionTarget,
        settings: UrlSettings,
    ) -> Result<UrlDescription, UrlError> {
        let decide = |tables: &Tables| {
            let qualifier = qualifier(target);
            let entry = tables.find(&target.arn)?;
            let missing = || FindError::NoSuchQualifier {
                arn: target.arn.clone(),
                qualifier: qualifier.clone(),
            };
            entry.main_version(Some(&qualifier)).ok_or_else(missing)?;
            if entry.function.record.isolates_tenants() {
                return Err(UrlError::Tenants);
            }
            if entry.urls.contains_key(&qualifier) {
                let target = target.arn.with(target.qualifier.as_ref());
                return Err(UrlError::Exists { target });
            }
            let record = new_record(self.world(), &settings);
            let key = key::qualified(&target.arn, key::URL, &qualifier);
            let txn = entry.guarded().create(key, encode(&record));
            Ok(Decision::commit(
                txn,
                describe(&target.arn, &qualifier, record),
            ))
        };
        self.change(Some(origin), decide).await
    }

    pub async fn update_url(
        &self,
        origin: &Origin,
        target: &FunctionTarget,
        settings: UrlSettings,
    ) -> Result<UrlDescription, UrlError> {
        let decide = |tables: &Tables| {
            let qualifier = qualifier(target);
            let entry = tables.find(&target.arn)?;
            let old = entry.urls.get(&qualifier).ok_or(UrlError::NoUrl)?;
            let record = self.changed(&old.record, &settings);
            let key = key::qualified(&target.arn, key::URL, &qualifier);
            let txn = entry.guarded().replace(key, old.rev, encode(&record));
            Ok(Decision::commit(
                txn,
                describe(&target.arn, &qualifier, record),
            ))
        };
        self.change(Some(origin), decide).await
    }

    fn changed(&self, old: &UrlRecord, settings: &UrlSettings) -> UrlRecord {
        UrlRecord {
            auth_type: settings.auth_type.unwrap_or(old.auth_type),
            invoke_mode: settings.invoke_mode.or(old.invoke_mode),
            cors: settings.cors.clone().or_else(|| old.cors.clone()),
            last_modified: self.world().now(),
            ..old.clone()
        }
    }

    pub async fn delete_url(
        &self,
        origin: &Origin,
        target: &FunctionTarget,
    ) -> Result<(), UrlError> {
        let decide = |tables: &Tables| {
            let qualifier = qualifier(target);
            let entry = tables.find(&target.arn)?;
            let old = entry.urls.get(&qualifier).ok_or(UrlError::NoUrl)?;
            let key = key::qualified(&target.arn, key::URL, &qualifier);
            let txn = entry.guarded().delete(key, Expect::Rev(old.rev));
            Ok(Decision::commit(txn, ()))
        };
        self.change(Some(origin), decide).await
    }

    pub fn url(&self, target: &FunctionTarget) -> Result<UrlDescription, UrlError> {
        let qualifier = qualifier(target);
        let entry = self.function(&target.arn)?;
        let url = entry.urls.get(&qualifier).ok_or(UrlError::NoUrl)?;
        Ok(describe(
            &target.arn,
            &qualifier,
            UrlRecord::clone(&url.record),
        ))
    }

    /// Lists the URLs of a function: at most one for `$LATEST` and one for each alias.
    pub fn list_urls(
        &self,
        arn: &FunctionArn,
        after: Option<&Qualifier>,
        limit: usize,
    ) -> Result<Page<UrlDescription>, FindError> {
        let entry = self.function(arn)?;
        let urls = behind(&entry.urls, after);
        Ok(Page::take(
            urls,
            limit,
            ToString::to_string,
            |qualifier, url: &Stored<UrlRecord>| {
                describe(arn, qualifier, UrlRecord::clone(&url.record))
            },
        ))
    }
}

impl View {
    /// Finds a URL by its id.
    pub fn url(&self, id: &str) -> Option<UrlDescription> {
        let tables = self.read();
        let (arn, qualifier) = tables.url(id)?;
        let url = tables.function(arn)?.urls.get(qualifier)?;
        Some(describe(arn, qualifier, UrlRecord::clone(&url.record)))
    }
}

/// A URL without qualifier is one of `$LATEST`.
fn qualifier(target: &FunctionTarget) -> Qualifier {
    target.qualifier.clone().unwrap_or(Qualifier::Latest)
}

fn describe(arn: &FunctionArn, qualifier: &Qualifier, record: UrlRecord) -> UrlDescription {
    UrlDescription {
        arn: arn.clone(),
        qualifier: qualifier.clone(),
        record,
    }
}

fn new_record(world: &World, settings: &UrlSettings) -> UrlRecord {
    let now = world.now();
    UrlRecord {
        id: new_id(world),
        auth_type: settings.auth_type.unwrap_or(UrlAuthType::AwsIam),
        invoke_mode: settings.invoke_mode,
        cors: settings.cors.clone(),
        created: now,
        last_modified: now,
    }
}

/// Draws 32 letters and digits, five bits of chance each.
fn new_id(world: &World) -> String {
    let bytes = [world.random(), world.random()].concat();
    bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
        .collect()
}
