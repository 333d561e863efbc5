//! From what an invocation names to the version that serves it.

use std::sync::Arc;

use firelight_model::{
    AliasName, Draw, FunctionArn, FunctionVersion, LifeCycle, NotInvocable, Qualifier, Version,
};

use super::{FunctionEntry, View};

/// The version that serves one invocation.
#[derive(Clone)]
pub struct Resolved {
    pub version: Arc<FunctionVersion>,
    /// The alias that was named, if one was.
    pub alias: Option<AliasName>,
    /// The function's own concurrency, if it has any.
    pub reserved_concurrency: Option<u32>,
}

/// Why no version can serve an invocation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    #[error("function {arn} does not exist")]
    NoSuchFunction { arn: FunctionArn },
    #[error("function {arn} has no {qualifier}")]
    NoSuchQualifier {
        arn: FunctionArn,
        qualifier: Qualifier,
    },
    #[error("function {arn} cannot be invoked")]
    NotInvocable {
        arn: FunctionArn,
        #[source]
        source: NotInvocable,
    },
}

impl View {
    /// Resolves what an invocation names. The draw decides among the versions of an alias.
    pub fn resolve(
        &self,
        arn: &FunctionArn,
        qualifier: Option<&Qualifier>,
        draw: Draw,
    ) -> Result<Resolved, ResolveError> {
        let no_function = || ResolveError::NoSuchFunction { arn: arn.clone() };
        let entry = self.function(arn).ok_or_else(no_function)?;
        let no_qualifier = || ResolveError::NoSuchQualifier {
            arn: arn.clone(),
            qualifier: qualifier.cloned().unwrap_or(Qualifier::Latest),
        };
        let version = entry.drawn(qualifier, draw).ok_or_else(no_qualifier)?;
        let (life_cycle, executable) = entry.runnable(version).ok_or_else(no_qualifier)?;
        entry.note_used();
        life_cycle.check_invocable().map_err(|source| {
            if source == NotInvocable::Inactive {
                self.want();
            }
            ResolveError::NotInvocable {
                arn: arn.clone(),
                source,
            }
        })?;
        Ok(Resolved {
            version: Arc::clone(executable),
            alias: match qualifier {
                Some(Qualifier::Alias(name)) => Some(name.clone()),
                _ => None,
            },
            reserved_concurrency: entry.function.record.reserved_concurrency,
        })
    }
}

impl FunctionEntry {
    /// Returns the version that one invocation gets.
    fn drawn(&self, qualifier: Option<&Qualifier>, draw: Draw) -> Option<Version> {
        match qualifier {
            Some(Qualifier::Alias(name)) => Some(self.alias(name)?.record.route.choose(draw)),
            other => self.main_version(other),
        }
    }

    fn runnable(&self, version: Version) -> Option<(&LifeCycle, &Arc<FunctionVersion>)> {
        match version {
            Version::Latest => Some((&self.function.record.life_cycle, &self.latest)),
            Version::Number(number) => {
                let version = self.versions.get(&number)?;
                Some((&version.stored.record.life_cycle, &version.executable))
            }
        }
    }
}
