//! Constraint messages, word for word as they were recorded from AWS.

use firelight_wire::shapes::{
    AddLayerVersionPermissionRequest, AddPermissionRequest, CreateAliasRequest,
    CreateEventSourceMappingRequest, CreateFunctionRequest, CreateFunctionUrlConfigRequest,
    GetFunctionRequest, ListFunctionsRequest, PutFunctionEventInvokeConfigRequest,
    PutFunctionRecursionConfigRequest, PutProvisionedConcurrencyConfigRequest,
    UntagResourceRequest,
};
use firelight_wire::{ErrorCode, Request};
use serde_json::{Value, json};

use crate::client::{Sent, changed, send};

const FUNCTIONS: &str = "/2015-03-31/functions";

/// Checks that a request violates exactly one constraint, and how that is said.
#[track_caller]
fn assert_violates<T: Request>(request: &Sent, subject: &str, constraint: &str) {
    let refusal = request.refusal::<T>();

    assert_eq!(refusal.code, ErrorCode::Validation);
    assert_eq!(
        refusal.message,
        format!(
            "1 validation error detected: {subject} failed to satisfy constraint: {constraint}"
        )
    );
}

/// A valid CreateFunction with some members changed.
fn create_function(changes: &Value) -> Sent {
    let body = changed(
        json!({
            "FunctionName": "resize",
            "Role": "arn:aws:iam::000000000000:role/resize",
            "Code": {"ZipFile": "UEsF"},
            "Runtime": "python3.13",
            "Handler": "resize.handler",
        }),
        changes,
    );
    send("POST", FUNCTIONS).json(&body)
}

#[track_caller]
fn assert_create_violates(changes: &Value, subject: &str, constraint: &str) {
    assert_violates::<CreateFunctionRequest>(&create_function(changes), subject, constraint);
}

#[test]
fn a_list_that_is_too_long() {
    assert_create_violates(
        &json!({"Architectures": ["x86_64", "arm64"]}),
        "Value '[x86_64, arm64]' at 'architectures'",
        "Member must have length less than or equal to 1",
    );
}

#[test]
fn an_element_outside_its_enum() {
    assert_create_violates(
        &json!({"Architectures": ["X86_64"]}),
        "Value '[X86_64]' at 'architectures'",
        "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], \
         Member must not be null]",
    );
}

#[test]
fn a_layer_arn_without_its_version() {
    assert_create_violates(
        &json!({"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:tools"]}),
        "Value '[arn:aws:lambda:us-east-1:000000000000:layer:tools]' at 'layers'",
        "Member must satisfy constraint: [Member must have length less than or equal to 2048, \
         Member must have length greater than or equal to 1, Member must satisfy regular \
         expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?\
         -[a-z]+-\\d{1}:\\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:\
         [a-zA-Z0-9-_]+), Member must not be null]",
    );
}

#[test]
fn subnets_whose_element_constraints_end_with_the_pattern() {
    assert_create_violates(
        &json!({"VpcConfig": {"SubnetIds": ["bad"]}}),
        "Value '[bad]' at 'vpcConfig.subnetIds'",
        "Member must satisfy constraint: [Member must have length less than or equal to 1024, \
         Member must have length greater than or equal to 0, Member must satisfy regular \
         expression pattern: subnet-[0-9a-z]*]",
    );
}

#[test]
fn numbers_out_of_range() {
    assert_create_violates(
        &json!({"MemorySize": 127}),
        "Value '127' at 'memorySize'",
        "Member must have value greater than or equal to 128",
    );
    assert_create_violates(
        &json!({"Timeout": 0}),
        "Value '0' at 'timeout'",
        "Member must have value greater than or equal to 1",
    );
}

#[test]
fn a_role_that_is_no_arn_of_a_role() {
    assert_create_violates(
        &json!({"Role": "admin"}),
        "Value 'admin' at 'role'",
        "Member must satisfy regular expression pattern: \
         arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+",
    );
}

#[test]
fn a_snap_start_setting_outside_its_enum() {
    assert_create_violates(
        &json!({"SnapStart": {"ApplyOn": "always"}}),
        "Value 'always' at 'snapStart.applyOn'",
        "Member must satisfy enum value set: [PublishedVersions, None]",
    );
}

#[test]
fn names_of_environment_variables_are_not_printed() {
    assert_create_violates(
        &json!({"Environment": {"Variables": {"1SECRET": "x"}}}),
        "Value at 'environment.variables'",
        "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: \
         [a-zA-Z]([a-zA-Z0-9_])+, Member must not be null]",
    );
}

#[test]
fn an_unknown_runtime_is_left_to_the_service() {
    let request = create_function(&json!({"Runtime": "cobol85"}));

    assert_eq!(
        request
            .parsed::<CreateFunctionRequest>()
            .unwrap()
            .runtime
            .unwrap(),
        "cobol85"
    );
}

#[test]
fn a_bare_name_up_to_140_is_left_to_the_service_and_a_longer_one_is_not() {
    let named = |length| create_function(&json!({"FunctionName": "f".repeat(length)}));

    assert!(named(140).parsed::<CreateFunctionRequest>().is_ok());
    assert_violates::<CreateFunctionRequest>(
        &named(141),
        &format!("Value '{}' at 'functionName'", "f".repeat(141)),
        "Member must have length less than or equal to 140",
    );
}

#[test]
fn a_function_name_of_another_alphabet() {
    assert_create_violates(
        &json!({"FunctionName": "my function"}),
        "Value 'my function' at 'functionName'",
        "Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?\
         ((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?\
         ([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?",
    );
    assert_violates::<GetFunctionRequest>(
        &send("GET", format!("{FUNCTIONS}/my%20function")),
        "Value 'my function' at 'functionName'",
        "Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?\
         ((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?\
         ([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?",
    );
}

#[test]
fn required_members_that_are_absent_or_null() {
    let empty = send("POST", FUNCTIONS).refusal::<CreateFunctionRequest>();
    let null = create_function(&json!({"Role": null})).refusal::<CreateFunctionRequest>();

    let must_be = |member: &str| {
        format!("Value null at '{member}' failed to satisfy constraint: Member must not be null")
    };
    assert_eq!(
        null.message,
        format!("1 validation error detected: {}", must_be("role"))
    );
    let all = ["functionName", "role", "code"].map(must_be).join("; ");
    assert_eq!(
        empty.message,
        format!("3 validation errors detected: {all}")
    );
}

#[test]
fn a_list_in_the_query_that_is_not_there() {
    assert_violates::<UntagResourceRequest>(
        &send(
            "DELETE",
            "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af",
        ),
        "Value null at 'tagKeys'",
        "Member must not be null",
    );
}

#[test]
fn enums_in_the_order_of_aws() {
    assert_violates::<ListFunctionsRequest>(
        &send("GET", format!("{FUNCTIONS}?FunctionVersion=latest")),
        "Value 'latest' at 'functionVersion'",
        "Member must satisfy enum value set: [ALL]",
    );
    assert_violates::<PutFunctionRecursionConfigRequest>(
        &send("PUT", "/2024-08-31/functions/f/recursion-config")
            .json(&json!({"RecursiveLoop": "x"})),
        "Value 'x' at 'recursiveLoop'",
        "Member must satisfy enum value set: [Terminate, Allow]",
    );
    assert_violates::<CreateFunctionUrlConfigRequest>(
        &function_url("", &json!({"InvokeMode": "STREAM"})),
        "Value 'STREAM' at 'invokeMode'",
        "Member must satisfy enum value set: [RESPONSE_STREAM, BUFFERED]",
    );
    assert_violates::<CreateEventSourceMappingRequest>(
        &send("POST", "/2015-03-31/event-source-mappings")
            .json(&json!({"FunctionName": "f", "StartingPosition": "NOW"})),
        "Value 'NOW' at 'startingPosition'",
        "Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]",
    );
}

fn function_url(query: &str, changes: &Value) -> Sent {
    let body = changed(json!({"AuthType": "NONE"}), changes);
    send("POST", format!("/2021-10-31/functions/f/url{query}")).json(&body)
}

#[test]
fn a_function_url_is_never_of_a_version() {
    for qualifier in ["1", "%24LATEST"] {
        let shown = qualifier.replace("%24", "$");
        assert_violates::<CreateFunctionUrlConfigRequest>(
            &function_url(&format!("?Qualifier={qualifier}"), &json!({})),
            &format!("Value '{shown}' at 'qualifier'"),
            "Member must satisfy regular expression pattern: ((?!^\\d+$)^[0-9a-zA-Z-_]+$)",
        );
    }
}

#[test]
fn methods_of_cors_are_short() {
    assert_violates::<CreateFunctionUrlConfigRequest>(
        &function_url(
            "",
            &json!({"Cors": {"AllowMethods": ["GET", "POST", "OPTIONS"]}}),
        ),
        "Value '[GET, POST, OPTIONS]' at 'cors.allowMethods'",
        "Member must satisfy constraint: [Member must have length less than or equal to 6, \
         Member must have length greater than or equal to 0, Member must satisfy regular \
         expression pattern: .*, Member must not be null]",
    );
}

fn create_alias(changes: &Value) -> Sent {
    let body = changed(json!({"Name": "live", "FunctionVersion": "1"}), changes);
    send("POST", format!("{FUNCTIONS}/f/aliases")).json(&body)
}

#[test]
fn an_alias_that_is_only_digits() {
    assert_violates::<CreateAliasRequest>(
        &create_alias(&json!({"Name": "1"})),
        "Value '1' at 'name'",
        "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)",
    );
}

#[test]
fn weights_of_an_alias_on_a_name_or_out_of_range() {
    let weighted = |weights: Value| {
        create_alias(&json!({"RoutingConfig": {"AdditionalVersionWeights": weights}}))
    };
    assert_violates::<CreateAliasRequest>(
        &weighted(json!({"$LATEST": 0.5})),
        "Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights'",
        "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, \
         Member must have length greater than or equal to 1, Member must satisfy regular \
         expression pattern: [0-9]+, Member must not be null]",
    );
    assert_violates::<CreateAliasRequest>(
        &weighted(json!({"2": 2})),
        "Value '{2=2.0}' at 'routingConfig.additionalVersionWeights'",
        "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, \
         Member must have value greater than or equal to 0.0, Member must not be null]",
    );
}

#[test]
fn provisioned_concurrency_of_nothing() {
    assert_violates::<PutProvisionedConcurrencyConfigRequest>(
        &send(
            "PUT",
            "/2019-09-30/functions/f/provisioned-concurrency?Qualifier=1",
        )
        .json(&json!({"ProvisionedConcurrentExecutions": 0})),
        "Value '0' at 'provisionedConcurrentExecutions'",
        "Member must have value greater than or equal to 1",
    );
}

#[test]
fn a_statement_id_of_another_alphabet() {
    assert_violates::<AddPermissionRequest>(
        &send("POST", format!("{FUNCTIONS}/f/policy")).json(&json!({
            "StatementId": "a.b",
            "Action": "lambda:InvokeFunction",
            "Principal": "s3.amazonaws.com",
        })),
        "Value 'a.b' at 'statementId'",
        "Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)",
    );
}

#[test]
fn the_one_action_on_a_layer() {
    assert_violates::<AddLayerVersionPermissionRequest>(
        &send("POST", "/2018-10-31/layers/tools/versions/1/policy").json(&json!({
            "StatementId": "s1",
            "Action": "lambda:*",
            "Principal": "*",
        })),
        "Value 'lambda:*' at 'action'",
        "Member must satisfy regular expression pattern: lambda:GetLayerVersion",
    );
}

#[test]
fn a_malformed_destination_is_reported_as_that_of_failures_on_both_sides() {
    for side in ["OnSuccess", "OnFailure"] {
        assert_violates::<PutFunctionEventInvokeConfigRequest>(
            &send("PUT", "/2019-09-25/functions/f/event-invoke-config")
                .json(&json!({"DestinationConfig": {side: {"Destination": "queue"}}})),
            "Value 'queue' at 'destinationConfig.onFailure.destination'",
            "Member must satisfy regular expression pattern: \
             $|kafka://([^.]([a-zA-Z0-9\\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:\
             ((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1})?:(\\d{12})?:(.*)",
        );
    }
}

#[test]
fn structures_in_a_list_are_named_by_their_place() {
    assert_violates::<CreateEventSourceMappingRequest>(
        &send("POST", "/2015-03-31/event-source-mappings").json(&json!({
            "FunctionName": "f",
            "SourceAccessConfigurations": [{"Type": "BASIC_AUTH"}, {"Type": "VIRTUAL_HOST", "URI": "a!b"}],
        })),
        "Value 'a!b' at 'sourceAccessConfigurations.2.member.uRI'",
        "Member must satisfy regular expression pattern: [ a-zA-Z0-9-\\/*:_+=.@-]*",
    );
}

#[test]
fn all_violations_stand_in_one_message() {
    let refusal = create_function(&json!({"Timeout": -1, "MemorySize": 1, "Handler": "a b"}))
        .refusal::<CreateFunctionRequest>();

    assert_eq!(
        refusal.message,
        "3 validation errors detected: Value 'a b' at 'handler' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: [^\\s]+; Value '-1' at 'timeout' failed \
         to satisfy constraint: Member must have value greater than or equal to 1; Value '1' at \
         'memorySize' failed to satisfy constraint: Member must have value greater than or equal \
         to 128"
    );
}
