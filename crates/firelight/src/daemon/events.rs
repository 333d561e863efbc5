//! Asynchronous invocation's view of everything else.

use std::sync::Arc;
use std::time::Duration;

use firelight_control::{Control, ResolveError};
use firelight_events::{
    Deliver, Events, Functions, Limits, Ports, Resolution, Resolved, Settings, Targets,
};
use firelight_invoke::{Clock, Invoker};
use firelight_model::{Draw, FunctionArn, Qualifier};
use firelight_store::SqliteQueue;

use super::outside;

/// Makes the door of asynchronous invocation.
pub fn open(
    queue: SqliteQueue,
    control: Control,
    invoker: Arc<dyn Invoker>,
    deliver: impl Deliver,
    samples_traces: bool,
) -> Events {
    let ports = Ports {
        functions: Arc::new(ControlFunctions(control)),
        invoker,
        deliver: Arc::new(deliver),
        clock: Clock::new(outside::now),
        random: Arc::new(|| u128::from_be_bytes(outside::random())),
    };
    let settings = Settings {
        samples_traces,
        ..Settings::default()
    };
    Events::new(queue, ports, settings)
}

/// The control plane's view, as the dispatcher asks it.
struct ControlFunctions(Control);

impl Functions for ControlFunctions {
    fn resolve(
        &self,
        function: &FunctionArn,
        qualifier: Option<&Qualifier>,
        draw: Draw,
    ) -> Resolution {
        let view = self.0.view();
        let Some(entry) = view.function(function) else {
            return Resolution::Gone;
        };
        let resolved = match view.resolve(function, qualifier, draw) {
            Ok(resolved) => resolved,
            Err(ResolveError::NotInvocable { source, .. }) => {
                return Resolution::NotNow {
                    reason: source.to_string(),
                };
            }
            Err(ResolveError::NoSuchFunction { .. } | ResolveError::NoSuchQualifier { .. }) => {
                return Resolution::Gone;
            }
        };
        let config = entry
            .event_invokes
            .get(qualifier.unwrap_or(&Qualifier::Latest));
        let config = config.map(|config| &config.record);
        let default = Limits::default();
        let age = config.and_then(|config| config.maximum_event_age_seconds);
        Resolution::Ready(Box::new(Resolved {
            version: resolved.version.key(),
            limits: Limits {
                retries: config
                    .and_then(|config| config.maximum_retry_attempts)
                    .unwrap_or(default.retries),
                age: age.map_or(default.age, |seconds| Duration::from_secs(seconds.into())),
            },
            targets: Targets {
                on_success: config.and_then(|config| config.on_success.clone()),
                on_failure: config.and_then(|config| config.on_failure.clone()),
                dead_letter: resolved.version.dead_letter_target.clone(),
            },
            stopped: resolved.reserved_concurrency == Some(0),
            recursive_loop: entry.function.record.recursive_loop,
        }))
    }
}
