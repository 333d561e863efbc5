//! Whether a proven caller may do what it asks: which permission a call needs, and who grants it.
//!
//! ```text
//!  call ──► Permission (action, resource, its policy) ──► policies of the caller ──► allowed, or why not
//! ```
//!
//! Where policies are not enforced (`firelight dev`), a missing permission is only logged, so that
//! a developer learns what the role lacks before it is deployed. What belongs to another account
//! stays closed there, too, until its policy lets the caller in.

mod iam;
mod lambda;
mod logs;
mod members;
mod occasion;
mod ssm;

use std::collections::BTreeMap;
use std::sync::Arc;

use firelight_control::iam::IamView;
use firelight_control::sts::{Enforcement, Identity};
use firelight_iam::{Context, Decision, Denial, Policy, PolicySet, Request, decide};
use firelight_model::AccountId;
use http::StatusCode;

use crate::context::RequestContext;
use crate::error::ApiError;
use crate::protocol::Protocol;

pub(crate) use iam::{iam_permission, sts_permission};
pub(crate) use lambda::{lambda_permissions, list_tags_permission};
pub(crate) use logs::logs_permissions;
pub(crate) use occasion::Occasion;
pub(crate) use ssm::ssm_permissions;

/// What a call needs.
#[derive(Clone, Debug)]
pub(crate) struct Permission {
    /// Such as `lambda:InvokeFunction`.
    pub(crate) action: String,
    /// The ARN it is needed on, or `*`.
    pub(crate) resource: String,
    /// Who owns the resource.
    pub(crate) account: AccountId,
    /// The policy of the resource.
    pub(crate) policy: Option<Arc<Policy>>,
    /// Condition keys that not every request has.
    keys: Vec<(String, Vec<String>)>,
}

impl Permission {
    /// Makes a permission on a resource of the caller's account that has no policy.
    pub(crate) fn new(
        context: &RequestContext,
        action: impl Into<String>,
        resource: impl Into<String>,
    ) -> Self {
        Self {
            action: action.into(),
            resource: resource.into(),
            account: context.account,
            policy: None,
            keys: Vec::new(),
        }
    }

    /// Says who owns the resource, and what protects it.
    #[must_use]
    pub(crate) fn of(self, account: AccountId, policy: Option<Arc<Policy>>) -> Self {
        Self {
            account,
            policy,
            ..self
        }
    }

    /// Returns the same for another action.
    #[must_use]
    pub(crate) fn for_action(self, action: &str) -> Self {
        Self {
            action: action.to_owned(),
            ..self
        }
    }

    #[must_use]
    pub(crate) fn with_key(self, key: &str, value: impl Into<String>) -> Self {
        self.with_keys(key, vec![value.into()])
    }

    /// Adds a key with any number of values; without any it stays absent.
    #[must_use]
    pub(crate) fn with_keys(mut self, key: &str, values: Vec<String>) -> Self {
        if !values.is_empty() {
            self.keys.push((key.to_owned(), values));
        }
        self
    }

    /// Adds the tags that a call sets, and the keys of those that it sets or takes away.
    #[must_use]
    fn with_request_tags(self, set: Vec<(String, String)>, removed: Vec<String>) -> Self {
        let keys = set.iter().map(|(key, _)| key.clone()).chain(removed);
        let permission = self.with_keys("aws:TagKeys", keys.collect());
        set.into_iter()
            .fold(permission, |permission, (key, value)| {
                permission.with_key(&format!("aws:RequestTag/{key}"), value)
            })
    }

    /// Adds the tags of the resource.
    #[must_use]
    fn with_resource_tags(self, tags: BTreeMap<String, String>) -> Self {
        tags.into_iter().fold(self, |permission, (key, value)| {
            permission.with_key(&format!("aws:ResourceTag/{key}"), value)
        })
    }
}

/// Decides for one request.
pub(crate) struct Authorizer<'a> {
    pub(crate) view: &'a IamView,
    pub(crate) enforcement: Enforcement,
    pub(crate) context: &'a RequestContext,
    pub(crate) protocol: Protocol,
}

impl Authorizer<'_> {
    /// Whether no check can refuse: nothing is enforced, and the owner of the account lacks nothing that a log would tell.
    pub(crate) fn lets_all_through(&self) -> bool {
        self.enforcement == Enforcement::Off && self.context.caller.identity == Identity::Root
    }

    /// Checks a permission; the error is the answer to the client.
    pub(crate) fn check(&self, permission: &Permission) -> Result<(), ApiError> {
        let Err(denial) = self.decide(permission) else {
            return Ok(());
        };
        let caller = self.context.caller.arn();
        let Permission {
            action, resource, ..
        } = permission;
        let reason = denial.reason(action);
        let request_id = self.context.request_id;
        let is_own = permission.account == self.context.account;
        if self.enforcement == Enforcement::Off && is_own {
            tracing::info!(
                %request_id, caller, action, resource, %reason,
                "missing permission, let through because policies are not enforced"
            );
            return Ok(());
        }
        tracing::info!(%request_id, caller, action, resource, %reason, "missing permission");
        let quote = match self.protocol {
            Protocol::S3 => "\"",
            _ => "",
        };
        if self.protocol == Protocol::S3 && self.context.caller.identity == Identity::Anonymous {
            return Err(denied(self.protocol, "Access Denied".to_owned()));
        }
        let text = format!(
            "User: {caller} is not authorized to perform: {action} on resource: \
             {quote}{resource}{quote} {reason}"
        );
        Err(denied(self.protocol, text))
    }

    /// Checks all of them.
    pub(crate) fn check_all(&self, permissions: &[Permission]) -> Result<(), ApiError> {
        permissions
            .iter()
            .try_for_each(|permission| self.check(permission))
    }

    fn decide(&self, permission: &Permission) -> Result<(), Denial> {
        let caller = &self.context.caller;
        let own_account = permission.account == caller.account;
        if caller.identity == Identity::Root && own_account && permission.policy.is_none() {
            return Ok(());
        }
        let policies = self.view.policies_of(caller);
        let resource = permission.policy.as_deref();
        let keys = match policies.heed_keys() || resource.is_some_and(Policy::heeds_keys) {
            true => self.condition_keys(permission),
            false => Context::new(),
        };
        let request = Request {
            principal: &self.view.principal_of(caller),
            action: &permission.action,
            resource: &permission.resource,
            context: &keys,
        };
        let set = PolicySet {
            identity: &policies.identity,
            boundary: policies.boundary.as_ref(),
            session: policies.session.as_deref(),
            resource,
            resource_account: permission.account.as_str(),
        };
        match decide(&request, &set) {
            Decision::Allowed => Ok(()),
            Decision::Denied(denial) => Err(denial),
        }
    }

    /// Returns the keys that every request has, and those of the permission.
    fn condition_keys(&self, permission: &Permission) -> Context {
        let occasion = Occasion::of(self.view, self.context);
        let owner = permission.account.to_string();
        let keys = occasion.keys().with("aws:ResourceAccount", owner);
        let own = permission.keys.iter();
        own.fold(keys, |keys, (key, values)| {
            keys.with_all(key, values.iter().cloned())
        })
    }
}

fn denied(protocol: Protocol, text: String) -> ApiError {
    let error = |status, code| ApiError::new(status, code, text);
    match protocol {
        Protocol::Json { .. } => error(StatusCode::BAD_REQUEST, "AccessDeniedException"),
        Protocol::RestJson => {
            error(StatusCode::FORBIDDEN, "AccessDeniedException").with_upper_message()
        }
        Protocol::Query { .. } | Protocol::S3 => error(StatusCode::FORBIDDEN, "AccessDenied"),
    }
}
