//! Recursion, runtime management, code signing.

use serde_json::{Value, json};

use super::plane::{Api, FUNCTIONS, creation, with};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const CONFIGS: &str = "/2020-04-22/code-signing-configs";
const SIGNING: &str = "/2020-06-30/functions/f/code-signing-config";
const NO_CONFIG: &str =
    "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-00000000000000000";

#[tokio::test]
async fn recursion_ends_unless_allowed() {
    let api = Api::start().await;
    api.active("f").await;
    let path = "/2024-08-31/functions/f/recursion-config";
    assert_eq!(
        api.get(path).await.body,
        json!({"RecursiveLoop": "Terminate"})
    );

    let put = api.put(path, json!({"RecursiveLoop": "Allow"})).await;

    assert_eq!(
        (put.status, put.body),
        (200, json!({"RecursiveLoop": "Allow"}))
    );
    assert_eq!(api.get(path).await.body, json!({"RecursiveLoop": "Allow"}));
    let wrong = api.put(path, json!({"RecursiveLoop": "x"})).await;
    let text = "1 validation error detected: Value 'x' at 'recursiveLoop' failed to satisfy constraint: \
        Member must satisfy enum value set: [Terminate, Allow]";
    wrong.refused(400, "ValidationException", text);
}

#[tokio::test]
async fn runtimes_are_managed_automatically_unless_told_otherwise() {
    let api = Api::start().await;
    api.active("f").await;
    let path = "/2021-07-20/functions/f/runtime-management-config";
    let auto = json!({"UpdateRuntimeOn": "Auto", "FunctionArn": ARN, "RuntimeVersionArn": null});
    assert_eq!(api.get(path).await.body, auto);

    let put = api
        .put(path, json!({"UpdateRuntimeOn": "FunctionUpdate"}))
        .await;

    assert_eq!(put.status, 200, "{put:?}");
    assert_eq!(
        api.get(path).await.body["UpdateRuntimeOn"],
        "FunctionUpdate"
    );
}

#[tokio::test]
async fn code_signing_configs_are_kept_and_attached() {
    let api = Api::start().await;
    api.active("f").await;
    assert_eq!(api.get(SIGNING).await.body, json!({}));
    let profile = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/0123456789";
    let publishers = json!({"SigningProfileVersionArns": [profile]});

    let created = api
        .post(CONFIGS, json!({"AllowedPublishers": publishers}))
        .await;
    assert_eq!(created.status, 201, "{created:?}");
    let config = created.body["CodeSigningConfig"].clone();
    let arn = config["CodeSigningConfigArn"].as_str().unwrap();
    let id = config["CodeSigningConfigId"].as_str().unwrap();
    assert!(id.starts_with("csc-") && id.len() == 21, "{id}");
    assert_eq!(config["AllowedPublishers"], publishers);
    let policies = json!({"UntrustedArtifactOnDeployment": "Warn"});
    assert_eq!(config["CodeSigningPolicies"], policies);
    assert_eq!(config["Description"], "");
    let path = format!("{CONFIGS}/{}", arn.replace(':', "%3A"));
    assert_eq!(api.get(&path).await.body, created.body);

    let attached = api.put(SIGNING, json!({"CodeSigningConfigArn": arn})).await;
    let expected = json!({"CodeSigningConfigArn": arn, "FunctionName": "f"});
    assert_eq!((attached.status, &attached.body), (200, &expected));
    assert_eq!(api.get(SIGNING).await.body, expected);
    let users = api.get(&format!("{path}/functions")).await.body;
    assert_eq!(users, json!({"FunctionArns": [ARN]}));
    assert_eq!(api.delete(&path).await.status, 409);

    for _ in 0..2 {
        assert_eq!(api.delete(SIGNING).await.status, 204);
    }
    let updated = api.put(&path, json!({"Description": "d"})).await.body;
    assert_eq!(updated["CodeSigningConfig"]["Description"], "d");
    let listed = api.get(CONFIGS).await.body;
    assert_eq!(
        listed["CodeSigningConfigs"][0],
        updated["CodeSigningConfig"]
    );
    assert_eq!(api.delete(&path).await.status, 204);
}

#[tokio::test]
async fn unknown_code_signing_configs_are_refused_in_the_words_of_aws() {
    let api = Api::start().await;
    api.active("f").await;

    let path = format!("{CONFIGS}/{}", NO_CONFIG.replace(':', "%3A"));
    let text = format!("The Lambda code signing configuration {NO_CONFIG} can not be found.");
    let body = api
        .get(&path)
        .await
        .refused(404, "ResourceNotFoundException", &text)
        .clone();
    assert_eq!(body, json!({"Message": text}));
    let text = format!(
        "The code signing configuration cannot be found. Check that the provided configuration is not \
         deleted: {NO_CONFIG}."
    );
    let put = api
        .put(SIGNING, json!({"CodeSigningConfigArn": NO_CONFIG}))
        .await;
    put.refused(404, "CodeSigningConfigNotFoundException", &text);
    let nobody = SIGNING.replace("/f/", "/no/");
    let nobody = api
        .put(&nobody, json!({"CodeSigningConfigArn": NO_CONFIG}))
        .await;
    nobody.refused(404, "CodeSigningConfigNotFoundException", &text);
    let with_config: Value = with(creation("g"), json!({"CodeSigningConfigArn": NO_CONFIG}));
    let created = api.post(FUNCTIONS, with_config).await;
    created.refused(404, "CodeSigningConfigNotFoundException", &text);
}
