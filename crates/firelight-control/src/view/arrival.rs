//! One changed record, decoded before any lock is taken.

use std::sync::Arc;

use firelight_model::{
    AliasName, FunctionArn, FunctionVersion, LayerArn, LayerVersionArn, Qualifier, Version,
    VersionNumber,
};
use firelight_store::{Key, Kind, Versioned};
use serde::de::DeserializeOwned;

use super::entry::VersionEntry;
use super::executable::executable;
use crate::records::account::AccountRecord;
use crate::records::alias::AliasRecord;
use crate::records::capacity_provider::CapacityProviderRecord;
use crate::records::code_signing::CodeSigningRecord;
use crate::records::function::FunctionRecord;
use crate::records::key::{self, Named};
use crate::records::layer::{LayerRecord, LayerVersionRecord};
use crate::records::mapping::MappingRecord;
use crate::records::qualified::{EventInvokeRecord, ProvisionedRecord, UrlRecord};
use crate::records::version::VersionRecord;
use crate::records::{DecodeError, Stored, decode};
use crate::scope::Scope;

/// A record that was written, or (`None`) removed.
pub(crate) enum Arrival {
    Function(
        FunctionArn,
        Option<(Stored<FunctionRecord>, Arc<FunctionVersion>)>,
    ),
    Version(FunctionArn, VersionNumber, Option<VersionEntry>),
    Alias(FunctionArn, AliasName, Option<Stored<AliasRecord>>),
    Url(FunctionArn, Qualifier, Option<Stored<UrlRecord>>),
    EventInvoke(FunctionArn, Qualifier, Option<Stored<EventInvokeRecord>>),
    Provisioned(FunctionArn, Qualifier, Option<Stored<ProvisionedRecord>>),
    Account(Scope, Option<Stored<AccountRecord>>),
    CodeSigning(Scope, String, Option<Stored<CodeSigningRecord>>),
    CapacityProvider(Scope, String, Option<Stored<CapacityProviderRecord>>),
    Mapping(Scope, String, Option<Stored<MappingRecord>>),
    Layer(LayerArn, Option<Stored<LayerRecord>>),
    LayerVersion(LayerVersionArn, Option<Stored<LayerVersionRecord>>),
}

impl Arrival {
    /// Orders arrivals so that a function comes before what belongs to it.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::Function(..) | Self::Layer(..) => 0,
            _ => 1,
        }
    }

    /// Tells whether records of a kind are control's.
    pub(crate) fn is_of(kind: Kind<'_>) -> bool {
        matches!(
            kind,
            key::FUNCTION
                | key::VERSION
                | key::ALIAS
                | key::LAYER
                | key::LAYER_VERSION
                | key::URL
                | key::EVENT_INVOKE
                | key::PROVISIONED
                | key::ACCOUNT
                | key::CODE_SIGNING
                | key::MAPPING
                | key::CAPACITY_PROVIDER
        )
    }

    /// Decodes a record; `None` for a kind that is not control's.
    pub(crate) fn decode(
        key: &Key,
        value: Option<&Versioned>,
    ) -> Result<Option<Self>, DecodeError> {
        let Some(named) = Named::read(key) else {
            return Ok(None);
        };
        match key.kind() {
            key::FUNCTION => function(&named, value),
            key::VERSION => version(&named, value),
            key::ALIAS => alias(&named, value),
            key::LAYER => layer(&named, value),
            key::LAYER_VERSION => layer_version(&named, value),
            key::URL => qualified(&named, value, Self::Url),
            key::EVENT_INVOKE => qualified(&named, value, Self::EventInvoke),
            key::PROVISIONED => qualified(&named, value, Self::Provisioned),
            key::ACCOUNT => Ok(Some(Self::Account(named.scope, stored(value)?))),
            key::CODE_SIGNING => in_scope(named, value, Self::CodeSigning),
            key::CAPACITY_PROVIDER => in_scope(named, value, Self::CapacityProvider),
            key::MAPPING => in_scope(named, value, Self::Mapping),
            _ => Ok(None),
        }
    }
}

fn stored<T: DeserializeOwned>(
    value: Option<&Versioned>,
) -> Result<Option<Stored<T>>, DecodeError> {
    let Some(value) = value else { return Ok(None) };
    let record = Arc::new(decode(&value.body)?);
    Ok(Some(Stored {
        rev: value.rev,
        record,
    }))
}

fn function(named: &Named<'_>, value: Option<&Versioned>) -> Result<Option<Arrival>, DecodeError> {
    let Some(arn) = named.function() else {
        return Ok(None);
    };
    let stored: Option<Stored<FunctionRecord>> = stored(value)?;
    let whole = stored.map(|stored| {
        let running = stored.record.running();
        let runs = executable(
            &arn,
            Version::Latest,
            running.identity,
            &running.configuration,
        );
        (stored, Arc::new(runs))
    });
    Ok(Some(Arrival::Function(arn, whole)))
}

fn version(named: &Named<'_>, value: Option<&Versioned>) -> Result<Option<Arrival>, DecodeError> {
    let (Some(arn), Some(number)) = (named.function(), named.number()) else {
        return Ok(None);
    };
    let stored: Option<Stored<VersionRecord>> = stored(value)?;
    let entry = stored.map(|stored| {
        let VersionRecord {
            identity,
            configuration,
            ..
        } = &*stored.record;
        let runs = executable(&arn, Version::Number(number), *identity, configuration);
        VersionEntry {
            stored,
            executable: Arc::new(runs),
        }
    });
    Ok(Some(Arrival::Version(arn, number, entry)))
}

fn alias(named: &Named<'_>, value: Option<&Versioned>) -> Result<Option<Arrival>, DecodeError> {
    let alias = named.rest.and_then(|rest| rest.parse().ok());
    let (Some(arn), Some(alias)) = (named.function(), alias) else {
        return Ok(None);
    };
    Ok(Some(Arrival::Alias(arn, alias, stored(value)?)))
}

fn layer(named: &Named<'_>, value: Option<&Versioned>) -> Result<Option<Arrival>, DecodeError> {
    let Some(arn) = named.layer() else {
        return Ok(None);
    };
    Ok(Some(Arrival::Layer(arn, stored(value)?)))
}

fn layer_version(
    named: &Named<'_>,
    value: Option<&Versioned>,
) -> Result<Option<Arrival>, DecodeError> {
    let Some(arn) = named.layer_version() else {
        return Ok(None);
    };
    Ok(Some(Arrival::LayerVersion(arn, stored(value)?)))
}

/// Decodes what belongs to one qualifier of a function.
fn qualified<T: DeserializeOwned>(
    named: &Named<'_>,
    value: Option<&Versioned>,
    arrival: fn(FunctionArn, Qualifier, Option<Stored<T>>) -> Arrival,
) -> Result<Option<Arrival>, DecodeError> {
    let Some((arn, qualifier)) = named.qualified() else {
        return Ok(None);
    };
    Ok(Some(arrival(arn, qualifier, stored(value)?)))
}

/// Decodes what has an id within its scope.
fn in_scope<T: DeserializeOwned>(
    named: Named<'_>,
    value: Option<&Versioned>,
    arrival: fn(Scope, String, Option<Stored<T>>) -> Arrival,
) -> Result<Option<Arrival>, DecodeError> {
    let id = named.first.to_owned();
    Ok(Some(arrival(named.scope, id, stored(value)?)))
}
