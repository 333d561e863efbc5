//! The condition keys of a call: what it is about to set, and the tags of what it is about.

use std::collections::BTreeMap;

use firelight_control::Scope;
use firelight_model::FunctionReference;
use firelight_wire::{Operation, query_values};

use super::Call;
use crate::authorization::Permission;
use crate::context::RequestContext;

impl Call<'_> {
    pub(super) fn with_keys(&self, permission: Permission) -> Permission {
        let permission = self.with_function_arn(permission);
        let permission = self.with_url_auth_type(permission);
        let single = [
            ("lambda:Principal", "Principal"),
            ("lambda:CodeSigningConfigArn", "CodeSigningConfigArn"),
        ];
        let permission = single.iter().fold(permission, |permission, (key, member)| {
            match self.members.text(member) {
                Some(value) => permission.with_key(key, value),
                None => permission,
            }
        });
        permission
            .with_keys("lambda:Layer", self.members.texts("Layers"))
            .with_keys(
                "lambda:SubnetIds",
                self.members.texts_in("VpcConfig", "SubnetIds"),
            )
            .with_keys(
                "lambda:SecurityGroupIds",
                self.members.texts_in("VpcConfig", "SecurityGroupIds"),
            )
            .with_request_tags(self.members.pairs("Tags"), self.removed_tags())
            .with_resource_tags(self.tags())
    }

    /// Event source mappings belong to a function: the one that is named, or the one that they have.
    fn with_function_arn(&self, permission: Permission) -> Permission {
        let named = self.members.text("FunctionName");
        let is_mapping = self.routed.labels.get("UUID").is_some()
            || self.routed.operation == Operation::CreateEventSourceMapping;
        if !is_mapping {
            return permission;
        }
        let named = named.and_then(|name| self.function_arn(name));
        let arns: Vec<String> = self.mapped_function().into_iter().chain(named).collect();
        permission.with_keys("lambda:FunctionArn", arns)
    }

    fn function_arn(&self, name: &str) -> Option<String> {
        let reference: FunctionReference = name.parse().ok()?;
        let target = reference
            .locate(self.context.account, &self.context.region)
            .ok()?;
        Some(target.arn.with(target.qualifier.as_ref()))
    }

    fn mapped_function(&self) -> Option<String> {
        let uuid = self.routed.labels.get("UUID")?;
        self.view.mapped_function(&self.scope(), uuid)
    }

    fn scope(&self) -> Scope {
        self.context.scope()
    }

    /// A URL's type of authorization is what the call sets, or else what the URL has.
    fn with_url_auth_type(&self, permission: Permission) -> Permission {
        let given = self.members.text("FunctionUrlAuthType");
        match given.or(self.members.text("AuthType")) {
            Some(auth_type) => permission.with_key("lambda:FunctionUrlAuthType", auth_type),
            None => permission,
        }
    }

    /// Returns the keys of tags that a call takes away.
    fn removed_tags(&self) -> Vec<String> {
        match self.routed.operation {
            Operation::UntagResource => {
                let keys = query_values(self.request.uri.query(), "tagKeys");
                keys.map(std::borrow::Cow::into_owned).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Returns the tags of the function that a call is about.
    fn tags(&self) -> BTreeMap<String, String> {
        let label = |name| self.routed.labels.get(name);
        let function = label("FunctionName").or(label("Resource"));
        let reference = function.and_then(|name| name.parse::<FunctionReference>().ok());
        let target = reference.and_then(|reference| {
            let RequestContext {
                account, region, ..
            } = self.context;
            reference.locate(*account, region).ok()
        });
        let entry = target.and_then(|target| self.view.function(&target.arn));
        entry.map_or_else(BTreeMap::new, |entry| entry.function.record.tags.clone())
    }
}
