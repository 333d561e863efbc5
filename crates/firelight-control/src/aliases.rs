//! Aliases: named pointers to versions, with weights.

use firelight_model::{
    AliasName, AliasRoute, FunctionArn, Qualifier, RouteError, Version, VersionNumber, Weight,
};
use firelight_store::{Expect, Txn};

use crate::control::{Control, Decision, Origin, StoreTrouble};
use crate::functions::{FindError, Page, behind, is_current};
use crate::records::alias::AliasRecord;
use crate::records::policy::PolicyRecord;
use crate::records::qualified::{ProvisionedRecord, ProvisionedStatus};
use crate::records::{Stored, encode, key};
use crate::view::{FunctionEntry, Tables};

/// An alias as it is described to a caller.
#[derive(Clone, Debug, PartialEq)]
pub struct AliasDescription {
    pub arn: FunctionArn,
    pub name: AliasName,
    pub record: AliasRecord,
}

/// The second version of an alias, as a request gives it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routing {
    pub weights: Vec<(VersionNumber, Weight)>,
}

#[derive(Clone, Debug)]
pub struct CreateAlias {
    pub arn: FunctionArn,
    pub name: AliasName,
    pub version: Version,
    pub description: String,
    pub routing: Option<Routing>,
}

/// Changes of an alias; `None` leaves a part as it is.
#[derive(Clone, Debug)]
pub struct UpdateAlias {
    pub arn: FunctionArn,
    pub name: AliasName,
    pub version: Option<Version>,
    pub description: Option<String>,
    pub routing: Option<Routing>,
    pub expected_revision: Option<String>,
}

/// The alias is not there, or could not become what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum AliasError {
    #[error(transparent)]
    Find(#[from] FindError),
    #[error("alias {name} of {arn} exists already")]
    Exists { arn: FunctionArn, name: AliasName },
    #[error("alias {name} of {arn} does not exist")]
    NoSuchAlias { arn: FunctionArn, name: AliasName },
    #[error("an alias leads to at most two versions")]
    TooManyVersions,
    #[error(transparent)]
    Route(#[from] RouteError),
    #[error("the revision id is out of date")]
    StaleRevision,
    #[error("could not change the alias")]
    Store(#[from] StoreTrouble),
}

impl Control {
    pub async fn create_alias(
        &self,
        origin: &Origin,
        request: CreateAlias,
    ) -> Result<AliasDescription, AliasError> {
        self.change(Some(origin), |tables| {
            self.decide_create_alias(tables, &request)
        })
        .await
    }

    fn decide_create_alias(
        &self,
        tables: &Tables,
        request: &CreateAlias,
    ) -> Result<Decision<AliasDescription>, AliasError> {
        let CreateAlias {
            arn,
            name,
            version,
            description,
            routing,
        } = request;
        let entry = tables.find(arn)?;
        if entry.alias(name).is_some() {
            return Err(AliasError::Exists {
                arn: arn.clone(),
                name: name.clone(),
            });
        }
        let record = AliasRecord {
            description: description.clone(),
            route: entry.route(*version, routing.as_ref())?,
            revision: self.world().revision(),
            policy: PolicyRecord::default(),
        };
        let txn = entry
            .guarded()
            .create(key::alias(arn, name), encode(&record));
        Ok(Decision::commit(txn, describe(arn, name, record)))
    }

    pub async fn update_alias(
        &self,
        origin: &Origin,
        request: UpdateAlias,
    ) -> Result<AliasDescription, AliasError> {
        self.change(Some(origin), |tables| {
            self.decide_update_alias(tables, &request)
        })
        .await
    }

    fn decide_update_alias(
        &self,
        tables: &Tables,
        request: &UpdateAlias,
    ) -> Result<Decision<AliasDescription>, AliasError> {
        let UpdateAlias { arn, name, .. } = request;
        let entry = tables.find(arn)?;
        let old = entry.existing_alias(name)?;
        if !is_current(old.record.revision, request.expected_revision.as_deref()) {
            return Err(AliasError::StaleRevision);
        }
        let mut record = AliasRecord::clone(&old.record);
        if let Some(description) = &request.description {
            record.description.clone_from(description);
        }
        record.route = entry.rerouted(&old.record.route, request)?;
        record.revision = self.world().revision();
        let mut txn = entry
            .guarded()
            .replace(key::alias(arn, name), old.rev, encode(&record));
        if record.route.main() != old.record.route.main() {
            txn = entry.provisioned_anew(txn, &Qualifier::Alias(name.clone()));
        }
        Ok(Decision::commit(txn, describe(arn, name, record)))
    }

    /// Deletes an alias. One that does not exist is deleted already.
    pub async fn delete_alias(
        &self,
        origin: &Origin,
        arn: &FunctionArn,
        name: &AliasName,
    ) -> Result<(), AliasError> {
        let decide = |tables: &Tables| {
            let entry = tables.find(arn)?;
            let Some(alias) = entry.alias(name) else {
                return Ok(Decision::nothing(()));
            };
            let mut txn = entry
                .guarded()
                .delete(key::alias(arn, name), Expect::Rev(alias.rev));
            let qualifier = Qualifier::Alias(name.clone());
            if let Some(config) = entry.provisioned.get(&qualifier) {
                let key = key::qualified(arn, key::PROVISIONED, &qualifier);
                txn = txn.delete(key, Expect::Rev(config.rev));
            }
            Ok(Decision::commit(txn, ()))
        };
        self.change(Some(origin), decide).await
    }

    pub fn alias(
        &self,
        arn: &FunctionArn,
        name: &AliasName,
    ) -> Result<AliasDescription, AliasError> {
        let missing = || AliasError::NoSuchAlias {
            arn: arn.clone(),
            name: name.clone(),
        };
        let entry = self.function(arn).map_err(|_| missing())?;
        let alias = entry.alias(name).ok_or_else(missing)?;
        Ok(describe(arn, name, AliasRecord::clone(&alias.record)))
    }

    /// Lists the aliases of a function by name; with `version` only those that lead to it.
    pub fn list_aliases(
        &self,
        arn: &FunctionArn,
        version: Option<Version>,
        after: Option<&AliasName>,
        limit: usize,
    ) -> Result<Page<AliasDescription>, FindError> {
        let entry = self.function(arn)?;
        let leads = |route: &AliasRoute| match version {
            None => true,
            Some(Version::Latest) => route.main() == Version::Latest,
            Some(Version::Number(number)) => route.leads_to(number),
        };
        let aliases = behind(&entry.aliases, after).filter(|(_, alias)| leads(&alias.record.route));
        Ok(Page::take(
            aliases,
            limit,
            ToString::to_string,
            |name, alias| describe(arn, name, AliasRecord::clone(&alias.record)),
        ))
    }
}

fn describe(arn: &FunctionArn, name: &AliasName, record: AliasRecord) -> AliasDescription {
    AliasDescription {
        arn: arn.clone(),
        name: name.clone(),
        record,
    }
}

impl FunctionEntry {
    /// Begins a transaction that fails if anything of the function changes meanwhile: a version an alias is about to
    /// lead to cannot go away unnoticed.
    pub(crate) fn guarded(&self) -> Txn {
        self.guard(Txn::new())
    }

    /// Makes a transaction fail if anything of the function changes meanwhile.
    pub(crate) fn guard(&self, txn: Txn) -> Txn {
        let record = encode(&*self.function.record);
        txn.replace(key::function(&self.arn), self.function.rev, record)
    }

    /// What is provisioned for an alias moves with it: it is made ready anew, and what there is stays allocated.
    fn provisioned_anew(&self, txn: Txn, qualifier: &Qualifier) -> Txn {
        let Some(config) = self.provisioned.get(qualifier) else {
            return txn;
        };
        let record = ProvisionedRecord::clone(&config.record);
        let record = ProvisionedRecord {
            status: ProvisionedStatus::InProgress,
            ..record
        };
        let key = key::qualified(&self.arn, key::PROVISIONED, qualifier);
        txn.replace(key, config.rev, encode(&record))
    }

    fn existing_alias(&self, name: &AliasName) -> Result<&Stored<AliasRecord>, AliasError> {
        let missing = || AliasError::NoSuchAlias {
            arn: self.arn.clone(),
            name: name.clone(),
        };
        self.alias(name).ok_or_else(missing)
    }

    /// Checks that all versions are there and returns the route to them.
    fn route(&self, main: Version, routing: Option<&Routing>) -> Result<AliasRoute, AliasError> {
        let weights = routing.map_or(&[][..], |routing| &routing.weights);
        let route = match weights {
            [] => AliasRoute::to(main),
            [(number, weight)] => AliasRoute::shared(main, *number, *weight)?,
            _ => return Err(AliasError::TooManyVersions),
        };
        self.check_exists(main)?;
        if let Some((number, _)) = route.additional() {
            self.check_exists(Version::Number(number))?;
        }
        Ok(route)
    }

    fn rerouted(&self, old: &AliasRoute, request: &UpdateAlias) -> Result<AliasRoute, AliasError> {
        let kept = Routing {
            weights: old.additional().into_iter().collect(),
        };
        let routing = request.routing.clone().unwrap_or(kept);
        self.route(request.version.unwrap_or(old.main()), Some(&routing))
    }

    fn check_exists(&self, version: Version) -> Result<(), FindError> {
        let exists = version
            .number()
            .is_none_or(|number| self.versions.contains_key(&number));
        if exists {
            return Ok(());
        }
        Err(FindError::NoSuchQualifier {
            arn: self.arn.clone(),
            qualifier: version.into(),
        })
    }
}
