//! Reading functions: one, all of a scope, all versions of one.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use firelight_model::{FunctionArn, FunctionName, FunctionTarget, Qualifier, Version};

use super::description::FunctionDescription;
use crate::control::Control;
use crate::scope::Scope;
use crate::view::{FunctionEntry, Tables};

/// What was asked for is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    #[error("function {arn} does not exist")]
    NoSuchFunction { arn: FunctionArn },
    #[error("function {arn} has no {qualifier}")]
    NoSuchQualifier {
        arn: FunctionArn,
        qualifier: Qualifier,
    },
}

/// A part of a listing.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where to read on, as an opaque text; `None` at the end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    pub(crate) fn empty() -> Self {
        Self {
            items: Vec::new(),
            next: None,
        }
    }

    /// Takes up to `limit` items of an ordered iterator; `name` tells how to come back behind an item.
    pub(crate) fn take<'a, K: 'a, V: 'a>(
        items: impl Iterator<Item = (&'a K, &'a V)>,
        limit: usize,
        name: impl Fn(&K) -> String,
        make: impl Fn(&K, &V) -> T,
    ) -> Self {
        let mut items = items.peekable();
        let mut taken = Vec::new();
        let mut last = None;
        while taken.len() < limit {
            let Some((key, value)) = items.next() else {
                break;
            };
            taken.push(make(key, value));
            last = Some(key);
        }
        let more = items.peek().is_some();
        Self {
            items: taken,
            next: last.filter(|_| more).map(name),
        }
    }
}

/// Iterates over a map behind a key.
pub(crate) fn behind<'a, K: Ord + Clone, V>(
    map: &'a BTreeMap<K, V>,
    after: Option<&K>,
) -> impl Iterator<Item = (&'a K, &'a V)> {
    let start = after.map_or(Bound::Unbounded, |key| Bound::Excluded(key.clone()));
    map.range((start, Bound::Unbounded))
}

impl Tables {
    pub(crate) fn find(&self, arn: &FunctionArn) -> Result<&Arc<FunctionEntry>, FindError> {
        self.function(arn)
            .ok_or_else(|| FindError::NoSuchFunction { arn: arn.clone() })
    }
}

impl Control {
    /// Returns a function with all that belongs to it.
    pub fn function(&self, arn: &FunctionArn) -> Result<Arc<FunctionEntry>, FindError> {
        self.view().read().find(arn).cloned()
    }

    /// Describes the version that a target leads to. An alias leads to its main version.
    pub fn describe(&self, target: &FunctionTarget) -> Result<FunctionDescription, FindError> {
        let FunctionTarget { arn, qualifier } = target;
        let entry = self.function(arn)?;
        let version = entry.main_version(qualifier.as_ref());
        let described = version.and_then(|version| FunctionDescription::of(&entry, version));
        let described = described.ok_or_else(|| FindError::NoSuchQualifier {
            arn: arn.clone(),
            qualifier: qualifier.clone().unwrap_or(Qualifier::Latest),
        })?;
        Ok(described.addressed_as(qualifier.clone()))
    }

    /// Lists the functions of a scope by name.
    pub fn list_functions(
        &self,
        scope: &Scope,
        after: Option<&FunctionName>,
        limit: usize,
    ) -> Page<FunctionDescription> {
        let tables = self.view().read();
        let Some(scope) = tables.scope(scope) else {
            return Page::empty();
        };
        let functions = behind(&scope.functions, after);
        Page::take(functions, limit, ToString::to_string, |_, entry| {
            FunctionDescription::latest(&entry.arn, &entry.function.record)
        })
    }

    /// Lists the versions of one function: `$LATEST` first, then by number.
    pub fn list_versions(
        &self,
        arn: &FunctionArn,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Page<FunctionDescription>, FindError> {
        let entry = self.function(arn)?;
        let versions = entry.all_versions();
        let versions = behind(&versions, after.as_ref());
        Ok(Page::take(
            versions,
            limit,
            ToString::to_string,
            |_, described| described.clone(),
        ))
    }

    /// Lists all versions of all functions, in the order of both.
    pub fn list_all_versions(
        &self,
        scope: &Scope,
        after: Option<&(FunctionName, Version)>,
        limit: usize,
    ) -> Page<FunctionDescription> {
        let tables = self.view().read();
        let Some(scope) = tables.scope(scope) else {
            return Page::empty();
        };
        let from = after.map_or(Bound::Unbounded, |(name, _)| Bound::Included(name.clone()));
        let functions = scope.functions.range((from, Bound::Unbounded));
        let mut all = BTreeMap::new();
        for (name, entry) in functions {
            let versions = entry.all_versions().into_iter();
            let named = versions.map(|(version, described)| ((name.clone(), version), described));
            all.extend(named.filter(|(key, _)| after.is_none_or(|after| key > after)));
            // One more than asked for tells that there is more.
            if all.len() > limit {
                break;
            }
        }
        let name = |(name, version): &(FunctionName, Version)| format!("{name}:{version}");
        Page::take(all.iter(), limit, name, |_, described| described.clone())
    }
}

impl FunctionEntry {
    /// Describes every version, each with its qualifier behind the ARN.
    pub(crate) fn all_versions(&self) -> BTreeMap<Version, FunctionDescription> {
        let latest = FunctionDescription::latest(&self.arn, &self.function.record)
            .addressed_as(Some(Qualifier::Latest));
        let mut all = BTreeMap::from([(Version::Latest, latest)]);
        for (number, version) in &self.versions {
            let described =
                FunctionDescription::published(&self.arn, *number, &version.stored.record);
            all.insert(Version::Number(*number), described);
        }
        all
    }
}
