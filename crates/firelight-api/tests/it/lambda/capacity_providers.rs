//! Capacity providers as resources, and functions that run on none.

use serde_json::{Value, json};

use super::plane::{Api, FUNCTIONS, creation, with};

const PROVIDERS: &str = "/2025-11-30/capacity-providers";
const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:capacity-provider:cp";
const IPV: &str = "InvalidParameterValueException";
const RNF: &str = "ResourceNotFoundException";

fn provider() -> Value {
    let role = "arn:aws:iam::000000000000:role/operator";
    json!({
        "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        "PermissionsConfig": {"CapacityProviderOperatorRoleArn": role},
        "InstanceRequirements": {"Architectures": ["x86_64"]},
    })
}

fn creation_of(name: &str) -> Value {
    let named = json!({"CapacityProviderName": name, "Tags": {"team": "a"}});
    with(provider(), named)
}

/// Takes out the time after checking its form.
fn still(mut body: Value) -> Value {
    let time = body["CapacityProvider"]["LastModified"].take();
    assert_eq!(time.as_str().unwrap().len(), 28, "{time}");
    body["CapacityProvider"].take()
}

fn shown(state: &str) -> Value {
    let rest = json!({"CapacityProviderArn": ARN, "State": state, "LastModified": null});
    with(provider(), rest)
}

#[tokio::test]
async fn a_provider_is_pending_in_its_first_answer_and_active_from_then_on() {
    let api = Api::start().await;

    let created = api.post(PROVIDERS, creation_of("cp")).await;
    let found = api.get(&format!("{PROVIDERS}/cp")).await;
    let by_arn = api
        .get(&format!("{PROVIDERS}/{}", ARN.replace(':', "%3A")))
        .await;
    let listed = api.get(PROVIDERS).await.body;
    let again = api.post(PROVIDERS, creation_of("cp")).await;

    assert_eq!((created.status, found.status), (202, 200));
    assert_eq!(still(created.body), shown("Pending"));
    assert_eq!(found, by_arn);
    assert_eq!(
        listed["CapacityProviders"],
        json!([found.body["CapacityProvider"]])
    );
    assert_eq!(still(found.body), shown("Active"));
    again.refused(
        409,
        "ResourceConflictException",
        "Capacity provider already exists: cp",
    );
}

#[tokio::test]
async fn a_provider_is_changed_tagged_and_deleted() {
    let api = Api::start().await;
    api.post(PROVIDERS, creation_of("cp")).await;
    let path = format!("{PROVIDERS}/cp");
    let tags = format!("/2017-03-31/tags/{}", ARN.replace(':', "%3A"));
    let scaling = json!({"MaxVCpuCount": 8, "ScalingMode": "Auto"});

    let updated = api
        .put(&path, json!({"CapacityProviderScalingConfig": scaling}))
        .await;
    api.post(&tags, json!({"Tags": {"cost": "b"}})).await;
    let tagged = api.get(&tags).await.body;
    let deleted = api.delete(&path).await;
    let gone = api.get(&path).await;

    assert_eq!(updated.status, 202);
    let expected = json!({"CapacityProviderScalingConfig": scaling});
    assert_eq!(still(updated.body), with(shown("Active"), expected));
    assert_eq!(tagged, json!({"Tags": {"cost": "b", "team": "a"}}));
    assert_eq!(
        (deleted.status, &deleted.body["CapacityProvider"]["State"]),
        (202, &json!("Deleting"))
    );
    gone.refused(404, RNF, &format!("Capacity provider not found: {ARN}"));
}

#[tokio::test]
async fn functions_run_on_the_provider_they_were_created_on() {
    let api = Api::start().await;
    let completion = api.complete();
    let function = json!({"Publish": true});
    api.post(FUNCTIONS, with(creation("f"), function)).await;
    api.settled("f").await;
    drop(completion);
    let on = |arn: &str| {
        let config = json!({"CapacityProviderArn": arn});
        let config = json!({"LambdaManagedInstancesCapacityProviderConfig": config});
        with(creation("g"), json!({"CapacityProviderConfig": config}))
    };

    let unknown = api.post(FUNCTIONS, on(ARN)).await;
    api.post(PROVIDERS, creation_of("cp")).await;
    let known = api.post(FUNCTIONS, on(ARN)).await;
    let versions = api.get(&format!("{PROVIDERS}/cp/function-versions")).await;
    let in_use = api.delete(&format!("{PROVIDERS}/cp")).await;
    let update = json!({"CapacityProviderConfig": on(ARN)["CapacityProviderConfig"]});
    let default = api
        .put(&format!("{FUNCTIONS}/f/configuration"), update)
        .await;
    let scaling = "/2025-11-30/functions/f/function-scaling-config?Qualifier=1";
    let scaling = api.get(scaling).await;

    unknown.refused(404, RNF, &format!("Capacity provider not found: {ARN}"));
    let instances = json!({
        "CapacityProviderArn": ARN, "PerExecutionEnvironmentMaxConcurrency": 16,
        "ExecutionEnvironmentMemoryGiBPerVCpu": 2.0,
    });
    let shown = json!({"LambdaManagedInstancesCapacityProviderConfig": instances});
    assert_eq!(
        (known.status, &known.body["CapacityProviderConfig"]),
        (201, &shown)
    );
    let listed = &versions.body["FunctionVersions"][0]["FunctionArn"];
    assert!(
        listed.as_str().unwrap().ends_with(":function:g:$LATEST"),
        "{listed}"
    );
    in_use.refused(
        409,
        "ResourceConflictException",
        "Capacity provider is in use: cp",
    );
    default.refused(
        400,
        IPV,
        "CapacityProviderConfig isn't supported for Lambda Default functions.",
    );
    let text = "FunctionScalingConfig isn't supported for Lambda Default functions.";
    scaling.refused(400, IPV, text);
}

#[tokio::test]
async fn versions_on_a_provider_have_a_scaling_config() {
    let api = Api::start().await;
    let _completion = api.complete();
    api.post(PROVIDERS, creation_of("cp")).await;
    let instances =
        json!({"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": ARN}});
    let function = json!({"Publish": true, "CapacityProviderConfig": instances});
    api.post(FUNCTIONS, with(creation("g"), function)).await;
    api.settled("g").await;
    let path = |qualifier: &str| {
        format!("/2025-11-30/functions/g/function-scaling-config?Qualifier={qualifier}")
    };
    let config = |least: u32, most: u32| {
        let config = json!({"MinExecutionEnvironments": least, "MaxExecutionEnvironments": most});
        json!({"FunctionScalingConfig": config})
    };
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:g:1";

    let before = api.get(&path("1")).await;
    let put = api.put(&path("1"), config(2, 5)).await;
    let found = api.get(&path("1")).await;

    assert_eq!(
        (before.status, before.body),
        (200, json!({"FunctionArn": arn}))
    );
    assert_eq!(
        (put.status, put.body),
        (202, json!({"FunctionState": "Active"}))
    );
    let kept = &config(2, 5)["FunctionScalingConfig"];
    let expected = json!({
        "FunctionArn": arn, "AppliedFunctionScalingConfig": kept, "RequestedFunctionScalingConfig": kept,
    });
    assert_eq!(found.body, expected);
    assert_eq!(api.again().await.get(&path("1")).await.body, expected);
    let wrong = api.put(&path("1"), config(5, 2)).await;
    let text = "MinExecutionEnvironments must be less than or equal to MaxExecutionEnvironments.";
    wrong.refused(400, IPV, text);
    let unknown = api.put(&path("7"), config(1, 1)).await;
    unknown.refused(
        404,
        RNF,
        &format!("Function not found: {}", arn.replace(":1", ":7")),
    );
    let published = api.get(&path("%24LATEST.PUBLISHED")).await;
    let text = format!(
        "Function not found: {}",
        arn.replace(":1", ":$LATEST.PUBLISHED")
    );
    published.refused(404, RNF, &text);
    assert_eq!(
        api.get(&path("prod")).await.error.as_deref(),
        Some("validationexception")
    );
    assert_eq!(api.put(&path("1"), config(0, 15_001)).await.status, 400);
    assert_eq!(api.put(&path("1"), json!({})).await.status, 202);
    assert_eq!(api.get(&path("1")).await.body, json!({"FunctionArn": arn}));
}
