//! The one place where errors of the domain become AWS's answers.
//!
//! The texts are AWS's own, letter for letter, where they are known; the tests below pin each of them. What is our
//! fault is logged with its causes and answered without any.

use firelight_control::sts::Caller;
use firelight_control::{
    AliasError, CodeError, CodeSigningError, ConcurrencyError, CreateFunctionError,
    DeleteFunctionError, Duplicate, EventInvokeError, FindError, LayerPolicyError, MappingError,
    OptionError, PolicyError, PublishLayerVersionError, PublishVersionError, ResolveError,
    ResourcePolicyError, RuntimeRefusal, SettingsError, SourceError, StoreTrouble, TaggingError,
    UpdateFunctionError, UrlError,
};
use firelight_model::{
    AliasNameError, Busy, FunctionArn, FunctionReferenceError, FunctionTarget, LayerListError,
    NotInvocable, OtherRegion, Qualifier, QualifierError, RECORDED_RUNTIMES, ReserveError,
    RouteError, RuntimeIdentifier, TagError, VariablesError,
};
use firelight_wire::{ErrorCode, ErrorReply, Operation};

use super::function_input::ObjectError;
use crate::error::Chain;

/// What is behind a stale revision id, as AWS's text names the call that tells the current one.
const STALE_FUNCTION: &str = "The Revision Id provided does not match the latest Revision Id. \
    Call the GetFunction/GetAlias API to retrieve the latest Revision Id";

pub(super) fn invalid(text: impl Into<String>) -> ErrorReply {
    ErrorReply::new(ErrorCode::InvalidParameterValue, text)
}

pub(super) fn missing(text: impl Into<String>) -> ErrorReply {
    ErrorReply::new(ErrorCode::ResourceNotFound, text)
}

pub(super) fn conflict(text: impl Into<String>) -> ErrorReply {
    ErrorReply::new(ErrorCode::ResourceConflict, text)
}

/// One violated constraint in the form of the generated checks.
fn violated(code: ErrorCode, value: &str, field: &str, constraint: &str) -> ErrorReply {
    let text = format!(
        "1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: {constraint}"
    );
    ErrorReply::new(code, text)
}

/// A fault of ours: the log gets all of it, the client nothing.
pub(super) fn trouble(error: &(dyn std::error::Error + 'static)) -> ErrorReply {
    tracing::error!(error = %Chain(error), "request failed by a fault of ours");
    ErrorReply::new(ErrorCode::Service, "An internal error occurred")
}

pub(super) fn store(error: &StoreTrouble) -> ErrorReply {
    match error {
        StoreTrouble::Contended => conflict(
            "The function was changed by too many other requests at the same time. Try again.",
        ),
        other => trouble(other),
    }
}

pub(super) fn not_built(what: &str) -> ErrorReply {
    ErrorReply::new(
        ErrorCode::NotImplemented,
        format!("{what} is not built yet"),
    )
}

// ---- names ------------------------------------------------------------------------------------

pub(super) fn reference(error: FunctionReferenceError) -> ErrorReply {
    match error {
        FunctionReferenceError::NameTooLong(error) => {
            let firelight_model::FunctionNameError::TooLong { name, .. } = error else {
                return invalid(error.to_string());
            };
            let constraint = "Member must have length less than or equal to 64";
            violated(
                ErrorCode::InvalidParameterValue,
                &name,
                "functionName",
                constraint,
            )
        }
        FunctionReferenceError::Malformed { text } => {
            let constraint = "Member must satisfy regular expression pattern: \
                (arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?\
                (\\d{12}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";
            violated(ErrorCode::Validation, &text, "functionName", constraint)
        }
        FunctionReferenceError::QualifiersDiffer { .. } => invalid(
            "The derived qualifier from the function name does not match the specified qualifier.",
        ),
    }
}

pub(super) fn qualifier(error: QualifierError) -> ErrorReply {
    let constraint = "Member must satisfy regular expression pattern: \
        \\$(LATEST(\\.PUBLISHED)?)|[a-zA-Z0-9-_$]+";
    violated(ErrorCode::Validation, &error.text, "qualifier", constraint)
}

pub(super) fn alias_name(error: AliasNameError) -> ErrorReply {
    let constraint = "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)";
    violated(ErrorCode::Validation, &error.text, "name", constraint)
}

pub(super) fn other_region(error: OtherRegion) -> ErrorReply {
    let OtherRegion { region, here } = error;
    missing(format!(
        "Functions from '{region}' are not reachable in this region ('{here}')"
    ))
}

pub(super) fn foreign_account(caller: &Caller, operation: Operation, resource: &str) -> ErrorReply {
    let (caller, action) = (caller.arn(), format!("lambda:{}", operation.name()));
    let text = format!(
        "User: {caller} is not authorized to perform: {action} on resource: {resource} \
         because no resource-based policy allows the {action} action"
    );
    ErrorReply::new(ErrorCode::AccessDenied, text)
}

/// A layer version of another account whose policy does not let the caller's account in.
pub(super) fn not_shared(who: &str, layer_version: &str) -> ErrorReply {
    let text = format!(
        "User: {who} is not authorized to perform: lambda:GetLayerVersion on resource: {layer_version} \
         because no resource-based policy allows the lambda:GetLayerVersion action"
    );
    ErrorReply::new(ErrorCode::AccessDenied, text)
}

// ---- functions --------------------------------------------------------------------------------

pub(super) fn find(error: FindError) -> ErrorReply {
    match error {
        FindError::NoSuchFunction { arn } => missing(format!("Function not found: {arn}")),
        FindError::NoSuchQualifier { arn, qualifier } => {
            unknown_qualifier(&arn, &qualifier.to_string())
        }
    }
}

pub(super) fn unknown_qualifier(arn: &FunctionArn, qualifier: &str) -> ErrorReply {
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

pub(super) fn stale_function() -> ErrorReply {
    ErrorReply::new(ErrorCode::PreconditionFailed, STALE_FUNCTION)
}

pub(super) fn create_function(error: CreateFunctionError, caller: &Caller) -> ErrorReply {
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

pub(super) fn unknown_code_signing(arn: &str) -> ErrorReply {
    let text = format!(
        "The code signing configuration cannot be found. \
         Check that the provided configuration is not deleted: {arn}."
    );
    ErrorReply::new(ErrorCode::CodeSigningConfigNotFound, text)
}

pub(super) fn update_function(error: UpdateFunctionError, caller: &Caller) -> ErrorReply {
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

pub(super) fn publish_version(error: PublishVersionError) -> ErrorReply {
    match error {
        PublishVersionError::Find(error) => find(error),
        PublishVersionError::StaleRevision => stale_function(),
        PublishVersionError::CodeChanged { expected, found } => invalid(format!(
            "CodeSHA256 ({expected}) is different from current CodeSHA256 in $LATEST ({found}). \
             Please try again with the CodeSHA256 in $LATEST."
        )),
        PublishVersionError::Busy { arn, source } => busy(&arn, source),
        PublishVersionError::Store(error) => store(&error),
    }
}

pub(super) fn delete_function(error: DeleteFunctionError) -> ErrorReply {
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

// ---- code and settings ------------------------------------------------------------------------

fn code(error: CodeError) -> ErrorReply {
    match &error {
        CodeError::NotAZip(reason) => {
            tracing::debug!(error = %Chain(reason), "a package was refused");
            invalid(
                "Could not unzip uploaded file. Please check your file, then try to upload again.",
            )
        }
        CodeError::Empty => invalid("Uploaded file must be a non-empty zip"),
        CodeError::TooLargeUnzipped { limit_bytes } => invalid(format!(
            "Unzipped size must be smaller than {limit_bytes} bytes"
        )),
        CodeError::ImageForZip => {
            invalid("Please don't provide ImageUri when updating a function with packageType Zip.")
        }
        CodeError::ZipForImage => {
            invalid("Please provide ImageUri when updating a function with packageType Image.")
        }
        CodeError::Put(_) | CodeError::Inspection(_) => trouble(&error),
    }
}

pub(super) fn zip_too_large(limit_bytes: usize) -> ErrorReply {
    let text = format!("Zipped size must be smaller than {limit_bytes} bytes");
    ErrorReply::new(ErrorCode::RequestEntityTooLarge, text)
}

pub(super) fn no_code() -> ErrorReply {
    invalid("Please provide a source for function code.")
}

pub(super) fn object(error: ObjectError) -> ErrorReply {
    let ObjectError { code, message } = error;
    invalid(format!(
        "Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}"
    ))
}

fn settings(error: SettingsError) -> ErrorReply {
    match error {
        SettingsError::RoleNotAssumable { .. } => {
            invalid("The role defined for the function cannot be assumed by Lambda.")
        }
        SettingsError::Runtime { runtime, refusal } => refused_runtime(&runtime, refusal),
        SettingsError::RuntimeRequired => invalid(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ),
        SettingsError::RuntimeWithImage => invalid(
            "Please don't provide handler or runtime or layer when the intent is to create function via container image.",
        ),
        SettingsError::Layers(error) => layers(error),
        SettingsError::NoSuchLayer { arn } => unknown_layer(&arn.to_string()),
        SettingsError::LayerNotShared { arn } => not_shared("unknown", &arn.to_string()),
        SettingsError::TooLargeWithLayers { actual_bytes } => invalid(format!(
            "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. \
             The actual size is {actual_bytes} bytes."
        )),
        SettingsError::LogLevel(_) => invalid(
            "LogLevel is not supported when LogFormat is set to \"Text\". \
             Remove LogLevel from your request or change the LogFormat to \"JSON\" and try again.",
        ),
        SettingsError::NoSnapStart { runtime } => invalid(format!(
            "{runtime} is not supported for SnapStart enabled functions."
        )),
    }
}

fn refused_runtime(runtime: &RuntimeIdentifier, refusal: RuntimeRefusal) -> ErrorReply {
    match refusal {
        RuntimeRefusal::Unknown => unknown_runtime(runtime.as_str()),
        RuntimeRefusal::Deprecated => invalid(format!(
            "The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. \
             We recommend you use a supported runtime while creating or updating functions."
        )),
        RuntimeRefusal::NotHere { text } => invalid(text),
    }
}

pub(super) fn unknown_runtime(text: &str) -> ErrorReply {
    let known = RECORDED_RUNTIMES.join(", ");
    invalid(format!(
        "Value {text} at 'runtime' failed to satisfy constraint: \
         Member must satisfy enum value set: [{known}] or be a valid ARN"
    ))
}

pub(super) fn bad_role(text: &str) -> ErrorReply {
    let constraint = "Member must satisfy regular expression pattern: \
        arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+";
    violated(ErrorCode::Validation, text, "role", constraint)
}

pub(super) fn bad_handler(text: &str) -> ErrorReply {
    let constraint = "Member must satisfy regular expression pattern: [^\\s]+";
    violated(ErrorCode::Validation, text, "handler", constraint)
}

pub(super) fn bad_log_group(text: &str) -> ErrorReply {
    let constraint = "Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+";
    violated(
        ErrorCode::Validation,
        text,
        "loggingConfig.logGroup",
        constraint,
    )
}

pub(super) fn out_of_range(field: &str, value: i32, max: u32) -> ErrorReply {
    let constraint = format!("Member must have value less than or equal to {max}");
    violated(
        ErrorCode::Validation,
        &value.to_string(),
        field,
        &constraint,
    )
}

pub(super) fn variables(error: VariablesError) -> ErrorReply {
    const PREFIX: &str = "Lambda was unable to configure your environment variables because \
        the environment variables you have provided";
    match error {
        VariablesError::TooLarge { measured } => invalid(format!(
            "{PREFIX} exceeded the 4KB limit. String measured: {measured}"
        )),
        VariablesError::Reserved { names } => invalid(format!(
            "{PREFIX} contains reserved keys that are currently not supported for modification. \
             Reserved keys used in this request: {}",
            names.join(", ")
        )),
    }
}

fn layers(error: LayerListError) -> ErrorReply {
    match error {
        LayerListError::TooMany => invalid("Cannot reference more than 5 layers."),
        LayerListError::SameLayer { first, second } => invalid(format!(
            "Two different versions of the same layer are not allowed to be referenced in the same function. \
             {first} and {second} are versions of the same layer."
        )),
        LayerListError::OtherRegion { region } => invalid(format!(
            "Layers are not in the same region as the function. \
             Layers are expected to be in region {region}."
        )),
    }
}

pub(super) fn unknown_layer(arn: &str) -> ErrorReply {
    invalid(format!("Layer version {arn} does not exist."))
}

// ---- aliases and tags -------------------------------------------------------------------------

pub(super) fn alias(error: AliasError) -> ErrorReply {
    match error {
        AliasError::Find(error) => find(error),
        AliasError::Exists { arn, name } => conflict(format!("Alias already exists: {arn}:{name}")),
        AliasError::NoSuchAlias { arn, name } => missing(format!("Alias not found: {arn}:{name}")),
        AliasError::TooManyVersions => {
            invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
        }
        AliasError::Route(RouteError::SameVersion { version }) => invalid(format!(
            "Invalid function version {version}. \
             Function version {version} is already included in routing configuration."
        )),
        AliasError::Route(RouteError::LatestWithAnother) => {
            invalid("$LATEST is not supported for an alias pointing to more than 1 version")
        }
        AliasError::StaleRevision => stale_function(),
        AliasError::Store(error) => store(&error),
    }
}

/// GetAlias, and whatever else only looks for an alias, has a text of its own.
pub(super) fn get_alias(error: AliasError) -> ErrorReply {
    match error {
        AliasError::NoSuchAlias { arn, name } => unknown_alias(&arn, name.as_str()),
        other => alias(other),
    }
}

pub(super) fn unknown_alias(arn: &FunctionArn, name: &str) -> ErrorReply {
    missing(format!("Cannot find alias arn: {arn}:{name}"))
}

pub(super) fn tagging(error: TaggingError, arn: &str) -> ErrorReply {
    match error {
        TaggingError::Find(error) => find(error),
        TaggingError::NoSuchMapping { .. } => {
            missing(format!("Event source mapping not found: {arn}"))
        }
        TaggingError::NoSuchCodeSigningConfig { arn } => {
            code_signing(CodeSigningError::NoSuchConfig { arn })
        }
        TaggingError::Tags(error) => tags(error),
        TaggingError::Store(error) => store(&error),
    }
}

pub(super) fn tags(error: TagError) -> ErrorReply {
    match error {
        TagError::TooMany => invalid("Number of tags exceeds resource tag limit."),
        TagError::Nothing => invalid("An error occurred and the request cannot be processed."),
    }
}

pub(super) fn tags_of_version() -> ErrorReply {
    invalid(
        "Tags on function aliases and versions are not supported. Please specify a function ARN.",
    )
}

pub(super) fn unknown_resource() -> ErrorReply {
    missing("The resource you requested does not exist.")
}

/// For what AWS has and Firelight has not: refusing is better than ignoring. The text is ours.
pub(super) fn not_offered(what: &str) -> ErrorReply {
    invalid(format!("Firelight does not support {what}."))
}

pub(super) fn unknown_capacity_provider(arn: &str) -> ErrorReply {
    missing(format!("Capacity provider not found: {arn}"))
}

pub(super) fn capacity_provider_on_default_function() -> ErrorReply {
    invalid("CapacityProviderConfig isn't supported for Lambda Default functions.")
}

/// The text is ours.
pub(super) fn url_auth_type_elsewhere() -> ErrorReply {
    invalid("FunctionUrlAuthType is only supported for the lambda:InvokeFunctionUrl action.")
}

/// The text is ours.
pub(super) fn credentials_to_anybody() -> ErrorReply {
    invalid("AllowOrigins cannot be * when AllowCredentials is true.")
}

// ---- layers and permissions -------------------------------------------------------------------

pub(super) fn publish_layer(error: PublishLayerVersionError) -> ErrorReply {
    match error {
        PublishLayerVersionError::Code(error) => code(error),
        PublishLayerVersionError::Store(error) => store(&error),
    }
}

pub(super) fn bad_layer_name(name: &str) -> ErrorReply {
    let constraint = "Member must satisfy regular expression pattern: \
        (arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\\d{12}:layer:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+";
    violated(ErrorCode::Validation, name, "layerName", constraint)
}

pub(super) fn layer_version_below_one() -> ErrorReply {
    invalid("Layer Version Cannot be less than 1")
}

pub(super) fn bad_principal() -> ErrorReply {
    invalid("The provided principal was invalid. Please check the principal and try again.")
}

fn sid_exists(sid: &str) -> ErrorReply {
    conflict(format!(
        "The statement id ({sid}) provided already exists. \
         Please provide a new statement id, or remove the existing statement."
    ))
}

fn no_sid(sid: &str) -> ErrorReply {
    missing(format!("Statement {sid} is not found in resource policy."))
}

fn no_policy() -> ErrorReply {
    missing("No policy is associated with the given resource.")
}

fn policy_too_long(size_bytes: usize, limit_bytes: usize) -> ErrorReply {
    let text =
        format!("The final policy size ({size_bytes}) is bigger than the limit ({limit_bytes}).");
    ErrorReply::new(ErrorCode::PolicyLengthExceeded, text)
}

fn stale_policy(call: &str) -> ErrorReply {
    let text = format!(
        "The Revision Id provided does not match the latest Revision Id. \
         Call the {call} API to retrieve the latest Revision Id"
    );
    ErrorReply::new(ErrorCode::PreconditionFailed, text)
}

pub(super) fn layer_policy(error: LayerPolicyError) -> ErrorReply {
    match error {
        LayerPolicyError::NoSuchVersion { arn } => {
            missing(format!("Layer version {arn} does not exist."))
        }
        LayerPolicyError::SidExists { sid } => sid_exists(&sid),
        LayerPolicyError::NoSuchSid { sid } => no_sid(&sid),
        LayerPolicyError::NoPolicy => no_policy(),
        LayerPolicyError::TooLong {
            size_bytes,
            limit_bytes,
        } => policy_too_long(size_bytes, limit_bytes),
        LayerPolicyError::StaleRevision => stale_policy("GetLayerPolicy"),
        LayerPolicyError::Store(error) => store(&error),
    }
}

pub(super) fn policy(error: PolicyError) -> ErrorReply {
    match error {
        PolicyError::Find(error) => find(error),
        PolicyError::NoSuchAlias { arn, name } => unknown_alias(&arn, name.as_str()),
        PolicyError::Latest => invalid("We currently do not support adding policies for $LATEST."),
        PolicyError::SidExists { sid } => sid_exists(&sid),
        PolicyError::NoSuchSid { sid } => no_sid(&sid),
        PolicyError::NoPolicy => no_policy(),
        PolicyError::TooLong {
            size_bytes,
            limit_bytes,
        } => policy_too_long(size_bytes, limit_bytes),
        PolicyError::StaleRevision => stale_policy("GetPolicy"),
        PolicyError::Store(error) => store(&error),
    }
}

pub(super) fn remove_permission(error: PolicyError) -> ErrorReply {
    match error {
        PolicyError::Find(FindError::NoSuchFunction { arn }) => {
            missing(format!("No policy found for: {arn}"))
        }
        other => policy(other),
    }
}

pub(super) fn get_policy(error: PolicyError) -> ErrorReply {
    match error {
        PolicyError::NoPolicy | PolicyError::Find(_) | PolicyError::NoSuchAlias { .. } => {
            unknown_resource()
        }
        other => policy(other),
    }
}

pub(super) fn resource_policy(error: ResourcePolicyError) -> ErrorReply {
    match error {
        ResourcePolicyError::Policy(error) => policy(error),
        ResourcePolicyError::NotAPolicy => invalid("The policy document is malformed."),
        ResourcePolicyError::Store(error) => store(&error),
    }
}

// ---- concurrency ------------------------------------------------------------------------------

pub(super) fn functions_only() -> ErrorReply {
    invalid(
        "This operation is permitted on Lambda functions only. \
         Aliases and versions do not support this operation. \
         Please specify either a function name or an unqualified function ARN.",
    )
}

pub(super) fn concurrency(error: ConcurrencyError) -> ErrorReply {
    match error {
        ConcurrencyError::Find(error) => find(error),
        ConcurrencyError::Reserve(error) => reserve(error),
        ConcurrencyError::Latest => {
            invalid("The function resource provided must be an alias or a published version.")
        }
        ConcurrencyError::NoConfig => ErrorReply::new(
            ErrorCode::ProvisionedConcurrencyConfigNotFound,
            "No Provisioned Concurrency Config found for this function",
        ),
        ConcurrencyError::VersionProvisioned => conflict(
            "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
        ),
        ConcurrencyError::AliasProvisioned => {
            conflict("Version is pointed by a Provisioned Concurrency alias")
        }
        ConcurrencyError::Store(error) => store(&error),
    }
}

/// PutFunctionConcurrency names the version of a function that it does not find, like Invoke.
pub(super) fn put_reserved(error: ConcurrencyError) -> ErrorReply {
    match error {
        ConcurrencyError::Find(FindError::NoSuchFunction { arn }) => {
            unknown_qualifier(&arn, "$LATEST")
        }
        ConcurrencyError::Reserve(ReserveError::BelowMinimum { minimum }) => invalid(format!(
            "Specified ReservedConcurrentExecutions for function decreases account's \
             UnreservedConcurrentExecution below its minimum value of [{minimum}]."
        ))
        .without_type(),
        other => concurrency(other),
    }
}

fn reserve(error: ReserveError) -> ErrorReply {
    match error {
        ReserveError::BelowMinimum { minimum } => invalid(format!(
            "Specified ConcurrentExecutions for function decreases account's \
             UnreservedConcurrentExecution below its minimum value of [{minimum}]."
        ))
        .without_type(),
        // The spaces are AWS's.
        ReserveError::BelowProvisioned {
            reserved,
            provisioned,
        } => invalid(format!(
            " ReservedConcurrentExecutions  {reserved} should not be lower than function's \
             total provisioned concurrency [{provisioned}]."
        ))
        .without_type(),
        ReserveError::AboveReserved => invalid(
            "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function",
        ),
        ReserveError::AboveUnreserved { unreserved } => invalid(format!(
            "Specified ConcurrentExecutions for function is greater than account's \
             unreserved concurrency [{unreserved}]."
        ))
        .without_type(),
    }
}

/// The calls for provisioned concurrency name an alias that they do not find like GetAlias.
pub(super) fn provisioned(error: ConcurrencyError, target: &FunctionTarget) -> ErrorReply {
    match (error, &target.qualifier) {
        (
            ConcurrencyError::Find(FindError::NoSuchQualifier { arn, .. }),
            Some(Qualifier::Alias(name)),
        ) => unknown_alias(&arn, name.as_str()),
        (error, _) => concurrency(error),
    }
}

pub(super) fn put_provisioned(error: ConcurrencyError, target: &FunctionTarget) -> ErrorReply {
    match error {
        ConcurrencyError::Latest => invalid(
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
        ),
        other => provisioned(other, target),
    }
}

// ---- URLs, event invoke configs, options ------------------------------------------------------

pub(super) fn function_does_not_exist() -> ErrorReply {
    missing("Function does not exist")
}

pub(super) fn change_url(error: UrlError) -> ErrorReply {
    match error {
        UrlError::Find(_) => function_does_not_exist(),
        // Two spaces, as AWS has them.
        UrlError::Exists { target } => conflict(format!(
            "Failed to create function url config for [functionArn = {target}]. \
             Error message:  FunctionUrlConfig exists for this Lambda function"
        )),
        UrlError::NoUrl => unknown_resource(),
        UrlError::Store(error) => store(&error),
    }
}

pub(super) fn look_for_url(error: UrlError) -> ErrorReply {
    match error {
        UrlError::Find(_) => unknown_resource(),
        other => change_url(other),
    }
}

pub(super) fn the_function_does_not_exist() -> ErrorReply {
    missing("The function doesn't exist.")
}

pub(super) fn event_invoke(error: EventInvokeError) -> ErrorReply {
    match error {
        EventInvokeError::NoSuchFunction => the_function_does_not_exist(),
        EventInvokeError::NoConfig { arn, qualifier } => missing(format!(
            "The function {arn}:{qualifier} doesn't have an EventInvokeConfig"
        )),
        EventInvokeError::Nothing => {
            invalid("You must specify at least one of error handling or destination setting.")
        }
        EventInvokeError::OwnDestination => {
            invalid("You can't specify the function as a destination for itself.")
        }
        EventInvokeError::NoSuchDestination { arn } => {
            invalid(format!("The destination ARN {arn} is invalid."))
        }
        EventInvokeError::Unsupported {
            on_success,
            on_failure,
            ..
        } => {
            let side = |name: &str, to: Option<String>| match to {
                Some(arn) => format!("{name}(destination={arn})"),
                None => "null".to_owned(),
            };
            invalid(format!(
                "The provided destination config DestinationConfig(onSuccess={}, onFailure={}) is invalid.",
                side("OnSuccess", on_success),
                side("OnFailure", on_failure)
            ))
        }
        EventInvokeError::Store(error) => store(&error),
    }
}

pub(super) fn option(error: OptionError) -> ErrorReply {
    match error {
        OptionError::Find(error) => find(error),
        OptionError::NoSuchCodeSigningConfig { arn } => unknown_code_signing(&arn),
        OptionError::Store(error) => store(&error),
    }
}

pub(super) fn code_signing(error: CodeSigningError) -> ErrorReply {
    match error {
        CodeSigningError::NoSuchConfig { arn } => missing(format!(
            "The Lambda code signing configuration {arn} can not be found."
        ))
        .without_type(),
        CodeSigningError::InUse => {
            conflict("Cannot delete the code signing configuration because functions still use it.")
        }
        CodeSigningError::Store(error) => store(&error),
    }
}

// ---- event source mappings --------------------------------------------------------------------

pub(super) fn mapping(error: MappingError) -> ErrorReply {
    match error {
        MappingError::NoSuchMapping { .. } => unknown_resource(),
        MappingError::NoSuchFunction { .. } => invalid("Function does not exist"),
        MappingError::Source(error) => source(error),
        MappingError::Duplicate { uuid, source } => duplicate(&uuid, &source),
        MappingError::InUse => in_use("update"),
        MappingError::Store(error) => store(&error),
    }
}

pub(super) fn update_mapping(error: MappingError) -> ErrorReply {
    mapping(error)
}

pub(super) fn delete_mapping(error: MappingError) -> ErrorReply {
    match error {
        MappingError::InUse => in_use("delete"),
        other => mapping(other),
    }
}

fn in_use(what: &str) -> ErrorReply {
    let text = format!("Cannot {what} the event source mapping because it is in use.");
    ErrorReply::new(ErrorCode::ResourceInUse, text)
}

fn source(error: SourceError) -> ErrorReply {
    match error {
        SourceError::Unrecognized => invalid("Unrecognized event source."),
        SourceError::NoStartingPosition => invalid(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: \
             Member must not be null.",
        ),
        SourceError::UnsupportedPosition { arn } => {
            invalid(format!("Unsupported starting position for arn type: {arn}"))
        }
        SourceError::UnsupportedDestination => {
            invalid("Unsupported DestinationConfig parameter for given event source mapping type.")
        }
        SourceError::NoBatchWindow => invalid(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        ),
        SourceError::InvalidFilter => invalid("Invalid filter pattern definition."),
        SourceError::NoSourceAccess => {
            invalid("Required 'sourceAccessConfigurations' parameter is missing.")
        }
    }
}

fn duplicate(uuid: &str, duplicate: &Duplicate) -> ErrorReply {
    let advice = format!("Please update or delete the existing mapping with UUID {uuid}");
    conflict(match duplicate {
        Duplicate::Queue { arn, function } => format!(
            "An event source mapping with SQS arn (\" {arn} \") and function (\" {function} \") \
             already exists. {advice}"
        ),
        Duplicate::Stream { arn, function } => format!(
            "The event source arn (\" {arn} \") and function (\" {function} \") provided mapping \
             already exists. {advice}"
        ),
        Duplicate::Kafka {
            endpoints,
            function_arn,
            topics,
        } => format!(
            "An event source mapping with event source (\"{endpoints}\"), function (\"{function_arn}\"), \
             topics (\"{topics}\") already exists. {advice}"
        ),
    })
}

#[cfg(test)]
mod tests {
    //! Texts that no call over HTTP provokes cheaply; all others are pinned in `tests/it/lambda`.

    use super::*;

    fn body(error: &ErrorReply) -> (u16, String) {
        let reply = error.reply();
        (reply.status, String::from_utf8(reply.body).unwrap())
    }

    fn invalid_body(text: &str) -> (u16, String) {
        (400, format!(r#"{{"Type":"User","message":"{text}"}}"#))
    }

    #[test]
    fn packages_that_are_too_large_are_told_their_limit() {
        let zipped = zip_too_large(52_428_800);
        let text = r#"{"message":"Zipped size must be smaller than 52428800 bytes"}"#;
        assert_eq!(body(&zipped), (413, text.to_owned()));
        let unzipped = code(CodeError::TooLargeUnzipped {
            limit_bytes: 262_144_000,
        });
        let text = "Unzipped size must be smaller than 262144000 bytes";
        assert_eq!(body(&unzipped), invalid_body(text));
        let combined = settings(SettingsError::TooLargeWithLayers {
            actual_bytes: 262_144_001,
        });
        let text = "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. \
            The actual size is 262144001 bytes.";
        assert_eq!(body(&combined), invalid_body(text));
    }

    #[test]
    fn versions_that_cannot_run_name_their_state() {
        let arn = FunctionArn {
            region: "us-east-1".parse().unwrap(),
            account: "123456789012".parse().unwrap(),
            name: "f".parse().unwrap(),
        };
        let pending = resolve(ResolveError::NotInvocable {
            arn: arn.clone(),
            source: NotInvocable::Pending,
        });
        let text = "The operation cannot be performed at this time. \
            The function is currently in the following state: Pending";
        assert_eq!(
            body(&pending),
            (409, format!(r#"{{"Type":"User","message":"{text}"}}"#))
        );
        let missing = resolve(ResolveError::NoSuchFunction { arn });
        let text = "Function not found: arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST";
        assert_eq!(
            body(&missing),
            (404, format!(r#"{{"Type":"User","Message":"{text}"}}"#))
        );
    }

    #[test]
    fn an_image_for_a_zip_function_and_the_reverse_are_told_apart() {
        let image = code(CodeError::ImageForZip);
        let text = "Please don't provide ImageUri when updating a function with packageType Zip.";
        assert_eq!(body(&image), invalid_body(text));
        let zip = code(CodeError::ZipForImage);
        let text = "Please provide ImageUri when updating a function with packageType Image.";
        assert_eq!(body(&zip), invalid_body(text));
    }
}
