//! Where each record lies.
//!
//! Everything of one function lies under ids that begin with its name, and numbers are written with leading zeros, so
//! that a listing comes in the order of AWS's answers.

use std::fmt;

use firelight_model::{
    AccountId, AliasName, FunctionArn, LayerArn, LayerVersionArn, Qualifier, VersionNumber,
};
use firelight_store::{BlobDigest, Key, Kind};

use crate::scope::Scope;

pub(crate) const FUNCTION: Kind<'static> = Kind::new("function");
pub(crate) const VERSION: Kind<'static> = Kind::new("function-version");
pub(crate) const ALIAS: Kind<'static> = Kind::new("function-alias");

pub(crate) const LAYER: Kind<'static> = Kind::new("layer");
pub(crate) const LAYER_VERSION: Kind<'static> = Kind::new("layer-version");

pub(crate) const URL: Kind<'static> = Kind::new("function-url");
pub(crate) const EVENT_INVOKE: Kind<'static> = Kind::new("event-invoke-config");
pub(crate) const PROVISIONED: Kind<'static> = Kind::new("provisioned-concurrency");
pub(crate) const ACCOUNT: Kind<'static> = Kind::new("lambda-account");
pub(crate) const CODE_SIGNING: Kind<'static> = Kind::new("code-signing-config");
pub(crate) const CAPACITY_PROVIDER: Kind<'static> = Kind::new("capacity-provider");
pub(crate) const MAPPING: Kind<'static> = Kind::new("event-source-mapping");

pub(crate) const PACKAGE_IN_TRANSIT: Kind<'static> = Kind::new("package-in-transit");

/// Where the content of a package lies until its blob is on the disk.
pub(crate) fn in_transit(account: AccountId, digest: BlobDigest, unique: impl fmt::Display) -> Key {
    Key::new(
        account,
        PACKAGE_IN_TRANSIT,
        format_args!("{digest}/{unique}"),
    )
}

/// Where what belongs to one qualifier of a function lies.
pub(crate) fn qualified(arn: &FunctionArn, kind: Kind<'_>, qualifier: &Qualifier) -> Key {
    of_function(arn, kind, format_args!("/{qualifier}"))
}

/// Where what lives in a scope beside functions and layers lies.
pub(crate) fn in_scope(scope: &Scope, kind: Kind<'_>, id: &str) -> Key {
    Key::new(scope.account, kind, format_args!("{}/{id}", scope.region))
}

/// The one record about a scope itself.
pub(crate) fn account(scope: &Scope) -> Key {
    in_scope(scope, ACCOUNT, "limits")
}

pub(crate) fn layer(arn: &LayerArn) -> Key {
    Key::new(
        arn.account,
        LAYER,
        format_args!("{}/{}", arn.region, arn.name),
    )
}

pub(crate) fn layer_version(arn: &LayerVersionArn) -> Key {
    let LayerVersionArn { layer, number } = arn;
    let id = format_args!("{}/{}/{number:020}", layer.region, layer.name);
    Key::new(layer.account, LAYER_VERSION, id)
}

pub(crate) fn function(arn: &FunctionArn) -> Key {
    of_function(arn, FUNCTION, "")
}

pub(crate) fn version(arn: &FunctionArn, number: VersionNumber) -> Key {
    of_function(arn, VERSION, format_args!("/{:020}", number.get()))
}

pub(crate) fn alias(arn: &FunctionArn, name: &AliasName) -> Key {
    of_function(arn, ALIAS, format_args!("/{name}"))
}

fn of_function(arn: &FunctionArn, kind: Kind<'_>, rest: impl fmt::Display) -> Key {
    Key::new(
        arn.account,
        kind,
        format_args!("{}/{}{rest}", arn.region, arn.name),
    )
}

/// What a key of ours names: `account/kind/region/first[/rest]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named<'a> {
    pub(crate) scope: Scope,
    pub(crate) first: &'a str,
    pub(crate) rest: Option<&'a str>,
}

impl<'a> Named<'a> {
    /// Reads a key; `None` for one that does not have our form.
    pub(crate) fn read(key: &'a Key) -> Option<Self> {
        let account = key.account().parse().ok()?;
        let mut parts = key.id().splitn(3, '/');
        let region = parts.next()?.parse().ok()?;
        let scope = Scope { account, region };
        Some(Self {
            scope,
            first: parts.next()?,
            rest: parts.next(),
        })
    }

    pub(crate) fn function(&self) -> Option<FunctionArn> {
        Some(self.scope.function(self.first.parse().ok()?))
    }

    pub(crate) fn layer(&self) -> Option<LayerArn> {
        let Scope { account, region } = self.scope.clone();
        Some(LayerArn {
            region,
            account,
            name: self.first.parse().ok()?,
        })
    }

    pub(crate) fn layer_version(&self) -> Option<LayerVersionArn> {
        Some(self.layer()?.version(self.rest?.parse().ok()?))
    }

    /// Reads a function with one of its qualifiers.
    pub(crate) fn qualified(&self) -> Option<(FunctionArn, Qualifier)> {
        Some((self.function()?, self.rest?.parse().ok()?))
    }

    pub(crate) fn number(&self) -> Option<VersionNumber> {
        self.rest?.parse().ok().and_then(VersionNumber::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gives_back_what_it_names() {
        let arn = FunctionArn {
            region: "us-east-1".parse().unwrap(),
            account: "123456789012".parse().unwrap(),
            name: "f".parse().unwrap(),
        };
        let number = VersionNumber::new(12).unwrap();

        let key = version(&arn, number);
        let named = Named::read(&key).unwrap();

        assert_eq!(
            key.as_str(),
            "123456789012/function-version/us-east-1/f/00000000000000000012"
        );
        assert_eq!(named.function(), Some(arn));
        assert_eq!(named.number(), Some(number));
    }
}
