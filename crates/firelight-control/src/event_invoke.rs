//! Event invoke configs: retries, age and destinations of asynchronous invocations.

use firelight_model::{FunctionArn, FunctionReference, FunctionTarget, Qualifier};
use firelight_store::Expect;

use crate::control::{Control, Decision, Origin, StoreTrouble};
use crate::functions::{FindError, Page, behind};
use crate::records::qualified::EventInvokeRecord;
use crate::records::{encode, key};
use crate::scope::Scope;
use crate::view::Tables;

/// A config as it is described to a caller.
#[derive(Clone, Debug, PartialEq)]
pub struct EventInvokeDescription {
    pub arn: FunctionArn,
    pub qualifier: Qualifier,
    pub record: EventInvokeRecord,
}

/// What a request gives; an empty destination takes the old one away.
#[derive(Clone, Debug, Default)]
pub struct EventInvokeSettings {
    pub maximum_retry_attempts: Option<u32>,
    pub maximum_event_age_seconds: Option<u32>,
    pub on_success: Option<String>,
    pub on_failure: Option<String>,
}

/// Which outcome a destination is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Success,
    Failure,
}

/// Whether a request replaces a config or is merged into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventInvokeChange {
    Replace,
    Merge,
}

/// The config is not there, or could not become what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum EventInvokeError {
    #[error("the function or its qualifier does not exist")]
    NoSuchFunction,
    #[error("there is no config")]
    NoConfig {
        arn: FunctionArn,
        qualifier: Qualifier,
    },
    #[error("there is nothing to configure")]
    Nothing,
    #[error("the function cannot be its own destination")]
    OwnDestination,
    #[error("the destination {arn} does not exist")]
    NoSuchDestination { arn: String },
    #[error("{arn} cannot be a destination")]
    Unsupported {
        on_success: Option<String>,
        on_failure: Option<String>,
        arn: String,
    },
    #[error("could not change the config")]
    Store(#[from] StoreTrouble),
}

impl Control {
    pub async fn change_event_invoke_config(
        &self,
        origin: &Origin,
        target: &FunctionTarget,
        change: EventInvokeChange,
        settings: &EventInvokeSettings,
    ) -> Result<EventInvokeDescription, EventInvokeError> {
        let decide = |tables: &Tables| self.decide_change(tables, target, change, settings);
        self.change(Some(origin), decide).await
    }

    fn decide_change(
        &self,
        tables: &Tables,
        target: &FunctionTarget,
        change: EventInvokeChange,
        settings: &EventInvokeSettings,
    ) -> Result<Decision<EventInvokeDescription>, EventInvokeError> {
        settings.check_given()?;
        let (arn, qualifier) = (&target.arn, qualifier(target));
        let entry = tables
            .function(arn)
            .ok_or(EventInvokeError::NoSuchFunction)?;
        entry
            .main_version(Some(&qualifier))
            .ok_or(EventInvokeError::NoSuchFunction)?;
        settings.check_destinations(tables, target)?;
        let old = entry.event_invokes.get(&qualifier);
        let base = match (change, old) {
            (EventInvokeChange::Replace, _) => None,
            (EventInvokeChange::Merge, Some(old)) => Some(&*old.record),
            (EventInvokeChange::Merge, None) => {
                return Err(EventInvokeError::NoConfig {
                    arn: arn.clone(),
                    qualifier,
                });
            }
        };
        let record = settings.merged(base, self.world().now());
        let expected = old.map_or(Expect::Absent, |old| Expect::Rev(old.rev));
        let key = key::qualified(arn, key::EVENT_INVOKE, &qualifier);
        let txn = entry.guarded().put(key, expected, encode(&record));
        Ok(Decision::commit(
            txn,
            EventInvokeDescription {
                arn: arn.clone(),
                qualifier,
                record,
            },
        ))
    }

    pub async fn delete_event_invoke_config(
        &self,
        origin: &Origin,
        target: &FunctionTarget,
    ) -> Result<(), EventInvokeError> {
        let decide = |tables: &Tables| {
            let (arn, qualifier) = (&target.arn, qualifier(target));
            let config = tables.function(arn).and_then(|entry| {
                let config = entry.event_invokes.get(&qualifier)?;
                Some((entry.guarded(), config.rev))
            });
            let missing = || EventInvokeError::NoConfig {
                arn: arn.clone(),
                qualifier: qualifier.clone(),
            };
            let (txn, rev) = config.ok_or_else(missing)?;
            let key = key::qualified(arn, key::EVENT_INVOKE, &qualifier);
            Ok(Decision::commit(txn.delete(key, Expect::Rev(rev)), ()))
        };
        self.change(Some(origin), decide).await
    }

    pub fn event_invoke_config(
        &self,
        target: &FunctionTarget,
    ) -> Result<EventInvokeDescription, EventInvokeError> {
        let (arn, qualifier) = (&target.arn, qualifier(target));
        let entry = self.view().function(arn);
        let config = entry
            .as_ref()
            .and_then(|entry| entry.event_invokes.get(&qualifier));
        match config {
            Some(config) => {
                let record = EventInvokeRecord::clone(&config.record);
                Ok(EventInvokeDescription {
                    arn: arn.clone(),
                    qualifier,
                    record,
                })
            }
            None => Err(EventInvokeError::NoConfig {
                arn: arn.clone(),
                qualifier,
            }),
        }
    }

    pub fn list_event_invoke_configs(
        &self,
        arn: &FunctionArn,
        after: Option<&Qualifier>,
        limit: usize,
    ) -> Result<Page<EventInvokeDescription>, FindError> {
        let entry = self.function(arn)?;
        let configs = behind(&entry.event_invokes, after);
        Ok(Page::take(
            configs,
            limit,
            ToString::to_string,
            |qualifier, config| {
                let record = EventInvokeRecord::clone(&config.record);
                EventInvokeDescription {
                    arn: arn.clone(),
                    qualifier: qualifier.clone(),
                    record,
                }
            },
        ))
    }
}

/// A config without qualifier is one of `$LATEST`.
fn qualifier(target: &FunctionTarget) -> Qualifier {
    target.qualifier.clone().unwrap_or(Qualifier::Latest)
}

impl EventInvokeSettings {
    fn check_given(&self) -> Result<(), EventInvokeError> {
        let is_empty = self.maximum_retry_attempts.is_none()
            && self.maximum_event_age_seconds.is_none()
            && self.on_success.is_none()
            && self.on_failure.is_none();
        if is_empty {
            Err(EventInvokeError::Nothing)
        } else {
            Ok(())
        }
    }

    fn check_destinations(
        &self,
        tables: &Tables,
        target: &FunctionTarget,
    ) -> Result<(), EventInvokeError> {
        let sides = [
            (&self.on_success, Side::Success),
            (&self.on_failure, Side::Failure),
        ];
        for (arn, side) in sides {
            if let Some(arn) = arn.as_deref().filter(|arn| !arn.is_empty()) {
                self.check_destination(tables, target, side, arn)?;
            }
        }
        Ok(())
    }

    fn check_destination(
        &self,
        tables: &Tables,
        target: &FunctionTarget,
        side: Side,
        arn: &str,
    ) -> Result<(), EventInvokeError> {
        match arn.split(':').nth(2) {
            Some("lambda") => check_function(tables, target, arn),
            Some("sqs" | "sns" | "events") => Ok(()),
            // Buckets take failures only (lambda-facts §8).
            Some("s3") if side == Side::Failure => Ok(()),
            _ if arn.starts_with("kafka://") => Ok(()),
            _ => Err(EventInvokeError::Unsupported {
                on_success: self.on_success.clone(),
                on_failure: self.on_failure.clone(),
                arn: arn.to_owned(),
            }),
        }
    }

    fn merged(
        &self,
        base: Option<&EventInvokeRecord>,
        now: firelight_model::WallTime,
    ) -> EventInvokeRecord {
        let text = |new: &Option<String>, old: Option<&String>| match new {
            Some(new) => Some(new.clone()).filter(|new| !new.is_empty()),
            None => old.cloned(),
        };
        let retries = base.and_then(|base| base.maximum_retry_attempts);
        let age = base.and_then(|base| base.maximum_event_age_seconds);
        EventInvokeRecord {
            maximum_retry_attempts: self.maximum_retry_attempts.or(retries),
            maximum_event_age_seconds: self.maximum_event_age_seconds.or(age),
            on_success: text(
                &self.on_success,
                base.and_then(|base| base.on_success.as_ref()),
            ),
            on_failure: text(
                &self.on_failure,
                base.and_then(|base| base.on_failure.as_ref()),
            ),
            last_modified: now,
        }
    }
}

/// A destination that is a function must exist and be another one.
fn check_function(
    tables: &Tables,
    target: &FunctionTarget,
    arn: &str,
) -> Result<(), EventInvokeError> {
    let missing = || EventInvokeError::NoSuchDestination {
        arn: arn.to_owned(),
    };
    let scope = Scope::of(&target.arn);
    let reference: FunctionReference = arn.parse().map_err(|_| missing())?;
    let named = reference
        .locate(scope.account, &scope.region)
        .map_err(|_| missing())?;
    if named.arn == target.arn {
        return Err(EventInvokeError::OwnDestination);
    }
    tables.function(&named.arn).map(|_| ()).ok_or_else(missing)
}
