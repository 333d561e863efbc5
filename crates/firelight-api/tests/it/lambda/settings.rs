//! Settings that do not go together, or with the function.

use serde_json::{Value, json};

use super::plane::{Api, FUNCTIONS, Reply, creation, still, with, zip};

const IPV: &str = "InvalidParameterValueException";
const VALIDATION: &str = "ValidationException";

async fn create(api: &Api, members: Value) -> Reply {
    api.post(FUNCTIONS, with(creation("f"), members)).await
}

#[tokio::test]
async fn settings_that_do_not_go_together_are_refused() {
    let api = Api::start().await;
    let both = json!({"Code": {"ZipFile": zip("one"), "S3Bucket": "bucket", "S3Key": "key"}});
    let topic = "arn:aws:lambda:us-east-1:000000000000:function:g";
    for (members, text) in [
        (
            both,
            "Please do not provide other FunctionCode parameters when providing a ZipFile.",
        ),
        (
            json!({"VpcConfig": {"SubnetIds": ["subnet-1"]}}),
            "SubnetIds and SecurityIds must coexist or be both empty list.",
        ),
        (
            json!({"DeadLetterConfig": {"TargetArn": topic}}),
            "The dead letter target arn:aws:lambda:us-east-1:000000000000:function:g is invalid. \
             Only SQS queues and SNS topics are supported.",
        ),
        (
            json!({"ImageConfig": {"Command": ["x"]}}),
            "ImageConfig is not supported for functions created with deployment packages.",
        ),
    ] {
        create(&api, members).await.refused(400, IPV, text);
    }
}

#[tokio::test]
async fn a_durable_function_says_how_long_it_may_run_and_is_so_from_the_start() {
    let api = Api::start().await;

    let unbounded = create(&api, json!({"DurableConfig": {}})).await;
    api.active("f").await;
    let later = json!({"DurableConfig": {"ExecutionTimeout": 60}});
    let later = api
        .put(&format!("{FUNCTIONS}/f/configuration"), later)
        .await;

    let text = "1 validation error detected: Value null at 'durableConfig.executionTimeout' \
        failed to satisfy constraint: Member must not be null";
    unbounded.refused(400, VALIDATION, text);
    let text = "DurableConfig can only be added when the function is created.";
    later.refused(400, IPV, text);
}

#[tokio::test]
async fn a_version_or_an_alias_is_never_updated() {
    let api = Api::start().await;
    api.active("f").await;
    let text = "This operation is permitted on Lambda functions only. \
        Aliases and versions do not support this operation. \
        Please specify either a function name or an unqualified function ARN.";

    let settings = api
        .put(&format!("{FUNCTIONS}/f:1/configuration"), json!({}))
        .await;
    let code = json!({"ZipFile": zip("two")});
    let code = api.put(&format!("{FUNCTIONS}/f:prod/code"), code).await;
    let publication = api
        .post(&format!("{FUNCTIONS}/f:1/versions"), json!({}))
        .await;
    let creation = api.post(FUNCTIONS, creation("g:1")).await;

    for answer in [settings, code, publication, creation] {
        answer.refused(400, IPV, text);
    }
}

#[tokio::test]
async fn a_dry_run_tells_the_digest_of_the_code_and_changes_nothing_else() {
    let api = Api::start().await;
    api.active("f").await;
    let path = format!("{FUNCTIONS}/f/configuration");
    let before = api.get(&path).await.body;

    let code = json!({"ZipFile": zip("two, longer"), "DryRun": true, "Publish": true});
    let answer = api.put(&format!("{FUNCTIONS}/f/code"), code).await;

    assert_eq!(answer.status, 200);
    assert_ne!(answer.body["CodeSha256"], before["CodeSha256"]);
    assert_eq!(answer.body["RevisionId"], before["RevisionId"]);
    assert_eq!(still(answer.body), still(before.clone()));
    assert_eq!(api.get(&path).await.body, before);
}

#[tokio::test]
async fn publishing_with_code_that_did_not_change_makes_no_version() {
    let api = Api::start().await;
    let _completion = api.complete();
    create(&api, json!({"Publish": true})).await;
    api.settled("f").await;

    let same = json!({"ZipFile": zip("one"), "Publish": true});
    let answer = api.put(&format!("{FUNCTIONS}/f/code"), same).await;

    assert_eq!(answer.body["Version"], "1");
    let versions = api.get(&format!("{FUNCTIONS}/f/versions")).await.body;
    assert_eq!(versions["Versions"].as_array().unwrap().len(), 2);
}
