//! Functions as those who are told of log events: asynchronous invocations by the service `logs`.
//!
//! The function's resource policy decides, also in `dev`: a template without the permission fails on AWS as well.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use firelight_control::View;
use firelight_control::logs::{LogSource, Recipient, TakeError};
use firelight_control::records::policy::PolicyRecord;
use firelight_events::{EventRequest, Events};
use firelight_iam::{Context, Decision, PolicySet, Principal, Request, decide};
use firelight_model::{FunctionReference, FunctionTarget, Qualifier, RequestId};

use crate::lambda::Lambda;

/// Invokes functions for subscriptions. Cheap to clone.
#[derive(Clone)]
pub(super) struct Functions {
    view: View,
    events: Option<Events>,
}

impl Lambda {
    /// Returns the functions as those who are told of log events.
    pub fn log_recipient(&self) -> impl Recipient {
        Functions::of(self)
    }
}

impl Functions {
    pub(super) fn of(lambda: &Lambda) -> Self {
        Self {
            view: lambda.control.view().clone(),
            events: lambda.events().cloned(),
        }
    }

    /// Returns the group that a function writes to, if there is such a function.
    pub(super) fn group_of(&self, function: &str) -> Option<String> {
        let entry = self.view.function(&target(function)?.arn)?;
        Some(entry.latest.logging.group.to_string())
    }

    fn admitted(&self, source: &LogSource, function: &str) -> Result<FunctionTarget, TakeError> {
        let no_function = || refused("there is no such function");
        let target = target(function).ok_or_else(no_function)?;
        let entry = self.view.function(&target.arn).ok_or_else(no_function)?;
        let record = match &target.qualifier {
            None | Some(Qualifier::Latest | Qualifier::LatestPublished) => {
                Some(&entry.function.record.policy)
            }
            Some(Qualifier::Version(number)) => {
                let version = entry.versions.get(number);
                version.map(|version| &version.stored.record.policy)
            }
            Some(Qualifier::Alias(name)) => {
                let alias = entry.aliases.get(name);
                alias.map(|alias| &alias.record.policy)
            }
        };
        let record = record.ok_or_else(no_function)?;
        if !allows(record, source, &target) {
            return Err(refused("its policy does not let CloudWatch Logs invoke it"));
        }
        Ok(target)
    }

    async fn invoke(&self, target: FunctionTarget, payload: Bytes) -> Result<(), TakeError> {
        let not_now = |reason: String| TakeError::NotNow { reason };
        let events = self.events.as_ref();
        let events = events.ok_or_else(|| not_now("no events are taken here".to_owned()))?;
        let event = EventRequest {
            request_id: RequestId::from_random(rand::random()),
            function: target.arn,
            qualifier: target.qualifier,
            payload,
            trace: None,
            tenant_id: None,
        };
        events.accept(event).await.map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            not_now(cause.unwrap_or_else(|| error.to_string()))
        })
    }
}

impl Recipient for Functions {
    fn admits(&self, source: &LogSource, function: &str) -> Result<(), TakeError> {
        self.admitted(source, function).map(drop)
    }

    fn take<'a>(
        &'a self,
        source: &'a LogSource,
        function: &'a str,
        payload: Bytes,
    ) -> Pin<Box<dyn Future<Output = Result<(), TakeError>> + Send + 'a>> {
        Box::pin(async move {
            let target = self.admitted(source, function)?;
            self.invoke(target, payload).await
        })
    }
}

/// Decides by the function's policy, which may name the service with its region or without.
fn allows(record: &PolicyRecord, source: &LogSource, target: &FunctionTarget) -> bool {
    let Some(policy) = record.parsed() else {
        return false;
    };
    let name = format!("logs.{}.amazonaws.com", source.region);
    let context = Context::new()
        .with("aws:SourceArn", source.arn())
        .with("aws:SourceAccount", &*source.account)
        .with("aws:PrincipalIsAWSService", "true")
        .with("aws:PrincipalServiceName", &*name);
    let request = Request {
        principal: &Principal::Service { name },
        action: "lambda:InvokeFunction",
        resource: &target.arn.with(target.qualifier.as_ref()),
        context: &context,
    };
    let policies = PolicySet {
        resource: Some(&policy),
        resource_account: &target.arn.account.to_string(),
        ..PolicySet::default()
    };
    decide(&request, &policies) == Decision::Allowed
}

fn target(function: &str) -> Option<FunctionTarget> {
    let reference: FunctionReference = function.parse().ok()?;
    let (account, region) = (reference.account?, reference.region.clone()?);
    reference.locate(account, &region).ok()
}

fn refused(reason: &str) -> TakeError {
    TakeError::Refused {
        reason: reason.to_owned(),
    }
}
