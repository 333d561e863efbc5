//! Layers: numbered zips that functions lay under `/opt`.

use bytes::Bytes;
use firelight_model::{LayerArn, LayerName, LayerVersionArn};
use firelight_store::{Expect, Txn};

use crate::control::{Control, Decision, Origin, StoreTrouble};
use crate::functions::{CodeError, Page, behind};
use crate::records::configuration::CodeRecord;
use crate::records::layer::{LayerRecord, LayerVersionRecord};
use crate::records::policy::PolicyRecord;
use crate::records::{Stored, encode, key};
use crate::scope::Scope;
use crate::view::{LayerEntry, Tables};

/// A layer version as it is described to a caller.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerVersionDescription {
    pub arn: LayerVersionArn,
    pub record: LayerVersionRecord,
}

/// A layer version to publish.
#[derive(Clone, Debug)]
pub struct PublishLayerVersion {
    pub arn: LayerArn,
    pub zip: Bytes,
    pub description: String,
    pub license: Option<String>,
    pub compatible_runtimes: Option<Vec<String>>,
    pub compatible_architectures: Option<Vec<String>>,
}

/// The layer version was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishLayerVersionError {
    #[error(transparent)]
    Code(#[from] CodeError),
    #[error("could not publish the layer version")]
    Store(#[from] StoreTrouble),
}

/// Which layer versions a listing is about.
#[derive(Clone, Debug, Default)]
pub struct LayerFilter {
    pub runtime: Option<String>,
    pub architecture: Option<String>,
}

impl Control {
    /// Stores a zip as the next version of a layer.
    pub async fn publish_layer_version(
        &self,
        origin: &Origin,
        request: PublishLayerVersion,
    ) -> Result<LayerVersionDescription, PublishLayerVersionError> {
        let package = self.store_zip(request.arn.account, request.zip.clone());
        let package = package.await?;
        self.change_code(origin, Some(&package), |tables| {
            let code = &package.record;
            let scope = Scope {
                account: request.arn.account,
                region: request.arn.region.clone(),
            };
            tables.check_code_storage(self.world(), &scope, code.size_bytes)?;
            Ok(self.decide_publish_layer(tables, &request, code))
        })
        .await
    }

    fn decide_publish_layer(
        &self,
        tables: &Tables,
        request: &PublishLayerVersion,
        code: &CodeRecord,
    ) -> Decision<LayerVersionDescription> {
        let layer = tables.layer(&request.arn);
        let number = layer.map_or(1, |layer| layer.layer.record.next_version);
        let expected = layer.map_or(Expect::Absent, |layer| Expect::Rev(layer.layer.rev));
        let counter = LayerRecord {
            next_version: number + 1,
        };
        let record = LayerVersionRecord {
            code: code.clone(),
            description: request.description.clone(),
            created: self.world().now(),
            license: request.license.clone(),
            compatible_runtimes: request.compatible_runtimes.clone(),
            compatible_architectures: request.compatible_architectures.clone(),
            revision: self.world().revision(),
            policy: PolicyRecord::default(),
        };
        let arn = request.arn.version(number);
        let txn = Txn::new()
            .put(key::layer(&request.arn), expected, encode(&counter))
            .create(key::layer_version(&arn), encode(&record));
        Decision::commit(txn, LayerVersionDescription { arn, record })
    }

    /// Deletes a layer version; functions that have it keep it. One that does not exist is deleted already.
    pub async fn delete_layer_version(
        &self,
        origin: &Origin,
        arn: &LayerVersionArn,
    ) -> Result<(), StoreTrouble> {
        let decide = |tables: &Tables| {
            let Some(version) = tables.layer_version(arn) else {
                return Ok(Decision::nothing(()));
            };
            let txn = Txn::new().delete(key::layer_version(arn), Expect::Rev(version.rev));
            Ok(Decision::commit(txn, ()))
        };
        self.change(Some(origin), decide).await
    }

    pub fn layer_version(&self, arn: &LayerVersionArn) -> Option<LayerVersionDescription> {
        let tables = self.view().read();
        let record = LayerVersionRecord::clone(&tables.layer_version(arn)?.record);
        Some(LayerVersionDescription {
            arn: arn.clone(),
            record,
        })
    }

    /// Lists the newest matching version of each layer, by name.
    pub fn list_layers(
        &self,
        scope: &Scope,
        filter: &LayerFilter,
        after: Option<&LayerName>,
        limit: usize,
    ) -> Page<LayerVersionDescription> {
        let tables = self.view().read();
        let Some(scope) = tables.scope(scope) else {
            return Page::empty();
        };
        let newest = |layer: &LayerEntry| {
            let matching = layer
                .versions
                .iter()
                .rev()
                .find(|(_, version)| filter.takes(version));
            matching.map(|(number, version)| describe(layer, *number, version))
        };
        let layers = behind(&scope.layers, after).filter(|(_, layer)| newest(layer).is_some());
        let page = Page::take(layers, limit, ToString::to_string, |_, layer| newest(layer));
        Page {
            items: page.items.into_iter().flatten().collect(),
            next: page.next,
        }
    }

    /// Lists the matching versions of a layer, newest first. A layer that does not exist has none.
    pub fn list_layer_versions(
        &self,
        arn: &LayerArn,
        filter: &LayerFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Page<LayerVersionDescription> {
        let tables = self.view().read();
        let Some(layer) = tables.layer(arn) else {
            return Page::empty();
        };
        let older = layer.versions.range(..before.unwrap_or(u64::MAX)).rev();
        let matching = older.filter(|(_, version)| filter.takes(version));
        Page::take(matching, limit, ToString::to_string, |number, version| {
            describe(layer, *number, version)
        })
    }
}

fn describe(
    layer: &LayerEntry,
    number: u64,
    version: &Stored<LayerVersionRecord>,
) -> LayerVersionDescription {
    let record = LayerVersionRecord::clone(&version.record);
    LayerVersionDescription {
        arn: layer.arn.version(number),
        record,
    }
}

impl LayerFilter {
    /// Tells whether a version is declared for what is asked for. One that declares nothing matches no question.
    fn takes(&self, version: &Stored<LayerVersionRecord>) -> bool {
        let matches = |wanted: &Option<String>, declared: &Option<Vec<String>>| {
            wanted
                .as_ref()
                .is_none_or(|wanted| declared.as_ref().is_some_and(|list| list.contains(wanted)))
        };
        let record = &version.record;
        matches(&self.runtime, &record.compatible_runtimes)
            && matches(&self.architecture, &record.compatible_architectures)
    }
}
