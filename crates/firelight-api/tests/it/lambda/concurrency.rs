use serde_json::{Value, json};

use super::plane::{Api, FUNCTIONS};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const RESERVED: &str = "/2017-10-31/functions/f/concurrency";
const READ: &str = "/2019-09-30/functions/f/concurrency";
const PROVISIONED: &str = "/2019-09-30/functions/f/provisioned-concurrency";
const IPV: &str = "InvalidParameterValueException";
const RNF: &str = "ResourceNotFoundException";

fn reserve(count: u32) -> Value {
    json!({"ReservedConcurrentExecutions": count})
}

fn provision(count: u32) -> Value {
    json!({"ProvisionedConcurrentExecutions": count})
}

/// Returns an API with a function of two versions and an alias to the first.
async fn api() -> Api {
    let api = Api::with_two_versions("f").await;
    let alias = json!({"Name": "prod", "FunctionVersion": "1"});
    api.post(&format!("{FUNCTIONS}/f/aliases"), alias).await;
    api
}

#[tokio::test]
async fn concurrency_is_reserved_shown_and_given_back() {
    let api = api().await;
    assert_eq!(api.get(READ).await.body, json!({}));

    let put = api.put(RESERVED, reserve(5)).await;

    assert_eq!((put.status, put.body), (200, reserve(5)));
    assert_eq!(api.get(READ).await.body, reserve(5));
    assert_eq!(
        api.get(&format!("{FUNCTIONS}/f")).await.body["Concurrency"],
        reserve(5)
    );
    assert_eq!(api.delete(RESERVED).await.status, 204);
    assert_eq!(api.get(READ).await.body, json!({}));
}

#[tokio::test]
async fn reservations_are_refused_in_the_words_of_aws() {
    let api = api().await;

    let text = "Specified ReservedConcurrentExecutions for function decreases account's \
        UnreservedConcurrentExecution below its minimum value of [100].";
    let body = api
        .put(RESERVED, reserve(901))
        .await
        .refused(400, IPV, text)
        .clone();
    assert_eq!(body, json!({"message": text}));
    let unknown = api
        .put(&RESERVED.replace("/f/", "/other/"), reserve(1))
        .await;
    let other = "arn:aws:lambda:us-east-1:000000000000:function:other";
    unknown.refused(404, RNF, &format!("Function not found: {other}:$LATEST"));
    let text = "This operation is permitted on Lambda functions only. Aliases and versions do not support \
        this operation. Please specify either a function name or an unqualified function ARN.";
    api.put(&RESERVED.replace("/f/", "/f:prod/"), reserve(1))
        .await
        .refused(400, IPV, text);
    api.put(&format!("{PROVISIONED}?Qualifier=1"), provision(2))
        .await;
    let text = " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned \
        concurrency [2].";
    api.put(RESERVED, reserve(1)).await.refused(400, IPV, text);
}

#[tokio::test]
async fn provisioned_concurrency_is_in_progress_and_then_ready() {
    let api = api().await;
    let config = format!("{PROVISIONED}?Qualifier=1");

    let put = api.put(&config, provision(3)).await;
    assert_eq!(put.status, 202);
    let mut body = put.body;
    assert!(
        body.as_object_mut()
            .unwrap()
            .remove("LastModified")
            .is_some()
    );
    let counts = |allocated: u32, status: &str| {
        json!({
            "RequestedProvisionedConcurrentExecutions": 3,
            "AllocatedProvisionedConcurrentExecutions": allocated,
            "AvailableProvisionedConcurrentExecutions": allocated,
            "Status": status,
        })
    };
    assert_eq!(body, counts(0, "IN_PROGRESS"));

    let _completion = api.complete();
    let mut ready = api.until(&config, |body| body["Status"] == "READY").await;
    ready.as_object_mut().unwrap().remove("LastModified");
    assert_eq!(ready, counts(3, "READY"));

    let listed = api.get(&format!("{PROVISIONED}?List=ALL")).await.body;
    let item = &listed["ProvisionedConcurrencyConfigs"][0];
    assert_eq!(item["FunctionArn"], format!("{ARN}:1"));
    assert_eq!(api.delete(&config).await.status, 204);
    assert_eq!(api.get(&config).await.status, 404);
}

#[tokio::test]
async fn what_is_provisioned_for_an_alias_moves_with_it() {
    let api = api().await;
    let config = format!("{PROVISIONED}?Qualifier=prod");
    api.put(&config, provision(1)).await;
    {
        let _completion = api.complete();
        api.until(&config, |body| body["Status"] == "READY").await;
    }

    api.put(
        &format!("{FUNCTIONS}/f/aliases/prod"),
        json!({"FunctionVersion": "2"}),
    )
    .await;

    let moved = api.get(&config).await.body;
    assert_eq!(moved["Status"], "IN_PROGRESS");
    assert_eq!(moved["AllocatedProvisionedConcurrentExecutions"], 1);
}

#[tokio::test]
async fn provisions_are_refused_in_the_words_of_aws() {
    let api = api().await;
    let at = |qualifier: &str| format!("{PROVISIONED}?Qualifier={qualifier}");

    let text =
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions.";
    api.put(&at("%24LATEST"), provision(1))
        .await
        .refused(400, IPV, text);
    let text = "The function resource provided must be an alias or a published version.";
    api.get(&at("%24LATEST")).await.refused(400, IPV, text);
    let missing = api.get(&at("1")).await;
    let text = "No Provisioned Concurrency Config found for this function";
    missing.refused(404, "ProvisionedConcurrencyConfigNotFoundException", text);
    let text = "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' failed to satisfy \
        constraint: Member must have value greater than or equal to 1";
    api.put(&at("1"), provision(0))
        .await
        .refused(400, "ValidationException", text);
    let alias = api.get(&at("no")).await;
    alias.refused(404, RNF, &format!("Cannot find alias arn: {ARN}:no"));
    let version = api.put(&at("9"), provision(1)).await;
    version.refused(404, RNF, &format!("Function not found: {ARN}:9"));
    let text = "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [1000].";
    api.put(&at("1"), provision(1001))
        .await
        .refused(400, IPV, text);
    let text = "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution \
        below its minimum value of [100].";
    api.put(&at("1"), provision(901))
        .await
        .refused(400, IPV, text);

    api.put(&at("1"), provision(1)).await;
    let text = "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version";
    api.put(&at("prod"), provision(1))
        .await
        .refused(409, "ResourceConflictException", text);
    api.delete(&at("1")).await;
    api.put(&at("prod"), provision(1)).await;
    let text = "Version is pointed by a Provisioned Concurrency alias";
    api.put(&at("1"), provision(1))
        .await
        .refused(409, "ResourceConflictException", text);
    api.put(RESERVED, reserve(5)).await;
    let text = "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution \
        for function";
    api.put(&at("prod"), provision(6))
        .await
        .refused(400, IPV, text);
}

#[tokio::test]
async fn account_settings_count_what_is_there() {
    let api = api().await;
    api.put(RESERVED, reserve(50)).await;

    let settings = api.get("/2016-08-19/account-settings").await.body;

    let limit = json!({
        "TotalCodeSize": 80_530_636_800_u64, "CodeSizeUnzipped": 262_144_000,
        "CodeSizeZipped": 52_428_800, "ConcurrentExecutions": 1000,
        "UnreservedConcurrentExecutions": 950,
    });
    assert_eq!(settings["AccountLimit"], limit);
    let size = api.settled("f").await["CodeSize"].as_u64().unwrap();
    // $LATEST and both versions count their zip; all three have the same size here.
    assert_eq!(
        settings["AccountUsage"],
        json!({"TotalCodeSize": 3 * size, "FunctionCount": 1})
    );
}
