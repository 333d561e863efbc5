//! The record of an alias.

use firelight_model::{AliasRoute, RevisionId, Version, VersionNumber, Weight};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::codec;
use super::policy::PolicyRecord;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AliasRecord {
    pub description: String,
    #[serde(with = "route")]
    pub route: AliasRoute,
    #[serde(with = "codec::text")]
    pub revision: RevisionId,
    #[serde(default)]
    pub policy: PolicyRecord,
}

/// A route as its parts.
mod route {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Parts {
        #[serde(with = "codec::text")]
        main: Version,
        #[serde(default)]
        additional: Option<Additional>,
    }

    #[derive(Serialize, Deserialize)]
    struct Additional {
        #[serde(with = "codec::version_number")]
        version: VersionNumber,
        #[serde(with = "codec::weight")]
        weight: Weight,
    }

    pub(super) fn serialize<S: Serializer>(route: &AliasRoute, to: S) -> Result<S::Ok, S::Error> {
        let additional = route.additional();
        Parts {
            main: route.main(),
            additional: additional.map(|(version, weight)| Additional { version, weight }),
        }
        .serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<AliasRoute, D::Error> {
        let Parts { main, additional } = Parts::deserialize(from)?;
        match additional {
            None => Ok(AliasRoute::to(main)),
            Some(Additional { version, weight }) => {
                AliasRoute::shared(main, version, weight).map_err(D::Error::custom)
            }
        }
    }
}
