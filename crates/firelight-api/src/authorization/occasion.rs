//! The occasion of a request, as conditions of policies see it: who asks, from where, and when.

use std::net::IpAddr;

use firelight_control::iam::IamView;
use firelight_control::sts::{Caller, Identity};
use firelight_iam::{Context, Principal};
use firelight_model::Region;
use jiff::Timestamp;

use crate::context::RequestContext;

/// What every request has, whatever it asks for.
#[derive(Clone, Copy)]
pub(crate) struct Occasion<'a> {
    pub(crate) view: &'a IamView,
    pub(crate) caller: &'a Caller,
    pub(crate) region: &'a Region,
    pub(crate) peer: IpAddr,
    pub(crate) received_at: Timestamp,
}

impl<'a> Occasion<'a> {
    pub(crate) fn of(view: &'a IamView, context: &'a RequestContext) -> Self {
        Self {
            view,
            caller: &context.caller,
            region: &context.region,
            peer: context.peer,
            received_at: context.received_at,
        }
    }

    /// Returns the condition keys. No service of AWS calls through here in its own name, so those keys say no.
    pub(crate) fn keys(&self) -> Context {
        let time = self.received_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let keys = Context::new()
            .with("aws:RequestedRegion", self.region.to_string())
            .with("aws:CurrentTime", time)
            .with("aws:EpochTime", self.received_at.as_second().to_string())
            .with("aws:SourceIp", self.peer.to_canonical().to_string())
            .with("aws:SecureTransport", "false")
            .with("aws:PrincipalIsAWSService", "false")
            .with("aws:ViaAWSService", "false")
            .with("aws:PrincipalType", principal_type(&self.caller.identity));
        match &self.caller.identity {
            Identity::Anonymous => keys,
            identity => self.of_caller(keys, identity),
        }
    }

    fn of_caller(&self, keys: Context, identity: &Identity) -> Context {
        let caller = self.caller;
        let mut keys = keys
            .with("aws:PrincipalArn", self.principal_arn())
            .with("aws:PrincipalAccount", caller.account.to_string())
            .with("aws:userid", caller.user_id());
        if let Identity::User { name, .. } = identity {
            keys = keys.with("aws:username", &**name);
        }
        if let Some(function) = &caller.source_function {
            keys = keys.with("lambda:SourceFunctionArn", &**function);
        }
        for (key, value) in self.view.tags_of(caller) {
            keys = keys.with(&format!("aws:PrincipalTag/{key}"), value);
        }
        keys
    }

    /// Sessions of a role carry the role's own ARN here.
    fn principal_arn(&self) -> String {
        match self.view.principal_of(self.caller) {
            Principal::RoleSession { role_arn, .. } => role_arn,
            _ => self.caller.arn(),
        }
    }
}

fn principal_type(identity: &Identity) -> &'static str {
    match identity {
        Identity::Anonymous => "Anonymous",
        Identity::Root => "Account",
        Identity::User { .. } => "User",
        Identity::AssumedRole { .. } => "AssumedRole",
    }
}
