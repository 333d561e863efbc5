//! UpdateFunctionCode and UpdateFunctionConfiguration.

use firelight_model::{Architecture, Busy, FunctionArn, RevisionId};
use firelight_store::Txn;

use super::code::{CodeError, NewCode, StoredCode};
use super::description::FunctionDescription;
use super::publish::Publication;
use super::read::FindError;
use super::settings::{Settings, SettingsError, check};
use crate::control::{Control, Decision, Origin, StoreTrouble};
use crate::outside::World;
use crate::records::Stored;
use crate::records::configuration::Configuration;
use crate::records::function::{FunctionRecord, LatestRecord};
use crate::records::{encode, key};
use crate::scope::Scope;
use crate::view::Tables;

/// New code for a function.
#[derive(Clone, Debug)]
pub struct UpdateFunctionCode {
    pub arn: FunctionArn,
    pub code: NewCode,
    pub architecture: Option<Architecture>,
    pub publish: bool,
    /// Only tells what would happen.
    pub dry_run: bool,
    pub expected_revision: Option<String>,
}

/// New settings for a function.
#[derive(Clone, Debug)]
pub struct UpdateFunctionConfiguration {
    pub arn: FunctionArn,
    pub settings: Settings,
    pub expected_revision: Option<String>,
}

/// The function was not updated.
#[derive(Debug, thiserror::Error)]
pub enum UpdateFunctionError {
    #[error(transparent)]
    Find(#[from] FindError),
    #[error("the revision id is out of date")]
    StaleRevision,
    #[error("function {arn} cannot be updated now")]
    Busy {
        arn: FunctionArn,
        #[source]
        source: Busy,
    },
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Code(#[from] CodeError),
    #[error("could not update the function")]
    Store(#[from] StoreTrouble),
}

impl Control {
    /// Replaces the code. The old code runs until completion made the new one ready.
    pub async fn update_function_code(
        &self,
        origin: &Origin,
        request: UpdateFunctionCode,
    ) -> Result<FunctionDescription, UpdateFunctionError> {
        // Before the package is stored, so that a request for nothing costs nothing.
        let before = self
            .view()
            .read()
            .updatable(&request.arn, request.expected_revision.as_deref())?
            .record
            .latest
            .configuration
            .architecture;
        let code = self
            .store_code(request.arn.account, request.code.clone())
            .await?;
        let updated = self
            .change_code(origin, code.package(), |tables| {
                decide_code(self.world(), tables, &request, &code)
            })
            .await?;
        let after = updated.configuration.architecture;
        if after != before && !request.dry_run {
            self.world().note_architecture(&request.arn, after);
        }
        Ok(updated)
    }

    /// Checks that an update may begin, before its code is fetched from elsewhere.
    pub fn check_code_update(
        &self,
        arn: &FunctionArn,
        expected_revision: Option<&str>,
    ) -> Result<(), UpdateFunctionError> {
        let tables = self.view().read();
        tables.updatable(arn, expected_revision).map(|_| ())
    }

    /// Changes settings. Environments with the old ones serve until completion.
    pub async fn update_function_configuration(
        &self,
        origin: &Origin,
        request: UpdateFunctionConfiguration,
    ) -> Result<FunctionDescription, UpdateFunctionError> {
        self.change(Some(origin), |tables| {
            decide_settings(self.world(), tables, &request)
        })
        .await
    }
}

impl Tables {
    /// Returns the record of a function that an update may begin on.
    fn updatable(
        &self,
        arn: &FunctionArn,
        expected_revision: Option<&str>,
    ) -> Result<&Stored<FunctionRecord>, UpdateFunctionError> {
        let function = &self.find(arn)?.function;
        if !is_current(function.record.revision, expected_revision) {
            return Err(UpdateFunctionError::StaleRevision);
        }
        let busy = |source| UpdateFunctionError::Busy {
            arn: arn.clone(),
            source,
        };
        function.record.life_cycle.check_idle().map_err(busy)?;
        Ok(function)
    }
}

/// Tells whether the caller knows the current revision. A text that is no id at all is no current one either.
pub(crate) fn is_current(current: RevisionId, expected: Option<&str>) -> bool {
    expected.is_none_or(|text| text == current.to_string())
}

fn decide_code(
    world: &World,
    tables: &Tables,
    request: &UpdateFunctionCode,
    code: &StoredCode,
) -> Result<Decision<FunctionDescription>, UpdateFunctionError> {
    let arn = &request.arn;
    let function = tables.updatable(arn, request.expected_revision.as_deref())?;
    let mut configuration = function.record.latest.configuration.clone();
    configuration.package = code.replace_in(&configuration.package)?;
    configuration.architecture = request.architecture.unwrap_or(configuration.architecture);
    check(&configuration)?;
    let unchanged = tables.find(arn)?.version_with(&configuration);
    let publishes = request.publish && unchanged.is_none();
    tables.check_code_storage(
        world,
        &Scope::of(arn),
        added_bytes(function, code, publishes),
    )?;
    if request.dry_run {
        return Ok(Decision::nothing(would_be(arn, function, configuration)));
    }
    let mut record = updated(world, &function.record, configuration);
    let mut described = match unchanged.filter(|_| request.publish) {
        Some(version) => version,
        None => FunctionDescription::latest(arn, &record),
    };
    let mut txn = Txn::new();
    if publishes {
        let publication = Publication::of(world, &mut record, None);
        txn = txn.create(
            key::version(arn, publication.number),
            encode(&publication.record),
        );
        described = publication.described(arn);
    }
    txn = txn.replace(key::function(arn), function.rev, encode(&record));
    Ok(Decision::commit(txn, described))
}

/// Returns by how much the account's code grows.
fn added_bytes(function: &Stored<FunctionRecord>, code: &StoredCode, publishes: bool) -> u64 {
    let copies = if publishes { 2 } else { 1 };
    let replaced = function.record.latest.configuration.code_size();
    (code.stored_bytes() * copies).saturating_sub(replaced)
}

/// Describes the function as it is, with the code that a dry run brought.
fn would_be(
    arn: &FunctionArn,
    function: &Stored<FunctionRecord>,
    configuration: Configuration,
) -> FunctionDescription {
    FunctionDescription {
        configuration,
        ..FunctionDescription::latest(arn, &function.record)
    }
}

fn decide_settings(
    world: &World,
    tables: &Tables,
    request: &UpdateFunctionConfiguration,
) -> Result<Decision<FunctionDescription>, UpdateFunctionError> {
    let arn = &request.arn;
    let function = tables.updatable(arn, request.expected_revision.as_deref())?;
    let old = &function.record.latest.configuration;
    request.settings.check_durable(old)?;
    request.settings.check_capacity(old)?;
    request.settings.check_world(world, arn)?;
    let configuration = request.settings.applied(old, arn, tables)?;
    let record = updated(world, &function.record, configuration);
    let txn = Txn::new().replace(key::function(arn), function.rev, encode(&record));
    Ok(Decision::commit(
        txn,
        FunctionDescription::latest(arn, &record),
    ))
}

/// Returns the record with an update in progress: the new configuration waits, the running one serves on.
fn updated(world: &World, old: &FunctionRecord, configuration: Configuration) -> FunctionRecord {
    let mut record = old.clone();
    record.serving = Some(old.running().clone());
    record.latest = LatestRecord {
        identity: world.identity(),
        configuration,
    };
    record.revision = world.revision();
    record.last_modified = world.now();
    // The caller has checked that nothing is in progress.
    let _ = record.life_cycle.begin_update();
    record
}
