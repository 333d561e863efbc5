//! Functions and their versions: not found, in the wrong state, stale.

use firelight_control::sts::Caller;
use firelight_control::{
    CreateFunctionError, DeleteFunctionError, FindError, PublishVersionError, ResolveError,
    SettingsError, UpdateFunctionError,
};
use firelight_model::{Busy, FunctionArn, NotInvocable};
use firelight_wire::{ErrorCode, ErrorReply};

use super::code::code;
use super::settings::settings;
use super::{conflict, invalid, missing, not_shared, store, tags, unknown_code_signing};

/// What is behind a stale revision id, as AWS's text names the call that tells the current one.
const STALE_FUNCTION: &str = "The Revision Id provided does not match the latest Revision Id. \
    Call the GetFunction/GetAlias API to retrieve the latest Revision Id";

pub(crate) fn find(error: FindError) -> ErrorReply {
    match error {
        FindError::NoSuchFunction { arn } => missing(format!("Function not found: {arn}")),
        FindError::NoSuchQualifier { arn, qualifier } => {
            unknown_qualifier(&arn, &qualifier.to_string())
        }
    }
}

pub(crate) fn unknown_qualifier(arn: &FunctionArn, qualifier: &str) -> ErrorReply {
    missing(format!("Function not found: {arn}:{qualifier}"))
}

pub(crate) fn resolve(error: ResolveError) -> ErrorReply {
    match error {
        // Invoke names the version that would have run, unlike the calls that only look.
        ResolveError::NoSuchFunction { arn } => {
            missing(format!("Function not found: {arn}:$LATEST"))
        }
        ResolveError::NoSuchQualifier { arn, qualifier } => {
            unknown_qualifier(&arn, &qualifier.to_string())
        }
        ResolveError::NotInvocable { source, .. } => not_invocable(&source),
    }
}

fn not_invocable(reason: &NotInvocable) -> ErrorReply {
    let state = match reason {
        NotInvocable::Pending => "Pending",
        NotInvocable::Inactive => "Inactive",
        NotInvocable::Failed(_) => "Failed",
    };
    in_state(state)
}

/// A function with tenants that is invoked for none.
pub(crate) fn tenant_required() -> ErrorReply {
    invalid(
        "The invoked function is enabled with tenancy configuration. \
         Add a valid tenant ID in your request and try again.",
    )
}

/// A function without tenants that is invoked for one. The text is ours; AWS's is not known.
pub(crate) fn tenant_not_supported() -> ErrorReply {
    invalid(
        "The invoked function is not enabled with tenancy configuration. \
         Remove the tenant ID from your request and try again.",
    )
}

fn in_state(state: &str) -> ErrorReply {
    conflict(format!(
        "The operation cannot be performed at this time. \
         The function is currently in the following state: {state}"
    ))
}

fn busy(arn: &FunctionArn, reason: Busy) -> ErrorReply {
    match reason {
        Busy::Pending => in_state("Pending"),
        Busy::UpdateInProgress => conflict(format!(
            "The operation cannot be performed at this time. An update is in progress for resource: {arn}"
        )),
    }
}

pub(crate) fn stale_function() -> ErrorReply {
    ErrorReply::new(ErrorCode::PreconditionFailed, STALE_FUNCTION)
}

pub(crate) fn create_function(error: CreateFunctionError, caller: &Caller) -> ErrorReply {
    match error {
        CreateFunctionError::Settings(SettingsError::LayerNotShared { arn }) => {
            not_shared(&caller.arn(), &arn.to_string())
        }
        CreateFunctionError::Exists { arn } => {
            conflict(format!("Function already exist: {}", arn.name))
        }
        CreateFunctionError::Settings(error) => settings(error),
        CreateFunctionError::Code(error) => code(error),
        CreateFunctionError::Tags(error) => tags(error),
        CreateFunctionError::NoSuchCodeSigningConfig { arn } => unknown_code_signing(&arn),
        CreateFunctionError::Store(error) => store(&error),
    }
}

pub(crate) fn update_function(error: UpdateFunctionError, caller: &Caller) -> ErrorReply {
    match error {
        UpdateFunctionError::Settings(SettingsError::LayerNotShared { arn }) => {
            not_shared(&caller.arn(), &arn.to_string())
        }
        UpdateFunctionError::Find(error) => find(error),
        UpdateFunctionError::StaleRevision => stale_function(),
        UpdateFunctionError::Busy { arn, source } => busy(&arn, source),
        UpdateFunctionError::Settings(error) => settings(error),
        UpdateFunctionError::Code(error) => code(error),
        UpdateFunctionError::Store(error) => store(&error),
    }
}

pub(crate) fn publish_version(error: PublishVersionError) -> ErrorReply {
    match error {
        PublishVersionError::Find(error) => find(error),
        PublishVersionError::StaleRevision => stale_function(),
        PublishVersionError::CodeChanged { expected, found } => invalid(format!(
            "CodeSHA256 ({expected}) is different from current CodeSHA256 in $LATEST ({found}). \
             Please try again with the CodeSHA256 in $LATEST."
        )),
        PublishVersionError::Busy { arn, source } => busy(&arn, source),
        PublishVersionError::Code(error) => code(error),
        PublishVersionError::Store(error) => store(&error),
    }
}

pub(crate) fn delete_function(error: DeleteFunctionError) -> ErrorReply {
    match error {
        DeleteFunctionError::Find(error) => find(error),
        DeleteFunctionError::LatestAlone => {
            invalid("$LATEST version cannot be deleted without deleting the function.")
        }
        DeleteFunctionError::Alias => invalid("Deletion of aliases is not currently supported."),
        DeleteFunctionError::UsedByAliases { aliases, .. } => {
            let names: Vec<&str> = aliases.iter().map(|alias| alias.as_str()).collect();
            let names = names.join(", ");
            conflict(format!(
                "Unable to delete version because the following aliases reference it: [{names}]"
            ))
        }
        DeleteFunctionError::Store(error) => store(&error),
    }
}
