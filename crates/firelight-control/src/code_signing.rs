//! Code signing configs: which signing profiles are trusted. Signatures themselves are not checked.

use std::collections::BTreeMap;

use firelight_store::{Expect, Txn};

use crate::control::{Control, Decision, Origin, StoreTrouble};
use crate::function_options::OptionError;
use crate::functions::{Page, behind};
use crate::records::code_signing::CodeSigningRecord;
use crate::records::{Stored, encode, key};
use crate::scope::Scope;
use crate::view::Tables;

/// A config as it is described to a caller.
#[derive(Clone, Debug, PartialEq)]
pub struct CodeSigningDescription {
    pub id: String,
    pub arn: String,
    pub record: CodeSigningRecord,
}

/// Settings of a config; `None` leaves one as it is.
#[derive(Clone, Debug, Default)]
pub struct CodeSigningSettings {
    pub description: Option<String>,
    pub signing_profile_version_arns: Option<Vec<String>>,
    pub untrusted_artifact_on_deployment: Option<String>,
}

/// The config is not there, or could not become what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum CodeSigningError {
    #[error("code signing config {arn} does not exist")]
    NoSuchConfig { arn: String },
    #[error("functions use the config")]
    InUse,
    #[error("could not change the config")]
    Store(#[from] StoreTrouble),
}

/// Renders the ARN of a config.
fn arn(scope: &Scope, id: &str) -> String {
    let Scope { account, region } = scope;
    let partition = firelight_model::Partition::of(region);
    format!("arn:{partition}:lambda:{region}:{account}:code-signing-config:{id}")
}

impl Control {
    pub async fn create_code_signing_config(
        &self,
        origin: &Origin,
        scope: &Scope,
        settings: &CodeSigningSettings,
        tags: &BTreeMap<String, String>,
    ) -> Result<CodeSigningDescription, CodeSigningError> {
        let id = self.new_id();
        let record = CodeSigningRecord {
            description: settings.description.clone().unwrap_or_default(),
            signing_profile_version_arns: settings
                .signing_profile_version_arns
                .clone()
                .unwrap_or_default(),
            untrusted_artifact_on_deployment: settings
                .untrusted_artifact_on_deployment
                .clone()
                .unwrap_or_else(|| "Warn".to_owned()),
            last_modified: self.world().now(),
            tags: tags.clone(),
        };
        let decide = |_: &Tables| {
            let txn = Txn::new().create(
                key::in_scope(scope, key::CODE_SIGNING, &id),
                encode(&record),
            );
            Ok(Decision::commit(txn, describe(scope, &id, &record)))
        };
        self.change(Some(origin), decide).await
    }

    /// Draws an id: `csc-` and 17 letters and digits.
    fn new_id(&self) -> String {
        const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let bytes = [self.world().random(), self.world().random()].concat();
        let letters = bytes
            .iter()
            .take(17)
            .map(|byte| ALPHABET[usize::from(byte % 36)]);
        format!("csc-{}", letters.map(char::from).collect::<String>())
    }

    pub async fn update_code_signing_config(
        &self,
        origin: &Origin,
        scope: &Scope,
        config: &str,
        settings: &CodeSigningSettings,
    ) -> Result<CodeSigningDescription, CodeSigningError> {
        let decide = |tables: &Tables| {
            let (id, old) = find(tables, scope, config)?;
            let mut record = CodeSigningRecord::clone(&old.record);
            if let Some(description) = &settings.description {
                record.description.clone_from(description);
            }
            if let Some(arns) = &settings.signing_profile_version_arns {
                record.signing_profile_version_arns.clone_from(arns);
            }
            if let Some(policy) = &settings.untrusted_artifact_on_deployment {
                record.untrusted_artifact_on_deployment.clone_from(policy);
            }
            record.last_modified = self.world().now();
            let key = key::in_scope(scope, key::CODE_SIGNING, id);
            let txn = Txn::new().replace(key, old.rev, encode(&record));
            Ok(Decision::commit(txn, describe(scope, id, &record)))
        };
        self.change(Some(origin), decide).await
    }

    pub async fn delete_code_signing_config(
        &self,
        origin: &Origin,
        scope: &Scope,
        config: &str,
    ) -> Result<(), CodeSigningError> {
        let decide = |tables: &Tables| {
            let (id, old) = find(tables, scope, config)?;
            if tables.functions_with(scope, config).next().is_some() {
                return Err(CodeSigningError::InUse);
            }
            let key = key::in_scope(scope, key::CODE_SIGNING, id);
            Ok(Decision::commit(
                Txn::new().delete(key, Expect::Rev(old.rev)),
                (),
            ))
        };
        self.change(Some(origin), decide).await
    }

    pub fn code_signing_config(
        &self,
        scope: &Scope,
        config: &str,
    ) -> Result<CodeSigningDescription, CodeSigningError> {
        let tables = self.view().read();
        let (id, stored) = find(&tables, scope, config)?;
        Ok(describe(scope, id, &stored.record))
    }

    pub fn list_code_signing_configs(
        &self,
        scope: &Scope,
        after: Option<&String>,
        limit: usize,
    ) -> Page<CodeSigningDescription> {
        let tables = self.view().read();
        let Some(tables) = tables.scope(scope) else {
            return Page::empty();
        };
        let configs = behind(&tables.code_signing, after);
        Page::take(configs, limit, Clone::clone, |id, stored| {
            describe(scope, id, &stored.record)
        })
    }

    /// Lists the ARNs of the functions that use a config.
    pub fn functions_by_code_signing(
        &self,
        scope: &Scope,
        config: &str,
    ) -> Result<Vec<String>, CodeSigningError> {
        let tables = self.view().read();
        find(&tables, scope, config)?;
        Ok(tables.functions_with(scope, config).collect())
    }
}

fn describe(scope: &Scope, id: &str, record: &CodeSigningRecord) -> CodeSigningDescription {
    CodeSigningDescription {
        id: id.to_owned(),
        arn: arn(scope, id),
        record: record.clone(),
    }
}

fn find<'a, 'b>(
    tables: &'a Tables,
    scope: &Scope,
    config: &'b str,
) -> Result<(&'b str, &'a Stored<CodeSigningRecord>), CodeSigningError> {
    let missing = || CodeSigningError::NoSuchConfig {
        arn: config.to_owned(),
    };
    tables.code_signing(scope, config).ok_or_else(missing)
}

impl Tables {
    /// Finds a config by its ARN; returns it with its id.
    pub(crate) fn code_signing<'a, 'b>(
        &'a self,
        scope: &Scope,
        config: &'b str,
    ) -> Option<(&'b str, &'a Stored<CodeSigningRecord>)> {
        let id = config.rsplit(':').next()?;
        let found = self.scope(scope)?.code_signing.get(id)?;
        (arn(scope, id) == config).then_some((id, found))
    }

    pub(crate) fn check_code_signing(
        &self,
        scope: &Scope,
        config: &str,
    ) -> Result<(), OptionError> {
        let missing = || OptionError::NoSuchCodeSigningConfig {
            arn: config.to_owned(),
        };
        self.code_signing(scope, config)
            .map(|_| ())
            .ok_or_else(missing)
    }

    fn functions_with<'a>(
        &'a self,
        scope: &Scope,
        config: &'a str,
    ) -> impl Iterator<Item = String> + 'a {
        let functions = self
            .scope(scope)
            .into_iter()
            .flat_map(|tables| tables.functions.values());
        let used = move |entry: &&std::sync::Arc<crate::view::FunctionEntry>| {
            entry.function.record.code_signing_config.as_deref() == Some(config)
        };
        functions.filter(used).map(|entry| entry.arn.to_string())
    }
}
